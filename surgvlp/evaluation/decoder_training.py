"""A decoder from narrated lectures: texts give the grammar, texts and pictures how far scores can be trusted.

No label is read. What the lecturers of the training split speak of at each second is a pseudo-label for the
picture at that second; temperature and weight of evidence are those under which these are likeliest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from surgvlp import console
from surgvlp.evaluation.calibration import fit_calibration
from surgvlp.evaluation.decoding import Decoder, decode
from surgvlp.evaluation.encoder import Encoder
from surgvlp.evaluation.frames import batches, lecture_frames
from surgvlp.evaluation.narrated_phases import NarratedPhases, Narration, learn_phases
from surgvlp.evaluation.phase_grammar import PhaseGrammar
from surgvlp.evaluation.protocol import Preprocessing, Protocol
from surgvlp.evaluation.zero_shot import class_embeddings, side_of
from surgvlp.features.embed import embed_frames, embed_texts, unit
from surgvlp.lectures.texts import read_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.media.store import open_frames
from surgvlp.predictions import Predictions

EVIDENCE_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
NARRATIONS = "whisper_narration"
SEEN_LECTURES = 12  # whose pictures are looked at: all texts teach the grammar, but two numbers need no more


def learn_decoder(
    encoder: Encoder,
    tree: DataTree,
    lectures: Sequence[str],
    prompt_sets: Sequence[Sequence[str]],
    protocol: Protocol,
    class_names: tuple[str, ...],
    given: PhaseGrammar | None = None,
) -> Decoder:
    """The decoder for one model and its prompts, from the texts and pictures of narrated lectures.

    Args:
        encoder: the model that gives the scores to decode.
        tree: narrations, and frame stores or videos.
        lectures: ids of narrated lectures, none of which is tested on.
        prompt_sets: as for the evaluation.
        protocol: how frames and prompts are prepared.
        class_names: C names.
        given: a grammar to use in place of the learned one.

    Raises:
        InputError: a lecture without narrations or pictures.
    """
    classes = class_embeddings(encoder, prompt_sets, protocol.prompt_tokens)
    narrations = read_narrations(encoder, classes, tree, lectures, protocol.prompt_tokens)
    side = side_of(encoder, protocol.name, protocol.preprocessing.crop)
    seen = sorted({lectures[place] for place in np.linspace(0, len(lectures) - 1, SEEN_LECTURES).astype(int)})
    scores = score_lectures(encoder, classes, tree, seen, protocol.preprocessing, side)
    return fit_decoder(narrations, scores, class_names, given)


def read_narrations(
    encoder: Encoder, classes: NDArray[np.float32], tree: DataTree, lectures: Sequence[str], max_length: int
) -> list[Narration]:
    """Sentences of lectures with their cosines to the classes, (C, D) unit vectors.

    Raises:
        InputError: a lecture without narrations.
    """
    captions = {lecture: read_captions(tree.texts(NARRATIONS, lecture)) for lecture in lectures}
    texts = [caption.text for rows in captions.values() for caption in rows]
    vectors = embed_texts(encoder.model, encoder.tokenizer, texts, max_length, encoder.device)
    score = unit(vectors) @ classes.T
    ends = np.cumsum([len(rows) for rows in captions.values()])
    return [
        Narration(lecture, rows, part)
        for (lecture, rows), part in zip(captions.items(), np.split(score, ends[:-1]), strict=True)
    ]


def score_lectures(
    encoder: Encoder,
    classes: NDArray[np.float32],
    tree: DataTree,
    lectures: Sequence[str],
    preprocessing: Preprocessing,
    side: int,
) -> dict[str, NDArray[np.float32]]:
    """(seconds, C) cosines of one frame a second of unlabelled lectures, from frame store or video.

    Raises:
        InputError: a lecture with neither.
    """
    paths = {lecture: lecture_frames(tree, lecture) for lecture in lectures}
    scores = {}
    with console.progress_bar("frames of narrated lectures", len(paths), "lectures") as bar:
        for lecture, path in paths.items():
            frames = open_frames(path)
            times = np.arange(int(frames.times[-1]) + 1, dtype=np.float64)
            pictures: Iterator[torch.Tensor] = batches(
                lambda at, frames=frames, times=times: frames.read_at(times[at : at + 1])[0],  # type: ignore[misc]
                len(times),
                preprocessing,
                side,
                64,
            )
            vectors = embed_frames(encoder.model, pictures, encoder.device)
            scores[lecture] = unit(vectors) @ classes.T
            bar.advance()
    return scores


def fit_decoder(
    narrations: Sequence[Narration],
    scores: Mapping[str, NDArray[np.float32]],
    class_names: tuple[str, ...],
    given: PhaseGrammar | None = None,
) -> Decoder:
    """The decoder that what is said and what is seen agree on.

    Args:
        narrations: of training lectures.
        scores: frames, one a second, of some of these lectures.
        class_names: C names.
        given: a grammar to use in place of the learned one.

    Raises:
        InputError: no narrations.
    """
    phases = learn_phases(narrations, class_names, given)
    length = {name: min(len(rows), len(phases.posterior[name])) for name, rows in scores.items()}
    seen = np.concatenate([scores[name][:count] for name, count in length.items()])
    spoken = np.concatenate([phases.posterior[name][:count] for name, count in length.items()])
    source = f"pictures and narrations of {len(scores)} lectures, no labels"
    calibration = fit_calibration(seen, spoken, source)
    decoders = [Decoder(phases.grammar, calibration, seconds) for seconds in EVIDENCE_S]
    surprises = [_surprise(decoder, phases, scores, length) for decoder in decoders]
    return decoders[int(np.argmin(surprises))]


def _surprise(
    decoder: Decoder,
    phases: NarratedPhases,
    scores: Mapping[str, NDArray[np.float32]],
    length: Mapping[str, int],
) -> float:
    """Mean cross entropy of causal decoding and what is spoken of."""
    found = []
    for lecture, count in length.items():
        item = Predictions(
            frame_index=np.arange(count),
            time_s=np.arange(count, dtype=np.float64),
            score=scores[lecture][:count],
            label=np.full(count, -1),
            video=lecture,
            dataset="",
            class_names=decoder.grammar.class_names,
            model="",
            protocol="",
            protocol_sha256="",
        )
        share = np.maximum(decode(item, decoder, "causal").score.astype(np.float64), 1e-6)
        found.append(-(phases.posterior[lecture][:count] * np.log(share)).sum(axis=1))
    return float(np.concatenate(found).mean())
