"""From words to sentences: a row of a narration csv is a sentence, or a breath without full stop."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from surgvlp.transcription.recogniser import Recogniser, Word
from surgvlp.transcription.speech import Piece

PAUSE_S = 1.0
LONGEST_S = 20.0
SLIPPED_S = 0.03


@dataclass(frozen=True)
class Segment:
    """A sentence with its words; times are seconds of the lecture, rounded to 10 ms."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...]

    @classmethod
    def of(cls, words: Sequence[Word]) -> Segment:
        """The segment that these words are."""
        text = "".join(word.word for word in words).strip()
        return cls(words[0].start, max(word.end for word in words), text, tuple(words))


def recognise(pieces: Sequence[Piece], recogniser: Recogniser, language: str) -> tuple[list[Word], int]:
    """Words of several pieces, their times those of the lecture and never running backwards.

    Also how many pieces were decoded a second time, because of a loop.
    """
    words: list[Word] = []
    latest = 0.0
    found = recogniser.recognise([piece.samples for piece in pieces], language)
    for piece, heard in zip(pieces, found, strict=True):
        for word in heard.words:
            said = piece.word_times(word.start, word.end)
            start = max(latest, round(said[0], 2))
            end = max(start, round(said[1], 2))
            words.append(Word(word.word, start, end, round(word.probability, 4)))
            latest = start
    return words, sum(heard.looped for heard in found)


def sentences(words: Iterable[Word]) -> Iterator[Segment]:
    """Cut a stream of words after full stops, at pauses of `PAUSE_S`, and long ones at a pause."""
    held: list[Word] = []
    for word in words:
        if held and _cut(held[-1], word):
            yield from _short(held)
            held = []
        held.append(word)
    if held:
        yield from _short(held)


def _cut(before: Word, after: Word) -> bool:
    if after.start - before.end >= PAUSE_S:
        # Whisper puts the last word of a sentence at times behind the pause, where nothing is heard of it
        slipped = after.end - after.start < SLIPPED_S and after.word.strip()[:1].islower()
        return not slipped
    if not before.word.rstrip("\"')”’").endswith((".", "!", "?", "…", "。", "？", "！")):
        return False
    # "approx. five" goes on in lower case, "step-by.step" has no space
    return after.word.startswith(" ") and not after.word.strip()[:1].islower()


def _short(words: list[Word]) -> Iterator[Segment]:
    if len(words) > 1 and words[-1].end - words[0].start > LONGEST_S:
        pauses = [after.start - before.end for before, after in itertools.pairwise(words)]
        cut = pauses.index(max(pauses)) + 1
        yield from _short(words[:cut])
        yield from _short(words[cut:])
        return
    yield Segment.of(words)
