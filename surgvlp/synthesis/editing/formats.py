"""How lectures differ as files: shape and rate of the pictures, and how they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from surgvlp.media.encode import Encoding
from surgvlp.synthesis.difficulty import Difficulty

WIDESCREEN = Fraction(16, 9)
_ASPECTS = (WIDESCREEN, Fraction(4, 3), Fraction(5, 4), Fraction(1))
_RATES = (Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(24000, 1001))
_GOPS = (12, 25, 50, 250, 500)
_LOST = 0.1  # share of the frames that a recorder of variable rate leaves out


@dataclass(frozen=True)
class Format:
    """Of one lecture's video.

    Attributes:
        aspect: width of the pictures divided by their height.
        fps: frames a second; of a variable rate the highest.
        variable: whether frames are left out, and each is stored with its time.
        encoding: turned or not, and how far key frames are apart.
    """

    fps: Fraction
    aspect: Fraction = WIDESCREEN
    variable: bool = False
    encoding: Encoding = field(default_factory=Encoding)


def draw_format(difficulty: Difficulty, fps: float, generator: np.random.Generator) -> Format:
    """Draw a format.

    Args:
        difficulty: its `formats` counts; at 0 every lecture is 16:9, of the rate given, stored as usual.
        fps: frames a second. Rates of its order come too: 25 stands for 25, 29.97, 30 and 23.98.
        generator: of all choices.
    """
    usual, strength = Fraction(fps).limit_denominator(1001), difficulty.formats

    def happens(share: float) -> bool:
        return bool(generator.uniform() < share * strength)

    aspect = _ASPECTS[generator.choice(len(_ASPECTS), p=[0.3, 0.4, 0.2, 0.1])] if happens(0.7) else WIDESCREEN
    rate = usual * _RATES[generator.integers(len(_RATES))] / _RATES[0] if happens(0.8) else usual
    variable = happens(0.25)
    rotation = int(generator.choice([90, 180, 270])) if happens(0.15) else 0
    gop = int(generator.choice(_GOPS)) if happens(0.8) else None
    return Format(rate, aspect, variable, Encoding(gop=gop, rotation=rotation))


def kept_frames(count: int, variable: bool, generator: np.random.Generator) -> np.ndarray:
    """Numbers of the frames that are stored, of `count`: all, or at variable rate most of them."""
    if not variable:
        return np.arange(count)
    lost = generator.uniform(size=count) < _LOST * generator.uniform(0.5, 2)
    return np.flatnonzero(~lost | (np.arange(count) == 0))
