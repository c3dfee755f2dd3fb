"""The instruments, drawn as shaded polygons: a shaft from its port, and a working tip that opens and closes.

Local coordinates: the tip at the origin pointing along +x, the shaft towards -x, y across; the unit is the
height of the picture. The tips are larger than in life, since they must still be told apart at 112 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from surgvlp.synthesis.pictures.classes import class_id
from surgvlp.synthesis.pictures.sketch import Sketch


@dataclass(frozen=True)
class Finish:
    """Colours (RGB) of one instrument in one lecture.

    Attributes:
        shaft: of the tube.
        metal: of the working parts.
        accent: of insulation, ceramics or the clip.
    """

    shaft: np.ndarray
    metal: np.ndarray
    accent: np.ndarray


def draw_finish(tool: str, generator: np.random.Generator) -> Finish:
    """Draw an instrument's colours; they say little about which one it is."""
    tubes = [(28, 28, 32), (60, 60, 66), (120, 122, 128), (165, 165, 170), (40, 48, 70), (70, 55, 48)]
    accents = [(225, 220, 205), (40, 80, 160), (60, 60, 64), (150, 60, 140), (40, 120, 80), (230, 225, 220)]
    shine = generator.uniform(150, 215)
    return Finish(
        shaft=np.array(tubes[generator.integers(len(tubes))], dtype=np.float64)
        * generator.uniform(0.8, 1.15),
        metal=shine * np.array([1.0, 1.0, generator.uniform(0.97, 1.06)]),
        accent=np.array(accents[generator.integers(len(accents))], dtype=np.float64),
    )


WRISTED = ("grasper", "bipolar", "hook", "scissors", "needle_driver")  # of a robot's


def sketch_instrument(tool: str, opening: float, finish: Finish, wrist: float = 0.0) -> Sketch:
    """Draw an instrument, its tip at (0, 0), its shaft along -x.

    Args:
        tool: one of `actions.TOOLS`.
        opening: 0 to 1, of its jaws, where it has any.
        finish: its colours.
        wrist: radians by which a robot's instrument bends its tip against the shaft; 0 for a straight one.
    """
    sketch, tip = Sketch(class_id(tool)), Sketch()
    _TIPS[tool](tip, opening, finish)
    joint = -_TIP_LENGTH[tool] * np.array([np.cos(wrist), np.sin(wrist)])
    _shaft(sketch, finish.shaft, joint[0], across=joint[1])
    if wrist:
        _wrist(sketch, joint, finish)
    sketch.join(tip.turned(wrist))
    return sketch


def _wrist(sketch: Sketch, joint: np.ndarray, finish: Finish) -> None:
    """A bright clevis at the end of the shaft, its pulleys, and the pin that the tip turns around."""
    x, y = joint
    sketch.polygon([(x - 0.11, y - 0.036), (x, y - 0.03), (x, y + 0.03), (x - 0.11, y + 0.036)], finish.metal)
    for across in (-0.014, 0.014):  # the cables
        sketch.line([(x - 0.1, y + across), (x, y + 0.6 * across)], finish.metal * 0.35, 0.006)
    sketch.disc(joint, 0.042, finish.metal * 0.75)
    sketch.disc(joint, 0.03, finish.metal)
    sketch.disc(joint, 0.012, finish.metal * 0.3)


# Share of the half-width from the upper edge, brightness: a cylinder lit from above.
_STRIPS = ((-1.0, 0.45), (-0.7, 0.8), (-0.4, 1.15), (-0.15, 1.9), (0.1, 1.15), (0.4, 0.75), (0.7, 0.45))
_HALF = 0.034  # of the shaft's width


def _shaft(
    sketch: Sketch,
    colour: np.ndarray,
    front: float,
    back: float = -1.9,
    half: float = _HALF,
    across: float = 0.0,
) -> None:
    grow = 1 + 0.35 * (front - back)  # nearer the camera, so wider
    for (top, light), (bottom, _) in zip(_STRIPS, (*_STRIPS[1:], (1.0, 0.0)), strict=True):
        sketch.polygon(
            [
                (front, across + top * half),
                (front, across + bottom * half),
                (back, across + bottom * half * grow),
                (back, across + top * half * grow),
            ],
            np.minimum(colour * light + 8 * light, 255),
        )


