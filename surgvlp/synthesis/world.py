"""The scene's ground and layers at a state of the operation, painted anew only where something changed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.anatomy import HALF_HEIGHT, HALF_WIDTH, State
from surgvlp.synthesis.classes import class_id
from surgvlp.synthesis.picture import Box, Covers, Planes, cut, half_size, lay_planes, planes_of
from surgvlp.synthesis.scene import Layer, Scene
from surgvlp.synthesis.sprites import planes_and_covers, premultiplied

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


@dataclass(frozen=True)
class Above:
    """A layer above the specimen, as much as is there of it.

    Attributes:
        planes: premultiplied by its coverage.
        covers: its coverage.
        left, top: its place in the world's picture.
        label: id of its class.
    """

    planes: Planes
    covers: Covers
    left: int
    top: int
    label: int


class World:
    """What lies below the specimen as one picture of the world, and each layer above it.

    All follows from the state that it was last brought to.

    Args:
        scene: what to show.

    Attributes:
        to_world: (3, 3) from its pixels to the world.
        below: the planes of ground and layers.
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
        self.below = Planes(*(plane.copy() for plane in self._ground))
        self._layers = [self._painted(layer, scene.scale) for layer in (*scene.below, *scene.above)]
        self._count = len(scene.below)
        self._steps = [0] * len(self._layers)
        self._covers: dict[int, Covers] = {}  # of the layers that are there, in part or whole
        self._above: dict[int, Above] = {}
        self._labels: np.ndarray | None = None

    def bring_to(self, state: State) -> None:
        """Paint what has changed up to a state of the operation."""
        steps = [round(float(it.layer.share(state)) * _STEPS) for it in self._layers]
        changed = [number for number, step in enumerate(steps) if step != self._steps[number]]
        self._steps = steps
        for number in changed:
            self._covers.pop(number, None)
            self._above.pop(number, None)
            if steps[number] > 0:
                it = self._layers[number]
                self._covers[number] = covers = self._dissolved(it, steps[number] / _STEPS)
                if number >= self._count:
                    planes = premultiplied(it.planes, covers)
                    self._above[number] = Above(planes, covers, *it.box[:2], class_id(it.layer.tissue))
        boxes = [self._layers[number].box for number in changed if number < self._count]
        if boxes:
            self._labels = None
            left, top, right, bottom = np.array(boxes).T
            self._repaint((int(left.min()), int(top.min()), int(right.max()), int(bottom.max())))

    def above(self) -> list[Above]:
        """What is there of the layers above the specimen, from back to front."""
        return [self._above[number] for number in sorted(self._above)]

    def labels(self) -> np.ndarray:
        """uint8 (h, w), ids of the classes of ground and layers below the specimen."""
        if self._labels is None:
            self._labels = self._tissue.copy()
            for number in range(self._count):
                if number in self._covers:
                    it = self._layers[number]
                    left, top, right, bottom = it.box
                    there = self._covers[number].luma > 127
                    self._labels[top:bottom, left:right][there] = class_id(it.layer.tissue)
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
        for plane, ground in zip(cut(self.below, box), cut(self._ground, box), strict=True):
            plane[:] = ground
        left, top, right, bottom = box
        for number in range(self._count):
            if number not in self._covers:
                continue
            it = self._layers[number]
            part = (max(left, it.box[0]), max(top, it.box[1]), min(right, it.box[2]), min(bottom, it.box[3]))
            if part[2] > part[0] and part[3] > part[1]:
                own = (part[0] - it.box[0], part[1] - it.box[1], part[2] - it.box[0], part[3] - it.box[1])
                planes, covers = Planes(*cut(it.planes, own)), Covers(*cut(self._covers[number], own))
                lay_planes(Planes(*cut(self.below, part)), premultiplied(planes, covers), covers)
