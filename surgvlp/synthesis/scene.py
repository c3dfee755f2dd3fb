"""The abdomen of one lecture as painted layers: once per lecture, so that a frame only has to move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from surgvlp.synthesis.anatomy import HALF_HEIGHT, HALF_WIDTH, Anatomy, mixed, rotated
from surgvlp.synthesis.sprites import Sprite

Colour = np.ndarray  # (3,) float RGB, 0 to 255


@dataclass(frozen=True)
class Palette:
    """Colours of one lecture's tissues (RGB)."""

    wall: Colour
    liver: Colour
    gallbladder: Colour
    fat: Colour
    bowel: Colour
    duct: Colour
    artery: Colour
    bed: Colour
    blood: Colour


def draw_palette(generator: np.random.Generator) -> Palette:
    """Draw colours: livers tan to purple, gallbladders grey-green to pink, fat ivory to orange."""

    def between(*choices: tuple[int, int, int]) -> Colour:
        shares = generator.dirichlet(np.full(len(choices), 0.6))
        colour = shares @ np.array(choices, dtype=np.float64)
        return np.clip(colour * generator.uniform(0.85, 1.15) + generator.normal(0, 6, 3), 0, 255)

    return Palette(
        wall=between((190, 110, 95), (205, 140, 110), (170, 80, 80)),
        liver=between((125, 50, 42), (105, 42, 50), (160, 84, 58), (140, 62, 40)),
        gallbladder=between((150, 140, 105), (120, 130, 110), (195, 130, 115), (170, 160, 90)),
        fat=between((225, 185, 95), (230, 205, 140), (215, 150, 85)),
        bowel=between((205, 120, 105), (215, 145, 120), (190, 95, 90)),
        duct=between((205, 165, 125), (190, 150, 90), (215, 150, 130)),
        artery=between((190, 70, 60), (205, 95, 80), (170, 50, 55)),
        bed=between((150, 40, 36), (120, 46, 32), (175, 70, 50)),
        blood=between((110, 8, 10), (135, 12, 14), (90, 6, 12)),
    )


