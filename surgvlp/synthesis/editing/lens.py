"""What comes before the lens: drops, blood and fog on it until it is cleaned, swabs and tissue close by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from surgvlp.synthesis.difficulty import Difficulty
from surgvlp.synthesis.editing.dirt import DIRT, NEAR, Degrade, draw_wipe
from surgvlp.synthesis.editing.montage import Montage
from surgvlp.synthesis.pictures.picture import Covers, Picture, cut, half_size
from surgvlp.synthesis.pictures.sprites import premultiplied
from surgvlp.synthesis.pictures.stamps import Stamp, put

_WIPE_S = 0.7  # the lens is wiped on tissue
_SLIDE_S = 0.6  # in which something comes before the lens, or leaves


@dataclass(frozen=True)
class Soiling:
    """Dirt on the lens from `start` to `end`, seconds; `wiped` on tissue, or else cleaned outside.

    `kind` is a key of `DIRT`, and `seed` what its look is drawn from.
    """

    kind: str
    start: float
    end: float
    wiped: bool
    seed: int


@dataclass(frozen=True)
class Occlusion:
    """Something close before the lens from `start` to `end`, seconds.

    Attributes:
        kind: a key of `NEAR`.
        size: width and height, a share of the picture's height.
        angle: radians clockwise from +x: the side of the picture from which it comes.
        near: from the picture's middle to its own while it stays, a share of the picture's height.
        seed: what its look is drawn from.
    """

    kind: str
    start: float
    end: float
    size: float
    angle: float
    near: float
    seed: int

    def corner(self, time: float, picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
        """Left and top at a time, of something of that (width, height), in a picture of (height, width)."""
        height, width = picture
        share = min(1.0, (time - self.start) / _SLIDE_S, (self.end - time) / _SLIDE_S)
        share = share * share * (3 - 2 * share)
        away = 0.5 * np.hypot(width, height) + max(size)
        reach = away + share * (self.near * height - away)
        sway = 0.02 * height * np.array([np.sin(1.9 * time), np.cos(2.3 * time)])
        middle = np.array([width, height]) / 2 + reach * np.array([np.cos(self.angle), np.sin(self.angle)])
        left, top = np.round(middle + sway - np.array(size) / 2).astype(int).tolist()
        return left, top


class Lens:
    """Everything before the lens of one lecture.

    Args:
        montage: soiling and occlusion come while it shows the operation.
        difficulty: its `soiling` and `occlusion` count.
        aperture: uint8 (height, width), the round stop of the endoscope: 255 where light comes through.
        generator: draws all this.
    """

    def __init__(
        self, montage: Montage, difficulty: Difficulty, aperture: np.ndarray, generator: np.random.Generator
    ) -> None:
        self._aperture = Covers(aperture, half_size(aperture))
        self.soilings = draw_soilings(montage, difficulty.soiling, generator)
        self.occlusions = draw_occlusions(montage, difficulty.occlusion, generator)
        self._dirt: tuple[Soiling, Degrade] | None = None  # the last one painted, as of what is near
        self._near: tuple[Occlusion, Stamp] | None = None

    def draw(self, picture: Picture, time: float) -> None:
        """Put before a picture of the operation, in place, what there is at a time of the lecture."""
        near = self._seen(time)
        if near is not None:
            put(picture, *near)
        soiling = _at(self.soilings, time)
        if soiling is not None:
            self._painted_dirt(soiling)(picture, min(1.0, 0.4 + (time - soiling.start) / 4))
            if soiling.wiped and time > soiling.end - _WIPE_S:
                draw_wipe(picture, (soiling.end - time) / _WIPE_S, self._aperture)

    def hidden(self, time: float) -> np.ndarray:
        """bool (height, width): pixels that show something close before the lens instead of the operation."""
        mask = np.zeros(self._aperture.luma.shape, bool)
        near = self._seen(time)
        if near is not None:
            part, left, top = near
            width, height = part.size
            mask[top : top + height, left : left + width] = part.covers.luma > 127
        return mask

    def _seen(self, time: float) -> tuple[Stamp, int, int] | None:
        """The part of what is near that is within the round picture, its left and top; None for nothing."""
        occlusion = _at(self.occlusions, time)
        if occlusion is None:
            return None
        painted, shape = self._painted_near(occlusion), self._aperture.luma.shape
        found = painted.cut_to(*occlusion.corner(time, shape, painted.size), shape)
        if found is None:
            return None
        part, left, top = found
        width, height = part.size
        stop = Covers(*cut(self._aperture, (left, top, left + width, top + height)))
        covers = Covers(*(cv2.multiply(*pair, scale=1 / 255) for pair in zip(part.covers, stop, strict=True)))
        return Stamp(premultiplied(part.planes, stop), covers), left, top

    def _painted_dirt(self, soiling: Soiling) -> Degrade:
        if self._dirt is None or self._dirt[0] != soiling:
            height, width = self._aperture.luma.shape
            degrade = DIRT[soiling.kind](height, width, np.random.default_rng(soiling.seed))
            self._dirt = (soiling, degrade)
        return self._dirt[1]

    def _painted_near(self, occlusion: Occlusion) -> Stamp:
        if self._near is None or self._near[0] != occlusion:
            size = round(occlusion.size * len(self._aperture.luma))
            self._near = (occlusion, NEAR[occlusion.kind](size, np.random.default_rng(occlusion.seed)))
        return self._near[1]


Event = TypeVar("Event", Soiling, Occlusion)


def _at(events: Sequence[Event], time: float) -> Event | None:
    return next((event for event in events if event.start < time < event.end), None)


def _add(events: list[Event], event: Event) -> None:
    """Add what does not come while another is there."""
    if all(event.end < other.start or event.start > other.end for other in events):
        events.append(event)


def draw_soilings(montage: Montage, strength: float, generator: np.random.Generator) -> list[Soiling]:
    """Soilings in no order, never two at a time: the lens is cleaned outside, or soon wiped on tissue."""
    found: list[Soiling] = []

    def add(start: float, end: float, wiped: bool) -> None:
        kind, seed = str(generator.choice(list(DIRT))), int(generator.integers(2**31))
        _add(found, Soiling(kind, start, end, wiped, seed))

    for segment in montage.segments:
        if segment.kind == "outside" and strength and generator.uniform() < 0.3 + 0.7 * strength:
            add(segment.start - generator.uniform(3, 12), segment.start, False)
    for _ in range(generator.poisson(strength * montage.duration / 50)):
        start = generator.uniform(0, montage.duration)
        add(start, start + generator.uniform(4, 14), True)
    return found


def draw_occlusions(montage: Montage, strength: float, generator: np.random.Generator) -> list[Occlusion]:
    """Occlusions in no order, never two at a time, each for some seconds."""
    found: list[Occlusion] = []
    for _ in range(generator.poisson(strength * montage.duration / 40)):
        start = generator.uniform(0, montage.duration)
        _add(
            found,
            Occlusion(
                kind=str(generator.choice(list(NEAR), p=[0.6, 0.4])),
                start=start,
                end=start + generator.uniform(2.0, 6.0),
                size=generator.uniform(0.9, 1.2),
                angle=generator.uniform(0, 2 * np.pi),
                near=generator.uniform(0.35, 0.6),
                seed=int(generator.integers(2**31)),
            ),
        )
    return found
