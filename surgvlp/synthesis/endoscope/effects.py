"""What passes over the picture: smoke, blood, water, sparks, clips, the specimen bag."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.abdomen.anatomy import Anatomy, smooth
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.pictures.classes import class_id
from surgvlp.synthesis.pictures.picture import BLACK, Covers, Picture, Surface, colour_of, half_size
from surgvlp.synthesis.pictures.sketch import Sketch
from surgvlp.synthesis.pictures.sprites import Sprite, draw_sprite


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


def smoke_levels(procedure: Procedure, times: np.ndarray, strength: float, more: float = 0.0) -> np.ndarray:
    """(N,) from 0 to 1.3: smoke gathers within a second or two of cautery and is gone some seconds later.

    Args:
        procedure: brings cautery.
        times: (N,) of the frames.
        strength: reached if cautery goes on.
        more: from 0 to 1, makes it thicker and stay longer.
    """
    strength, staying = min(1.3, strength * (1 + more)), 2.5 * (1 + 2 * more)
    burning = np.zeros(len(times), bool)
    for timed in procedure.actions:
        if "smoke" in timed.action.effects:
            burning |= (times > timed.start + 1) & (times < timed.end - 0.5)
    levels, level, step = np.zeros(len(times)), 0.0, float(times[1])
    for number, burns in enumerate(burning):
        level += step * ((strength - level) / 1.8 if burns else -level / staying)
        levels[number] = level
    return levels


def draw_stains(
    procedure: Procedure, anatomy: Anatomy, generator: np.random.Generator, more: float = 0.0
) -> list[Stain]:
    """Draw bleedings: where an action brings one, and now and then anywhere; `more` of these, from 0 to 1."""
    stains = []
    for timed in procedure.actions:
        if "blood" in timed.action.effects or generator.uniform() < 0.12 + 0.4 * more:
            place = anatomy.fixed.get(timed.action.focus, generator.uniform((-0.4, -0.1), (0.4, 0.3)))
            begin = timed.start - generator.uniform(0, 2)
            stains.append(Stain(begin, place + generator.normal(0, 0.04, 2), generator.uniform(0.35, 1.2)))
    return stains


def draw_stain(surface: Surface, view: np.ndarray, splash: Sprite, stain: Stain, time: float) -> None:
    """A stain grows for some seconds and has been washed away after forty."""
    age = time - stain.begin
    if 0 < age < 40:
        turn = np.eye(2) * stain.size * (0.6 + 0.4 * min(1.0, age / 6))
        share = min(1.0, age / 3, (40 - age) / 25)
        draw_sprite(surface, view, splash, stain.place, turn, class_id("blood"), share)


def draw_smoke(picture: Picture, smoke: np.ndarray, level: float, time: float) -> None:
    """Cautery smoke of a level from 0 to 1, drifting with time; `smoke` is the scene's plume, uint8."""
    if level < 0.02:
        return
    height, width = picture.planes.luma.shape
    top = round(0.07 * height * time) % (smoke.shape[0] - height)
    left = round(abs(np.sin(0.21 * time)) * (smoke.shape[1] - width))
    cover = cv2.convertScaleAbs(smoke[top : top + height, left : left + width], alpha=level * 190 / 255)
    picture.veil(Covers(cover, half_size(cover)), 0, 0, colour_of((191, 191, 191)))


def water(generator: np.random.Generator) -> Sketch:
    """A jet out of the irrigator's mouth, and drops that splash where it lands."""
    sketch = Sketch(opacity=0.6)
    reach, spread = generator.uniform(0.15, 0.19), generator.uniform(0.03, 0.045)
    jet = [(0.0, -0.02), (0.0, 0.02), (reach, spread), (1.1 * reach, 0.0), (reach, -spread)]
    sketch.polygon(jet, (190, 205, 220))
    for _ in range(5):
        across = generator.uniform(-1, 1)
        sketch.line([(0.01, 0.014 * across), (reach, spread * across)], (245, 248, 252), 0.004)
    for _ in range(12):
        away = np.array([reach + abs(generator.normal(0, 0.035)), generator.normal(0, 1.3 * spread)])
        sketch.disc(away, generator.uniform(0.003, 0.009), (240, 245, 250))
    return sketch


def spark(generator: np.random.Generator) -> Sketch:
    """The spark at the tip of the hook."""
    sketch, tip = Sketch(), np.array([0.0, 0.075])
    sketch.disc(tip, 0.02, (255, 205, 130))
    sketch.disc(tip, generator.uniform(0.006, 0.013), (255, 255, 250))
    for _ in range(4):
        sketch.line(np.stack([tip, tip + generator.normal(0, 0.035, 2)]), (255, 240, 200), 0.005)
    return sketch


