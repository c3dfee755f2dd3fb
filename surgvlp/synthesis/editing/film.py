"""A lecture's pictures as viewers see them: the operation, and what lies before, over and between it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surgvlp.synthesis.difficulty import Difficulty
from surgvlp.synthesis.editing.cards import Cards
from surgvlp.synthesis.editing.formats import kept_frames
from surgvlp.synthesis.editing.lens import Lens
from surgvlp.synthesis.editing.montage import Montage
from surgvlp.synthesis.editing.outside import Outside
from surgvlp.synthesis.editing.overlays import Box, Overlays
from surgvlp.synthesis.endoscope.render import Renderer, ToolBox
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.pictures.classes import class_id
from surgvlp.synthesis.pictures.picture import Picture


class Film:
    """Takes the place of a renderer, whose pictures it edits.

    Args:
        procedure: by the lecture's clock, see `Montage.retimed`.
        renderer: of that procedure.
        montage: what is shown when.
        difficulty: how much of everything.
        variable: whether frames are left out, see `formats.Format`.
        generator: draws all that is not the operation.

    Attributes:
        height, width: of the pictures, pixels.
        times: (N,) seconds at which the frames come on screen.
    """

    def __init__(
        self,
        procedure: Procedure,
        renderer: Renderer,
        montage: Montage,
        difficulty: Difficulty,
        variable: bool,
        generator: np.random.Generator,
    ) -> None:
        self.height, self.width = size = renderer.height, renderer.width
        self._renderer, self._montage = renderer, montage
        self._numbers = kept_frames(len(renderer), variable, generator)
        self.times = renderer.times[self._numbers]
        self._cards = Cards(procedure, montage, *size, generator)
        self._outside = Outside(renderer.aperture, generator)
        self._lens = Lens(montage, difficulty, renderer.aperture, generator)
        self._overlays = Overlays(procedure, montage, difficulty, *size, generator)

    def __len__(self) -> int:
        return len(self.times)

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in order, uint8 (height, width, 3) RGB."""
        for number in range(len(self)):
            yield self.frame(number)

    def frame(self, number: int) -> np.ndarray:
        """One frame, uint8 (height, width, 3) RGB; the same whatever was drawn before it."""
        return self.picture(number).rgb()

    def picture(self, number: int) -> Picture:
        """One frame as planes; see `frame`."""
        time = float(self.times[number])
        segment = self._montage.segment_at(time)
        if segment.kind == "operation":
            picture = self._renderer.picture(int(self._numbers[number]))
            self._lens.draw(picture, time)
        else:
            picture = Picture(self.height, self.width)
            if segment.kind == "outside":
                share = (time - segment.start) / (segment.end - segment.start)
                self._outside.draw(picture, share, time)
            else:
                self._cards.draw(picture, segment, time)
        self._overlays.draw(picture, time)
        return picture

    def mask(self, number: int) -> np.ndarray:
        """What is what in a frame, see `Renderer.mask`; background where the operation is hidden."""
        time = float(self.times[number])
        if not self._montage.surgical(time):
            return np.full((self.height, self.width), class_id("black_background"), np.uint8)
        mask = self._renderer.mask(int(self._numbers[number]))
        mask[self._lens.hidden(time) | self._overlays.hidden(time)] = class_id("black_background")
        return mask

    def boxes(self, number: int) -> list[ToolBox]:
        """The tools in a frame; none where it does not show the operation. See `Renderer.boxes`."""
        surgical = self._montage.surgical(float(self.times[number]))
        return self._renderer.boxes(int(self._numbers[number])) if surgical else []

    def overlays(self, number: int) -> list[Box]:
        """Logo, inset, captions and bars that lie over a frame: kind, left, top, width, height in pixels."""
        return self._overlays.boxes(float(self.times[number]))
