"""What passes over the picture: smoke, blood, water, sparks, clips, the specimen bag."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.anatomy import Anatomy, smooth
from surgvlp.synthesis.instruments import Pen
from surgvlp.synthesis.procedure import Procedure
from surgvlp.synthesis.sprites import Sprite, draw_sprite, lay_over

_WATER = (190, 205, 220)


@dataclass(frozen=True)
class Stain:
    """A bleeding: when it begins, where in the world, and how large it gets."""

    begin: float
    place: np.ndarray
    size: float


@dataclass(frozen=True)
class Bag:
    """The specimen bag: rolled up, open with a ring, or closed around the specimen.

    Attributes:
        size: width of the open mouth, units.
        opened: 0 (rolled up or drawn shut) to 1.
        filled: 0 to 1.
        colour: RGB of the foil.
        inside: RGB of what shines through.
    """

    size: float
    opened: float
    filled: float
    colour: np.ndarray
    inside: np.ndarray


def smoke_levels(procedure: Procedure, times: np.ndarray, strength: float) -> np.ndarray:
    """(N,) from 0 to 1: smoke gathers within a second or two of cautery and is gone some seconds later."""
    burning = np.zeros(len(times), bool)
    for timed in procedure.actions:
        if "smoke" in timed.action.effects:
            burning |= (times > timed.start + 1) & (times < timed.end - 0.5)
    levels, level, step = np.zeros(len(times)), 0.0, float(times[1])
    for number, burns in enumerate(burning):
        level += step * ((strength - level) / 1.8 if burns else -level / 2.5)
        levels[number] = level
    return levels


def draw_stains(procedure: Procedure, anatomy: Anatomy, generator: np.random.Generator) -> list[Stain]:
    """Draw bleedings: where an action brings one, and now and then anywhere."""
    stains = []
    for timed in procedure.actions:
        if "blood" in timed.action.effects or generator.uniform() < 0.12:
            place = anatomy.fixed.get(timed.action.focus, generator.uniform((-0.4, -0.1), (0.4, 0.3)))
            begin = timed.start - generator.uniform(0, 2)
            stains.append(Stain(begin, place + generator.normal(0, 0.04, 2), generator.uniform(0.35, 1.2)))
    return stains


def draw_stain(frame: np.ndarray, view: np.ndarray, splash: Sprite, stain: Stain, time: float) -> None:
    """A stain grows for some seconds and has been washed away after forty."""
    age = time - stain.begin
    if 0 < age < 40:
        turn = np.eye(2) * stain.size * (0.6 + 0.4 * min(1.0, age / 6))
        draw_sprite(frame, view, splash, stain.place, turn, min(1.0, age / 3, (40 - age) / 25))


def draw_smoke(frame: np.ndarray, smoke: np.ndarray, level: float, time: float) -> None:
    """Cautery smoke of a level from 0 to 1, drifting with time; `smoke` is the scene's plume."""
    if level < 0.02:
        return
    height, width = frame.shape[:2]
    top = round(0.07 * height * time) % (smoke.shape[0] - height)
    left = round(abs(np.sin(0.21 * time)) * (smoke.shape[1] - width))
    cover = np.round(smoke[top : top + height, left : left + width] * (level * 190)).astype(np.uint8)
    grey = cv2.convertScaleAbs(cover, alpha=0.75)
    lay_over(frame, cv2.merge([grey, grey, grey, cover]))


def draw_water(
    frame: np.ndarray, tip: np.ndarray, angle: float, scale: float, generator: np.random.Generator
) -> None:
    """A jet out of the irrigator's mouth at pixel `tip`, and drops that splash where it lands."""
    wet = frame.copy()
    pen = Pen(wet, tip, angle, scale)
    reach, spread = generator.uniform(0.15, 0.19), generator.uniform(0.03, 0.045)
    pen.polygon([(0.0, -0.02), (0.0, 0.02), (reach, spread), (1.1 * reach, 0.0), (reach, -spread)], _WATER)
    for _ in range(5):
        across = generator.uniform(-1, 1)
        pen.line([(0.01, 0.014 * across), (reach, spread * across)], (245, 248, 252), 0.004)
    for _ in range(12):
        away = np.array([reach + abs(generator.normal(0, 0.035)), generator.normal(0, 1.3 * spread)])
        pen.disc(away, generator.uniform(0.003, 0.009), (240, 245, 250))
    cv2.addWeighted(wet, 0.6, frame, 0.4, 0, dst=frame)


