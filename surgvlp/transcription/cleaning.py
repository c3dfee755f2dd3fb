"""Narration texts as published: lower case, no punctuation, single spaces.

What that means is judged from the published texts, whose code is not there: "patient's" became
"patient 's", "it's" became "its", "I'm" became "i m", and hyphens became spaces. Spelling and lemmas, which
the published AWS texts went through as well, can be asked for.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from surgvlp.lectures.texts import Caption
from surgvlp.transcription.spelling import Speller, lemmatise
from surgvlp.transcription.vocabulary import SURGICAL, glossary

_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u0060\u00b4]")
_CONTRACTED = re.compile(r"\b(it|that|there|here|what|where|who|how|he|she|let)'s\b")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
# What stays is matched first, anything else that is no letter, mark or number becomes a space.
_KEPT = re.compile(r"(?<=\w)\s*'s\b|(?<=\d)\.(?=\d)|.", re.DOTALL)


@dataclass(frozen=True)
class Cleaned:
    """Cleaned captions, how many had nothing left or stood there twice, and how many words were respelled."""

    captions: list[Caption]
    empty: int
    repeated: int
    respelled: int


@dataclass(frozen=True)
class Cleaning:
    """What is done to a text beyond lower case and punctuation; English texts only.

    Args:
        speller: corrects the spelling, before all else, since it looks at capitals.
        lemmas: every word becomes its dictionary form, except the words of the surgical glossary.
    """

    speller: Speller | None = None
    lemmas: bool = False

    @property
    def settings(self) -> dict[str, object]:
        """What decides the cleaned text, to be recorded and compared when a job resumes."""
        return {"spelling": self.speller.identity if self.speller else "", "lemmas": self.lemmas}

    def text(self, raw: str) -> tuple[str, int]:
        """A cleaned text, and how many of its words were respelled."""
        spelled, respelled = self.speller.correct(raw) if self.speller else (raw, 0)
        cleaned = clean_text(spelled)
        return (lemmatise(cleaned, _kept_words()) if self.lemmas else cleaned), respelled


PLAIN = Cleaning()


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


def clean(captions: Iterable[Caption], cleaning: Cleaning = PLAIN) -> Cleaned:
    """Clean every caption; the ones without a word left, and exact repetitions, are dropped and counted."""
    kept: dict[Caption, None] = {}
    empty = repeated = respelled = 0
    for caption in captions:
        text, words = cleaning.text(caption.text)
        respelled += words
        cleaned = Caption(caption.start, caption.end, text, caption.step)
        if text in ("", "nan"):
            empty += 1
        elif cleaned in kept:
            repeated += 1
        else:
            kept[cleaned] = None
    return Cleaned(list(kept), empty, repeated, respelled)


@functools.cache
def _kept_words() -> frozenset[str]:
    return frozenset(word for term in glossary(SURGICAL) for word in clean_text(term).split())
