"""The pictures of a lecture: the scene under a moving camera, instruments at work, what passes over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.abdomen.anatomy import State, smooth
from surgvlp.synthesis.abdomen.world import World
from surgvlp.synthesis.difficulty import EASY, Difficulty
from surgvlp.synthesis.endoscope import effects
from surgvlp.synthesis.endoscope.camera import Path, Sensor
from surgvlp.synthesis.endoscope.hands import Hands, Held
from surgvlp.synthesis.endoscope.instruments import WRISTED, draw_finish, sketch_instrument
from surgvlp.synthesis.operation.actions import SPECIMEN_BAG, TOOLS
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.pictures.classes import class_id
from surgvlp.synthesis.pictures.masks import Mask
from surgvlp.synthesis.pictures.picture import Front, Picture, Surface
from surgvlp.synthesis.pictures.sketch import Sketch
from surgvlp.synthesis.pictures.sprites import draw_sprite

_OPENINGS = 60  # in which jaws and the bag open: they are drawn once each
_CLIP_COLOURS = ((205, 205, 212), (225, 225, 220), (120, 70, 160), (60, 140, 110))
_BAG_COLOURS = ((225, 225, 220), (190, 205, 225), (205, 220, 195), (220, 205, 170))


def picture_size(height: int, width: int | None = None) -> tuple[int, int]:
    """Even (height, width) of pictures, 16:9 if no width is given; 480 gives Cholec80's 854 x 480."""
    return height // 2 * 2, round(height * 16 / 9 / 2) * 2 if width is None else width // 2 * 2


@dataclass(frozen=True)
class ToolBox:
    """A tool in a picture; pixels, x to the right and y downwards.

    Attributes:
        tool: one of `actions.TOOLS`, or "specimen_bag".
        tip: (x, y) of its working end, of the bag the middle of its mouth; it may be outside the picture.
        tip_inside: whether it is in the lit part of the picture.
        box: left, top, right and bottom (the last two exclusive) of the tool's lit part, as if nothing were
            in front of it.
    """

    tool: str
    tip: tuple[float, float]
    tip_inside: bool
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class _Moment:
    """What a frame follows from.

    Attributes:
        number: of the frame.
        time: seconds.
        state: of the operation.
        held: the instruments.
        view: (3, 3) from the world to pixels.
        matrix: (2, 3) from the pixels of the painted world to those of the picture.
    """

    number: int
    time: float
    state: State
    held: list[Held]
    view: np.ndarray
    matrix: np.ndarray

    @property
    def scale(self) -> float:
        """Pixels a unit of the world."""
        return float(np.hypot(self.view[0, 0], self.view[1, 0]))

    def pixel(self, place: np.ndarray) -> np.ndarray:
        """(2,) pixel of a place in the world."""
        return self.view[:2, :2] @ place + self.view[:2, 2]


