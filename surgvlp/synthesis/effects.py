"""What passes over the picture: smoke, blood, water, sparks, the specimen bag, the light, the camera's noise."""

from __future__ import annotations

import cv2
import numpy as np

from surgvlp.synthesis.anatomy import smooth
from surgvlp.synthesis.instruments import Pen


def lay_over(frame: np.ndarray, rgb: np.ndarray, cover: np.ndarray) -> None:
    """Blend `rgb`, already multiplied by its coverage, over `frame`, in place; `cover` is uint8 (h, w)."""
    rest = cv2.bitwise_not(cv2.merge([cover, cover, cover]))
    cv2.multiply(frame, rest, dst=frame, scale=1 / 255)
    cv2.add(frame, rgb, dst=frame)


class Light:
    """The endoscope's light: a bright middle, dim edges, black outside its round picture.

    Args:
        height, width: of the picture, pixels.
        generator: draws radius, falling off, centre and tint of this lecture.
    """

    def __init__(self, height: int, width: int, generator: np.random.Generator) -> None:
        centre = generator.normal(0, 0.025, 2)
        radius = generator.choice([generator.uniform(0.5, 0.6), generator.uniform(0.6, 0.85)])
        falling = generator.uniform(0.35, 0.9)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        distance = np.hypot(x / height - 0.5 * width / height - centre[0], y / height - 0.5 - centre[1])
        inside = np.clip((radius - distance) * 60, 0, 1)
        light = inside * (1 - falling * np.clip(distance / radius, 0, 1) ** 2)
        tint = 1 + generator.uniform(-0.1, 0.1, 3)
        self._light = np.clip(light[..., None] * tint * 210, 0, 255).astype(np.uint8)
        grain = generator.normal(0, generator.uniform(1.5, 5), (4, height + 32, width + 32, 3))
        self._grain = np.round(grain).astype(np.int16)

    def fall_on(self, frame: np.ndarray, brightness: float, number: int) -> np.ndarray:
        """The frame as the camera sees it: lit, and with the noise of frame `number`."""
        lit = cv2.multiply(frame, self._light, scale=brightness / 200)
        height, width = frame.shape[:2]
        top, left = (number * 13) % 32, (number * 7) % 32
        grain = self._grain[number % 4, top : top + height, left : left + width]
        return cv2.add(lit, grain, dtype=cv2.CV_8U)


def draw_smoke(frame: np.ndarray, smoke: np.ndarray, level: float, time: float) -> None:
    """Cautery smoke of a level from 0 to 1, drifting with time; `smoke` is the scene's plume."""
    height, width = frame.shape[:2]
    top = round(0.07 * height * time) % (smoke.shape[0] - height)
    left = round(abs(np.sin(0.21 * time)) * (smoke.shape[1] - width))
    cover = np.round(smoke[top : top + height, left : left + width] * (level * 190)).astype(np.uint8)
    grey = cv2.convertScaleAbs(cover, alpha=0.75)
    lay_over(frame, cv2.merge([grey, grey, grey]), cover)


def draw_water(pen: Pen, time: float, generator: np.random.Generator) -> None:
    """A jet out of the irrigator's mouth, and drops that splash where it lands."""
    for _ in range(7):
        spread, reach = generator.normal(0, 0.035), generator.uniform(0.08, 0.2)
        pen.line(
            [(0.005, spread * 0.2), (0.5 * reach, spread * 0.6), (reach, spread)], (205, 215, 225), 0.006
        )
    for _ in range(10):
        pen.disc(
            (generator.uniform(0.06, 0.24), generator.normal(0, 0.05)),
            generator.uniform(0.003, 0.01),
            (235, 240, 245),
        )
    pen.line([(0.0, 0.0), (0.16, 0.004 * np.sin(9 * time))], (225, 232, 240), 0.012)


def draw_spark(pen: Pen, generator: np.random.Generator) -> None:
    """The spark at the tip of the hook."""
    pen.disc((0.0, 0.075), 0.02, (255, 205, 130))
    pen.disc((0.0, 0.075), generator.uniform(0.006, 0.013), (255, 255, 250))
    for _ in range(4):
        end = np.array([0.0, 0.075]) + generator.normal(0, 0.035, 2)
        pen.line([(0.0, 0.075), end], (255, 240, 200), 0.005)


def draw_clip(pen: Pen, colour: np.ndarray) -> None:
    """A closed clip across a vessel that runs along local x."""
    pen.line([(0.0, -0.05), (0.0, 0.05)], colour * 0.5, 0.028)
    pen.line([(0.0, -0.046), (0.0, 0.046)], colour, 0.016)
    pen.disc((0.0, -0.046), 0.012, colour)
    pen.line([(-0.004, -0.04), (-0.004, 0.03)], np.minimum(colour * 1.3 + 20, 255), 0.005)


def draw_bag(
    frame: np.ndarray, mouth: np.ndarray, angle: float, scale: float, size: float, opened: float, filled: float,
    colour: np.ndarray, inside: np.ndarray,
) -> None:  # fmt: skip
    """The specimen bag: rolled up, open with a ring, or closed around the gallbladder.

    Args:
        frame: drawn upon.
        mouth: pixel of the middle of its mouth.
        angle: radians, clockwise; 0 hangs straight down.
        scale: pixels a unit.
        size: width of the open mouth, units.
        opened: 0 (rolled up or drawn shut) to 1.
        filled: 0 to 1.
        colour: RGB of the foil.
        inside: RGB of what shines through.
    """
    half = 0.5 * size * max(0.16, smooth(opened))
    belly = 0.5 * size * max(0.2, smooth(opened) * 0.95, 0.72 * smooth(filled))
    depth = size * (0.85 - 0.1 * opened)
    share = np.linspace(0, 1, 14)
    width = half + (belly - half) * np.sin(0.5 * np.pi * np.clip(share / 0.45, 0, 1))
    width = width * np.sqrt(np.clip(1 - ((share - 0.5) / 0.52).clip(0) ** 2, 0, 1))
    left, right = np.stack([-width, share * depth], 1), np.stack([width, share * depth], 1)
    foil = frame.copy()
    pen = Pen(foil, mouth, angle, scale)
    pen.polygon(np.concatenate([left, right[::-1]]), colour * 0.82)
    if filled > 0.05:
        turn = np.linspace(0, 2 * np.pi, 20)
        ball = np.stack([0.68 * belly * np.cos(turn), 0.56 * depth + 0.33 * depth * np.sin(turn)], 1)
        pen.polygon(ball, colour + (inside - colour) * 0.6 * smooth(filled))
    for place in (-0.75, -0.4, -0.05, 0.3, 0.65):  # folds
        fold = np.stack([place * width[1:-1], (share * depth)[1:-1]], 1)
        pen.line(fold, colour * 0.55, 0.006)
        pen.line(fold + (0.012, 0), np.minimum(colour * 1.15, 255), 0.008)
    cv2.addWeighted(foil, 0.86, frame, 0.14, 0, dst=frame)
    pen = Pen(frame, mouth, angle, scale)
    turn = np.linspace(0, 2 * np.pi, 24)
    lip = np.stack([half * np.cos(turn), (0.02 + 0.05 * opened) * np.sin(turn)], 1)
    pen.polygon(lip, inside * 0.45 * opened + colour * 0.6 * (1 - opened))
    pen.line(lip, colour * 0.4, 0.026)
    pen.line(lip, np.minimum(colour * 1.2, 255), 0.014)
    pen.line([(half, 0.0), (half + 0.05, -0.1), (half + 0.02, -0.3), (half + 0.1, -0.9)], (35, 50, 90), 0.008)
