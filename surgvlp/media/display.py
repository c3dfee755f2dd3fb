"""How stored pixels become the picture that a player shows: turned, mirrored, its pixels square."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np

from surgvlp.media.images import resize

STRANGEST_PIXEL = 8  # an aspect beyond that is a damaged header's, and would make pictures of gigabytes


@dataclass(frozen=True)
class Display:
    """What to do with a video's stored pictures, in this order.

    Attributes:
        height, width: of the picture as shown, in square pixels.
        transposed: swap rows and columns.
        upside_down: reverse the rows, after that.
        mirrored: reverse the columns.
    """

    height: int
    width: int
    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False

    def show(self, frame: av.VideoFrame, size: tuple[int, int]) -> np.ndarray:
        """The picture as a player shows it, scaled to `size` = (height, width): uint8 (H, W, 3) RGB.

        The two fields of interlaced frames are blended (weights 1/4, 1/2, 1/4 over rows), since what moves
        would otherwise have teeth. Colours are converted as ffmpeg does it: by the matrix and range that the
        stream names, and by BT.601, limited range, where it names none.
        """
        # One thread: the converter's own do not survive a fork, and a data loader then waits for ever.
        picture: np.ndarray = frame.to_ndarray(format="rgb24", threads=1)
        if frame.interlaced_frame:
            picture = cv2.sepFilter2D(picture, -1, np.ones(1), np.array([0.25, 0.5, 0.25]))
        picture = resize(picture, size[::-1] if self.transposed else size)
        if self.transposed:
            picture = picture.transpose(1, 0, 2)
        rows, columns = slice(None, None, 1 - 2 * self.upside_down), slice(None, None, 1 - 2 * self.mirrored)
        return np.ascontiguousarray(picture[rows, columns])


def read_display(container: av.container.InputContainer, stream: av.VideoStream) -> Display:
    """How a stream is to be shown. Decodes its first picture, so seek before reading on.

    The container's pixel aspect goes before the codec's; stored height is kept. The display matrix of
    containers and codecs maps stored columns and rows (x, y) to shown ones: x' = a x + c y, y' = b x + d y
    (ISO/IEC 14496-12, 6.2.2). Turns by other than quarters are rounded to them.
    """
    height, width = stream.height, stream.width
    aspect = stream.sample_aspect_ratio
    if aspect and 1 / STRANGEST_PIXEL <= aspect <= STRANGEST_PIXEL:
        width = max(1, round(width * aspect))
    a, b, _, c, d = _matrix(container, stream)[:5]
    if max(abs(a), abs(d)) >= max(abs(b), abs(c)):
        return Display(height, width, upside_down=bool(d < 0), mirrored=bool(a < 0))
    return Display(width, height, transposed=True, upside_down=bool(b < 0), mirrored=bool(c < 0))


def _matrix(container: av.container.InputContainer, stream: av.VideoStream) -> np.ndarray:
    """(9,) of the first picture; of one half a minute in, at most, where those before are damaged."""
    for packet in itertools.islice(container.demux(stream), 1000):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue
        if frames:
            matrix: Any = frames[0].side_data.get("DISPLAYMATRIX")
            if matrix is not None:
                return np.frombuffer(matrix, np.int32).astype(np.int64)
            break
    return np.eye(3, dtype=np.int64).ravel()
