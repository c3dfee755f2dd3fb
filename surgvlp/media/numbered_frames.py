"""Frames of a store by number: n is the frame nearest to n * every_s seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError, checked_id
from surgvlp.media.images import resize
from surgvlp.media.store import SUFFIX, FrameStore, VideoFrames, duration

Picture = NDArray[np.uint8]


def frame_numbers(frames: FrameStore | VideoFrames, every_s: float) -> NDArray[np.int64]:
    """(n,) numbers of a lecture's frames, from 0 on: as many as lie within the video.

    Raises:
        InputError: the store has fewer frames a second.
    """
    if every_s < 1 / frames.rate - 1e-6:
        raise InputError(
            f"a frame every {every_s:g} s of a store that has {frames.rate:g} a second",
            file=frames.path,
            key="every_s",
            remedy=f"Take {1 / frames.rate:g} or more",
        )
    return np.arange(int(np.ceil(duration(frames) / every_s - 1e-9)))


def stores_in(root: Path) -> dict[str, Path]:
    """{lecture: its frame store} of a folder, sorted by the ids.

    Raises:
        InputError: there is no such folder, or no store in it.
    """
    if not root.is_dir():
        raise InputError("there is no such folder", file=root)
    paths = [path for path in root.glob(f"*{SUFFIX}") if path.name[0] != "."]
    if not paths:
        raise InputError(
            "there are no frame stores in it", file=root, remedy="Build them: tools/build_frame_store.py"
        )
    return dict(sorted((checked_id(path.name.removesuffix(SUFFIX), file=path), path) for path in paths))


def shrunk(picture: Picture, short_side: int | None) -> Picture:
    """(H, W, 3) by area averages to a short side in pixels; smaller ones stay, and all if it is None."""
    shorter = min(picture.shape[:2])
    if short_side is None or shorter <= short_side:
        return picture
    height, width = (round(side * short_side / shorter) for side in picture.shape[:2])
    return resize(picture, (height, width))
