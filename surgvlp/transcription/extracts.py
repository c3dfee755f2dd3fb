"""Saying in short what sentences say, in their own words: the ones that stand for the others, and titles."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

Vectors = NDArray[np.float32]

WORDS = (4, 30)  # shorter sentences say nothing alone ("carefully now"), longer ones say several things
PHRASE_WORDS = (2, 5)  # of a title
# What speakers say while they think; a title does not begin or end with it, nor with a word without meaning.
_FILLERS = {"ah", "eh", "er", "erm", "hm", "just", "mhm", "oh", "ok", "okay", "really", "right", "sorry"}
_FILLERS |= {"let", "lets", "uh", "uhm", "um", "well", "yes"}
_WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")


def representative(vectors: Vectors, count: int) -> list[int]:
    """The sentences that together are nearest to all: `count` of them, or fewer where these say everything.

    One after the other the sentence is taken that raises most the sum over all sentences of their likeness to
    the nearest one taken (facility location: Lin and Bilmes, ACL 2011); the greedy way reaches at least
    1 - 1/e of the best sum. The first is the one in the middle.

    Args:
        vectors: (N, D) of unit length.
        count: at least 1.

    Returns:
        Rows in the order of the lecture; none for no vectors.
    """
    alike = np.clip(vectors @ vectors.T, 0, 1)
    nearest = np.zeros(len(vectors), np.float32)
    taken: list[int] = []
    while len(taken) < min(count, len(vectors)):
        gains = np.clip(alike - nearest, 0, None).sum(1)
        best = int(gains.argmax())
        if taken and gains[best] < 1e-3:  # the rest says the same again
            break
        taken.append(best)
        nearest = np.maximum(nearest, alike[best])
    return sorted(taken)


def telling(texts: Sequence[str]) -> list[int]:
    """Which sentences can stand alone: those of `WORDS` words; all where none can."""
    rows = [row for row, text in enumerate(texts) if WORDS[0] <= len(text.split()) <= WORDS[1]]
    return rows or list(range(len(texts)))


def phrases(text: str) -> list[str]:
    """What of a sentence could be a title: `PHRASE_WORDS` words in a row that begin and end with a meaning.

    Each once, in the order of the sentence; none where the sentence is too short or says nothing.
    """
    words = _WORD.findall(text.lower())
    found: dict[str, None] = {}
    for first in range(len(words)):
        for last in range(first + PHRASE_WORDS[0], min(first + PHRASE_WORDS[1], len(words)) + 1):
            part = words[first:last]
            if _has_meaning(part[0]) and _has_meaning(part[-1]) and not _FILLERS & set(part):
                found[" ".join(part)] = None
    return list(found)


def as_text(sentences: Sequence[str]) -> str:
    """Sentences as one text, with full stops."""
    return " ".join(sentence.rstrip(" .") + "." for sentence in sentences)


def _has_meaning(word: str) -> bool:
    return len(word) > 1 and not word[0].isdigit() and word not in ENGLISH_STOP_WORDS and word not in _FILLERS