class Renderer:
    """Draws the frames of one lecture, and what is what in them.

    Args:
        procedure: what happens.
        height: of the pictures, pixels.
        fps: frames a second.
        generator: draws anatomy, colours, light and camera; every frame follows from these alone.
        width: of the pictures, pixels; None for 16:9. Both are rounded down to even numbers.
        difficulty: its `smoke`, `blood` and `darkness` count.
    """

    def __init__(
        self,
        procedure: Procedure,
        height: int,
        fps: float,
        generator: np.random.Generator,
        width: int | None = None,
        difficulty: Difficulty = EASY,
    ) -> None:
        self.height, self.width = picture_size(height, width)
        self.times = np.arange(round(procedure.duration * fps)) / fps
        self._procedure = procedure
        self._anatomy, self._scene = procedure.type.draw_scene(self.height, generator)
        self._smoke_plume = np.round(self._scene.smoke * 255).astype(np.uint8)
        self._finish = {tool: draw_finish(tool, generator) for tool in TOOLS}
        self._tool_size = generator.uniform(1.25, 1.5)
        self._flips = {tool: float(generator.choice([-1, 1])) for tool in TOOLS}
        colour = np.array(_CLIP_COLOURS[generator.integers(len(_CLIP_COLOURS))], np.float64)
        self._world = World(self._scene, effects.clip(colour))
        self._bag_colour = np.array(_BAG_COLOURS[generator.integers(len(_BAG_COLOURS))], np.float64)
        self._hands = Hands(procedure, self._anatomy, generator)
        self._path = Path(procedure, self._anatomy, self.times, generator)
        size, darkness = (self.height, self.width), difficulty.darkness
        self._sensor = Sensor(procedure, *size, generator, darkness)
        strength = generator.uniform(0.35, 1.0)
        self._smoke = effects.smoke_levels(procedure, self.times, strength, difficulty.smoke)
        self._stains = effects.draw_stains(procedure, self._anatomy, generator, difficulty.blood)
        self._seed = int(generator.integers(2**31))
        self._sketches: dict[tuple[str, int, int], list[Sketch]] = {}
        self._wrists = dict.fromkeys(TOOLS, 0.0)
        if procedure.robotic:
            self._wrists.update({tool: generator.uniform(0.3, 0.75) for tool in WRISTED})

    def __len__(self) -> int:
        return len(self.times)

    @property
    def aperture(self) -> np.ndarray:
        """uint8 (height, width): 255 where light comes in, 0 in the dark corners."""
        aperture = np.zeros((self.height, self.width), np.uint8)
        left, top, right, bottom = self._sensor.box
        aperture[top:bottom, left:right] = (self._sensor.light > 0).astype(np.uint8) * 255
        return aperture

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in order, uint8 (height, width, 3) RGB."""
        for number in range(len(self)):
            yield self.frame(number)

    def frame(self, number: int) -> np.ndarray:
        """One frame, uint8 (height, width, 3) RGB; the same whatever was drawn before it."""
        return self.picture(number).rgb()

    def picture(self, number: int) -> Picture:
        """One frame as planes, which is what encoders take; see `frame`."""
        moment = self._moment(number)
        left, top, right, bottom = self._sensor.box
        picture = Picture(bottom - top, right - left)
        picture.fill(self._world.planes, moment.matrix)
        self._draw(picture, moment)
        effects.draw_smoke(picture, self._smoke_plume, self._smoke[number], moment.time)
        return self._sensor.picture(picture, number, moment.time)

    def mask(self, number: int) -> np.ndarray:
        """What is what in a frame: uint8 (height, width), ids of `classes.CLASSES`; 0 where it is dark."""
        moment = self._moment(number)
        left, top, right, bottom = self._sensor.box
        mask = Mask(np.empty((bottom - top, right - left), np.uint8))
        mask.fill(self._world.labels(), moment.matrix)
        self._draw(mask, moment)
        return self._whole(mask)

    def boxes(self, number: int) -> list[ToolBox]:
        """The tools in a frame, from back to front; those of which nothing is to be seen are left out."""
        moment = self._moment(number)
        left, top, right, bottom = self._sensor.box
        found = []
        for held in (None, *moment.held):
            mask = Mask(np.zeros((bottom - top, right - left), np.uint8))
            tip = self._draw_instrument(mask, moment, held) if held else self._draw_bag(mask, moment)
            shown = cv2.boundingRect((self._whole(mask) > 0).astype(np.uint8))
            if tip is not None and shown[2]:
                x, y = float(tip[0]) + left, float(tip[1]) + top
                inside = 0 <= round(x) < self.width and 0 <= round(y) < self.height
                lit = inside and self._sensor.is_lit(round(x), round(y))
                box = (shown[0], shown[1], shown[0] + shown[2], shown[1] + shown[3])
                found.append(ToolBox(held.tool if held else SPECIMEN_BAG, (x, y), lit, box))
        return found

    def _moment(self, number: int) -> _Moment:
        time = float(self.times[number])
        state = self._procedure.state_at(time)
        self._world.bring_to(state)
        view = self._view(time)
        matrix = (view @ self._world.to_world)[:2]
        return _Moment(number, time, state, self._hands.at(time, state), view, matrix)

    def _view(self, time: float) -> np.ndarray:
        """(3, 3) matrix from the world to the pixels of the lit box."""
        view, (left, top, _, _) = self._path.at(time), self._sensor.box
        scale = view.zoom * self.height
        cosine, sine = scale * np.cos(view.roll), scale * np.sin(view.roll)
        matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
        middle = np.array([0.5 * self.width - left, 0.5 * self.height - top])
        matrix[:2, 2] = middle - matrix[:2, :2] @ view.focus
        return matrix

    def _whole(self, mask: Mask) -> np.ndarray:
        """A mask of the lit box in the whole picture."""
        left, top, right, bottom = self._sensor.box
        labels = np.zeros((self.height, self.width), np.uint8)
        labels[top:bottom, left:right] = mask.labels * (self._sensor.light > 0)
        return labels

    def _draw(self, surface: Surface, moment: _Moment) -> None:
        """Everything that moves over the ground."""
        state, view = moment.state, moment.view
        in_bag = state["carried"] > 0.5
        for stain in self._stains:
            effects.draw_stain(surface, view, self._scene.splash, stain, moment.time)
        self._draw_shadows(surface, moment)
        if not in_bag:
            self._draw_specimen(surface, moment, self._world.front(moment.matrix))
        elif state["bagged"] < 1:
            self._draw_specimen(surface, moment, None)
        self._draw_bag(surface, moment)
        generator = np.random.default_rng([self._seed, moment.number])
        for held in moment.held:
            self._draw_water(surface, moment, held, generator)
            self._draw_instrument(surface, moment, held)
            self._draw_spark(surface, moment, held, generator)

    def _draw_specimen(self, surface: Surface, moment: _Moment, front: Front | None) -> None:
        specimen = self._scene.specimen
        first, last = self._anatomy.specimen(moment.state)
        length = float(np.linalg.norm(last - first))
        x, y = (last - first) / length
        wide = 1 + 0.02 * np.sin(1.7 * moment.time) - 0.25 * smooth(moment.state["carried"])
        long = length / specimen.length
        turn = np.array([[y * wide, x * long], [-x * wide, y * long]])
        label = class_id(specimen.tissue)
        draw_sprite(surface, moment.view, specimen.sprite, first, turn, label, front=front)

    def _draw_bag(self, surface: Surface, moment: _Moment) -> np.ndarray | None:
        """Draw the bag, if it is there, and return the pixel of the middle of its mouth."""
        state = moment.state
        if state["bag_in"] <= 0.02 or state["bag_out"] >= 0.98:
            return None
        opened, filled = round(state["bag_open"] * _OPENINGS), round(state["bagged"] * _OPENINGS)
        if (SPECIMEN_BAG, opened, filled) not in self._sketches:
            inside = self._scene.specimen.colour
            size, share = self._anatomy.bag_size, 1 / _OPENINGS
            bag = effects.Bag(size, opened * share, filled * share, self._bag_colour, inside)
            self._sketches[SPECIMEN_BAG, opened, filled] = [effects.foil(bag), effects.lip(bag)]
        sway = 0.06 * np.sin(0.9 * moment.time)
        angle = sway + 0.35 * state["bag_lift"] - 0.2 * (1 - state["bag_open"])
        mouth = moment.pixel(self._anatomy.bag_mouth(state))
        for sketch in self._sketches[SPECIMEN_BAG, opened, filled]:
            sketch.draw(surface, mouth, float(angle), moment.scale * (1 - 0.25 * state["bag_out"]))
        return mouth

    def _draw_shadows(self, surface: Surface, moment: _Moment) -> None:
        left, top, right, bottom = self._sensor.box
        offset = np.array([0.025, 0.05]) * self.height
        thick = 0.07 * self._tool_size * self.height
        lines = [(moment.pixel(it.tip) + offset, moment.pixel(it.port) + offset, thick) for it in moment.held]
        effects.draw_shadows(surface, (bottom - top, right - left), lines)

    def _draw_instrument(self, surface: Surface, moment: _Moment, held: Held) -> np.ndarray:
        """Draw an instrument and return the pixel of its tip."""
        opened = round(held.opening * _OPENINGS)
        if (held.tool, opened, 0) not in self._sketches:
            finish, wrist = self._finish[held.tool], self._wrists[held.tool]
            sketch = sketch_instrument(held.tool, opened / _OPENINGS, finish, wrist)
            self._sketches[held.tool, opened, 0] = [sketch]
        tip, angle, scale = self._pose(moment, held)
        for sketch in self._sketches[held.tool, opened, 0]:
            sketch.draw(surface, tip, angle, scale, self._flips[held.tool])
        return tip

    def _draw_water(
        self, surface: Surface, moment: _Moment, held: Held, generator: np.random.Generator
    ) -> None:
        if held.tool == "irrigator" and "water" in held.effects:
            effects.water(generator).draw(surface, *self._pose(moment, held))

    def _draw_spark(
        self, surface: Surface, moment: _Moment, held: Held, generator: np.random.Generator
    ) -> None:
        if held.tool == "hook" and "spark" in held.effects and generator.uniform() < 0.4:
            spark = effects.spark(generator).turned(self._wrists[held.tool])
            spark.draw(surface, *self._pose(moment, held), self._flips[held.tool])

    def _pose(self, moment: _Moment, held: Held) -> tuple[np.ndarray, float, float]:
        """Tip in pixels, angle and size; an instrument is nearer than the tissue, but not fixed to it."""
        heading = moment.view[:2, :2] @ (held.tip - held.port)
        scale = self._tool_size * (0.4 * self.height + 0.6 * moment.scale)
        return moment.pixel(held.tip), float(np.arctan2(heading[1], heading[0])), scale
