"""What Whisper writes though nobody said it: each kind has a name and is counted, none is trained on.

Whisper learned to write from subtitles: over silence, music or noise it writes their credits and farewells,
and its decoder can run into a loop. Voice activity detection keeps it from hearing most of that (`speech`).
This is the second net, for what comes with the second of quiet around speech and for music that sounds like
a voice. It is wide-meshed: a row goes only where it looks like nothing that a lecturer says, as measured on
made speech and on the published texts (docs/transcription.md).
"""

from __future__ import annotations

import bisect
import functools
import importlib.resources
import itertools
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from surgvlp.transcription.cleaning import clean_text
from surgvlp.transcription.recogniser import Word
from surgvlp.transcription.sentences import Segment, sentences

REASONS = ("sound_label", "phantom_phrase", "repetition_loop", "impossible_rate", "no_voice", "wild_guess")

# (times, words): four times in a row and eight words in all ("thank you" × 4), or three times and twelve.
LOOPS = ((4, 8), (3, 12))
LONGEST_UNIT = 20
# Text that compresses better is a loop too; the threshold is Whisper's own. Published texts reach 1.75.
COMPRESSION = 2.4
# Letters a second over at least so many words. Published texts reach 30, in a row of one second.
FASTEST, FAST_WORDS = 50.0, 3
# Geometric mean of word probabilities: "Thank you." over music has 0.1, "you" over silence 0.2; of 398
# sentences of made speech one in a hundred lies below 0.48.
DOUBTFUL = 0.5
# Whisper fills the end of a short piece with "And..." at 0.04; no sentence of made speech lies below 0.26.
GUESSED = 0.1
# Share of the words' time in which the voice activity detector hears somebody.
VOICED = 0.5

Span = tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """A sentence, and why it is left out: one of `REASONS`, or "" where it is kept."""

    segment: Segment
    reason: str


def judge(words: Sequence[Word], speech: Sequence[Span]) -> Iterator[Judged]:
    """Sentences of a lecture's words, in order; every word is in exactly one of them.

    Args:
        words: with ascending starts, in seconds.
        speech: where somebody speaks as far as the voice activity detector hears, ascending, in seconds.
    """
    repeated = loops(words)
    place = 0
    for sentence in sentences(words):
        flags = repeated[place : place + len(sentence.words)]
        place += len(sentence.words)
        for is_loop, group in itertools.groupby(
            zip(sentence.words, flags, strict=True), lambda pair: pair[1]
        ):
            segment = Segment.of([word for word, _ in group])
            yield Judged(segment, "repetition_loop" if is_loop else _reason(segment, speech))


def loops(words: Sequence[Word]) -> list[bool]:
    """Which words only say again, over and over, what was said right before them; see `LOOPS`."""
    said = [clean_text(word.word) for word in words]
    repeats = [False] * len(said)
    first = 0
    while first < len(said):
        unit, end = _loop(said, first)
        repeats[first + unit : end] = [True] * (end - first - unit)
        first = end
    return repeats


def _loop(said: list[str], first: int) -> tuple[int, int]:
    """Length of the shortest unit that loops from `first` on, and where that ends; (1, first + 1) if none."""
    for unit in range(1, min(LONGEST_UNIT, len(said) - first) + 1):
        end = first + unit
        while end < len(said) and said[end] == said[end - unit]:
            end += 1
        times = (end - first) // unit
        end = first + times * unit
        if any(times >= least and times * unit >= length for least, length in LOOPS):
            return unit, end
    return 1, first + 1


def _reason(segment: Segment, speech: Sequence[Span]) -> str:
    text = clean_text(segment.text)
    if _SOUND_LABEL.fullmatch(segment.text):
        return "sound_label"
    sure = certainty(segment.words)
    doubtful = sure < DOUBTFUL
    unvoiced = _voiced_share(segment.words, speech) < VOICED
    phrases = _phrases()
    if any(f"{text} ".startswith(f"{phrase} ") for phrase in phrases["credits"]):
        return "phantom_phrase"
    if text in phrases["farewells"] and (doubtful or unvoiced):
        return "phantom_phrase"
    if compression_ratio(text) > COMPRESSION:
        return "repetition_loop"
    letters = len(text.replace(" ", ""))
    if len(segment.words) >= FAST_WORDS and letters > FASTEST * (segment.end - segment.start):
        return "impossible_rate"
    if doubtful and unvoiced:
        return "no_voice"
    return "wild_guess" if sure < GUESSED else ""


# "[Music]", "(applause)", "♪ ♪", "*coughs*": what subtitles write about sounds
_SOUND_LABEL = re.compile(r"\s*(?:\[[^]]*\]|\([^)]*\)|\*[^*]*\*|♪[^♪]*♪?|[♪♫\s])+[.!\s]*")


def certainty(words: Sequence[Word]) -> float:
    """Geometric mean of the words' probabilities, in [0, 1]; one word that Whisper guessed pulls it down."""
    return math.exp(sum(math.log(max(word.probability, 1e-6)) for word in words) / len(words))


def compression_ratio(text: str) -> float:
    """Bytes of a text over its bytes compressed, as Whisper measures loops; 0 of an empty one."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def _voiced_share(words: Sequence[Word], speech: Sequence[Span]) -> float:
    """Share of the words' time that lies in `speech`; of words without length their number."""
    heard = total = 0.0
    for word in words:
        start, end = word.start, max(word.end, word.start + 0.01)
        total += end - start
        index = bisect.bisect_right(speech, (start, math.inf)) - 1
        for since, until in speech[max(0, index) :]:
            if since >= end:
                break
            heard += max(0.0, min(end, until) - max(start, since))
    return heard / total


@functools.cache
def _phrases() -> dict[str, frozenset[str]]:
    """The sections of phantom_phrases.txt, cleaned."""
    text = importlib.resources.files(__package__).joinpath("phantom_phrases.txt").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    section: set[str] = set()
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[] "), set())
        elif line.strip() and not line.startswith("#"):
            section.add(clean_text(line))
    return {name: frozenset(phrases) for name, phrases in found.items()}
