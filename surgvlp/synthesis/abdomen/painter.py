"""Brushes: what organs of every kind are painted with, once for a lecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike

from surgvlp.synthesis.abdomen.anatomy import HALF_HEIGHT, HALF_WIDTH, rotated
from surgvlp.synthesis.pictures.classes import class_id
from surgvlp.synthesis.pictures.sprites import Sprite

Colour = np.ndarray  # (3,) float RGB, 0 to 255


@dataclass(frozen=True)
class Ground:
    """What covers the world and never moves.

    Attributes:
        rgb: uint8 (h, w, 3).
        tissue: uint8 (h, w), the id of each pixel's class (`classes.CLASSES`).
    """

    rgb: np.ndarray
    tissue: np.ndarray


class Painter:
    """Paints organs on canvases of the size of the world."""

    def __init__(self, scale: float, generator: np.random.Generator) -> None:
        self.scale, self.generator = scale, generator
        self.shape = (round(2 * HALF_HEIGHT * scale), round(2 * HALF_WIDTH * scale))
        self.origin = np.array([HALF_WIDTH, HALF_HEIGHT]) * scale
        angle = generator.uniform(-2.4, -0.7)
        self.light = np.array([0.6 * np.cos(angle), 0.6 * np.sin(angle), 0.8])

    def noise(self, shape: tuple[int, int], size: float, octaves: int = 4) -> np.ndarray:
        """Smooth noise float32 of deviation about 0.5; `size` is that of its coarsest lumps in units."""
        total = np.zeros(shape, np.float32)
        for octave in range(octaves):
            step = size * self.scale / 2**octave
            if step < 1:
                break
            grid = (max(2, int(shape[0] / step) + 3), max(2, int(shape[1] / step) + 3))
            coarse = self.generator.standard_normal(grid, dtype=np.float32)
            fine = cv2.resize(
                coarse, (shape[1] + round(step), shape[0] + round(step)), interpolation=cv2.INTER_CUBIC
            )
            total += fine[: shape[0], : shape[1]] * 0.55**octave
        return total / 2

    def cover(self, outline: ArrayLike, soft: float = 0.006) -> np.ndarray:
        """Coverage float32 (h, w) of a polygon given in world coordinates."""
        mask = np.zeros(self.shape, np.uint8)
        points = np.round((np.asarray(outline) * self.scale + self.origin) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
        return blurred(mask.astype(np.float32) / 255, soft * self.scale)

    def stroke(self, points: np.ndarray, width: float) -> np.ndarray:
        """Coverage float32 (h, w) of a smooth line of a given width through world points."""
        mask = np.zeros(self.shape, np.uint8)
        pixels = np.round((spline(points) * self.scale + self.origin) * 16).astype(np.int32)
        cv2.polylines(mask, [pixels], False, 255, max(1, round(width * self.scale)), cv2.LINE_AA, 4)
        return blurred(mask.astype(np.float32) / 255, 0.004 * self.scale)

    def shaded(
        self, cover: np.ndarray, colour: Colour, bulge: float, rough: float, wet: float, lobed: bool = False
    ) -> np.ndarray:
        """uint8 (h, w, 3): a rounded, textured, wet surface of one colour where `cover` is.

        Args:
            cover: (h, w) coverage; its distance to the edge gives the roundness.
            colour: RGB.
            bulge: width of the rounded rim, units.
            rough: height of the bumps, units.
            wet: strength of the highlights.
            lobed: round lobules with creases between them, as of fat, instead of gentle bumps.
        """
        box = self._box(cover)
        image = np.zeros((*cover.shape, 3), np.uint8)
        image[box] = self._shaded(cover[box], colour, bulge, rough, wet, lobed)
        return image

    def _shaded(
        self, cover: np.ndarray, colour: Colour, bulge: float, rough: float, wet: float, lobed: bool
    ) -> np.ndarray:
        shape = (cover.shape[0], cover.shape[1])
        inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        height = np.sqrt(np.clip(inside / (bulge * self.scale), 0, 1)) * bulge * self.scale
        height = blurred(height, 0.2 * bulge * self.scale)
        bumps = np.sqrt(np.abs(self.noise(shape, 0.1, 2))) if lobed else self.noise(shape, 0.17, 3)
        height += (
            (blurred(bumps, 0.006 * self.scale) + 0.06 * self.noise(shape, 0.02, 2)) * rough * self.scale
        )
        slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125)
        slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125)
        up = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
        facing = (self.light[2] - self.light[0] * slope_x - self.light[1] * slope_y) * up
        gloss = np.clip((facing - 0.962) / 0.038, 0, 1) ** 3 * wet
        mottle = 1 + 0.14 * self.noise(shape, 0.3, 4)
        bright = (0.4 + 0.65 * np.clip(facing, 0, 1)) * mottle
        image = bright[..., None] * colour.astype(np.float32) + (gloss * 190)[..., None]
        return np.clip(image, 0, 255).astype(np.uint8)

    def _box(self, cover: np.ndarray) -> tuple[slice, slice]:
        """Where something is, with some room around it."""
        left, top, width, height = cv2.boundingRect((cover > 0).astype(np.uint8))
        room = round(0.06 * self.scale)
        columns = slice(max(0, left - room), left + width + room)
        return slice(max(0, top - room), top + height + room), columns

    def veins(self, image: np.ndarray, cover: np.ndarray, colour: Colour, count: int, width: float) -> None:
        """Draw `count` fine branching vessels on `image`, in place, where `cover` is."""
        mask = np.zeros(image.shape[:2], np.uint8)
        rows, columns = np.nonzero(cover > 0.5)
        for _ in range(count if len(rows) else 0):
            pick = self.generator.integers(len(rows))
            heading, steps = self.generator.uniform(0, 2 * np.pi), 14
            turns = heading + np.cumsum(self.generator.normal(0, 0.35, steps))
            path = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1) * 0.022 * self.scale, axis=0)
            path += (columns[pick], rows[pick])
            thick = max(1, round(width * self.scale * self.generator.uniform(0.5, 1.2)))
            cv2.polylines(mask, [np.round(path * 16).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 4)
        box = self._box(cover)
        share = blurred(mask[box].astype(np.float32) / 255, 0.003 * self.scale) * cover[box] * 0.55
        share = share[..., None]
        image[box] = (image[box] * (1 - share) + colour.astype(np.float32) * share).astype(np.uint8)

    def ground(self, rgb: np.ndarray, tissue: str) -> Ground:
        """A ground of one tissue, to `put` organs on."""
        return Ground(rgb, np.full(self.shape, class_id(tissue), np.uint8))

    def put(
        self, ground: Ground, cover: np.ndarray, painted: np.ndarray, tissue: str, edge: float = 0.35
    ) -> None:
        """Lay `painted` over the ground, in place, with a dark outline of strength `edge` around it."""
        box = self._box(cover)
        ground.tissue[cover > 0.5] = class_id(tissue)
        cover = cover[box]
        rim = np.clip(blurred(cover, 0.014 * self.scale) * 1.6, 0, 1) * edge
        shadow = ground.rgb[box] * (1 - rim[..., None] * (1 - cover[..., None]))
        ground.rgb[box] = (shadow + (painted[box] - shadow) * cover[..., None]).astype(np.uint8)

    def port(self, ground: Ground, place: np.ndarray) -> None:
        """A port in the abdominal wall: a pale tube seen from its end, dark inside."""
        for radius, colour in ((0.1, 70.0), (0.09, 205.0), (0.07, 120.0), (0.06, 22.0)):
            disc = self.cover(ellipse(place + np.array([0.06, -0.06]), radius, radius * 0.85))
            self.put(ground, disc, np.full(ground.rgb.shape, colour, np.float32), "abdominal_wall", 0.4)

    def layer(self, cover: np.ndarray, painted: np.ndarray) -> Sprite:
        """What is painted where `cover` (h, w) is, both of the world's size, cut out to what is covered."""
        left, top, width, height = cv2.boundingRect((cover > 0).astype(np.uint8))
        box = (slice(top, top + height), slice(left, left + width))
        return Sprite(painted[box].copy(), cover[box].copy(), self.origin - (left, top), self.scale)

    def specimen(self, cover: np.ndarray, painted: np.ndarray, start: np.ndarray) -> Sprite:
        """What is painted where `cover` is, with a dark outline; its local origin is the world's `start`."""
        rim = np.clip(blurred(cover, 0.012 * self.scale) * 1.5 - 0.6, 0, 1)
        sprite = self.layer(cover, (painted * rim[..., None]).astype(np.uint8))
        return replace(sprite, origin=sprite.origin + start * self.scale)

    def grain(self) -> np.ndarray:
        """float32 of the world's size, uniform in [0, 1]: the lumps along which layers come and go."""
        lumpy = self.noise(self.shape, 0.12, 5)
        ranks = np.empty(lumpy.size, np.float32)
        ranks[np.argsort(lumpy, axis=None, kind="stable")] = np.linspace(0, 1, lumpy.size, dtype=np.float32)
        return ranks.reshape(self.shape)

    def splash(self, colour: Colour) -> Sprite:
        """A stain of blood."""
        size = round(0.3 * self.scale)
        y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
        edge = 1 - np.hypot(x, y) + 0.45 * self.noise((size, size), 0.12, 4) - 0.25
        cover = np.clip(edge * 5, 0, 1) * 0.85
        image = self.shaded(cover, colour, 0.06, 0.02, 1.2)
        return Sprite(image, cover, np.array([size / 2, size / 2]), self.scale)

    def smoke(self, height: int) -> np.ndarray:
        """float32 (h, w) in [0, 1], a plume for pictures of `height` pixels."""
        plume = self.noise((round(1.5 * height), round(2.4 * height)), 0.5, 4)
        return np.clip(0.55 + 0.8 * plume, 0, 1)


