"""Spelling against a glossary: a word that nobody knows becomes the term it is nearly, as published.

The published texts were checked against a medical vocabulary within edit distance 2 (SurgVLP, Yuan et al.,
Medical Image Analysis 2025). Recognisers mostly write real words where they mishear, which this leaves alone:
it mends one error in fifteen (docs/transcription.md). What it must not do is to touch a word that is right.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable

import simplemma
from rapidfuzz import process
from rapidfuzz.distance import OSA

# Letters in a row, no digit or letter beside them: "CO2" and "5mm" are no words.
_WORD = re.compile(r"(?<![\w])[^\W\d_]+(?![\w])")
_SENTENCE_END = re.compile(r"(?:^|(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bProf)[.!?…:]['\")\]]*)\s*$")
# By chance a short word has neighbours: below this length the distance is 1, and below the second none.
_LONG, _SHORTEST = 8, 5


class Speller:
    """Corrects English text towards the terms of a glossary; a pure function of both.

    A word stays as it is where the English word list knows it or the glossary has it or a form of it, and
    where it has fewer than five letters, is written in capitals (an acronym), or has a capital inside a
    sentence (a name; to those only terms apply that have one too). What is left becomes the glossary's one
    nearest word: within distance 2 (letters inserted, deleted, replaced or swapped), 1 below eight letters;
    two that are as near leave it alone.

    Args:
        terms: of the glossary; of "cystic duct" both words count.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        words = sorted({word for term in terms for word in _WORD.findall(term) if len(word) >= _SHORTEST})
        self._known = {form for word in words for form in _inflections(word.lower())}
        self._names = {word.lower(): word for word in words if word[0].isupper()}
        self._base = {f"{word}s": word for word in words if word[0].islower()}
        self._base |= {word.lower(): word for word in words}
        self.identity = hashlib.sha256("\n".join(words).encode()).hexdigest()
        self._nearest = functools.cache(self._search)

    def correct(self, text: str) -> tuple[str, int]:
        """The text, all else in it untouched, and how many words were changed."""
        changed = 0

        def replaced(match: re.Match[str]) -> str:
            nonlocal changed
            word = match[0]
            is_name = word[0].isupper() and not _SENTENCE_END.search(text[: match.start()])
            found = (
                "" if self.knows(word) or (len(word) > 1 and word.isupper()) else self._nearest(word, is_name)
            )
            if not found:
                return word
            changed += 1
            return found[0].upper() + found[1:] if word[0].isupper() else found

        return _WORD.sub(replaced, text), changed

    def knows(self, word: str) -> bool:
        """Is this an English word, or one of the glossary's?"""
        lower = word.lower()
        return (
            len(word) < _SHORTEST
            or lower in self._known
            or simplemma.is_known(lower, "en")
            or simplemma.is_known(word.capitalize(), "en")
        )

    def _search(self, word: str, is_name: bool) -> str:
        furthest = 2 if len(word) >= _LONG else 1
        choices = self._names if is_name else self._base
        found = process.extract(
            word.lower(), choices.keys(), scorer=OSA.distance, score_cutoff=furthest, limit=None
        )
        nearest = [form for form, distance, _ in found if distance == found[0][1]]
        bases = {self._base[form] for form in nearest}
        if len(bases) != 1:
            return ""
        base = bases.pop()
        return base if base.lower() in nearest else nearest[0]


def lemmatise(text: str, keep: frozenset[str]) -> str:
    """Each word of a cleaned English text as its dictionary form, as in the published AWS texts.

    "the stones were removed" becomes "the stone be remove". Doing it twice changes nothing more.

    Args:
        text: as `clean_text` gives it.
        keep: words that stay ("left" is a side here, not a form of "leave").
    """
    return " ".join(word if word in keep else _lemma(word) for word in text.split(" "))


@functools.cache
def _lemma(word: str) -> str:
    if not word.isalpha() or len(word) < 2:  # numbers, "'s", and the letters that "I'm" leaves
        return word
    path = [word]
    # a lemma may have one of its own ("aids", "aid"), and some name each other ("bacteria", "bacterium")
    while (lemma := simplemma.lemmatize(path[-1], "en").lower()) not in path:
        path.append(lemma)
    return min(path[path.index(lemma) :])


def _inflections(word: str) -> set[str]:
    stem = word.removesuffix("e")
    return {word, *(word + suffix for suffix in ("s", "es", "d", "ed", "ing", "ly")), f"{stem}ing"} | (
        {f"{word[:-1]}ies", f"{word[:-1]}ied"} if word.endswith("y") else set()
    )
