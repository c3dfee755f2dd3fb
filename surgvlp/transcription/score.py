"""Narrations against what was really said: word error rate, and how far off sentences start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jiwer
import numpy as np
from whisper.normalizers import EnglishTextNormalizer

from surgvlp.files import InputError
from surgvlp.lectures.texts import Caption, read_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.cleaning import clean_text
from surgvlp.transcription.recogniser import Word


def word_error_rate(reference: str, hypothesis: str) -> float:
    """(substitutions + deletions + insertions) / words of the reference, after `normalised`; may exceed 1.

    Raises:
        InputError: a reference without words.
    """
    errors, words = _errors(reference, hypothesis)
    return errors / words


def normalised(text: str) -> str:
    """English as word error rates compare it: cleaned, numbers as digits, British spelling as American."""
    return " ".join(_english(clean_text(text)).split())


def score_against_scripts(
    tree: DataTree, lectures: Sequence[str], kind: str = "whisper_narration"
) -> dict[str, Any]:
    """Word error rate of lectures' narrations against `scripts/`, all rows of a lecture joined in time order.

    A lecture without narrations counts with all its words as deleted.

    Returns:
        {"wer": all errors / all words, "words": in the scripts, "lectures": {id: {"wer", "words"}}}
    """
    found: dict[str, dict[str, float]] = {}
    total_errors = total_words = 0
    for lecture in lectures:
        narrations = tree.texts(kind, lecture)
        hypothesis = " ".join(row.text for row in read_captions(narrations)) if narrations.is_file() else ""
        reference = " ".join(row.text for row in read_captions(tree.script(lecture)))
        errors, words = _errors(reference, hypothesis)
        found[lecture] = {"wer": errors / words, "words": words}
        total_errors, total_words = total_errors + errors, total_words + words
    if not found:
        raise InputError("no lectures to score")
    return {"wer": total_errors / total_words, "words": total_words, "lectures": found}


def start_errors(said: Sequence[Caption], heard: Sequence[Word]) -> np.ndarray:
    """By how many seconds the first word of each sentence is heard after (+) or before (-) it is said.

    The words of all sentences are aligned with all that were heard, at the least number of errors; sentences
    whose first word is not heard right have no start, so there are fewer of them than of `said`.

    Returns:
        float64 (sentences found,), in the order of `said`.
    """
    first: dict[int, float] = {}
    words: list[str] = []
    for sentence in said:
        first[len(words)] = sentence.start
        words += clean_text(sentence.text).split()
    found = [(part, word.start) for word in heard for part in clean_text(word.word).split()]
    if not words or not found:
        return np.empty(0)
    aligned = jiwer.process_words(" ".join(words), " ".join(part for part, _ in found))
    offsets = [
        found[chunk.hyp_start_idx + place - chunk.ref_start_idx][1] - first[place]
        for chunk in aligned.alignments[0]
        if chunk.type == "equal"
        for place in range(chunk.ref_start_idx, chunk.ref_end_idx)
        if place in first
    ]
    return np.array(offsets)


def _errors(reference: str, hypothesis: str) -> tuple[int, int]:
    reference, hypothesis = normalised(reference), normalised(hypothesis)
    words = len(reference.split())
    if not words:
        raise InputError("the reference has no words")
    if not hypothesis:
        return words, words
    result = jiwer.process_words(reference, hypothesis)
    return result.substitutions + result.deletions + result.insertions, words


_english = EnglishTextNormalizer()