def spline(points: np.ndarray, count: int = 32) -> np.ndarray:
    """(count, 2) points of a smooth curve through the first and last of four points (a Bézier curve)."""
    if len(points) != 4:
        return np.asarray(points)
    t = np.linspace(0, 1, count)[:, None]
    a, b, c, d = points
    return (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d


def pear(fundus: np.ndarray, neck: np.ndarray, girth: float) -> np.ndarray:
    """(48, 2) outline of a pear, wide at the fundus, with half its greatest width given."""
    axis = neck - fundus
    length = np.linalg.norm(axis)
    share = np.linspace(0, 1, 24)
    width = girth * np.sqrt(np.clip(1 - ((share - 0.38) / 0.4) ** 2, 0, 1)) * (share < 0.38)
    width += (
        girth * (share >= 0.38) * (0.3 + 0.7 * (1 + np.cos(np.pi * np.clip((share - 0.38) / 0.62, 0, 1))) / 2)
    )
    width *= np.sqrt(np.clip((1.03 - share) / 0.08, 0, 1))
    outline = np.concatenate(
        [np.stack([width, share * length], 1), np.stack([-width, share * length], 1)[::-1]]
    )
    return fundus + rotated(outline, np.arctan2(axis[1], axis[0]) - np.pi / 2)


def ellipse(centre: np.ndarray, width: float, height: float) -> np.ndarray:
    """(40, 2) outline of an ellipse; `width` and `height` are its half axes."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return centre + np.stack([width * np.cos(angles), height * np.sin(angles)], axis=1)


def lumps(
    generator: np.random.Generator, centre: Sequence[float] | np.ndarray, radii: Sequence[float], lump: float
) -> np.ndarray:
    """(72, 2) outline of an ellipse with bumps as large as `lump`."""
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    numbers = np.arange(3, 12)
    phases = generator.uniform(0, 2 * np.pi, (len(numbers), 1))
    bumps = (generator.normal(0, 2.0, len(numbers)) / numbers) @ np.sin(np.outer(numbers, angles) + phases)
    reach = 1 + lump * bumps / min(radii)
    return np.asarray(centre) + np.stack(
        [radii[0] * reach * np.cos(angles), radii[1] * reach * np.sin(angles)], 1
    )


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; `sigma` in pixels."""
    return cv2.GaussianBlur(image, (0, 0), max(0.3, sigma))
