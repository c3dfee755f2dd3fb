"""Keysteps and abstracts without a language model: from sentence embeddings, in the lecturer's own words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from surgvlp.features.embed import embed_texts, unit
from surgvlp.lectures.metadata import UNKNOWN, LectureMetadata
from surgvlp.lectures.texts import Caption
from surgvlp.models.build import DualEncoder
from surgvlp.models.text_encoder import SentenceEncoder
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.transcription.extracts import as_text, phrases, representative, telling
from surgvlp.transcription.segmentation import segment

Vectors = NDArray[np.float32]

ENCODER = "package:all-MiniLM-L6-v2"
# Raised when the texts of the same narrations change, so that those of an older version are written again.
VERSION = 1
KEYSTEP_SENTENCES = 2
ABSTRACT_SENTENCES = 5  # of some twelve words each: what the 77 tokens hold that training reads of a text
TITLE_SENTENCES = 5  # those nearest to what a keystep is about; its title is part of one of them
_OTHERS = 0.5  # weight of being unlike the other keysteps, in a title, beside being like its own
_TOKENS = 77


class SentenceVectors:
    """Sentences to vectors of unit length: `vectors(texts) -> (N, D)`; the encoder is loaded by `load`."""

    def __init__(self, name: str = ENCODER) -> None:
        self.name = name

    def load(self) -> None:
        """Load the encoder; InputError where it cannot be had."""
        self._encoder, self._tokenizer = _TextHalf(self.name), Tokenizer(self.name)

    def __call__(self, texts: Sequence[str]) -> Vectors:
        # embed_texts reads nothing of a model but its text half, and lectures to be written have no pictures
        model = cast(DualEncoder, self._encoder)
        return unit(embed_texts(model, self._tokenizer, texts, _TOKENS, "cpu"))


class _TextHalf(SentenceEncoder):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.encode_text = self.forward


class _OfflineWriter:
    kind: str

    def __init__(self, vectors: SentenceVectors) -> None:
        self._vectors = vectors
        self.settings: dict[str, Any] = {"writer": "offline", "encoder": vectors.name, "version": VERSION}

    def prepare(self) -> None:
        """Load the encoder."""
        self._vectors.load()

    def report(self) -> str:
        """Nothing: it takes seconds."""
        return ""


class KeystepWriter(_OfflineWriter):
    """Writes a lecture's keysteps: cut where the topic changes, a title and a description each.

    The title (`step`) is the phrase that is nearest to what is said in the keystep and far from the other
    keysteps; the description (`text`) are the sentences that stand for the others. A lecture with chapter
    marks is cut there and nowhere else, and the marks' titles are the keysteps'.

    Args:
        vectors: the sentence encoder, loaded by `prepare`.
    """

    kind = "keystep"

    def write(self, narrations: Sequence[Caption], about: LectureMetadata = UNKNOWN) -> list[Caption]:
        """Keysteps that follow one another without gaps, from the first narration to the end of the last.

        Args:
            narrations: in the order of their starts, at least one.
            about: chapter marks are read of it.
        """
        vectors = self._vectors([row.text for row in narrations])
        end = max(row.end for row in narrations)
        titles = dict(about.chapters_of(narrations)) if about.chapters else {}
        cuts = list(titles) or segment(vectors, [row.start for row in narrations], end)
        means = unit(np.add.reduceat(vectors, cuts))
        keysteps: list[Caption] = []
        for number, (first, last) in enumerate(itertools.pairwise([*cuts, len(narrations)])):
            rows = narrations[first:last]
            texts = [row.text for row in rows]
            order = np.argsort(-(vectors[first:last] @ means[number]), kind="stable")
            nearest = [texts[row] for row in order[:TITLE_SENTENCES]]
            others = np.delete(means, number, axis=0)
            title = titles.get(first) or self._title(
                nearest, means[number], others, [row.step for row in keysteps]
            )
            until = narrations[last].start if last < len(narrations) else end
            text = summary(texts, vectors[first:last], KEYSTEP_SENTENCES)
            keysteps.append(Caption(rows[0].start, until, text, title))
        return keysteps

    def _title(self, texts: Sequence[str], mean: Vectors, others: Vectors, taken: Sequence[str]) -> str:
        every = dict.fromkeys(phrase for text in texts for phrase in phrases(text))
        candidates = [phrase for phrase in every if phrase not in taken]
        if not candidates:
            return texts[0]
        found = self._vectors(candidates)
        score = found @ mean
        if len(others):
            score = score - _OTHERS * (found @ others.T).mean(1)
        return candidates[int(score.argmax())]


class AbstractWriter(_OfflineWriter):
    """Writes a lecture's abstract: the sentences that stand for all that is said, in their order.

    Args:
        vectors: as for `KeystepWriter`.
    """

    kind = "abstract"

    def write(self, narrations: Sequence[Caption], about: LectureMetadata = UNKNOWN) -> list[Caption]:
        """One row, from the first narration's start to the last one's end.

        Args:
            narrations: in the order of their starts, at least one.
            about: title and tags are put before the text.
        """
        texts = [row.text for row in narrations]
        text = summary(texts, self._vectors(texts), ABSTRACT_SENTENCES)
        end = max(row.end for row in narrations)
        return [Caption(narrations[0].start, end, about.with_abstract(text))]


def summary(texts: Sequence[str], vectors: Vectors, count: int) -> str:
    """At most `count` of the sentences, those that stand for the others, as one text.

    Args:
        texts: N sentences.
        vectors: (N, D) of unit length.
    """
    rows = telling(texts)
    return as_text([texts[rows[place]] for place in representative(vectors[rows], count)])