def _turned(points: ArrayLike, hinge: float, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    local = np.asarray(points, dtype=np.float64) - (hinge, 0)
    return local @ np.array([[cosine, sine], [-sine, cosine]]) + (hinge, 0)


def _grasper(sketch: Sketch, opening: float, finish: Finish) -> None:
    """Two long blunt jaws, each with a window and teeth along the inner edge."""
    hinge = -0.2
    sketch.polygon([(-0.24, -0.03), (-0.17, -0.02), (-0.17, 0.02), (-0.24, 0.03)], finish.metal * 0.7)
    for side, light in ((-1, 1.0), (1, 0.72)):
        angle = side * (0.04 + 0.42 * opening)
        outer = [(hinge, 0.018), (-0.12, 0.036), (-0.03, 0.036), (-0.008, 0.028), (0.0, 0.012), (0.0, 0.0)]
        teeth = [(x, 0.006 * (number % 2)) for number, x in enumerate(np.linspace(-0.01, -0.15, 13))]
        shape = [(x, side * y) for x, y in (*outer, *teeth, (hinge, 0.0))]
        window = [
            (-0.13, 0.017),
            (-0.12, 0.027),
            (-0.045, 0.027),
            (-0.035, 0.018),
            (-0.045, 0.012),
            (-0.12, 0.011),
        ]
        sketch.polygon(_turned(shape, hinge, angle), finish.metal * light)
        sketch.polygon(_turned([(x, side * y) for x, y in window], hinge, angle), finish.metal * 0.18)
        sketch.line(
            _turned([(-0.14, side * 0.034), (-0.03, side * 0.034)], hinge, angle), (250, 250, 250), 0.004
        )
    sketch.disc((hinge, 0), 0.012, finish.metal * 0.5)


def _bipolar(sketch: Sketch, opening: float, finish: Finish) -> None:
    """Tweezers: two thin tines that bow outwards and meet at the tips, insulated but for their ends."""
    sketch.polygon([(-0.27, -0.032), (-0.2, -0.016), (-0.2, 0.016), (-0.27, 0.032)], finish.accent * 0.85)
    for side in (-1, 1):
        bow = 0.03 + 0.035 * opening
        share = np.linspace(0, 1, 9)
        x = -0.22 + 0.22 * share
        y = side * (bow * np.sin(np.pi * share**0.8) ** 0.8 + (0.004 + 0.03 * opening) * share)
        tine = np.stack([x, y], axis=1)
        sketch.line(tine[:7], finish.accent * (0.95 if side < 0 else 0.7), 0.021)
        sketch.line(tine[6:], finish.metal * (1.0 if side < 0 else 0.8), 0.016)
        sketch.line(tine[1:6] - (0, 0.004), np.minimum(finish.accent * 1.3 + 25, 255), 0.004)


def _hook(sketch: Sketch, opening: float, finish: Finish) -> None:
    """A thin rod out of a ceramic collar, bent at a right angle: an L."""
    sketch.polygon([(-0.2, -0.034), (-0.12, -0.02), (-0.12, 0.02), (-0.2, 0.034)], finish.accent)
    sketch.polygon(
        [(-0.2, -0.02), (-0.12, -0.012), (-0.12, -0.004), (-0.2, -0.008)],
        np.minimum(finish.accent * 1.3 + 30, 255),
    )
    rod = [(-0.12, 0.0), (-0.02, 0.0), (-0.004, 0.012), (0.0, 0.07), (-0.006, 0.085)]
    sketch.line(rod, finish.metal * 0.55, 0.022)
    sketch.line(rod, finish.metal, 0.012)


def _scissors(sketch: Sketch, opening: float, finish: Finish) -> None:
    """Two pointed blades that cross at a screw."""
    hinge = -0.16
    for side, light in ((1, 0.72), (-1, 1.1)):
        angle = side * (0.05 + 0.5 * opening)
        blade = [
            (-0.24, -0.03),
            (hinge, -0.008),
            (-0.05, 0.0),
            (0.0, 0.012),
            (-0.05, 0.034),
            (-0.13, 0.036),
            (-0.21, 0.03),
        ]
        shape = _turned([(x, side * y) for x, y in blade], hinge, angle)
        sketch.polygon(shape, np.minimum(finish.metal * light, 255))
        edge = _turned([(-0.13, side * 0.004), (-0.05, side * 0.005), (-0.005, side * 0.012)], hinge, angle)
        sketch.line(edge, (250, 252, 255), 0.005)
    sketch.disc((hinge, 0), 0.015, finish.metal * 0.45)
    sketch.disc((hinge - 0.002, -0.003), 0.007, finish.metal)


def _clipper(sketch: Sketch, opening: float, finish: Finish) -> None:
    """A fork of two heavy parallel jaws with square ends, a clip held between them."""
    gap = 0.014 + 0.04 * opening
    sketch.polygon([(-0.26, -0.036), (-0.15, -0.05), (-0.15, 0.05), (-0.26, 0.036)], finish.metal * 0.55)
    for side, light in ((-1, 0.95), (1, 0.65)):
        jaw = [(-0.2, 0.0), (-0.15, gap), (0.0, gap), (0.0, gap + 0.034), (-0.14, gap + 0.04), (-0.2, 0.045)]
        sketch.polygon([(x, side * y) for x, y in jaw], finish.metal * light)
        sketch.polygon(
            [(x, side * y) for x, y in [(-0.13, gap), (0.0, gap), (0.0, gap + 0.008), (-0.13, gap + 0.008)]],
            finish.metal * 0.3,
        )
    if opening > 0.25:
        clip = [(-0.012, -gap), (-0.075, -gap * 0.8), (-0.1, 0.0), (-0.075, gap * 0.8), (-0.012, gap)]
        sketch.line(clip, np.minimum(finish.accent + 30, 255), 0.014)


def _irrigator(sketch: Sketch, opening: float, finish: Finish) -> None:
    """A plain tube with an open end and holes along its side; no jaws."""
    _shaft(sketch, finish.metal * 0.85, 0.0, back=-0.34, half=0.03)
    sketch.polygon([(-0.36, -0.042), (-0.33, -0.042), (-0.33, 0.042), (-0.36, 0.042)], finish.accent * 0.9)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    sketch.polygon(np.stack([0.012 * np.cos(angles), 0.03 * np.sin(angles)], axis=1), finish.metal * 0.9)
    sketch.polygon(np.stack([0.008 * np.cos(angles), 0.021 * np.sin(angles)], axis=1), (18, 14, 14))
    for x in (-0.05, -0.1, -0.15, -0.2):
        for y in (-0.012, 0.012):
            sketch.disc((x + y, y), 0.0075, (25, 20, 20))


def _stapler(sketch: Sketch, opening: float, finish: Finish) -> None:
    """Two long straight jaws as of a crocodile: a slim anvil, and a thick cartridge in its own colour."""
    hinge = -0.34
    sketch.polygon([(-0.4, -0.038), (hinge, -0.045), (hinge, 0.045), (-0.4, 0.038)], finish.metal * 0.5)
    anvil = [(hinge, 0.0), (0.0, 0.0), (0.006, 0.012), (-0.02, 0.026), (hinge, 0.036)]
    cartridge = [(hinge, 0.0), (-0.01, 0.0), (0.0, 0.02), (-0.02, 0.045), (hinge, 0.045)]
    for side, jaw, light in ((1, anvil, 0.8), (-1, cartridge, 0.95)):
        angle = side * 0.25 * opening
        sketch.polygon(_turned([(x, side * y) for x, y in jaw], hinge, angle), finish.metal * light)
    angle = -0.25 * opening
    colour = np.minimum(finish.accent + 20, 255)
    strip = [(hinge + 0.04, -0.012), (-0.03, -0.012), (-0.03, -0.032), (hinge + 0.04, -0.032)]
    sketch.polygon(_turned(strip, hinge, angle), colour)
    for x in np.linspace(hinge + 0.06, -0.05, 9):  # the rows of staples
        sketch.line(_turned([(x, -0.008), (x + 0.014, -0.008)], hinge, angle), finish.metal * 0.25, 0.005)


def _needle_driver(sketch: Sketch, opening: float, finish: Finish) -> None:
    """Two short stout jaws, a curved needle between them, its thread trailing."""
    hinge = -0.12
    sketch.polygon([(-0.17, -0.03), (-0.1, -0.024), (-0.1, 0.024), (-0.17, 0.03)], finish.metal * 0.6)
    turn = np.linspace(-0.5, 2.6, 16)
    needle = np.stack([-0.03 + 0.085 * np.cos(turn), 0.075 - 0.085 * np.sin(turn)], axis=1) - (0.0, 0.05)
    thread = needle[-1] + np.stack([np.linspace(0, -0.16, 9), 0.02 * np.sin(np.linspace(0, 7, 9))], axis=1)
    sketch.line(thread, finish.accent * 0.8, 0.006)
    for side, light in ((-1, 1.0), (1, 0.75)):
        angle = side * (0.02 + 0.25 * opening)
        jaw = [(hinge, 0.024), (-0.01, 0.014), (0.0, 0.006), (0.0, 0.0), (hinge, 0.0)]
        sketch.polygon(_turned([(x, side * y) for x, y in jaw], hinge, angle), finish.metal * light)
    sketch.line(needle, finish.metal * 0.4, 0.014)
    sketch.line(needle, np.minimum(finish.metal * 1.15, 255), 0.008)


_TIP_LENGTH = {
    "grasper": 0.22,
    "bipolar": 0.25,
    "hook": 0.19,
    "scissors": 0.22,
    "clipper": 0.24,
    "irrigator": 0.34,
    "stapler": 0.38,
    "needle_driver": 0.15,
}
_TIPS: dict[str, Callable[[Sketch, float, Finish], None]] = {
    "grasper": _grasper,
    "bipolar": _bipolar,
    "hook": _hook,
    "scissors": _scissors,
    "clipper": _clipper,
    "irrigator": _irrigator,
    "stapler": _stapler,
    "needle_driver": _needle_driver,
}
