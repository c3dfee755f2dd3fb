"""The scene's ground, layers and clips at a state of the operation, painted anew only where that changed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.abdomen.anatomy import HALF_HEIGHT, HALF_WIDTH, State
from surgvlp.synthesis.abdomen.scene import Layer, Scene
from surgvlp.synthesis.pictures.classes import class_id
from surgvlp.synthesis.pictures.masks import Mask
from surgvlp.synthesis.pictures.picture import (
    Box,
    Covers,
    Front,
    Picture,
    Planes,
    Surface,
    cut,
    half_size,
    lay_planes,
    planes_of,
    premultiplied,
)
from surgvlp.synthesis.pictures.sketch import Sketch
from surgvlp.synthesis.pictures.sprites import planes_and_covers

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
        clip: drawn where the scene says that clips are.

    Attributes:
        to_world: (3, 3) from its pixels to the world.
        planes: of ground and layers.
    """

    def __init__(self, scene: Scene, clip: Sketch) -> None:
        height, width = (side // 2 * 2 for side in scene.grain.shape)
        self._clip, self._clips, self._scale = clip, scene.clips, scene.scale
        to_world = np.array(
            [[1, 0, -HALF_WIDTH * scene.scale], [0, 1, -HALF_HEIGHT * scene.scale], [0, 0, 1]]
        )
        self.to_world = to_world / [[scene.scale], [scene.scale], [1]]
        grain = np.round(scene.grain[:height, :width] * 255).astype(np.uint8)
        self._grain = Covers(grain, half_size(grain))
        self._ground = planes_of(np.ascontiguousarray(scene.ground.rgb[:height, :width]))
        self._tissue = scene.ground.tissue[:height, :width]
        self._picture = Picture(height, width)
        self.planes = self._picture.planes
        for plane, ground in zip(self.planes, self._ground, strict=True):
            plane[:] = ground
        self._layers = [self._painted(layer, scene.scale) for layer in (*scene.below, *scene.above)]
        self._above = range(len(scene.below), len(self._layers))
        self._front = Covers(np.zeros_like(self._grain.luma), np.zeros_like(self._grain.chroma))
        self._steps = [0] * (len(self._layers) + len(self._clips))
        self._covers: dict[int, Covers] = {}  # of the layers that are there, in part or whole
        self._labels: np.ndarray | None = None

    def bring_to(self, state: State) -> None:
        """Paint what has changed up to a state of the operation."""
        steps = [round(float(it.layer.share(state)) * _STEPS) for it in self._layers]
        steps += [int(clips.count(state) + 0.01) for clips in self._clips]
        if steps == self._steps:
            return
        boxes = self._clip_boxes()
        changed = [number for number, it in enumerate(self._layers) if steps[number] != self._steps[number]]
        self._steps, self._labels = steps, None
        for number in changed:
            self._covers.pop(number, None)
            if steps[number] > 0:
                self._covers[number] = self._dissolved(self._layers[number], steps[number] / _STEPS)
        # all clips are painted anew whenever anything is: half of one would have other edges
        boxes += [*self._clip_boxes(), *(self._layers[number].box for number in changed)]
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        self._repaint((min(lefts), min(tops), max(rights), max(bottoms)))
        self._draw_clips(self._picture)

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
            self._draw_clips(Mask(self._labels))
        return self._labels

    def _set_clips(self) -> list[tuple[np.ndarray, float]]:
        """Pixel and heading of each clip that is there."""
        origin = np.array([HALF_WIDTH, HALF_HEIGHT]) * self._scale
        return [
            (place * self._scale + origin, float(heading))
            for clips, count in zip(self._clips, self._steps[len(self._layers) :], strict=True)
            for place, heading in zip(clips.places[:count], clips.headings[:count], strict=True)
        ]

    def _clip_boxes(self) -> list[Box]:
        reach, (height, width) = 0.06 * self._scale, self._tissue.shape
        ends = [
            np.clip([pixel - reach, pixel + reach + 2], 0, (width, height)) for pixel, _ in self._set_clips()
        ]
        return [tuple((end.ravel() // 2 * 2).astype(int).tolist()) for end in ends]

    def _draw_clips(self, surface: Surface) -> None:
        for pixel, heading in self._set_clips():
            self._clip.draw(surface, pixel, heading, self._scale)

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
