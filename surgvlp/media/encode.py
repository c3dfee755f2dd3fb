"""Write H.264 mp4 files from frames in memory."""

from __future__ import annotations

import os
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO

import ffmpeg
import numpy as np

from surgvlp.files import InputError, atomic_path
from surgvlp.media.ffmpeg import open_input, running


class VideoWriter:
    """A context manager that writes an mp4 (H.264, yuv420p, AAC sound); it appears only when it is whole.

    Equal frames give equal bytes on one ffmpeg version: one encoder thread and no dates in the file. Encode
    several videos in several processes instead.

    Args:
        path: the mp4 to write.
        width: in pixels, even.
        height: in pixels, even.
        fps: frames a second; 29.97 is taken as 30000/1001.
        audio: a sound file to lay under the pictures, from time 0.
        crf: x264's constant rate factor, 0 (lossless) to 51.
        gop: frames from one key frame to the next at most; None for x264's own choice (250).

    Raises:
        InputError: odd sizes, a sound file that cannot be read, a full disk.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        width: int,
        height: int,
        fps: float | Fraction,
        audio: Path | None = None,
        crf: int = 23,
        gop: int | None = None,
    ) -> None:
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise InputError(f"cannot encode {width}x{height}", file=path, remedy="Use even sizes")
        if audio is not None and not audio.is_file():
            raise InputError("there is no such sound file", file=audio)
        self.path, self._shape = Path(path), (height, width, 3)
        self._rate = Fraction(fps).limit_denominator(1001)
        self._audio, self._crf, self._gop = audio, crf, gop
        self._stack = ExitStack()
        self._pixels: IO[bytes]

    def __enter__(self) -> VideoWriter:
        with self._stack as stack:
            partial = stack.enter_context(atomic_path(self.path))
            process = stack.enter_context(running(self._command(partial), file=self.path, stdin=True))
            assert process.stdin is not None
            self._pixels = process.stdin
            self._stack = stack.pop_all()
        return self

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, uint8 (H, W, 3) RGB."""
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._shape}, got {frame.dtype} {frame.shape}")
        self._pixels.write(np.ascontiguousarray(frame).data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _command(self, partial: Path) -> ffmpeg.Stream:
        height, width, _ = self._shape
        pictures = ffmpeg.input(
            "pipe:0", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=str(self._rate)
        )
        streams = [pictures.video]
        options = {
            "format": "mp4",  # the temporary name does not end in .mp4
            "vcodec": "libx264",
            "pix_fmt": "yuv420p",
            "preset": "veryfast",
            "crf": self._crf,
            "threads": 1,  # x264's output depends on the number of threads
            "map_metadata": -1,
            "fflags": "+bitexact",
            "flags": "+bitexact",
        }
        if self._gop is not None:
            options["g"] = self._gop
        if self._audio is not None:
            streams.append(open_input(self._audio).audio)
            options["acodec"] = "aac"
        return ffmpeg.output(*streams, f"file:{partial}", **options)
