"""Drawings in coordinates of their own: made once, then drawn at any place, angle and size."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from surgvlp.synthesis.pictures.picture import SHIFT, Colour, Shape, Surface, colour_of


class Sketch:
    """Shapes one over the other, x forwards, y across.

    Args:
        label: id of the class of all of it in a mask; None for what a mask does not show.
        opacity: of all of it together, 0 to 1.
    """

    def __init__(self, label: int | None = None, opacity: float = 1.0) -> None:
        self._label, self._opacity = label, opacity
        self._points = np.empty((0, 2))
        self._shapes: list[tuple[str, int, int, float, Colour]] = []

    def polygon(self, points: ArrayLike, colour: ArrayLike) -> None:
        """Fill a polygon (N, 2) with an RGB colour."""
        self._add("polygon", points, 0, colour)

    def line(self, points: ArrayLike, colour: ArrayLike, width: float) -> None:
        """Draw a polyline through points (N, 2)."""
        self._add("line", points, width, colour)

    def disc(self, point: ArrayLike, radius: float, colour: ArrayLike) -> None:
        """Fill a circle around a point (2,)."""
        self._add("disc", np.asarray(point)[None], radius, colour)

    def turned(self, angle: float) -> Sketch:
        """The same, turned around (0, 0) by `angle` radians."""
        other = Sketch(self._label, self._opacity)
        cosine, sine = np.cos(angle), np.sin(angle)
        other._points = self._points @ np.array([[cosine, sine], [-sine, cosine]])
        other._shapes = list(self._shapes)
        return other

    def join(self, other: Sketch) -> None:
        """Draw another sketch over this one; its label and opacity no longer count."""
        first = len(self._points)
        self._points = np.concatenate([self._points, other._points])
        self._shapes += [
            (kind, first + begin, first + end, size, colour)
            for kind, begin, end, size, colour in other._shapes
        ]

    def draw(self, surface: Surface, tip: np.ndarray, angle: float, scale: float, flip: float = 1.0) -> None:
        """Draw it all.

        Args:
            surface: what it is drawn on.
            tip: (2,) pixel that (0, 0) falls on.
            angle: direction of +x in radians, clockwise on the screen.
            scale: pixels a unit.
            flip: -1 turns it upside down around its x axis.
        """
        cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
        pixels = self._points @ np.array([[cosine, sine], [-sine * flip, cosine * flip]]) + tip
        fixed = np.round(pixels * (1 << SHIFT)).astype(np.int32)
        halves = (fixed - (1 << SHIFT - 1)) >> 1
        shapes = [
            Shape(kind, fixed[first:last], halves[first:last], size * scale, colour)
            for kind, first, last, size, colour in self._shapes
        ]
        surface.draw(shapes, self._label, self._opacity)

    def _add(self, kind: str, points: ArrayLike, size: float, colour: ArrayLike) -> None:
        first = len(self._points)
        self._points = np.concatenate([self._points, np.asarray(points, np.float64)])
        self._shapes.append((kind, first, len(self._points), size, colour_of(colour)))