def draw_spark(pen: Pen, generator: np.random.Generator) -> None:
    """The spark at the tip of the hook."""
    pen.disc((0.0, 0.075), 0.02, (255, 205, 130))
    pen.disc((0.0, 0.075), generator.uniform(0.006, 0.013), (255, 255, 250))
    for _ in range(4):
        end = np.array([0.0, 0.075]) + generator.normal(0, 0.035, 2)
        pen.line(np.stack([np.array([0.0, 0.075]), end]), (255, 240, 200), 0.005)


def draw_clip(pen: Pen, colour: np.ndarray) -> None:
    """A closed clip across a vessel that runs along local x."""
    pen.line([(0.0, -0.036), (0.0, 0.038)], colour * 0.35, 0.022)
    pen.line([(-0.002, -0.034), (-0.002, 0.034)], colour, 0.013)
    pen.disc((0.0, -0.036), 0.011, colour * 0.85)
    pen.line([(-0.005, -0.03), (-0.005, 0.02)], np.minimum(colour * 1.3 + 40, 255), 0.004)


def draw_bag(frame: np.ndarray, mouth: np.ndarray, angle: float, scale: float, bag: Bag) -> None:
    """Draw the bag with the middle of its mouth at a pixel, `angle` radians off hanging straight down."""
    size, opened, filled, colour = bag.size, bag.opened, bag.filled, bag.colour
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
        pen.polygon(ball, colour + (bag.inside - colour) * 0.6 * smooth(filled))
    for place, bend in ((-0.8, 0.1), (-0.5, -0.12), (-0.1, 0.1), (0.25, -0.08), (0.7, 0.1)):  # folds
        course = place + bend * np.sin(7 * share[1:-2] + 9 * place)
        fold = np.stack([course * width[1:-2], (share * depth)[1:-2]], 1)
        pen.line(fold, colour * 0.68, 0.012)
        pen.line(fold[2:-3] + np.array([0.014, 0.0]), np.minimum(colour * 1.08, 255), 0.006)
    glint = np.stack([-0.62 * width[3:9], (share * depth)[3:9]], 1)
    pen.line(glint, (252, 252, 252), 0.012)
    cv2.addWeighted(foil, 0.84, frame, 0.16, 0, dst=frame)
    pen = Pen(frame, mouth, angle, scale)
    turn = np.linspace(0, 2 * np.pi, 24)
    lip = np.stack([half * np.cos(turn), (0.02 + 0.05 * opened) * np.sin(turn)], 1)
    pen.polygon(lip, bag.inside * 0.45 * opened + colour * 0.6 * (1 - opened))
    pen.line(lip, colour * 0.4, 0.026)
    pen.line(lip, np.minimum(colour * 1.2, 255), 0.014)
    pen.line([(half, 0.0), (half + 0.05, -0.1), (half + 0.02, -0.3), (half + 0.1, -0.9)], (35, 50, 90), 0.008)


def draw_shadows(frame: np.ndarray, lines: list[tuple[np.ndarray, np.ndarray, float]]) -> None:
    """Soft shadows of shafts on the tissue behind them.

    Args:
        frame: darkened in place.
        lines: of each shaft its two ends and its width, in pixels.
    """
    if not lines:
        return
    coarse = 4
    height, width = frame.shape[:2]
    shade = np.zeros((height // coarse + 1, width // coarse + 1), np.uint8)
    for start, end, thick in lines:
        ends = [tuple(np.round(point / coarse * 16).astype(int).tolist()) for point in (start, end)]
        cv2.line(shade, ends[0], ends[1], 105, max(1, round(thick / coarse)), cv2.LINE_AA, 4)
    shade = cv2.GaussianBlur(shade, (0, 0), max(0.6, 0.012 * height / coarse))
    shade = cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.multiply(frame, cv2.bitwise_not(cv2.merge([shade, shade, shade])), dst=frame, scale=1 / 255)
