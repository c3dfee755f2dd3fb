"""The scene's ground and layers at a state of the operation, painted anew only where something changed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.anatomy import HALF_HEIGHT, HALF_WIDTH, State
from surgvlp.synthesis.classes import class_id
from surgvlp.synthesis.picture import (
    Box,
    Covers,
    Front,
    Planes,
    cut,
    half_size,
    lay_planes,
    planes_of,
    premultiplied,
)
from surgvlp.synthesis.scene import Layer, Scene
from surgvlp.synthesis.sprites import planes_and_covers

_STEPS = 24  # in which layers come and go


@dataclass(frozen=True)
class _Painted:
    """A layer ready to be laid over the world.

    Attributes:
        layer: it is.
        box: its place in the world's picture.
        planes: not premultiplied.
        covers: when all of it is there.
    """

    layer: Layer
    box: Box
    planes: Planes
    covers: Covers


class World:
    """Ground and layers as one picture of the world, and which part of it lies over the specimen.

    All follows from the state that it was last brought to.

    Args:
        scene: what to show.

    Attributes:
        to_world: (3, 3) from its pixels to the world.
        planes: of ground and layers.
    """

    def __init__(self, scene: Scene) -> None:
        height, width = (side // 2 * 2 for side in scene.grain.shape)
        to_world = np.array(
            [[1, 0, -HALF_WIDTH * scene.scale], [0, 1, -HALF_HEIGHT * scene.scale], [0, 0, 1]]
        )
        self.to_world = to_world / [[scene.scale], [scene.scale], [1]]
        grain = np.round(scene.grain[:height, :width] * 255).astype(np.uint8)
        self._grain = Covers(grain, half_size(grain))
        self._ground = planes_of(np.ascontiguousarray(scene.ground.rgb[:height, :width]))
        self._tissue = scene.ground.tissue[:height, :width]
        self.planes = Planes(*(plane.copy() for plane in self._ground))
        self._layers = [self._painted(layer, scene.scale) for layer in (*scene.below, *scene.above)]
        self._above = range(len(scene.below), len(self._layers))
        self._front = Covers(np.zeros_like(self._grain.luma), np.zeros_like(self._grain.chroma))
        self._steps = [0] * len(self._layers)
        self._covers: dict[int, Covers] = {}  # of the layers that are there, in part or whole
        self._labels: np.ndarray | None = None

    def bring_to(self, state: State) -> None:
        """Paint what has changed up to a state of the operation."""
        steps = [round(float(it.layer.share(state)) * _STEPS) for it in self._layers]
        if steps == self._steps:
            return
        changed = [number for number, step in enumerate(steps) if step != self._steps[number]]
        self._steps, self._labels = steps, None
        for number in changed:
            self._covers.pop(number, None)
            if steps[number] > 0:
                self._covers[number] = self._dissolved(self._layers[number], steps[number] / _STEPS)
        left, top, right, bottom = np.array([self._layers[number].box for number in changed]).T
        self._repaint((int(left.min()), int(top.min()), int(right.max()), int(bottom.max())))

    def front(self, matrix: np.ndarray) -> Front | None:
        """What lies over the specimen, if anything does; `matrix` (2, 3) is from the world's pixels."""
        boxes = [self._layers[number].box for number in self._above if number in self._covers]
        if not boxes:
            return None
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        left, top = min(lefts), min(tops)
        moved = matrix.copy()
        moved[:, 2] += matrix[:, :2] @ (left, top)
        return Front(Covers(*cut(self._front, (left, top, max(rights), max(bottoms)))), moved)

    def labels(self) -> np.ndarray:
        """uint8 (h, w), ids of the classes of ground and layers."""
        if self._labels is None:
            self._labels = self._tissue.copy()
            for number, covers in sorted(self._covers.items()):
                it = self._layers[number]
                left, top, right, bottom = it.box
                self._labels[top:bottom, left:right][covers.luma > 127] = class_id(it.layer.tissue)
        return self._labels

    def _painted(self, layer: Layer, scale: float) -> _Painted:
        origin = np.array([HALF_WIDTH, HALF_HEIGHT]) * scale
        left, top = np.round(origin - layer.sprite.origin).astype(int).tolist()
        planes, covers = planes_and_covers(layer.sprite.rgb, layer.sprite.cover, left % 2, top % 2)
        left, top = left - left % 2, top - top % 2
        height, width = (
            min(side, whole - first)
            for side, whole, first in zip(covers.luma.shape, self._tissue.shape, (top, left), strict=True)
        )
        return _Painted(
            layer,
            (left, top, left + width, top + height),
            Planes(*cut(planes, (0, 0, width, height))),
            Covers(*cut(covers, (0, 0, width, height))),
        )

    def _dissolved(self, painted: _Painted, share: float) -> Covers:
        """The coverage of a share of a layer; the grain says which parts go first."""
        if share == 1:
            return painted.covers
        table = np.clip((share - np.arange(256) / 255) * 8 + 0.5 * share, 0, 1) * 255
        table = np.round(table).astype(np.uint8)
        pairs = zip(painted.covers, cut(self._grain, painted.box), strict=True)
        return Covers(*(cv2.multiply(cover, cv2.LUT(grain, table), scale=1 / 255) for cover, grain in pairs))

    def _repaint(self, box: Box) -> None:
        for plane, ground in zip(cut(self.planes, box), cut(self._ground, box), strict=True):
            plane[:] = ground
        for cover in cut(self._front, box):
            cover[:] = 0
        for number, covers in sorted(self._covers.items()):
            it = self._layers[number]
            left, top = max(box[0], it.box[0]), max(box[1], it.box[1])
            right, bottom = min(box[2], it.box[2]), min(box[3], it.box[3])
            if right <= left or bottom <= top:
                continue
            part = (left, top, right, bottom)
            own = (left - it.box[0], top - it.box[1], right - it.box[0], bottom - it.box[1])
            there = Covers(*cut(covers, own))
            painted = premultiplied(Planes(*cut(it.planes, own)), there)
            lay_planes(Planes(*cut(self.planes, part)), painted, there)
            if number in self._above:
                for front, cover in zip(cut(self._front, part), there, strict=True):
                    cv2.multiply(front, cv2.bitwise_not(cover), dst=front, scale=1 / 255)
                    cv2.add(front, cover, dst=front)
