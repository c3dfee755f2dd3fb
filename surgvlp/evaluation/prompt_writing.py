"""Prompts for a class list, chosen from what lecturers say: words that the model was trained to understand.

For each class the sentences of training lectures that lie near its name (and description, where one is
given), were said while the lecture as a whole speaks of that phase, are typical of it, and differ from each
other. Labels are never read, and neither are lectures that one tests on: only narrations of the named split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.decoder_training import NARRATIONS
from surgvlp.evaluation.encoder import Encoder
from surgvlp.evaluation.narrated_phases import Narration, learn_phases
from surgvlp.features.embed import embed_texts, unit
from surgvlp.files import InputError, write_json, write_text
from surgvlp.lectures.texts import Caption, read_captions
from surgvlp.lectures.tree import DataTree

Vectors = NDArray[np.float32]

CANDIDATES = 30  # sentences of a class among which the typical and different ones are chosen
DIVERSITY = 0.3  # weight of differing from those already chosen, in maximal marginal relevance
SAME = 0.9  # cosine from which two sentences say the same
TOKENS = 77  # as prompts are embedded
WORDS = (4, 30)  # shorter ones say nothing alone ("carefully now"), longer ones say several things


@dataclass(frozen=True)
class Chosen:
    """One sentence that was chosen for a class.

    Attributes:
        text: the sentence.
        lecture, start: where it was said, and at which second.
        near: cosine to the class's name and description.
        share: how probable it is that the lecture was speaking of this class then, 0 to 1.
    """

    text: str
    lecture: str
    start: float
    near: float
    share: float


@dataclass(frozen=True)
class Sentence:
    """A sentence of a lecture, its unit vector (D,), and how probably it is about each class (C,)."""

    text: str
    lecture: str
    start: float
    vector: Vectors
    share: NDArray[np.float64]


def write_prompts(
    encoder: Encoder,
    tree: DataTree,
    lectures: Sequence[str],
    class_names: Sequence[str],
    descriptions: Sequence[str],
    count: int,
    output: Path,
) -> tuple[list[Path], list[list[Chosen]]]:
    """Choose prompts from the narrations of lectures and write them, all files or none.

    Args:
        encoder: its text encoder says what is alike.
        tree: where narrations are.
        lectures: ids to choose from.
        class_names: C names, in words.
        descriptions: C lines that say more, or empty ones. Names alone are often ambiguous ("retraction").
        count: prompts a class, and files.
        output: `<output>_1.txt` ... and `<output>.json`, which says where each sentence comes from.

    Returns:
        The prompt files, and what was chosen for each class.

    Raises:
        InputError: no narrations, or a class about which too little is said.
    """
    captions = [(name, row) for name in lectures for row in read_captions(tree.texts(NARRATIONS, name))]
    texts = [
        *(f"{name}: {line}" if line else name for name, line in zip(class_names, descriptions, strict=True)),
        *(caption.text for _, caption in captions),
    ]
    vectors = unit(embed_texts(encoder.model, encoder.tokenizer, texts, TOKENS, encoder.device))
    classes, said = vectors[: len(class_names)], vectors[len(class_names) :]
    shares = _shares(captions, said @ classes.T, class_names)
    sentences = [
        Sentence(caption.text, name, caption.start, vector, share)
        for (name, caption), vector, share in zip(captions, said, shares, strict=True)
    ]
    chosen = choose_prompts(sentences, classes, class_names, count)
    paths = [output.with_name(f"{output.name}_{number}.txt") for number in range(1, count + 1)]
    for place, path in enumerate(paths):
        write_text(path, "\n".join(row[place].text for row in chosen) + "\n")
    record = {
        "model": encoder.name,
        "lectures": list(lectures),
        "classes": {
            name: [asdict(item) for item in row] for name, row in zip(class_names, chosen, strict=True)
        },
    }
    write_json(output.with_name(f"{output.name}.json"), record)
    return paths, chosen


def choose_prompts(
    sentences: Sequence[Sentence], descriptions: Vectors, class_names: Sequence[str], count: int
) -> list[list[Chosen]]:
    """`count` sentences for each class, best first.

    A sentence belongs to the class that its lecture is probably speaking of. Its relevance is its cosine to
    that class, plus that probability, plus how typical it is: its mean cosine to the class's other
    candidates, which what is misheard or beside the point lacks. Chosen is the most relevant, less
    `DIVERSITY` of its likeness to those already chosen (maximal marginal relevance: Carbonell and Goldstein,
    SIGIR 1998).

    Args:
        sentences: of training lectures.
        descriptions: (C, D) unit vectors of class names and descriptions.
        class_names: C names, for errors.
        count: prompts a class.

    Raises:
        InputError: a class about which too little is said.
    """
    usable = [item for item in sentences if WORDS[0] <= len(item.text.split()) <= WORDS[1]]
    if not usable:
        raise InputError("no sentence is long enough to describe a class")
    vectors = np.stack([item.vector for item in usable])
    near = vectors @ descriptions.T
    share = np.stack([item.share for item in usable])
    own = share.argmax(axis=1)
    chosen: list[list[Chosen]] = []
    for number, name in enumerate(class_names):
        rows = np.flatnonzero(own == number)
        relevance = near[rows, number] + share[rows, number]
        best = np.argsort(-relevance, kind="stable")[:CANDIDATES]
        rows = rows[best]
        picked = _different(vectors[rows], relevance[best], count)
        if len(picked) < count:
            raise InputError(
                f"only {len(picked)} different sentences are about {name!r}, {count} are wanted",
                remedy="Ask for fewer, describe the class with --describe, or give more lectures",
            )
        chosen.append(
            [
                Chosen(
                    usable[row].text,
                    usable[row].lecture,
                    usable[row].start,
                    float(near[row, number]),
                    float(share[row, number]),
                )
                for row in rows[picked]
            ]
        )
    return chosen


def _shares(
    captions: Sequence[tuple[str, Caption]], score: NDArray[np.float32], class_names: Sequence[str]
) -> list[NDArray[np.float64]]:
    """(C,) for each sentence: which class its lecture is probably speaking of at its middle."""
    places: dict[str, list[int]] = {}
    for place, (lecture, _) in enumerate(captions):
        places.setdefault(lecture, []).append(place)
    narrations = [
        Narration(name, [captions[row][1] for row in rows], score[rows]) for name, rows in places.items()
    ]
    posterior = learn_phases(narrations, class_names).posterior
    middles = [int((caption.start + caption.end) / 2) for _, caption in captions]
    return [
        posterior[lecture][min(middle, len(posterior[lecture]) - 1)]
        for (lecture, _), middle in zip(captions, middles, strict=True)
    ]


def _different(vectors: Vectors, relevance: NDArray[np.float32], count: int) -> list[int]:
    """Places of up to `count` rows by maximal marginal relevance; none says the same as one before it."""
    like = vectors @ vectors.T
    typical = (like.sum(axis=1) - 1) / max(1, len(like) - 1)
    value, picked = relevance + typical, list[int]()
    while len(picked) < count:
        most_alike = like[:, picked].max(axis=1) if picked else np.zeros(len(like))
        left = np.where(most_alike < SAME, value - DIVERSITY * most_alike, -np.inf)
        left[picked] = -np.inf
        if not len(left) or not np.isfinite(left.max()):
            break
        picked.append(int(left.argmax()))
    return picked
