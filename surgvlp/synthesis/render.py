"""The pictures of a lecture: the scene under a moving camera, instruments at work, what passes over it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from surgvlp.synthesis import effects
from surgvlp.synthesis.actions import TOOLS
from surgvlp.synthesis.anatomy import HALF_HEIGHT, HALF_WIDTH, State, smooth
from surgvlp.synthesis.camera import Sensor, draw_path
from surgvlp.synthesis.hands import Hands, Held
from surgvlp.synthesis.instruments import Pen, draw_finish, draw_instrument
from surgvlp.synthesis.procedure import Procedure
from surgvlp.synthesis.sprites import dissolve, draw_sprite, lay_over

_STEPS = 24  # in which layers come and go
_CLIP_COLOURS = ((205, 205, 212), (225, 225, 220), (120, 70, 160), (60, 140, 110))
_BAG_COLOURS = ((225, 225, 220), (190, 205, 225), (205, 220, 195), (220, 205, 170))


def picture_size(height: int) -> tuple[int, int]:
    """Even (height, width) of 16:9 pictures; 480 gives Cholec80's 854 x 480."""
    return height // 2 * 2, round(height * 16 / 9 / 2) * 2


class Renderer:
    """Draws the frames of one lecture.

    Args:
        procedure: what happens.
        height: of the pictures, pixels; see `picture_size`.
        fps: frames a second.
        generator: draws anatomy, colours, light and camera; every frame follows from these alone.
    """

    def __init__(self, procedure: Procedure, height: int, fps: float, generator: np.random.Generator) -> None:
        self.height, self.width = picture_size(height)
        self.times = np.arange(round(procedure.duration * fps)) / fps
        self._states = procedure.states_at(self.times)
        self._anatomy, self._scene = procedure.type.draw_scene(self.height, generator)
        self._finish = {tool: draw_finish(tool, generator) for tool in TOOLS}
        self._tool_size = generator.uniform(1.25, 1.5)
        self._flips = {tool: float(generator.choice([-1, 1])) for tool in TOOLS}
        self._clip_colour = np.array(_CLIP_COLOURS[generator.integers(len(_CLIP_COLOURS))], np.float64)
        self._bag_colour = np.array(_BAG_COLOURS[generator.integers(len(_BAG_COLOURS))], np.float64)
        self._hands = Hands(procedure, self._anatomy, generator)
        self._path = draw_path(procedure, self._anatomy, self._states, self.times, generator)
        self._sensor = Sensor(procedure, self.times, self.height, self.width, generator)
        self._smoke = effects.smoke_levels(procedure, self.times, generator.uniform(0.35, 1.0))
        self._stains = effects.draw_stains(procedure, self._anatomy, generator)
        self._seed = int(generator.integers(2**31))
        self._painted: tuple[tuple[int, ...], np.ndarray, np.ndarray | None] | None = None

    def __len__(self) -> int:
        return len(self.times)

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in order, uint8 (height, width, 3) RGB."""
        for number in range(len(self)):
            yield self.frame(number)

    def frame(self, number: int) -> np.ndarray:
        """One frame, uint8 (height, width, 3) RGB; the same whatever was drawn before it."""
        time = float(self.times[number])
        state = {name: float(values[number]) for name, values in self._states.items()}
        generator = np.random.default_rng([self._seed, number])
        view = self._view(number)
        in_bag = state["carried"] > 0.5
        frame, above = self._tissue(view, state)
        for stain in self._stains:
            effects.draw_stain(frame, view, self._scene.splash, stain, time)
        held = self._hands.at(time, state)
        self._draw_shadows(frame, view, held)
        if not in_bag:
            self._draw_specimen(frame, view, state, time)
        if above is not None:
            lay_over(frame, above)
        self._draw_clips(frame, view, state)
        if in_bag and state["bagged"] < 1:
            self._draw_specimen(frame, view, state, time)
        self._draw_bag(frame, view, state, time)
        for instrument in held:
            self._draw_instrument(frame, view, instrument, generator)
        effects.draw_smoke(frame, self._scene.smoke, self._smoke[number], time)
        return self._sensor.picture(frame, number)

    def _view(self, number: int) -> np.ndarray:
        """(3, 3) matrix from the world to pixels."""
        path = self._path
        scale, roll = path.zoom[number] * self.height, path.roll[number]
        cosine, sine = scale * np.cos(roll), scale * np.sin(roll)
        matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
        middle = np.array([0.5 * self.width, 0.5 * self.height])
        matrix[:2, 2] = middle - matrix[:2, :2] @ path.focus[number]
        return matrix

    def _tissue(self, view: np.ndarray, state: State) -> tuple[np.ndarray, np.ndarray | None]:
        """What lies below the specimen, and what lies above it, if anything does (see `lay_over`)."""
        below, above = self._canvases(state)
        scale = self._scene.scale
        to_world = np.array([[1, 0, -HALF_WIDTH * scale], [0, 1, -HALF_HEIGHT * scale], [0, 0, scale]])
        matrix, size = (view @ to_world / scale)[:2], (self.width, self.height)
        frame = cv2.warpAffine(below, matrix, size, borderMode=cv2.BORDER_REFLECT)
        return frame, None if above is None else cv2.warpAffine(above, matrix, size)

    def _canvases(self, state: State) -> tuple[np.ndarray, np.ndarray | None]:
        """The world's layers below and above the specimen, painted anew only where something changed."""
        scene = self._scene
        key = tuple(round(layer.share(state) * _STEPS) for layer in (*scene.below, *scene.above))
        if self._painted is None or self._painted[0] != key:
            origin = np.array([HALF_WIDTH, HALF_HEIGHT]) * scene.scale
            below, above = scene.ground.rgb.copy(), np.zeros((*scene.grain.shape, 4), np.uint8)
            canvases = [below] * len(scene.below) + [above] * len(scene.above)
            for canvas, layer, steps in zip(canvases, (*scene.below, *scene.above), key, strict=True):
                dissolve(canvas, origin, layer.sprite, scene.grain, steps / _STEPS)
            self._painted = (key, below, above if above.any() else None)
        return self._painted[1:]

    def _draw_specimen(self, frame: np.ndarray, view: np.ndarray, state: State, time: float) -> None:
        specimen = self._scene.specimen
        first, last = self._anatomy.specimen(state)
        length = float(np.linalg.norm(last - first))
        x, y = (last - first) / length
        wide = 1 + 0.02 * np.sin(1.7 * time) - 0.25 * smooth(state["carried"])
        long = length / specimen.length
        turn = np.array([[y * wide, x * long], [-x * wide, y * long]])
        draw_sprite(frame, view, specimen.sprite, first, turn)

    def _draw_clips(self, frame: np.ndarray, view: np.ndarray, state: State) -> None:
        scale = float(np.hypot(view[0, 0], view[1, 0]))
        roll = float(np.arctan2(view[1, 0], view[0, 0]))
        for clips in self._scene.clips:
            count = int(clips.count(state) + 0.01)
            for place, heading in zip(clips.places[:count], clips.headings[:count], strict=True):
                pixel = view[:2, :2] @ place + view[:2, 2]
                effects.draw_clip(Pen(frame, pixel, heading + roll, scale), self._clip_colour)

    def _draw_bag(self, frame: np.ndarray, view: np.ndarray, state: State, time: float) -> None:
        if state["bag_in"] <= 0.02 or state["bag_out"] >= 0.98:
            return
        scale = float(np.hypot(view[0, 0], view[1, 0])) * (1 - 0.25 * state["bag_out"])
        angle = 0.06 * np.sin(0.9 * time) + 0.35 * state["bag_lift"] - 0.2 * (1 - state["bag_open"])
        bag = effects.Bag(
            size=self._anatomy.bag_size,
            opened=state["bag_open"],
            filled=state["bagged"],
            colour=self._bag_colour,
            inside=self._scene.specimen.colour,
        )
        mouth = view[:2, :2] @ self._anatomy.bag_mouth(state) + view[:2, 2]
        effects.draw_bag(frame, mouth, float(angle), scale, bag)

    def _draw_shadows(self, frame: np.ndarray, view: np.ndarray, held: list[Held]) -> None:
        offset = np.array([0.025, 0.05]) * self.height
        ends = [view[:2, :2] @ np.stack([it.tip, it.port], 1) + view[:2, 2:] for it in held]
        thick = 0.07 * self._tool_size * self.height
        effects.draw_shadows(frame, [(pair[:, 0] + offset, pair[:, 1] + offset, thick) for pair in ends])

    def _draw_instrument(
        self, frame: np.ndarray, view: np.ndarray, held: Held, generator: np.random.Generator
    ) -> None:
        heading = view[:2, :2] @ (held.tip - held.port)
        zoom = float(np.hypot(view[0, 0], view[1, 0])) / self.height
        scale = (
            self._tool_size * self.height * (0.4 + 0.6 * zoom)
        )  # nearer than the tissue, but not fixed to it
        place = view[:2, :2] @ held.tip + view[:2, 2]
        angle = float(np.arctan2(heading[1], heading[0]))
        if held.tool == "irrigator" and "water" in held.effects:
            effects.draw_water(frame, place, angle, scale, generator)
        pen = Pen(frame, place, angle, scale, self._flips[held.tool])
        draw_instrument(pen, held.tool, held.opening, self._finish[held.tool])
        if held.tool == "hook" and "spark" in held.effects and generator.uniform() < 0.4:
            effects.draw_spark(pen, generator)
