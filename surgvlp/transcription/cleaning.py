"""Narration texts as published: lower case, no punctuation, single spaces.

What that means is judged from the published texts, whose code is not there: "patient's" became
"patient 's", "it's" became "its", "I'm" became "i m", and hyphens became spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from surgvlp.lectures.texts import Caption

_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u0060\u00b4]")
_CONTRACTED = re.compile(r"\b(it|that|there|here|what|where|who|how|he|she|let)'s\b")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
# What stays is matched first, anything else that is no letter, mark or number becomes a space.
_KEPT = re.compile(r"(?<=\w)\s*'s\b|(?<=\d)\.(?=\d)|.", re.DOTALL)


@dataclass(frozen=True)
class Cleaned:
    """Cleaned captions, and how many had nothing left or stood there twice."""

    captions: list[Caption]
    empty: int
    repeated: int


def clean_text(text: str) -> str:
    """Lower case, punctuation to spaces, single spaces; "'s" and the points of decimal numbers stay.

    Cleaning what is clean changes nothing.
    """
    text = _APOSTROPHES.sub("'", unicodedata.normalize("NFKC", text)).lower()
    text = _THOUSANDS.sub("", _CONTRACTED.sub(r"\1s", text))
    return " ".join(_KEPT.sub(_clean_match, text).split())


def _clean_match(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) > 1:
        return " 's"
    point = found == "." and match.start() > 0 and match.string[match.start() - 1].isdigit()
    is_text = unicodedata.category(found)[0] in "LMN"
    return found if is_text or (point and match.string[match.end() : match.end() + 1].isdigit()) else " "


def clean(captions: Iterable[Caption]) -> Cleaned:
    """Clean every caption; the ones without a word left, and exact repetitions, are dropped and counted."""
    kept: dict[Caption, None] = {}
    empty = repeated = 0
    for caption in captions:
        text = clean_text(caption.text)
        cleaned = Caption(caption.start, caption.end, text, caption.step)
        if text in ("", "nan"):
            empty += 1
        elif cleaned in kept:
            repeated += 1
        else:
            kept[cleaned] = None
    return Cleaned(list(kept), empty, repeated)
