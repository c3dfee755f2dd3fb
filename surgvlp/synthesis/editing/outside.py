"""The endoscope outside the patient: pulled through its port, blurred theatre, the lens wiped with gauze."""

from __future__ import annotations

import cv2
import numpy as np

from surgvlp.synthesis.pictures.picture import Picture, Planes, planes_of
from surgvlp.synthesis.pictures.stamps import put, stamp

_COARSE = 3  # out of focus nothing needs more pixels than every third
_WIDE = 1.6  # the painted views are wider than the picture, so that they can sway
_DRAPES = ((38, 92, 120), (52, 120, 110), (70, 110, 150), (40, 70, 110))
_SHARES = (0.14, 0.42, 0.72, 0.88)  # of a look outside: port, theatre, gauze, theatre, port


class Outside:
    """The views outside of one lecture.

    Args:
        aperture: uint8 (height, width), the round stop of the endoscope: 255 where light comes through.
        generator: draws drapes, lamps, gauze and movements.
    """

    def __init__(self, aperture: np.ndarray, generator: np.random.Generator) -> None:
        height, width = aperture.shape
        hidden = 1 - aperture.astype(np.float32) / 255
        self._stop = stamp(np.zeros((height, width, 3), np.uint8), hidden)
        high, wide = round(_WIDE * height / _COARSE / 2) * 2, round(_WIDE * width / _COARSE / 2) * 2
        self._theatre = planes_of(paint_theatre(high, wide, generator))
        self._gauze = planes_of(paint_gauze(high, wide, generator))
        self._port = planes_of(paint_port(high, wide, generator))
        self._phases = generator.uniform(0, 2 * np.pi, 4)

    def draw(self, picture: Picture, share: float, seconds: float) -> None:
        """Fill a picture with a moment of a look outside.

        Args:
            picture: of the aperture's size.
            share: of the look that has passed, 0 to 1.
            seconds: the lecture's time, which the swaying follows.
        """
        out, look, wipe, back = _SHARES
        if share < out or share > back:
            depth = share / out if share < out else (1 - share) / (1 - back)
            _fill(picture, self._port, np.zeros(2), 0.6 + 2.2 * (1 - depth))
        elif look <= share < wipe:
            stroke = np.array([0.24 * np.sin(9 * seconds), 0.15 * np.sin(7 * seconds + 1)])
            _fill(picture, self._gauze, stroke, 1.1 + 0.2 * np.sin(4 * seconds))
        else:
            sway = 0.2 * np.sin(np.array([1.3, 1.7]) * seconds + self._phases[:2])
            _fill(picture, self._theatre, sway, 1.1 + 0.2 * np.sin(0.9 * seconds + self._phases[2]))
        put(picture, self._stop, 0, 0)


def _fill(picture: Picture, painted: Planes, shift: np.ndarray, zoom: float) -> None:
    """Fill a picture with the middle of a view, shifted by shares of the picture's height, and zoomed."""
    height, width = picture.planes.luma.shape
    scale = _COARSE * zoom
    middle = np.array(painted.luma.shape[::-1]) / 2
    offset = np.array([width, height]) / 2 + shift * height - scale * middle
    picture.fill(painted, np.array([[scale, 0, offset[0]], [0, scale, offset[1]]]))


def paint_theatre(height: int, width: int, generator: np.random.Generator) -> np.ndarray:
    """uint8 (height, width, 3): drapes, a belly in iodine, lamps, a gloved hand, all out of focus."""
    drape = np.array(_DRAPES[generator.integers(len(_DRAPES))]) * generator.uniform(0.8, 1.3)
    folds = _noise((height, width), (3, 9), generator)
    view = drape.astype(np.float32) * (1 + 0.35 * folds[..., None])
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    wide = width / height

    def blob(colour: tuple[int, int, int], radii: tuple[float, float], strength: float) -> None:
        place = generator.uniform((0.15 * wide, 0.15), (0.85 * wide, 0.85))
        distance = np.hypot((x - place[0]) / radii[0], (y - place[1]) / radii[1])
        cover = np.clip((1.15 - distance) / 0.4, 0, 1)[..., None] * strength
        view[:] = view * (1 - cover) + np.array(colour, np.float32) * cover

    blob((196, 130, 84), (generator.uniform(0.25, 0.5), generator.uniform(0.2, 0.35)), 0.9)
    blob((226, 222, 206), (generator.uniform(0.08, 0.16), generator.uniform(0.2, 0.3)), 0.9)
    blob((120, 126, 132), (generator.uniform(0.04, 0.08), generator.uniform(0.2, 0.4)), 0.8)
    for _ in range(generator.integers(1, 4)):
        size = generator.uniform(0.05, 0.16)
        blob((255, 255, 250), (1.8 * size, 1.8 * size), 0.35)
        blob((255, 255, 250), (size, size), 1.0)
    return _blurred(view, 0.03 * height)


def paint_gauze(height: int, width: int, generator: np.random.Generator) -> np.ndarray:
    """uint8 (height, width, 3): woven gauze right before the lens, with a little blood in it."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    bent = 0.02 * _noise((height, width), (3, 5), generator)
    turn = generator.uniform(-0.5, 0.5)
    across, along = x * np.cos(turn) - y * np.sin(turn) + bent, x * np.sin(turn) + y * np.cos(turn) - bent
    pitch = 2 * np.pi * generator.uniform(22, 34)
    weave = 0.5 * np.sin(pitch * across) + 0.5 * np.sin(pitch * along)
    bright = 205 + 26 * weave + 30 * _noise((height, width), (3, 5), generator)
    view = bright[..., None] * np.array([1.0, 0.98, 0.94], np.float32)
    stain = np.clip(_noise((height, width), (3, 5), generator) - 0.8, 0, 0.6)[..., None]
    view = view * (1 - stain) + np.array([150, 22, 20], np.float32) * stain
    return _blurred(view, 0.004 * height)


def paint_port(height: int, width: int, generator: np.random.Generator) -> np.ndarray:
    """uint8 (height, width, 3): the inside of the port, rings around a bright way out."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    place = np.array([0.5 * width / height, 0.5]) + generator.normal(0, 0.02, 2)
    distance = np.hypot(x - place[0], y - place[1])
    colour = np.array([(150, 154, 160), (190, 196, 198), (96, 110, 120)][generator.integers(3)], np.float32)
    rings = 0.55 + 0.3 * np.sin(18 / np.maximum(distance, 0.05) + generator.uniform(0, 6)) * np.clip(
        4 * distance, 0, 1
    )
    glare = 0.5 * np.clip(np.cos(np.arctan2(y - place[1], x - place[0]) - generator.uniform(0, 6)), 0, 1) ** 8
    view = (
        colour
        * (rings + glare * np.clip(3 * distance, 0, 1))[..., None]
        * np.clip(0.35 + 1.2 * distance, 0, 1.1)[..., None]
    )
    end = np.array([(205, 225, 235), (190, 84, 70)][generator.integers(2)], np.float32)
    cover = np.clip((0.09 - distance) / 0.02, 0, 1)[..., None]
    return _blurred(view * (1 - cover) + end * cover, 0.012 * height)


def _noise(shape: tuple[int, int], grid: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """float32 of that shape, smooth, deviation about 0.6; `grid` says how many lumps."""
    coarse = generator.standard_normal((grid[0] + 2, grid[1] + 2), dtype=np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _blurred(view: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(np.clip(view, 0, 255).astype(np.uint8), (0, 0), max(0.4, sigma))
