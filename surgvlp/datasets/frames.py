"""Frames of many lectures by time, and their geometry: a square cut out and resized."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError
from surgvlp.media.images import resize
from surgvlp.media.store import FrameStore, VideoFrames, duration, open_frames

Frames = NDArray[np.uint8]


class LectureFrames:
    """Frame stores or videos of a split, opened when needed.

    Only the last few stay open: a memory map holds a file descriptor, and corpora have more lectures than a
    process may have files open.

    Args:
        paths: one frame store folder or video a lecture.
        limit: how many stay open in one process.
    """

    def __init__(self, paths: Sequence[Path], limit: int = 64) -> None:
        self.paths = list(paths)
        self._limit = limit
        self._open: OrderedDict[int, FrameStore | VideoFrames] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}

    def duration(self, lecture: int) -> float:
        """Seconds of a lecture."""
        return duration(self._frames(lecture))

    def read_at(self, lecture: int, times: NDArray[np.float64]) -> Frames:
        """(T, H, W, 3) RGB frames nearest to `times` (T,) seconds."""
        return self._frames(lecture).read_at(times)

    def _frames(self, lecture: int) -> FrameStore | VideoFrames:
        if lecture in self._open:
            self._open.move_to_end(lecture)
        else:
            self._open[lecture] = open_frames(self.paths[lecture])
            if len(self._open) > self._limit:
                self._open.popitem(last=False)
        return self._open[lecture]


def square(frames: Frames, size: int, across: float = 0.5, down: float = 0.5) -> Frames:
    """Cut the largest square out of frames and resize it.

    Args:
        frames: (T, H, W, 3).
        size: S, side of the result in pixels.
        across, down: where the square lies in the spare width and height, 0 left or top to 1; 0.5 centre.

    Returns:
        (T, 3, S, S), contiguous.
    """
    height, width = frames.shape[1:3]
    side = min(height, width)
    x, y = round((width - side) * across), round((height - side) * down)
    return resized(frames[:, y : y + side, x : x + side], size)


def cut(frames: Frames, size: int, across: float = 0.5, down: float = 0.5) -> Frames:
    """As `square`, but `size` x `size` pixels of the frame as they are (the published `crop_only`)."""
    height, width = frames.shape[1:3]
    if min(height, width) < size:
        raise InputError(f"frames of {width}x{height} hold no square of {size}", remedy="Lower size")
    x, y = round((width - size) * across), round((height - size) * down)
    return resized(frames[:, y : y + size, x : x + size], size)


def resized(frames: Frames, size: int) -> Frames:
    """(T, H, W, 3) to (T, 3, S, S): area averages where it shrinks, bicubic where it grows."""
    if frames.shape[1:3] != (size, size):
        frames = np.stack([resize(frame, (size, size)) for frame in frames])
    return np.ascontiguousarray(frames.transpose(0, 3, 1, 2))
