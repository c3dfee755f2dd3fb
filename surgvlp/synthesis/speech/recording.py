"""A lecture's sound on disk: written and read from front to back, so that its length costs no memory."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np


class Recording:
    """A context manager that writes 16-bit mono PCM (wav): what is put in, and silence between.

    Args:
        path: the wav file to write.
        rate: hertz.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self.rate, self._samples = rate, 0
        self._file = wave.open(str(path), "wb")  # noqa: SIM115  (closed by __exit__)
        self._file.setparams((1, 2, rate, 0, "NONE", ""))

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, sound: np.ndarray, start: int | None = None) -> None:
        """Append int16 samples: right after what is there, or from sample `start` on, with silence before."""
        if start is not None:
            self.fill(start)
        self._file.writeframesraw(sound.astype("<i2", copy=False).tobytes())
        self._samples += len(sound)

    def fill(self, until: int) -> None:
        """Append silence until there are `until` samples."""
        if until < self._samples:
            raise ValueError(f"sample {until} is written already, as is all before {self._samples}")
        while self._samples < until:
            self.put(np.zeros(min(until - self._samples, 60 * self.rate), np.int16))


def read_blocks(path: Path, samples: int) -> Iterator[np.ndarray]:
    """The int16 samples of a mono wav, so many at a time; the last block may be shorter."""
    with wave.open(str(path), "rb") as file:
        while data := file.readframes(samples):
            yield np.frombuffer(data, "<i2")


def rate_and_length(path: Path) -> tuple[int, int]:
    """Hertz and samples of a mono wav."""
    with wave.open(str(path), "rb") as file:
        return file.getframerate(), file.getnframes()
