"""From a stream of sound to pieces of speech that a recogniser takes, in memory that does not grow.

Sound is gathered into windows of about five minutes, cut where it is quietest. In each, Silero's voice
activity detector (it comes with faster-whisper) finds the speech; stretches of speech are joined into pieces
of at most half a minute, Whisper's field of view, and the silence between them is left out. So a silent
dissection costs nothing and makes Whisper dream up no words, and a piece is full of speech: fewer cuts,
fewer errors.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

RATE = 16000
WINDOW_S = 300.0
CUT_WITHIN_S = 30.0
PIECE_S = 29.5
# Kept on each side of speech: Whisper errs less with pauses left in (benchmarks/transcription.md).
MARGIN_S = 0.8
# The attack of a note can pass for a syllable; a real one this short has speech within the margin.
SHORTEST_MS = 200
SILENT = 1e-3  # of full scale: ten bits below the loudest sound nobody can be understood


Span = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """Stretches of a lecture end to end: speech with a margin around it.

    Attributes:
        samples: float32 (N,) at 16 kHz, at most `PIECE_S` seconds.
        begins: where each stretch begins within the piece, in seconds, ascending from 0.
        times: when each stretch begins in the lecture, in seconds.
        speech: start and end of the speech in each stretch, without its margin, in seconds of the lecture.
    """

    samples: np.ndarray
    begins: tuple[float, ...]
    times: tuple[float, ...]
    speech: tuple[tuple[float, float], ...]

    def word_times(self, start: float, end: float) -> tuple[float, float]:
        """When a word is said in the lecture that the recogniser puts at [start, end] of the piece.

        Whisper gives the pause between two words to one of them, mostly to the later one. So a word is held
        within the speech that it overlaps most.
        """
        start, end = self._time(start, "right"), self._time(end, "left")
        first, last = max(
            (min(end, until) - max(start, since), since, until) for since, until in self.speech
        )[1:]
        if start < last and first < end:
            start, end = max(start, first), min(end, last)
        return start, max(start, end)

    @property
    def end_s(self) -> float:
        """Time in the lecture where the piece ends."""
        return self._time(len(self.samples) / RATE, "left")

    def _time(self, position: float, side: Literal["left", "right"]) -> float:
        """Time in the lecture; on a joint that of the stretch before it ("left") or after it ("right")."""
        index = max(0, int(np.searchsorted(np.array(self.begins), position, side=side)) - 1)
        return self.times[index] + position - self.begins[index]


def speech_pieces(blocks: Iterable[np.ndarray]) -> Iterator[Piece]:
    """The pieces of speech in a stream of sound, in order; none where nobody speaks.

    Args:
        blocks: float32 samples at 16 kHz of any lengths, as `stream_audio` gives them.
    """
    for offset, window in windows(blocks):
        if np.abs(window).max() < SILENT:  # hours of a muted recording cost nothing
            continue
        found = get_speech_timestamps(
            window,
            VadOptions(
                min_speech_duration_ms=SHORTEST_MS,
                max_speech_duration_s=PIECE_S - 2 * MARGIN_S,
                min_silence_duration_ms=160,
                speech_pad_ms=0,
            ),
        )
        speech = [(span["start"], min(span["end"], len(window))) for span in found]
        stretches = _with_margins(speech, len(window))
        for group in _groups(stretches):
            yield _piece(
                window, offset, [stretches[index] for index in group], [speech[index] for index in group]
            )


def windows(blocks: Iterable[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """Cut a stream into (first sample, samples) windows of at most `WINDOW_S`, where it is quiet."""
    longest, offset = round(WINDOW_S * RATE), 0
    held = np.empty(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > longest:
            cut = _quietest(held[:longest])
            yield offset, held[:cut]
            offset, held = offset + cut, held[cut:]
    if len(held):
        yield offset, held


def _quietest(window: np.ndarray) -> int:
    """Middle of the quietest 0.2 s in the last `CUT_WITHIN_S` of a window, as a sample number."""
    frame = RATE // 5
    first = len(window) - round(CUT_WITHIN_S * RATE)
    tail = window[first:]
    frames = tail[: len(tail) // frame * frame].reshape(-1, frame)
    return first + int(np.argmin(np.square(frames).sum(1))) * frame + frame // 2


def _with_margins(speech: list[Span], length: int) -> list[Span]:
    """`MARGIN_S` more on each side, up to the middle of the silence between two neighbours."""
    margin = round(MARGIN_S * RATE)
    middles = [(before[1] + after[0]) // 2 for before, after in itertools.pairwise(speech)]
    return [
        (max(start - margin, earliest), min(end + margin, latest))
        for (start, end), earliest, latest in zip(speech, [0, *middles], [*middles, length], strict=False)
    ]


def _groups(stretches: list[Span]) -> Iterator[list[int]]:
    """Numbers of neighbouring stretches whose lengths add up to at most `PIECE_S`."""
    group: list[int] = []
    length = 0
    for index, (start, end) in enumerate(stretches):
        if group and length + end - start > PIECE_S * RATE:
            yield group
            group, length = [], 0
        group.append(index)
        length += end - start
    if group:
        yield group


def _piece(window: np.ndarray, offset: int, stretches: list[Span], speech: list[Span]) -> Piece:
    begins = itertools.accumulate([0, *(end - start for start, end in stretches[:-1])])
    return Piece(
        samples=np.concatenate([window[start:end] for start, end in stretches]),
        begins=tuple(begin / RATE for begin in begins),
        times=tuple((offset + start) / RATE for start, _ in stretches),
        speech=tuple(((offset + start) / RATE, (offset + end) / RATE) for start, end in speech),
    )
