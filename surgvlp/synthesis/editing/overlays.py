"""What a lecture's editor lays over the pictures: logo, the speaker's inset, captions, bars at the sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from surgvlp.synthesis.difficulty import Difficulty
from surgvlp.synthesis.editing.cards import title_of
from surgvlp.synthesis.editing.marks import paint_label, paint_logo, paint_speaker
from surgvlp.synthesis.editing.montage import Kind, Montage
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.pictures.picture import Picture
from surgvlp.synthesis.pictures.stamps import Stamp, put, stamp

OverlayKind = Literal["logo", "inset", "text", "border"]
Box = tuple[OverlayKind, int, int, int, int]  # kind, left, top, width, height in pixels

_OVER: dict[OverlayKind, tuple[Kind, ...]] = {
    "border": ("operation", "outside"),
    "inset": ("operation", "outside", "drawing"),
    "text": ("operation",),
    "logo": ("operation", "outside", "drawing", "title"),
}
# None of them names a step: a phase that can be read off the picture would test reading, not seeing.
_CAPTIONS = (
    "Female, 54 years",
    "Male, 61 years",
    "BMI 27",
    "30 degree scope",
    "Four ports",
    "Speed x2",
    "Real time",
    "Edited for time",
    "Case 12",
    "Thanks to the theatre team",
    "Questions to the author",
)
_MARGIN = 0.03  # from the picture's edge, a share of its height


@dataclass(frozen=True)
class Overlay:
    """Something laid over the pictures from `start` to `end`, seconds of the lecture.

    Attributes:
        poses: its looks; a speaker has several.
        left, top: even pixels.
    """

    kind: OverlayKind
    start: float
    end: float
    poses: tuple[Stamp, ...]
    left: int
    top: int

    @property
    def box(self) -> Box:
        """Kind, left, top, width and height of what can be seen of it."""
        rows, columns = (np.flatnonzero(self.poses[0].covers.luma.any(axis=axis)) for axis in (1, 0))
        return (
            self.kind,
            self.left + int(columns[0]),
            self.top + int(rows[0]),
            int(columns[-1] - columns[0]) + 1,
            int(rows[-1] - rows[0]) + 1,
        )

    def pose(self, time: float) -> Stamp:
        """How it looks at a time: a speaker sways, and opens the mouth several times a second."""
        if len(self.poses) == 1:
            return self.poses[0]
        sway = int(np.clip(np.round(1 + 1.3 * np.sin(0.8 * time) * np.sin(0.37 * time + 1)), 0, 2))
        speaks = np.sin(14 * time) > 0.2 and np.sin(1.7 * time) + np.sin(0.9 * time) > -0.6
        return self.poses[2 * sway + int(speaks)]


class Overlays:
    """Everything laid over one lecture.

    Args:
        procedure: gives the title.
        montage: what is shown when; title cards bear no captions.
        difficulty: its `overlays` counts.
        height, width: of the pictures, pixels.
        generator: draws what there is, how it looks, and where.
    """

    def __init__(
        self,
        procedure: Procedure,
        montage: Montage,
        difficulty: Difficulty,
        height: int,
        width: int,
        generator: np.random.Generator,
    ) -> None:
        self._montage, self._shape = montage, (height, width)
        strength, end = difficulty.overlays, montage.duration
        corners = generator.permutation(["top left", "top right", "bottom left", "bottom right"]).tolist()
        found: list[Overlay] = []

        def add(kind: OverlayKind, begin: float, until: float, poses: list[Stamp], corner: str) -> None:
            left, top = self._corner(corner, poses[0].size)
            found.append(Overlay(kind, begin, until, tuple(poses), left, top))

        if width > 1.5 * height and generator.uniform() < 0.4 * strength:
            found += self._bars(end, generator)
        if generator.uniform() < 0.5 * strength:
            size = round(height * generator.uniform(0.2, 0.3))
            wide = round(size * generator.choice([0.8, 1.0, 1.3]))
            poses = [stamp(*pose) for pose in paint_speaker(size, wide, generator)]
            add("inset", 0.0, end, poses, corners.pop())
        if generator.uniform() < 0.9 * strength:
            logo = stamp(*paint_logo(round(height * generator.uniform(0.06, 0.11)), generator))
            add("logo", 0.0, end, [logo], corners.pop())
        if generator.uniform() < 0.4 * strength:
            words = paint_label(title_of(procedure), 0.045 * height, 40, generator)
            add("text", 0.0, end, [stamp(*words)], corners.pop())
        if generator.uniform() < 0.8 * strength:
            for begin in np.arange(generator.uniform(2, 20), end, generator.uniform(12, 40)):
                caption = str(generator.choice(_CAPTIONS))
                words = paint_label(caption, 0.055 * height, 28, generator)
                until = min(float(begin) + generator.uniform(3.0, 7.0), end)
                add("text", float(begin), until, [stamp(*words)], corners[0])
        self.items = tuple(found)

    def draw(self, picture: Picture, time: float) -> None:
        """Lay over a picture, in place, what there is at a time of the lecture."""
        for item in self._seen(time):
            put(picture, item.pose(time), item.left, item.top)

    def boxes(self, time: float) -> list[Box]:
        """What is laid over the picture at a time, and where."""
        return [item.box for item in self._seen(time)]

    def hidden(self, time: float) -> np.ndarray:
        """bool (height, width): pixels that show an overlay rather than what lies below it."""
        mask = np.zeros(self._shape, bool)
        for item in self._seen(time):
            width, height = item.poses[0].size
            box = (slice(item.top, item.top + height), slice(item.left, item.left + width))
            mask[box] |= item.pose(time).covers.luma > 127
        return mask

    def _seen(self, time: float) -> list[Overlay]:
        kind = self._montage.kind_at(time)
        return [item for item in self.items if item.start <= time < item.end and kind in _OVER[item.kind]]

    def _corner(self, corner: str, size: tuple[int, int]) -> tuple[int, int]:
        """Left and top, even, of something of that width and height in a corner."""
        height, width = self._shape
        margin = round(_MARGIN * height)
        left = margin if "left" in corner else width - size[0] - margin
        top = margin if "top" in corner else height - size[1] - margin
        return max(0, left // 2 * 2), max(0, top // 2 * 2)

    def _bars(self, end: float, generator: np.random.Generator) -> list[Overlay]:
        """Bars that leave 4:3 of the picture, black or in the colour of a slide."""
        height, width = self._shape
        wide = round((width - height * 4 / 3) / 4) * 2
        colour = (0, 0, 0) if generator.uniform() < 0.7 else generator.integers(10, 110, 3)
        bar = stamp(np.full((height, wide, 3), colour, np.uint8), np.ones((height, wide), np.float32))
        return [Overlay("border", 0.0, end, (bar,), left, 0) for left in (0, width - wide)]
