"""Frames of many lectures by number, from frame stores or from a Surg-3M LMDB."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surgvlp.datasets.frames import LectureFrames
from surgvlp.files import sha256_of_json
from surgvlp.media.numbered_frames import Picture, frame_numbers, stores_in
from surgvlp.media.store import FrameStore
from surgvlp.media.surg3m_lmdb import Surg3MFrames, is_lmdb

_VERSIONS = ("tool", "decoder", "encoder")  # of the record of a store: no matter of what it shows


class FrameSource(Protocol):
    """Frames by lecture and number.

    Attributes:
        lectures: ids of all that it has, sorted.
    """

    lectures: list[str]

    def numbers(self, lecture: str) -> NDArray[np.int64]:
        """(n,) rising numbers of a lecture's frames."""

    def identity(self, lecture: str) -> str:
        """A hash that tells a lecture's pictures from others."""

    def read(self, lecture: str, number: int) -> Picture:
        """A frame: (H, W, 3) RGB."""


def open_source(frames_root: str | os.PathLike[str], every_s: float) -> FrameSource:
    """Frames of a folder of frame stores, or of a Surg-3M LMDB, whichever the folder is.

    Args:
        frames_root: the folder.
        every_s: seconds between the frames of a store that are used; an LMDB has the frames that it has.

    Raises:
        InputError: there is no such folder, or it holds neither.
    """
    root = Path(frames_root)
    return Surg3MFrames(root) if is_lmdb(root) else StoreFolder(root, every_s)


class StoreFolder:
    """The frame stores of a folder; number n of a lecture is its frame nearest to n * every_s seconds.

    Attributes:
        lectures: ids, sorted.
    """

    def __init__(self, root: Path, every_s: float) -> None:
        self.every_s = every_s
        self._paths = stores_in(root)
        self.lectures = list(self._paths)
        self._row = {lecture: row for row, lecture in enumerate(self.lectures)}
        self._frames = LectureFrames(list(self._paths.values()))

    def numbers(self, lecture: str) -> NDArray[np.int64]:
        """(n,) from 0 on without gaps: as many as lie within the video."""
        return frame_numbers(FrameStore(self._paths[lecture]), self.every_s)

    def identity(self, lecture: str) -> str:
        """Hash of the store's record."""
        record = FrameStore(self._paths[lecture]).record
        return sha256_of_json({name: value for name, value in record.items() if name not in _VERSIONS})

    def read(self, lecture: str, number: int) -> Picture:
        """A frame: (H, W, 3) RGB."""
        return self._frames.read_at(self._row[lecture], np.array([number * self.every_s]))[0]
