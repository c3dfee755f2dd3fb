"""Word error rate of narrations against what was really said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jiwer
from whisper.normalizers import EnglishTextNormalizer

from surgvlp.files import InputError
from surgvlp.lectures.texts import read_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.cleaning import clean_text


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
