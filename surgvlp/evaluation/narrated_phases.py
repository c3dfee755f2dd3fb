"""What lecturers say, second by second, as phases: a grammar and pseudo-labels without a label.

Each sentence lies nearer to some phase prompts than to others. Alone that says little: lecturers look back
and ahead, and recognisers mishear. Over the time of many lectures it gives a hidden Markov model whose
transitions Baum and Welch's algorithm finds, and whose posterior says which phase is probably spoken of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.calibration import Calibration
from surgvlp.evaluation.hidden_markov import expected_counts, log_likelihood, smoothed
from surgvlp.evaluation.phase_grammar import STAGES, PhaseGrammar
from surgvlp.files import InputError
from surgvlp.lectures.texts import Caption

Array = NDArray[np.float64]

TEMPERATURES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)  # in units of how far a sentence's scores spread
ITERATIONS = 12  # at each temperature, and as many again at the best one
PSEUDO_COUNT = 0.1  # steps added from each phase to each other: what no lecturer did may still happen
SECONDS_AT_ONCE = 20_000  # a bound on memory, however many and however long lectures are


@dataclass(frozen=True)
class Narration:
    """One lecture's sentences and how near each lies to each phase.

    Attributes:
        lecture: id.
        captions: S sentences, in order.
        score: (S, C) cosines of sentences and phase prompts.
    """

    lecture: str
    captions: Sequence[Caption]
    score: NDArray[np.float32]

    @property
    def seconds(self) -> int:
        """How long is spoken, in whole seconds from the start of the video."""
        return max(1, int(np.ceil(max(caption.end for caption in self.captions))))


@dataclass(frozen=True)
class NarratedPhases:
    """What the narrations of many lectures say of their phases.

    Attributes:
        grammar: learned from them, or the one that was given.
        temperature: of the sentences' scores, that under which their order is likeliest.
        posterior: by lecture (seconds, C): how probably each phase is spoken of, given the whole lecture.
    """

    grammar: PhaseGrammar
    temperature: float
    posterior: dict[str, Array]


def learn_phases(
    narrations: Sequence[Narration], class_names: Sequence[str], given: PhaseGrammar | None = None
) -> NarratedPhases:
    """Find the grammar and the temperature that make the narrations likeliest.

    A sentence's evidence for a phase is p(phase | sentence) over its mean over all sentences, which is
    p(sentence | phase) up to what does not depend on the phase. Too low a temperature is sure of phases whose
    order makes no sense, too high a one says nothing; the likelihood of the whole is highest in between.

    Args:
        narrations: of training lectures, each with a sentence.
        class_names: C names.
        given: keep this grammar, and find the temperature alone.

    Raises:
        InputError: no narrations.
    """
    if not narrations:
        raise InputError("no narrations to learn phases from")
    spread = float(np.concatenate([item.score for item in narrations]).std(axis=1).mean()) or 1.0
    start = given or _first_guess(narrations, tuple(class_names))
    found = []
    for factor in TEMPERATURES:
        batches = _batches(narrations, spread * factor)
        grammar = start if given else _learned(start, batches)
        found.append((sum(batch.log_likelihood(grammar) for batch in batches), factor, grammar, batches))
    _, factor, grammar, batches = max(found, key=lambda one: one[0])
    grammar = grammar if given else _learned(grammar, batches)
    posterior = {name: rows for batch in batches for name, rows in batch.posterior(grammar).items()}
    return NarratedPhases(grammar, spread * factor, posterior)


@dataclass(frozen=True)
class _Batch:
    """Lectures side by side: evidence (B, N, S), and counted (B, N), 0 where a shorter lecture is padded."""

    narrations: Sequence[Narration]
    evidence: Array
    counted: Array

    def transition(self, grammar: PhaseGrammar) -> Array:
        one = grammar.transition(1.0)
        return np.broadcast_to(one, (self.evidence.shape[1], *one.shape))

    def log_likelihood(self, grammar: PhaseGrammar) -> float:
        return float(log_likelihood(self.evidence, self.transition(grammar), grammar.start()).sum())

    def posterior(self, grammar: PhaseGrammar) -> dict[str, Array]:
        states = smoothed(self.evidence, self.transition(grammar), grammar.start())
        share = np.exp(grammar.by_phase(states))
        return {item.lecture: rows[: item.seconds] for item, rows in zip(self.narrations, share, strict=True)}


def _batches(narrations: Sequence[Narration], temperature: float) -> list[_Batch]:
    classes = narrations[0].score.shape[1]
    calibration = Calibration(temperature, "")
    rows = calibration.log_probability(np.concatenate([item.score for item in narrations]))
    mean = np.log(np.exp(rows).mean(axis=0))
    in_order = sorted(narrations, key=lambda item: item.seconds)  # so that a batch holds little padding
    batches = []
    while in_order:
        longest = in_order[-1].seconds
        fitting = max(1, SECONDS_AT_ONCE // longest)
        some, in_order = in_order[-fitting:], in_order[:-fitting]
        evidence = np.zeros((len(some), some[-1].seconds, classes))
        counted = np.zeros(evidence.shape[:2])
        for place, item in enumerate(some):
            counted[place, : item.seconds] = 1
            for caption, row in zip(
                item.captions, calibration.log_probability(item.score) - mean, strict=True
            ):
                # A sentence counts once, however slowly it is spoken.
                first = min(int(caption.start), item.seconds - 1)
                last = max(first + 1, int(np.ceil(caption.end)))
                evidence[place, first:last] += row / (last - first)
        batches.append(_Batch(some, PhaseGrammar.by_state(evidence), counted))
    return batches


def _first_guess(narrations: Sequence[Narration], names: tuple[str, ...]) -> PhaseGrammar:
    """All phases last alike, and any may begin or follow any other."""
    count = len(names)
    length = float(np.mean([item.seconds for item in narrations]))
    others = (1 - np.eye(count)) / max(1, count - 1)
    return PhaseGrammar(names, np.full(count, 1 / count), others, np.full(count, length / count))


def _learned(grammar: PhaseGrammar, batches: Sequence[_Batch]) -> PhaseGrammar:
    """Baum and Welch's algorithm with the evidence left as it is."""
    count = len(grammar.class_names)
    lectures = sum(len(batch.narrations) for batch in batches)
    for _ in range(ITERATIONS):
        steps, first = np.zeros((count, count)), np.zeros(count)
        for batch in batches:
            counts = expected_counts(
                batch.evidence, batch.transition(grammar), grammar.start(), batch.counted
            )
            steps += counts[0].reshape(count, STAGES, count, STAGES).sum(axis=(1, 3))
            first += counts[1].reshape(count, STAGES).sum(axis=1)
        leaving = (steps + PSEUDO_COUNT) * (1 - np.eye(count))
        left = leaving.sum(axis=1)
        grammar = PhaseGrammar(
            grammar.class_names,
            (first + PSEUDO_COUNT) / (lectures + count * PSEUDO_COUNT),
            leaving / left[:, None],
            (np.diagonal(steps) + left) / left,
            f"learned from the narrations of {lectures} lectures",
        )
    return grammar
