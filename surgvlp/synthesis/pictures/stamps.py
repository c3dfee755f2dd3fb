"""What is laid upright over finished pictures: painted once, blended where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.pictures.picture import Covers, Picture, Planes, cut, lay_planes
from surgvlp.synthesis.pictures.sprites import planes_and_covers, premultiplied


@dataclass(frozen=True)
class Stamp:
    """Planes premultiplied by their coverage, and the coverage, both of even size."""

    planes: Planes
    covers: Covers

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        height, width = self.covers.luma.shape
        return width, height

    def cut_to(self, left: int, top: int, picture: tuple[int, int]) -> tuple[Stamp, int, int] | None:
        """The part that falls within a picture of (height, width), and where; None if nothing does."""
        left, top = left // 2 * 2, top // 2 * 2
        (width, height), (high, wide) = self.size, picture
        box = (max(0, -left), max(0, -top), min(width, wide - left), min(height, high - top))
        if box[2] <= box[0] or box[3] <= box[1]:
            return None
        part = Stamp(Planes(*cut(self.planes, box)), Covers(*cut(self.covers, box)))
        return part, left + box[0], top + box[1]


def stamp(rgb: np.ndarray, cover: np.ndarray) -> Stamp:
    """A stamp of uint8 (h, w, 3) and its coverage, float32 (h, w) in [0, 1]."""
    planes, covers = planes_and_covers(rgb, cover)
    return Stamp(premultiplied(planes, covers), covers)


def put(picture: Picture, painted: Stamp, left: int, top: int) -> None:
    """Lay a stamp over a picture with its upper left corner at a pixel, rounded to an even one."""
    height, width = picture.planes.luma.shape
    found = painted.cut_to(left, top, (height, width))
    if found is not None:
        part, left, top = found
        wide, high = part.size
        below = Planes(*cut(picture.planes, (left, top, left + wide, top + high)))
        lay_planes(below, part.planes, part.covers)
