"""Reading what a language model answered, of which nothing is believed.

Whatever it says becomes one of three things: text of bounded length, numbers of sentences that are there, or
a fault that the model is told.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

TITLE = (3, 80)  # letters
DESCRIPTION = (10, 500)
SUMMARY = (20, 1200)
LONGEST_CORRECTION = 2500
_LOOP = 10  # words
_SHOWN = 60  # letters of an answer that a fault repeats

_FOREIGN = {
    "an address": re.compile(r"\w://|\bwww\.|\S@\w+\.\w", re.IGNORECASE),
    "markup": re.compile(r"</?[a-z!|]|\|>|[`{}\\]|\*\*|\]\(|^#", re.IGNORECASE),
    "a path": re.compile(r"(?:^|\s)(?:~|\.{1,2})?/\S"),
    # what models say of themselves, and what is said to models; lectures say none of it
    "something that is not about the lecture": re.compile(
        r"\bignore (?:all|any|the|previous|prior|your)\b.*\b(?:instructions?|rules|above|prompts?)\b"
        r"|\b(?:system prompt|as an ai|language model|i'?m sorry|i am sorry|rm -rf)\b"
        r"|\bi can(?:no|')t (?:help|assist|comply)\b"
        r"|\b(?:delete|remove|erase) (?:all|the|every|your) files?\b",
        re.IGNORECASE,
    ),
}
_WORD = re.compile(r"[^\W\d_]{4,}")
_STEM = 5  # letters: "clipping" and "clipped" are about the same


class AnswerError(ValueError):
    """What is wrong with an answer, in words that the model is told."""


class Step(NamedTuple):
    """A keystep of sentences `first` to `last`, both inside."""

    first: int
    last: int
    title: str


def parse(text: str) -> dict[str, Any]:
    """The JSON object in an answer, with or without thoughts before it and marks around it.

    Raises:
        AnswerError: there is none.
    """
    text = text.rpartition("</think>")[2]
    first, last = text.find("{"), text.rfind("}")
    if not 0 <= first < last:
        raise AnswerError(f"there is no JSON object in it: {_shown(text)}")
    try:
        value = json.loads(text[first : last + 1])
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"it is not valid JSON: {_shown(text[first:])}") from error
    assert isinstance(value, dict)  # it begins with {
    return value


def plain_text(value: Any, key: str, length: tuple[int, int]) -> str:
    """Text of one line, as somebody would write it who has heard the lecture.

    Args:
        value: what stands in the answer.
        key: where, for the fault.
        length: fewest and most letters.

    Raises:
        AnswerError: no text, too short or too long, one that repeats itself, with control characters,
            addresses, paths or markup, or instructions.
    """
    if not isinstance(value, str):
        raise AnswerError(f"{key} is no text")
    if len(value) > 2 * length[1]:
        raise AnswerError(f"{key} has more than {length[1]} letters")
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not length[0] <= len(text) <= length[1]:
        raise AnswerError(f"{key} has {len(text)} letters, wanted are {length[0]} to {length[1]}")
    if any(unicodedata.category(letter)[0] == "C" for letter in text):
        raise AnswerError(f"{key} holds control characters")
    if not any(letter.isalpha() for letter in text) or text.lower() == "nan":
        raise AnswerError(f"{key} holds no word")
    if _repeats(text.lower().split()):
        raise AnswerError(f"{key} says the same again")
    for name, pattern in _FOREIGN.items():
        if pattern.search(text):
            raise AnswerError(f"{key} holds {name}: {_shown(text)}")
    return text


def text_of(answer: Mapping[str, Any], key: str, length: tuple[int, int], said: str, share: float) -> str:
    """The one text of an answer, which must be about what was said.

    Args:
        said: all that it may be about.
        share: of its words that must occur in `said`; at least one of them must.

    Raises:
        AnswerError: as `plain_text`, or it is about something else.
    """
    text = plain_text(answer.get(key), key, length)
    words, known = _stems(text), _stems(said)
    if known and len(words & known) < max(1, share * len(words)):
        raise AnswerError(f"{key} is not about what is said: {_shown(text)}")
    return text


def steps_of(answer: Mapping[str, Any], sentences: int, most: int) -> list[Step]:
    """Keysteps, in order, without overlap, within the sentences, half of which they hold at least.

    Args:
        answer: `{"keysteps": [{"first", "last", "title"}, ...]}`, sentences numbered from 0.
        sentences: how many there are.
        most: keysteps.

    Raises:
        AnswerError: it is anything else.
    """
    rows = answer.get("keysteps")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AnswerError("keysteps is no list of objects")
    if not 1 <= len(rows) <= most:
        raise AnswerError(f"there are {len(rows)} keysteps, wanted are 1 to {most}")
    steps: list[Step] = []
    for number, row in enumerate(rows):
        place = f"keysteps[{number}]"
        first, last = (_number(row.get(key), f"{place}.{key}", sentences) for key in ("first", "last"))
        if last < first:
            raise AnswerError(f"{place} ends with sentence {last}, before its first, {first}")
        if steps and first <= steps[-1].last:
            raise AnswerError(f"{place} begins with sentence {first}, which the keystep before it holds")
        steps.append(Step(first, last, plain_text(row.get("title"), f"{place}.title", TITLE)))
    held = sum(step.last - step.first + 1 for step in steps)
    if 2 * held < sentences:
        raise AnswerError(f"the keysteps hold {held} of {sentences} sentences; leave out less than half")
    return steps


def corrections_of(answer: Mapping[str, Any], sentences: int) -> dict[int, str]:
    """{number of a sentence: what it should be}; not yet whether that may be, see `misheard`.

    Args:
        answer: `{"corrections": [{"number", "text"}, ...]}`, sentences numbered from 0.
        sentences: how many there are.

    Raises:
        AnswerError: it is anything else.
    """
    rows = answer.get("corrections")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AnswerError("corrections is no list of objects")
    if len(rows) > sentences:
        raise AnswerError(f"there are {len(rows)} corrections of {sentences} sentences")
    found: dict[int, str] = {}
    for place, row in enumerate(rows):
        number, text = _number(row.get("number"), f"corrections[{place}].number", sentences), row.get("text")
        if number in found:
            raise AnswerError(f"sentence {number} is corrected twice")
        if not isinstance(text, str) or len(text) > LONGEST_CORRECTION:
            raise AnswerError(f"corrections[{place}].text is no text of at most {LONGEST_CORRECTION} letters")
        found[number] = text
    return found


def _repeats(words: Sequence[str]) -> bool:
    """Whether `_LOOP` words in a row stand there twice: small models go round in circles."""
    places = range(len(words) - _LOOP + 1)
    return len({tuple(words[place : place + _LOOP]) for place in places}) < len(places)


def _number(value: Any, key: str, below: int) -> int:
    if type(value) is not int or not 0 <= value < below:
        raise AnswerError(f"{key} is no number of a sentence; they are numbered from 0 to {below - 1}")
    return value


def _stems(text: str) -> set[str]:
    words = (word.lower() for word in _WORD.findall(text))
    return {word[:_STEM] for word in words if word not in ENGLISH_STOP_WORDS}


def _shown(text: str) -> str:
    """The beginning of a text of a model, such that it does no harm where it is printed."""
    return ascii(text[:_SHOWN])
