"""A picture under way, in the planes that a video has: luma, and two of chroma at half the size.

Drawing straight into them costs half of what RGB does, and the encoder takes them as they are. BT.601, video
range (luma 16 to 235, chroma around 128), a chroma pixel in the middle of its four of luma.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import ArrayLike

SHIFT = 4  # OpenCV takes points in 1/16 of a pixel
FROM_RGB = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]) / 255
Colour = tuple[float, float, float]  # luma, cb, cr
BLACK: Colour = (16.0, 128.0, 128.0)


class Planes(NamedTuple):
    """luma uint8 (h, w); cb and cr uint8 (h / 2, w / 2)."""

    luma: np.ndarray
    cb: np.ndarray
    cr: np.ndarray


class Covers(NamedTuple):
    """How much of each pixel is covered, 0 to 255: of luma uint8 (h, w), and of chroma (h / 2, w / 2)."""

    luma: np.ndarray
    chroma: np.ndarray


class Shape(NamedTuple):
    """Part of a drawing: a filled polygon, an open line of a width, or a disc.

    Attributes:
        kind: "polygon", "line" or "disc".
        points: int32 (N, 2) in 1/16 of a pixel of luma; of a disc its middle.
        halves: the same for chroma.
        size: pixels; a line's width or a disc's radius.
        colour: luma, cb and cr.
    """

    kind: str
    points: np.ndarray
    halves: np.ndarray
    size: float
    colour: Colour


class Front(NamedTuple):
    """What hides part of something painted: its coverage, and the (2, 3) matrix from it to the picture."""

    covers: Covers
    matrix: np.ndarray


class Surface(Protocol):
    """What a scene is drawn on: a `Picture`, or a `masks.Mask` of what is what in it."""

    def lay(
        self,
        planes: Planes,
        covers: Covers,
        matrix: np.ndarray,
        label: int,
        share: float = 1.0,
        front: Front | None = None,
    ) -> None:
        """Lay something painted over what is there.

        Args:
            planes: premultiplied by the coverage.
            covers: its coverage.
            matrix: (2, 3) from its pixels to the picture's.
            label: id of its class.
            share: 1 as it is, towards 0 ever more transparent.
            front: what it lies behind, in part.
        """

    def draw(self, shapes: list[Shape], label: int | None, opacity: float = 1.0) -> None:
        """Draw shapes one over the other, then let what was there shine through them all."""

    def veil(self, covers: Covers, left: int, top: int, colour: Colour) -> None:
        """Let a colour cover what lies at an even place: smoke, shadows."""


Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of luma, all even


class Picture:
    """Planes in one block of memory, as encoders take them (I420).

    Attributes:
        data: uint8 (height * 3 / 2, width): all luma, then all cb, then all cr.
        planes: views of it.
    """

    def __init__(self, height: int, width: int) -> None:
        self.data = np.empty((height * 3 // 2, width), np.uint8)
        cb, cr = self.data[height:].reshape(2, height // 2, width // 2)
        self.planes = Planes(self.data[:height], cb, cr)

    def fill(self, planes: Planes, matrix: np.ndarray) -> None:
        """Fill it with larger planes, reflected where they end; `matrix` (2, 3) leads from them to it."""
        for plane, source, moved in zip(self.planes, planes, (matrix, *[halved(matrix)] * 2), strict=True):
            size = (plane.shape[1], plane.shape[0])
            cv2.warpAffine(source, moved, size, dst=plane, borderMode=cv2.BORDER_REFLECT)

    def rgb(self) -> np.ndarray:
        """uint8 (height, width, 3)."""
        return cv2.cvtColor(self.data, cv2.COLOR_YUV2RGB_I420)

    def lay(
        self,
        planes: Planes,
        covers: Covers,
        matrix: np.ndarray,
        label: int,
        share: float = 1.0,
        front: Front | None = None,
    ) -> None:
        """See `Surface.lay`."""
        box = covered_box(covers.luma.shape, matrix, self.planes.luma.shape)
        if box is None:
            return
        covers, planes = Covers(*_warped(covers, matrix, box)), Planes(*_warped(planes, matrix, box))
        if front is not None:
            bare = Covers(*(cv2.bitwise_not(it) for it in _warped(front.covers, front.matrix, box)))
            covers = Covers(*(cv2.multiply(*pair, scale=1 / 255) for pair in zip(covers, bare, strict=True)))
            planes = premultiplied(planes, bare)
        if share < 1:
            covers = Covers(*(cv2.convertScaleAbs(cover, alpha=share) for cover in covers))
            planes = Planes(*(cv2.convertScaleAbs(plane, alpha=share) for plane in planes))
        lay_planes(Planes(*cut(self.planes, box)), planes, covers)

    def draw(self, shapes: list[Shape], label: int | None, opacity: float = 1.0) -> None:
        """See `Surface.draw`."""
        touched = cut(self.planes, self._box(shapes)) if opacity < 1 else []
        before = [plane.copy() for plane in touched]
        luma, cb, cr = self.planes
        for shape in shapes:
            kind, points, halves, size, colour = shape
            put_shape(luma, kind, points, size, colour[0])
            put_shape(cb, kind, halves, 0.5 * size, colour[1])
            put_shape(cr, kind, halves, 0.5 * size, colour[2])
        for plane, old in zip(touched, before, strict=True):
            if plane.size:
                cv2.addWeighted(plane, opacity, old, 1 - opacity, 0, dst=plane)

    def veil(self, covers: Covers, left: int, top: int, colour: Colour) -> None:
        """See `Surface.veil`."""
        height, width = covers.luma.shape
        shares = (covers.luma, covers.chroma, covers.chroma)
        painted = (
            cv2.convertScaleAbs(it, alpha=value / 255) for it, value in zip(shares, colour, strict=True)
        )
        box = (left, top, left + width, top + height)
        lay_planes(Planes(*cut(self.planes, box)), Planes(*painted), covers)

    def _box(self, shapes: list[Shape]) -> Box:
        """The box that shapes fall into; without size where they are outside."""
        points = np.concatenate([shape.points for shape in shapes]) / (1 << SHIFT)
        margin = max(shape.size for shape in shapes) + 4
        ends = np.stack([points.min(axis=0) - margin, points.max(axis=0) + margin])
        height, width = self.planes.luma.shape
        (left, top), (right, bottom) = np.clip(ends, 0, (width, height)).astype(int) // 2 * 2
        return left, top, right, bottom


def planes_of(rgb: np.ndarray) -> Planes:
    """Planes of a uint8 (h, w, 3) picture of even size."""
    luma, cb, cr = cv2.split(cv2.transform(rgb, np.column_stack([FROM_RGB, BLACK])))
    return Planes(luma, half_size(cb), half_size(cr))


def colour_of(rgb: ArrayLike) -> Colour:
    """Luma, cb and cr of an RGB colour, 0 to 255."""
    luma, cb, cr = (FROM_RGB @ np.clip(rgb, 0, 255) + BLACK).tolist()
    return luma, cb, cr


def half_size(plane: np.ndarray) -> np.ndarray:
    """A plane of even size at half of it."""
    return cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)


def halved(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that does to chroma what `matrix` does to luma: a chroma pixel c is at 2 c + 1/2."""
    half = matrix.copy()
    half[:, 2] = (0.5 * (matrix[:, 0] + matrix[:, 1]) + matrix[:, 2] - 0.5) / 2
    return half


