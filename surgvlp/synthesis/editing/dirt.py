"""What gets on an endoscope's lens, or close before it, as it looks through the lens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from surgvlp.synthesis.editing.outside import paint_gauze
from surgvlp.synthesis.pictures.picture import Covers, Picture, Planes, cut, half_size, lay_planes
from surgvlp.synthesis.pictures.sprites import premultiplied
from surgvlp.synthesis.pictures.stamps import Stamp, stamp

Degrade = Callable[[Picture, float], None]  # a picture, in place, by what the dirt has grown to, 0 to 1

_GROWN = (0.4, 0.7, 1.0)  # the steps in which dirt grows


def paint_drops(height: int, width: int, generator: np.random.Generator) -> Degrade:
    """Drops: each shows a small, turned, blurred picture of what lies around it."""
    drops = []
    for _ in range(generator.integers(4, 11)):
        radius = 2 * max(1, round(height * generator.uniform(0.015, 0.06)))
        angle, away = generator.uniform(0, 2 * np.pi), generator.uniform(0, 0.48 * height - radius)
        left = int(width / 2 + away * np.cos(angle) - radius) // 2 * 2
        top = int(height / 2 + away * np.sin(angle) - radius) // 2 * 2
        drops.append(((left, top, left + 2 * radius, top + 2 * radius), *_drop(radius, generator)))

    def draw(picture: Picture, share: float) -> None:
        for box, covers, glint in drops[: max(1, round(share * len(drops)))]:
            below = Planes(*cut(picture.planes, box))
            turned = [cv2.blur(plane, (plane.shape[0] // 3 + 1,) * 2)[::-1, ::-1].copy() for plane in below]
            seen = Planes(cv2.add(turned[0], cv2.multiply(below.luma, glint, scale=1 / 255)), *turned[1:])
            lay_planes(below, premultiplied(seen, covers), covers)

    return draw


def _drop(radius: int, generator: np.random.Generator) -> tuple[Covers, np.ndarray]:
    """Coverage of a drop, and its glint, uint8 (2 radius, 2 radius)."""
    y, x = np.mgrid[-1 : 1 : 2j * radius, -1 : 1 : 2j * radius].astype(np.float32)
    bent = 1 + 0.06 * np.sin(3 * np.arctan2(y, x) + generator.uniform(0, 2 * np.pi))
    distance = np.hypot(x, y) * bent
    cover = (np.clip((0.92 - distance) / 0.14, 0, 1) * 255).astype(np.uint8)
    rim = np.exp(-(((distance - 0.78) / 0.1) ** 2)) * (0.5 - 0.5 * (x + y) / 1.5)
    return Covers(cover, half_size(cover)), (np.clip(rim, 0, 1) * 150).astype(np.uint8)


def paint_blood(height: int, width: int, generator: np.random.Generator) -> Degrade:
    """A smear of blood, through which little but red comes."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    centre = generator.uniform((0.5, 0.2), (max(0.5, width / height - 0.5), 0.8))
    distance = np.hypot(x - centre[0], 0.8 * (y - centre[1])) / generator.uniform(0.3, 0.5)
    thick = np.clip(1.1 - distance + 0.35 * _lumps((height, width), (5, 8), generator), 0, 1)
    stops = _stops(cv2.GaussianBlur(np.minimum(1, 1.6 * thick), (0, 0), 0.015 * height))

    def draw(picture: Picture, share: float) -> None:
        covers = stops[_step(share)]
        lay_planes(picture.planes, premultiplied(_reddened(picture.planes, 0.4, 0.4), covers), covers)

    return draw


def paint_fog(height: int, width: int, generator: np.random.Generator) -> Degrade:
    """Fog: light spread over the picture, more in one part of it than in another."""
    stops = _stops(generator.uniform(0.65, 0.85) + 0.2 * _lumps((height, width), (4, 6), generator))

    def draw(picture: Picture, share: float) -> None:
        covers = stops[_step(share)]
        spread = _spread(picture.planes, 16)
        bright = Planes(cv2.convertScaleAbs(spread.luma, alpha=1.15), spread.cb, spread.cr)
        lay_planes(picture.planes, premultiplied(bright, covers), covers)

    return draw


def _stops(thick: np.ndarray) -> list[Covers]:
    """Coverage by dirt at each of the steps in which it grows."""
    found = []
    for share in _GROWN:
        cover = np.round(255 * share * np.clip(thick, 0, 1)).astype(np.uint8)
        found.append(Covers(cover, half_size(cover)))
    return found


