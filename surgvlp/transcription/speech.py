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

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

RATE = 16000
WINDOW_S = 300.0
CUT_WITHIN_S = 30.0
PIECE_S = 29.5
# Kept on each side of speech: Whisper errs less with pauses left in (benchmarks/transcription.md).
MARGIN_S = 0.8


@dataclass(frozen=True)
class Piece:
    """Stretches of speech end to end.

    Attributes:
        samples: float32 (N,) at 16 kHz, at most `PIECE_S` seconds.
        begins: where each stretch begins within the piece, in seconds, ascending from 0.
        times: when each stretch begins in the lecture, in seconds.
    """

    samples: np.ndarray
    begins: tuple[float, ...]
    times: tuple[float, ...]

    def start_time(self, position: float) -> float:
        """Time in the lecture of what starts at `position` seconds of the piece."""
        return self._time(position, side="right")

    def end_time(self, position: float) -> float:
        """Time in the lecture of what ends there; on a joint this is the end of the stretch before it."""
        return self._time(position, side="left")

    @property
    def end_s(self) -> float:
        """Time in the lecture where the piece ends."""
        return self.end_time(len(self.samples) / RATE)

    def _time(self, position: float, side: str) -> float:
        index = max(0, int(np.searchsorted(self.begins, position, side=side)) - 1)  # type: ignore[call-overload]
        return self.times[index] + position - self.begins[index]


def speech_pieces(blocks: Iterable[np.ndarray]) -> Iterator[Piece]:
    """The pieces of speech in a stream of sound, in order; none where nobody speaks.

    Args:
        blocks: float32 samples at 16 kHz of any lengths, as `stream_audio` gives them.
    """
    for offset, window in windows(blocks):
        stretches = get_speech_timestamps(
            window,
            VadOptions(
                max_speech_duration_s=PIECE_S,
                min_silence_duration_ms=160,
                speech_pad_ms=round(1000 * MARGIN_S),
            ),
        )
        for group in _groups([(stretch["start"], stretch["end"]) for stretch in stretches]):
            yield _piece(window, offset, group)


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


def _groups(stretches: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Neighbouring stretches whose lengths add up to at most `PIECE_S`."""
    longest = round(PIECE_S * RATE)
    group: list[tuple[int, int]] = []
    length = 0
    for stretch in itertools.chain.from_iterable(_parts(*stretch, longest) for stretch in stretches):
        added = stretch[1] - stretch[0]
        if group and length + added > longest:
            yield group
            group, length = [], 0
        group.append(stretch)
        length += added
    if group:
        yield group


def _parts(start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    for begin in range(start, end, longest):
        yield begin, min(begin + longest, end)


def _piece(window: np.ndarray, offset: int, stretches: list[tuple[int, int]]) -> Piece:
    begins = itertools.accumulate([0, *(end - start for start, end in stretches[:-1])])
    return Piece(
        samples=np.concatenate([window[start:end] for start, end in stretches]),
        begins=tuple(begin / RATE for begin in begins),
        times=tuple((offset + start) / RATE for start, _ in stretches),
    )
