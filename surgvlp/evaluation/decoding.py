"""Temporal decoding: scores of single frames made into one story with a phase grammar.

A hidden Markov model of phases. The evidence of a frame is the logarithm of its calibrated probabilities; the
transitions are the grammar's over the time between frames. Neighbouring frames show nearly the same, so that
frames within `evidence_s` count as one: without that a model is sure of whatever it sees for some seconds.

    calibrated   single frames as probabilities that mean what they say; the same predictions as the raw ones
    causal       given the past alone (forward algorithm), as in an operating room
    offline      given the whole video (forward and backward); of all paths that the grammar allows, Viterbi's
                 algorithm finds the one with the most frames expected right (posterior Viterbi, Fariselli et
                 al., BMC Bioinformatics 2005)

The likeliest path as such is not used: with evidence that is weighed honestly it leaves out short phases,
since each visit costs a choice of when it began and when it ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.calibration import Calibration
from surgvlp.evaluation.hidden_markov import best_path, filtered, smoothed
from surgvlp.evaluation.phase_grammar import PhaseGrammar, read_grammar
from surgvlp.files import InputError, read_json
from surgvlp.predictions import Predictions

Array = NDArray[np.float64]
Kind = Literal["calibrated", "causal", "offline", "grammar-alone", "permuted-grammar"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Decoder:
    """A grammar, and how much the scores of one model and its prompts are worth.

    Attributes:
        grammar: of the phases.
        calibration: from scores to probabilities of single frames.
        evidence_s: seconds of frames that count as one independent look.
    """

    grammar: PhaseGrammar
    calibration: Calibration
    evidence_s: float

    def content(self) -> dict[str, Any]:
        """What its file holds: the grammar's, and `calibration`."""
        return {
            **self.grammar.content(),
            "calibration": {
                "temperature": self.calibration.temperature,
                "evidence_s": self.evidence_s,
                "source": self.calibration.source,
            },
        }


def read_decoder(path: Path, class_names: tuple[str, ...]) -> Decoder:
    """A grammar file with its `calibration`, as an evaluation writes it.

    Raises:
        InputError: not such a file, or a grammar that was never calibrated.
    """
    content = read_json(path)
    grammar = read_grammar(content, class_names, path)
    found = content.get("calibration")
    found = found if isinstance(found, Mapping) else {}
    values = [found.get(key) for key in ("temperature", "evidence_s")]
    numbers = [float(value) for value in values if isinstance(value, int | float) and value > 0]
    if len(numbers) < 2:
        raise InputError(
            "says nothing of how far scores can be trusted",
            file=path,
            key="calibration",
            remedy="Give --narrations to find out, or write temperature and evidence_s, both above 0",
        )
    calibration = Calibration(numbers[0], str(found.get("source", "given")))
    return Decoder(grammar, calibration, numbers[1])


def decode(item: Predictions, decoder: Decoder, kind: Kind) -> Predictions:
    """One video's scores decoded; the rows are probabilities, and the highest is the prediction.

    Args:
        item: raw scores, as a model gives them for single frames.
        decoder: for the same classes.
        kind: see this module; "grammar-alone" sees no picture, and "permuted-grammar" is "offline" with a
            grammar about other phases.

    Returns:
        The same frames under another protocol: its name has `kind` at the end, its hash is taken over that of
        the raw scores, `kind` and the decoder.

    Raises:
        InputError: other classes, or times that do not rise.
    """
    if item.class_names != decoder.grammar.class_names:
        raise InputError(f"{item.video}: the grammar is about other phases than these predictions")
    if (np.diff(item.time_s) <= 0).any():
        raise InputError(f"{item.video}: times of frames do not rise")
    if kind == "permuted-grammar":
        decoder = replace(decoder, grammar=decoder.grammar.permuted())
    probability = np.exp(_log_probability(item, decoder, kind))
    settled = {"of": item.protocol_sha256, "decoding": kind, **decoder.content(), "about": None}
    return replace(
        item,
        score=probability.astype(np.float32),
        protocol=f"{item.protocol}+{kind}",
        protocol_sha256=hashlib.sha256(json.dumps(settled, sort_keys=True).encode()).hexdigest(),
    )


def _log_probability(item: Predictions, decoder: Decoder, kind: Kind) -> Array:
    single = decoder.calibration.log_probability(item.score)
    if kind == "calibrated":
        return single
    steps = np.diff(item.time_s, prepend=0.0)
    since = np.append(steps[1:2] if len(steps) > 1 else 1.0, steps[1:])  # the first counts as the second does
    weight = np.minimum(1.0, since / decoder.evidence_s)
    evidence = single * (0.0 if kind == "grammar-alone" else weight[:, None])
    grammar = decoder.grammar
    chain = grammar.by_state(evidence), _transitions(grammar, steps), grammar.start(max(0.0, item.time_s[0]))
    if kind in ("causal", "grammar-alone"):
        return grammar.by_phase(filtered(*chain))
    return _allowed(grammar.by_phase(smoothed(*chain)), grammar)


def _transitions(grammar: PhaseGrammar, steps: Array) -> Array:
    """(N, S, S): one matrix exponential for each length of step that occurs."""
    lengths, place = np.unique(np.round(steps, 6), return_inverse=True)
    return np.stack([grammar.transition(length) for length in lengths])[place]


def _allowed(log_probability: Array, grammar: PhaseGrammar) -> Array:
    """The same rows, two entries swapped where need be: the highest make a path that the grammar allows."""
    with np.errstate(divide="ignore"):
        steps = np.log((grammar.following > 0) | np.eye(len(grammar.seconds), dtype=bool))
        first = np.log(grammar.initial > 0)
    path = best_path(np.exp(log_probability), steps, first)
    rows, highest = np.arange(len(path)), log_probability.argmax(axis=1)
    result = log_probability.copy()
    result[rows, highest], result[rows, path] = log_probability[rows, path], log_probability[rows, highest]
    return result