def _step(share: float) -> int:
    return min(len(_GROWN) - 1, int(np.searchsorted(_GROWN, share)))


def _reddened(planes: Planes, bright: float, red: float) -> Planes:
    """What comes through blood: red of the luma's strength."""
    weak = half_size(planes.luma)
    luma = cv2.convertScaleAbs(planes.luma, alpha=bright, beta=16 * (1 - bright))
    cb, cr = (cv2.convertScaleAbs(weak, alpha=it, beta=128 - 16 * it) for it in (-red / 3, red))
    return Planes(luma, cb, cr)


def _spread(planes: Planes, coarse: int) -> Planes:
    """Planes blurred as if they had `coarse` rows of chroma only."""
    found = []
    for plane, rows in zip(planes, (2 * coarse, coarse, coarse), strict=True):
        height, width = plane.shape
        small = cv2.resize(plane, (rows * width // height, rows), interpolation=cv2.INTER_AREA)
        found.append(cv2.resize(cv2.blur(small, (3, 3)), (width, height), interpolation=cv2.INTER_LINEAR))
    return Planes(*found)


def draw_wipe(picture: Picture, left: float, aperture: Covers) -> None:
    """The lens pressed on tissue, in place: red, smeared, and clear as `left` goes from 1 to 0."""
    near = float(np.sin(np.pi * np.clip(left, 0, 1)))
    covers = Covers(*(cv2.convertScaleAbs(stop, alpha=near) for stop in aperture))
    smeared = _reddened(_spread(picture.planes, 3), 0.9, 0.3)
    lay_planes(picture.planes, premultiplied(smeared, covers), covers)


def paint_flap(size: int, generator: np.random.Generator) -> Stamp:
    """A flap of tissue out of focus, wet, darker to its edge, `size` pixels wide and high."""
    bent, inside = _patch(size, generator)
    colour = np.array([(190, 90, 80), (214, 170, 110), (150, 60, 56)][generator.integers(3)], np.float32)
    lumps = _lumps((size, size), (5, 5), generator)
    bright = (0.55 + 0.45 * np.clip(1.2 - bent, 0, 1)) * (1 + 0.15 * lumps)
    glare = np.clip(lumps - 0.9, 0, 1) * 120
    return _soft(bright[..., None] * colour + glare[..., None], inside, 0.012 * size)


def paint_pad(size: int, generator: np.random.Generator) -> Stamp:
    """A swab of gauze close to the lens, `size` pixels wide and high."""
    bent, inside = _patch(size, generator)
    bright = (0.6 + 0.3 * np.clip(1.2 - bent, 0, 1))[..., None]
    return _soft(paint_gauze(size, size, generator) * bright, inside, 0.008 * size)


def _patch(size: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A bent disc: distance from its middle, 1 at the edge, and its coverage; float32 (size, size)."""
    y, x = np.mgrid[-1 : 1 : 1j * size, -1 : 1 : 1j * size].astype(np.float32)
    angle = np.arctan2(y, x)
    edge = np.zeros_like(angle)
    for number in range(2, 6):
        edge += generator.normal(0, 0.07) * np.sin(number * angle + generator.uniform(0, 2 * np.pi))
    bent = np.hypot(x, y) / (0.8 + np.clip(edge, -0.2, 0.14))
    return bent, np.clip((1 - bent) * 12, 0, 1)


def _soft(rgb: np.ndarray, cover: np.ndarray, sigma: float) -> Stamp:
    """A stamp out of focus."""
    blurred = cv2.GaussianBlur(np.clip(rgb, 0, 255).astype(np.uint8), (0, 0), max(0.5, sigma))
    return stamp(blurred, cv2.GaussianBlur(cover.astype(np.float32), (0, 0), max(0.5, sigma)))


def _lumps(shape: tuple[int, int], grid: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """float32 of a shape, smooth, deviation about 0.6; `grid` says how many lumps."""
    coarse = generator.standard_normal((grid[0], grid[1]), dtype=np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


DIRT: Mapping[str, Callable[[int, int, np.random.Generator], Degrade]] = MappingProxyType(
    {"drops": paint_drops, "blood": paint_blood, "fog": paint_fog}
)
NEAR: Mapping[str, Callable[[int, np.random.Generator], Stamp]] = MappingProxyType(
    {"flap": paint_flap, "pad": paint_pad}
)
