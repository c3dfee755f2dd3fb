"""Painted things that are laid over a picture: with a coverage, moved and turned as a whole."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np


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
    def premultiplied(self) -> np.ndarray:
        """uint8 (h, w, 4): the colour times the coverage, and the coverage."""
        rgb = self.rgb * self.cover[..., None]
        return np.concatenate([rgb, self.cover[..., None] * 255], axis=2).round().astype(np.uint8)


def draw_sprite(
    frame: np.ndarray,
    view: np.ndarray,
    sprite: Sprite,
    place: np.ndarray,
    turn: np.ndarray,
    share: float = 1.0,
) -> None:
    """Draw a sprite upon `frame`.

    Args:
        frame: uint8 (H, W, 3).
        view: (3, 3) from the world to pixels.
        place: (2,) world point that its origin falls on.
        turn: (2, 2) that turns and stretches its local units.
        share: 1 as it is, towards 0 ever more transparent.
    """
    linear = view[:2, :2] @ turn / sprite.scale
    offset = view[:2, :2] @ place + view[:2, 2] - linear @ sprite.origin
    height, width = sprite.cover.shape
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ linear.T + offset
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (frame.shape[1], frame.shape[0]))
    if (high <= low).any():
        return
    matrix = np.column_stack([linear, offset - low])
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    painted = cv2.warpAffine(sprite.premultiplied, matrix, size)
    if share < 1:
        painted = cv2.convertScaleAbs(painted, alpha=share)
    lay_over(frame[low[1] : high[1], low[0] : high[0]], painted)


def dissolve(canvas: np.ndarray, origin: np.ndarray, layer: Sprite, grain: np.ndarray, share: float) -> None:
    """Lay that share of a layer over a canvas of the world, in place.

    Args:
        canvas: uint8 (h, w, 3), or (h, w, 4): colour times coverage, and coverage.
        origin: pixel of the canvas that the world's origin falls on.
        layer: at the canvas's scale.
        grain: (h, w), uniform in [0, 1]: says which parts go first.
        share: 0 to 1.
    """
    if share <= 0:
        return
    left, top = np.round(origin - layer.origin).astype(int)
    height, width = layer.cover.shape
    box = (slice(top, top + height), slice(left, left + width))
    cover = layer.cover
    if share < 1:
        cover = cover * np.clip((share - grain[box]) * 8 + 0.5 * share, 0, 1)
    painted = np.dstack([layer.rgb, np.full(cover.shape, 255, np.uint8)])[..., : canvas.shape[2]]
    canvas[box] = (canvas[box] * (1 - cover[..., None]) + painted * cover[..., None]).astype(np.uint8)


def lay_over(frame: np.ndarray, painted: np.ndarray) -> None:
    """Blend `painted`, uint8 (h, w, 4) colour times coverage and coverage, over `frame` (h, w, 3)."""
    rgb = np.empty_like(painted, shape=(*painted.shape[:2], 3))
    rest = np.empty_like(rgb)
    cv2.mixChannels([painted], [rgb, rest], [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 3, 5])
    cv2.multiply(frame, cv2.bitwise_not(rest), dst=frame, scale=1 / 255)
    cv2.add(frame, rgb, dst=frame)