def premultiplied(planes: Planes, covers: Covers) -> Planes:
    """Planes times a coverage."""
    shares = (covers.luma, covers.chroma, covers.chroma)
    return Planes(*(cv2.multiply(*pair, scale=1 / 255) for pair in zip(planes, shares, strict=True)))


def covered_box(painted: tuple[int, ...], matrix: np.ndarray, picture: tuple[int, ...]) -> Box | None:
    """Where something painted falls within a picture; None if nowhere.

    Args:
        painted: its shape (h, w).
        matrix: (2, 3) from its pixels to the picture's.
        picture: (H, W), even.
    """
    height, width = painted
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ matrix[:, :2].T + matrix[:, 2]
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    left, top = max(0, int(left // 2) * 2), max(0, int(top // 2) * 2)
    right, bottom = min(picture[1], int(right // 2) * 2 + 2), min(picture[0], int(bottom // 2) * 2 + 2)
    return (left, top, right, bottom) if right > left and bottom > top else None


def put_shape(plane: np.ndarray, kind: str, points: np.ndarray, size: float, value: float) -> None:
    """Draw a `Shape` on one plane, uint8 (h, w)."""
    if kind == "polygon":
        cv2.fillPoly(plane, [points], value, cv2.LINE_AA, SHIFT)
    elif kind == "line":
        cv2.polylines(plane, [points], False, value, max(1, round(size)), cv2.LINE_AA, SHIFT)
    else:
        radius = max(8, round(size * (1 << SHIFT)))
        cv2.circle(plane, points[0].tolist(), radius, value, cv2.FILLED, cv2.LINE_AA, SHIFT)


def lay_planes(over: Planes, planes: Planes, covers: Covers) -> None:
    """Blend planes, premultiplied by their coverage, over others of their size, in place."""
    bare = [cv2.bitwise_not(cover) for cover in covers]
    for below, plane, rest in zip(over, planes, (bare[0], bare[1], bare[1]), strict=True):
        cv2.multiply(below, rest, dst=below, scale=1 / 255)
        cv2.add(below, plane, dst=below)


def cut(planes: Planes | Covers, box: Box) -> list[np.ndarray]:
    """Views of a box of luma, and of chroma at half its size."""
    left, top, right, bottom = box
    half = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
    return [planes[0][top:bottom, left:right], *(plane[half] for plane in planes[1:])]


def _warped(planes: Planes | Covers, matrix: np.ndarray, box: Box) -> list[np.ndarray]:
    """What a (2, 3) matrix takes into a box of the picture."""
    left, top, right, bottom = box
    moved = matrix.copy()
    moved[:, 2] -= (left, top)
    half, smaller = halved(moved), ((right - left) // 2, (bottom - top) // 2)
    luma = cv2.warpAffine(planes[0], moved, (right - left, bottom - top))
    return [luma, *(cv2.warpAffine(plane, half, smaller) for plane in planes[1:])]
