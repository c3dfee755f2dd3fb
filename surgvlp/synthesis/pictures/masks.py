"""Masks: what is what in a picture, drawn by the same hand as the picture itself."""

from __future__ import annotations

import cv2
import numpy as np

from surgvlp.synthesis.pictures.picture import (
    Box,
    Colour,
    Covers,
    Front,
    Planes,
    Shape,
    covered_box,
    put_shape,
)


class Mask:
    """A `picture.Surface` of labels: a pixel is what covers more than half of it.

    Args:
        labels: uint8 (H, W), ids of `classes.CLASSES`, drawn upon.
    """

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def fill(self, labels: np.ndarray, matrix: np.ndarray) -> None:
        """See `picture.Picture.fill`."""
        size, kind = (self.labels.shape[1], self.labels.shape[0]), cv2.INTER_NEAREST
        cv2.warpAffine(labels, matrix, size, dst=self.labels, flags=kind, borderMode=cv2.BORDER_REFLECT)

    def lay(
        self,
        planes: Planes,
        covers: Covers,
        matrix: np.ndarray,
        label: int,
        share: float = 1.0,
        front: Front | None = None,
    ) -> None:
        """See `picture.Surface.lay`."""
        box = covered_box(covers.luma.shape, matrix, self.labels.shape)
        if box is None:
            return
        left, top, right, bottom = box
        there = share * self._warped(covers.luma, matrix, box)
        if front is not None:
            there *= 1 - self._warped(front.covers.luma, front.matrix, box)
        self.labels[top:bottom, left:right][there > 0.5] = label

    def draw(self, shapes: list[Shape], label: int | None, opacity: float = 1.0) -> None:
        """See `picture.Surface.draw`."""
        if label is None or opacity < 0.5:
            return
        cover = np.zeros_like(self.labels)
        for shape in shapes:
            put_shape(cover, shape.kind, shape.points, shape.size, 255)
        self.labels[cover > 127] = label

    def veil(self, covers: Covers, left: int, top: int, colour: Colour) -> None:
        """Smoke and shadows hide nothing."""

    def _warped(self, cover: np.ndarray, matrix: np.ndarray, box: Box) -> np.ndarray:
        """Coverage, 0 to 1, that a (2, 3) matrix takes into a box of the picture."""
        left, top, right, bottom = box
        moved = matrix - [[0, 0, left], [0, 0, top]]
        return cv2.warpAffine(cover, moved, (right - left, bottom - top)) / np.float32(255)