@dataclass(frozen=True)
class Scene:
    """What is painted once for a lecture. Layers cover the world, `scale` pixels a unit.

    Attributes:
        ground: uint8 (h, w, 3): wall, liver, the bed of the gallbladder, bowel and fat.
        layers: what lies over it, by name; "char", "duct", "duct_stump", "artery", "artery_stump", "pool",
            "calot_fat" and "omentum".
        grain: float32 (h, w) in [0, 1], uniformly distributed: layers come and go along it.
        gallbladder: its local y runs from the fundus at 0 to the neck at 1 (`gallbladder_length` units).
        gallbladder_length: units.
        gallbladder_colour: RGB.
        splash: a stain of blood.
        smoke: float32 (h, w) in [0, 1], wrapping around.
    """

    scale: float
    ground: np.ndarray
    layers: dict[str, Sprite]
    grain: np.ndarray
    gallbladder: Sprite
    gallbladder_length: float
    gallbladder_colour: Colour
    splash: Sprite
    smoke: np.ndarray


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
        return _blurred(mask.astype(np.float32) / 255, soft * self.scale)

    def stroke(self, points: np.ndarray, width: float) -> np.ndarray:
        """Coverage float32 (h, w) of a smooth line of a given width through world points."""
        mask = np.zeros(self.shape, np.uint8)
        pixels = np.round((spline(points) * self.scale + self.origin) * 16).astype(np.int32)
        cv2.polylines(mask, [pixels], False, 255, max(1, round(width * self.scale)), cv2.LINE_AA, 4)
        return _blurred(mask.astype(np.float32) / 255, 0.004 * self.scale)

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
        shape = (cover.shape[0], cover.shape[1])
        inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        height = np.sqrt(np.clip(inside / (bulge * self.scale), 0, 1)) * bulge * self.scale
        height = _blurred(height, 0.2 * bulge * self.scale)
        bumps = np.sqrt(np.abs(self.noise(shape, 0.1, 2))) if lobed else self.noise(shape, 0.17, 3)
        height += (
            (_blurred(bumps, 0.006 * self.scale) + 0.06 * self.noise(shape, 0.02, 2)) * rough * self.scale
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
        share = (_blurred(mask.astype(np.float32) / 255, 0.003 * self.scale) * cover * 0.55)[..., None]
        image[:] = (image * (1 - share) + colour.astype(np.float32) * share).astype(np.uint8)

    def put(self, image: np.ndarray, cover: np.ndarray, painted: np.ndarray, edge: float = 0.35) -> None:
        """Lay `painted` over `image`, in place, with a dark outline of strength `edge` around it."""
        rim = np.clip(_blurred(cover, 0.014 * self.scale) * 1.6, 0, 1) * edge
        shadow = image * (1 - rim[..., None] * (1 - cover[..., None]))
        image[:] = (shadow + (painted - shadow) * cover[..., None]).astype(np.uint8)


def paint_scene(anatomy: Anatomy, height: int, generator: np.random.Generator) -> Scene:
    """Paint one lecture's scene for pictures of `height` pixels."""
    painter = Painter(1.2 * height, generator)
    palette = draw_palette(generator)
    grain = painter.noise(painter.shape, 0.12, 5)
    order = np.argsort(grain, axis=None, kind="stable")
    ranks = np.empty(grain.size, np.float32)
    ranks[order] = np.linspace(0, 1, grain.size, dtype=np.float32)
    gallbladder, length = _gallbladder(painter, palette, anatomy)
    return Scene(
        scale=painter.scale,
        ground=_ground(painter, palette, anatomy),
        layers=_layers(painter, palette, anatomy),
        grain=ranks.reshape(grain.shape),
        gallbladder=gallbladder,
        gallbladder_length=length,
        gallbladder_colour=palette.gallbladder,
        splash=_splash(painter, palette),
        smoke=_smoke(painter, height),
    )


def _ground(painter: Painter, palette: Palette, anatomy: Anatomy) -> np.ndarray:
    generator = painter.generator
    everywhere = np.ones(painter.shape, np.float32)
    image = painter.shaded(everywhere, palette.wall, 0.3, 0.022, 0.5)
    painter.veins(image, everywhere, palette.artery * 0.8, 45, 0.007)
    _port(painter, image, anatomy)
    x = np.linspace(-1.4, 1.4, 29)
    wave = generator.uniform(-0.03, 0.03, 4) @ np.sin(
        np.outer(np.arange(2, 6), x) + generator.uniform(0, 6, (4, 1))
    )
    top = -0.62 + 0.32 * np.clip(x, -0.2, 1.4) + wave
    bottom = 0.02 + 0.16 * np.abs(x) * (x > 0) - 0.12 * (x < -0.2) + 0.5 * wave
    liver = painter.cover(np.concatenate([np.stack([x, top], 1), np.stack([x, bottom], 1)[::-1]]))
    bowel = painter.cover(_lumps(generator, (-0.75, 0.62), (0.75, 0.26), 0.03))
    fat = painter.cover(_lumps(generator, (0.25, 0.78), (1.1, 0.38), 0.06))
    for cover, colour, bulge, rough, wet, veins in (
        (liver, palette.liver, 0.2, 0.02, 0.7, 6),
        (bowel, palette.bowel, 0.2, 0.02, 0.9, 24),
        (fat, palette.fat, 0.12, 0.03, 0.6, 14),
    ):
        painted = painter.shaded(cover, colour, bulge, rough, wet, lobed=cover is fat)
        painter.veins(painted, cover, palette.artery, veins, 0.006)
        painter.put(image, cover, painted)
    bed = painter.cover(
        _pear(mixed(anatomy.fundus, anatomy.neck, 0.06), anatomy.neck, 0.85 * anatomy.girth), 0.02
    )
    painter.put(image, bed, painter.shaded(bed, palette.bed, 0.3, 0.05, 1.1), 0.2)
    return image


def _port(painter: Painter, image: np.ndarray, anatomy: Anatomy) -> None:
    """A port in the abdominal wall: a pale tube seen from its end, dark inside."""
    for radius, colour in ((0.1, 70.0), (0.09, 205.0), (0.07, 120.0), (0.06, 22.0)):
        disc = painter.cover(_ellipse(anatomy.port + np.array([0.06, -0.06]), radius, radius * 0.85))
        painter.put(image, disc, np.full(image.shape, colour, np.float32), 0.4)


def _layers(painter: Painter, palette: Palette, anatomy: Anatomy) -> dict[str, Sprite]:
    generator = painter.generator
    layers = {}

    def keep(name: str, cover: np.ndarray, painted: np.ndarray) -> None:
        layers[name] = Sprite(painted, cover, painter.origin, painter.scale)

    bed = painter.cover(_pear(anatomy.fundus, anatomy.neck, 0.75 * anatomy.girth), 0.02)
    keep("char", bed * 0.75, painter.shaded(bed, np.array([95.0, 62.0, 40.0]), 0.2, 0.06, 0.6))
    for name, course, width, colour in (
        ("duct", anatomy.duct, 0.055, palette.duct),
        ("artery", anatomy.artery, 0.036, palette.artery),
    ):
        whole = spline(course)
        for suffix, parts in (("", [whole]), ("_stump", [whole[:13], whole[19:]])):
            cover = np.max([painter.stroke(part, width) for part in parts], axis=0)
            keep(name + suffix, cover, painter.shaded(cover, colour, 0.5 * width, 0.004, 0.9))
    triangle = anatomy.fixed["triangle"]
    veil = painter.cover(_lumps(generator, triangle + np.array([0.02, 0.02]), (0.24, 0.19), 0.03), 0.02)
    keep("calot_fat", veil, painter.shaded(veil, palette.fat * 0.97, 0.08, 0.025, 0.6, lobed=True))
    drape = painter.cover(
        _lumps(generator, anatomy.fixed["omentum"] + [0.0, 0.14], (0.34, 0.32), 0.04), 0.015
    )
    painted = painter.shaded(drape, palette.fat, 0.1, 0.035, 0.6, lobed=True)
    painter.veins(painted, drape, palette.artery, 22, 0.007)
    keep("omentum", drape, painted)
    pool = painter.cover(_lumps(generator, anatomy.fixed["gutter"] + [0.0, 0.12], (0.42, 0.17), 0.02), 0.03)
    shine = painter.shaded(pool, mixed(palette.blood, palette.bowel, 0.45), 0.5, 0.008, 1.6)
    keep("pool", 0.8 * pool, shine)
    return layers


def _gallbladder(painter: Painter, palette: Palette, anatomy: Anatomy) -> tuple[Sprite, float]:
    length = float(np.linalg.norm(anatomy.neck - anatomy.fundus))
    start = np.array([0.0, -0.5 * length])
    cover = painter.cover(_pear(start, -start, anatomy.girth))
    image = painter.shaded(cover, palette.gallbladder, 0.85 * anatomy.girth, 0.006, 1.2)
    painter.veins(image, cover, palette.artery, 16, 0.005)
    rim = np.clip(_blurred(cover, 0.012 * painter.scale) * 1.5 - 0.6, 0, 1)
    image = (image * rim[..., None]).astype(np.uint8)  # the outline
    half = np.array([anatomy.girth + 0.06, 0.5 * length + 0.06]) * painter.scale
    (left, top), (right, bottom) = (painter.origin - half).astype(int), (painter.origin + half).astype(int)
    origin = painter.origin + start * painter.scale - (left, top)
    box = (slice(top, bottom), slice(left, right))
    return Sprite(np.ascontiguousarray(image[box]), cover[box], origin, painter.scale), length


def _splash(painter: Painter, palette: Palette) -> Sprite:
    size = round(0.3 * painter.scale)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    edge = 1 - np.hypot(x, y) + 0.45 * painter.noise((size, size), 0.12, 4) - 0.25
    cover = np.clip(edge * 5, 0, 1) * 0.85
    image = painter.shaded(cover, palette.blood, 0.06, 0.02, 1.2)
    return Sprite(image, cover, np.array([size / 2, size / 2]), painter.scale)


def _smoke(painter: Painter, height: int) -> np.ndarray:
    shape = (round(1.5 * height), round(2.4 * height))
    plume = painter.noise(shape, 0.5, 4)
    return np.clip(0.55 + 0.8 * plume, 0, 1)


def spline(points: np.ndarray, count: int = 32) -> np.ndarray:
    """(count, 2) points of a smooth curve through the first and last of four points (a Bézier curve)."""
    if len(points) != 4:
        return np.asarray(points)
    t = np.linspace(0, 1, count)[:, None]
    a, b, c, d = points
    return (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d


def _pear(fundus: np.ndarray, neck: np.ndarray, girth: float) -> np.ndarray:
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


def _ellipse(centre: np.ndarray, width: float, height: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return centre + np.stack([width * np.cos(angles), height * np.sin(angles)], axis=1)


def _lumps(
    generator: np.random.Generator, centre: Sequence[float] | np.ndarray, radii: Sequence[float], lump: float
) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    numbers = np.arange(3, 12)
    phases = generator.uniform(0, 2 * np.pi, (len(numbers), 1))
    bumps = (generator.normal(0, 2.0, len(numbers)) / numbers) @ np.sin(np.outer(numbers, angles) + phases)
    reach = 1 + lump * bumps / min(radii)
    return np.asarray(centre) + np.stack(
        [radii[0] * reach * np.cos(angles), radii[1] * reach * np.sin(angles)], 1
    )


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), max(0.3, sigma))
