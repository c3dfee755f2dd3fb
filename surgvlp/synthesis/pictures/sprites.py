"""Painted things that are laid over a picture: with a coverage, moved and turned as a whole."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.pictures.picture import (
    Covers,
    Front,
    Planes,
    Surface,
    half_size,
    planes_of,
    premultiplied,
)


@dataclass(frozen=True)
class Sprite:
    """Colour and coverage in coordinates of its own.

    Attributes:
        rgb: uint8 (h, w, 3).
        cover: float32 (h, w), 0 to 1.
        origin: pixel of its local (0, 0).
        scale: pixels a unit.
    """

    rgb: np.ndarray
    cover: np.ndarray
    origin: np.ndarray
    scale: float

    @functools.cached_property
    def painted(self) -> tuple[Planes, Covers]:
        """Planes, premultiplied, and coverage; of even size, so with a clear row and column more."""
        planes, covers = planes_and_covers(self.rgb, self.cover)
        return premultiplied(planes, covers), covers


def planes_and_covers(
    rgb: np.ndarray, cover: np.ndarray, left: int = 0, top: int = 0
) -> tuple[Planes, Covers]:
    """Planes of uint8 (h, w, 3) and its coverage float32 (h, w), not premultiplied, grown to even size.

    `left` and `top` are clear columns and rows, 0 or 1, put before it.
    """
    height, width = cover.shape
    border = (top, (top + height) % 2, left, (left + width) % 2)
    clear = cv2.copyMakeBorder(np.round(cover * 255).astype(np.uint8), *border, cv2.BORDER_CONSTANT, value=0)
    planes = planes_of(cv2.copyMakeBorder(rgb, *border, cv2.BORDER_REPLICATE))
    return planes, Covers(clear, half_size(clear))


def draw_sprite(
    surface: Surface,
    view: np.ndarray,
    sprite: Sprite,
    place: np.ndarray,
    turn: np.ndarray,
    label: int,
    share: float = 1.0,
    front: Front | None = None,
) -> None:
    """Draw a sprite.

    Args:
        surface: what it is drawn on.
        view: (3, 3) from the world to pixels.
        place: (2,) world point that its origin falls on.
        turn: (2, 2) that turns and stretches its local units.
        label: id of its class.
        share: 1 as it is, towards 0 ever more transparent.
        front: what it lies behind, in part.
    """
    linear = view[:2, :2] @ turn / sprite.scale
    offset = view[:2, :2] @ place + view[:2, 2] - linear @ sprite.origin
    surface.lay(*sprite.painted, np.column_stack([linear, offset]), label, share, front)


def lay_over(frame: np.ndarray, painted: np.ndarray) -> None:
    """Blend `painted`, uint8 (h, w, 4) colour times coverage and coverage, over `frame` (h, w, 3)."""
    rgb = np.empty_like(painted, shape=(*painted.shape[:2], 3))
    rest = np.empty_like(rgb)
    cv2.mixChannels([painted], [rgb, rest], [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 3, 5])
    cv2.multiply(frame, cv2.bitwise_not(rest), dst=frame, scale=1 / 255)
    cv2.add(frame, rgb, dst=frame)
