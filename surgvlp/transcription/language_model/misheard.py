"""Whether a corrected sentence still says the same: only misheard words may be replaced.

What would change an operation stays word for word: sides and directions, numbers and units, negations. A
correction that is refused costs little, since the sentence then stays as it was heard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from rapidfuzz import fuzz

_ALIKE = 50.0  # of 100: words that are misheard for one another share at least half of their letters

_DIRECTION = (
    "anterior|posterior|superior|inferior|medial|lateral|proximal|distal|cranial|caudal|ventral|dorsal"
)
_FIRST_HALF = "antero|postero|supero|infero|medio|latero|cranio|caudo|ventro|dorso|uni|bi|contra|ipsi"
_DIGIT = "one|two|three|four|five|six|seven|eight|nine"
_TEN = "ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
_TENS = "(?:twen|thir|fou?r|fif|six|seven|eigh|nine)t(?:y|ie)"
_NUMBER = f"zero|{_DIGIT}|{_TEN}|{_TENS}|hundred|thousand|million"
_MEASURE = "met(?:er|re)|lit(?:er|re)|gram|bar|volt|watt|joule"
_KEPT = re.compile(
    "|".join(
        (
            r".*\d.*",
            # "twentyfive", "fifths", "tenfold"; "iv" of a liver segment
            f"(?:{_NUMBER}|and)*(?:{_NUMBER})(?:s|ths?|fold)?",
            f"(?:{_TENS})?(?:first|second|third|(?:fif|eigh|nin|twelf)th)s?",
            "(?=..)x{0,3}(?:ix|iv|v?i{0,3})",
            "once|twice|thrice|single|double|triple|both|half|halves|quarters?|dozens?|percent",
            f"(?:milli|centi|deci|micro|nano|kilo)(?:{_MEASURE})?s?|[mcdkμ]m|[mcd]l|[mk]g",
            # "anterolaterally" among them
            f"(?:{_FIRST_HALF})*(?:{_DIRECTION})(?:ly|most|wards?)?",
            "(?:left|right|up|down)(?:wards?|side|most)?|(?:in|out)(?:wards?|side)|(?:upp|low|inn|out)er(?:most)?",
            "(?:in|ex)ternal(?:ly)?|above|below",
            # "isn't" is "isn t" when cleaned, and many write "isnt"
            "not?|never|without|cannot|none|neither|nor|nothing|nobody|nowhere|non|hardly|barely|t",
            "(?:is|are|was|were|do|does|did|has|have|had|ca|could|wo|would|should|must|need)nt",
        )
    )
)
# "visible" and "invisible", "hypotension" and "hypertension"; but "section" is misheard for "dissection"
_BEGINNING = re.compile(
    "(?:hyper|hypo|intra|extra|supra|infra|sub|pre|post|retro|un|non|in|im|ir|il|dis(?!s))(?=...)"
)


def may_replace(before: str, after: str) -> bool:
    """Whether a corrected sentence still is the sentence: misheard words replaced, and nothing else.

    At most a third of its words (two in short ones) may differ; what takes their place must share at least
    half of its letters with them; at most one word in a place is put in, or two left out; numbers, units,
    sides and negations stay, each in its place.

    Args:
        before, after: cleaned English texts.
    """
    old, new = before.split(), after.split()
    changed, gone, come = 0, set[str](), set[str]()
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            if not _may_stand_for(old[i:j], new[k:m]):
                return False
            changed += max(j - i, m - k)
            gone.update(old[i:j])
            come.update(new[k:m])
    # a word that only goes to another place was not misheard
    return bool(new) and not gone & come and changed <= max(2, len(old) / 3)


def _may_stand_for(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether the words at one place, one of the two perhaps none, may become the others."""
    if [word for word in old if _KEPT.fullmatch(word)] != [word for word in new if _KEPT.fullmatch(word)]:
        return False
    if not old or not new:
        return len(new) <= 1 and len(old) <= 2
    if _stems(old) & _stems(new):
        return False  # they differ in a beginning that turns what they say
    return fuzz.ratio("".join(old), "".join(new)) >= _ALIKE


def _stems(words: Iterable[str]) -> set[str]:
    return {_BEGINNING.sub("", word, count=1) if _BEGINNING.match(word) else word for word in words}