def clip(colour: np.ndarray) -> Sketch:
    """A closed clip across a vessel that runs along x."""
    sketch = Sketch(class_id("clip"))
    sketch.line([(0.0, -0.036), (0.0, 0.038)], colour * 0.35, 0.022)
    sketch.line([(-0.002, -0.034), (-0.002, 0.034)], colour, 0.013)
    sketch.disc((0.0, -0.036), 0.011, colour * 0.85)
    sketch.line([(-0.005, -0.03), (-0.005, 0.02)], np.minimum(colour * 1.3 + 40, 255), 0.004)
    return sketch


def foil(bag: Bag) -> Sketch:
    """The bag's body, hanging from the middle of its mouth at (0, 0) along y; things shine through it."""
    size, opened, filled, colour = bag.size, bag.opened, bag.filled, bag.colour
    half = _half_mouth(bag)
    belly = 0.5 * size * max(0.2, smooth(opened) * 0.95, 0.72 * smooth(filled))
    depth = size * (0.85 - 0.1 * opened)
    share = np.linspace(0, 1, 14)
    width = half + (belly - half) * np.sin(0.5 * np.pi * np.clip(share / 0.45, 0, 1))
    width = width * np.sqrt(np.clip(1 - ((share - 0.5) / 0.52).clip(0) ** 2, 0, 1))
    left, right = np.stack([-width, share * depth], 1), np.stack([width, share * depth], 1)
    sketch = Sketch(class_id("specimen_bag"), opacity=0.84)
    sketch.polygon(np.concatenate([left, right[::-1]]), colour * 0.82)
    if filled > 0.05:
        turn = np.linspace(0, 2 * np.pi, 20)
        ball = np.stack([0.68 * belly * np.cos(turn), 0.56 * depth + 0.33 * depth * np.sin(turn)], 1)
        sketch.polygon(ball, colour + (bag.inside - colour) * 0.6 * smooth(filled))
    for place, bend in ((-0.8, 0.1), (-0.5, -0.12), (-0.1, 0.1), (0.25, -0.08), (0.7, 0.1)):  # folds
        course = place + bend * np.sin(7 * share[1:-2] + 9 * place)
        fold = np.stack([course * width[1:-2], (share * depth)[1:-2]], 1)
        sketch.line(fold, colour * 0.68, 0.012)
        sketch.line(fold[2:-3] + np.array([0.014, 0.0]), np.minimum(colour * 1.08, 255), 0.006)
    glint = np.stack([-0.62 * width[3:9], (share * depth)[3:9]], 1)
    sketch.line(glint, (252, 252, 252), 0.012)
    return sketch


def lip(bag: Bag) -> Sketch:
    """The ring around the bag's mouth, what is dark inside it, and the string."""
    half, opened, colour = _half_mouth(bag), bag.opened, bag.colour
    turn = np.linspace(0, 2 * np.pi, 24)
    ring = np.stack([half * np.cos(turn), (0.02 + 0.05 * opened) * np.sin(turn)], 1)
    sketch = Sketch(class_id("specimen_bag"))
    sketch.polygon(ring, bag.inside * 0.45 * opened + colour * 0.6 * (1 - opened))
    sketch.line(ring, colour * 0.4, 0.026)
    sketch.line(ring, np.minimum(colour * 1.2, 255), 0.014)
    string = [(half, 0.0), (half + 0.05, -0.1), (half + 0.02, -0.3), (half + 0.1, -0.9)]
    sketch.line(string, (35, 50, 90), 0.008)
    return sketch


def _half_mouth(bag: Bag) -> float:
    return 0.5 * bag.size * max(0.16, smooth(bag.opened))


def draw_shadows(
    surface: Surface, shape: tuple[int, int], lines: list[tuple[np.ndarray, np.ndarray, float]]
) -> None:
    """Soft shadows of shafts on the tissue behind them.

    Args:
        surface: darkened.
        shape: of it, (H, W).
        lines: of each shaft its two ends and its width, in pixels.
    """
    coarse, (height, width) = 4, shape
    shade = np.zeros((-(-height // coarse), -(-width // coarse)), np.uint8)
    for start, end, thick in lines:
        ends = [tuple(np.round(point / coarse * 16).astype(int).tolist()) for point in (start, end)]
        cv2.line(shade, ends[0], ends[1], 105, max(1, round(thick / coarse)), cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(shade, (0, 0), max(0.6, 0.012 * height / coarse))
    left, top, columns, rows = cv2.boundingRect(soft)
    if not columns:
        return
    dark = soft[top : top + rows, left : left + columns]
    fine = cv2.resize(dark, None, fx=coarse, fy=coarse)[: height - coarse * top, : width - coarse * left]
    surface.veil(Covers(fine, half_size(fine)), coarse * left, coarse * top, BLACK)
