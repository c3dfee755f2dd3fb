"""The pictures of a lecture: the scene under a moving camera, the instruments at work, what passes over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis import effects
from surgvlp.synthesis.actions import TOOLS, Use
from surgvlp.synthesis.anatomy import Anatomy, draw_anatomy, mixed, smooth
from surgvlp.synthesis.instruments import Finish, Pen, draw_finish, draw_instrument
from surgvlp.synthesis.procedure import Procedure, TimedAction
from surgvlp.synthesis.scene import Scene, Sprite, paint_scene, spline

_ENTER_S = 0.8  # an instrument's way between its port and its place
_STEPS = 24  # in which layers come and go


def picture_size(height: int) -> tuple[int, int]:
    """Even (height, width) of 16:9 pictures; 480 gives Cholec80's 854 x 480."""
    return height // 2 * 2, round(height * 16 / 9 / 2) * 2


@dataclass(frozen=True)
class Camera:
    """The endoscope at every frame: focus (N, 2) in the world, zoom (N,), roll (N,) in radians, brightness (N,)."""

    focus: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray
    brightness: np.ndarray


class Renderer:
    """Draws the frames of one lecture.

    Args:
        procedure: what happens.
        height: of the pictures, pixels; see `picture_size`.
        fps: frames a second.
        generator: draws anatomy, colours, light and camera; everything later follows from these.
    """

    def __init__(self, procedure: Procedure, height: int, fps: float, generator: np.random.Generator) -> None:
        self.procedure = procedure
        self.height, self.width = picture_size(height)
        self.times = np.arange(round(procedure.duration * fps)) / fps
        self.states = procedure.states_at(self.times)
        self.anatomy: Anatomy = draw_anatomy(generator)
        self.scene: Scene = paint_scene(self.anatomy, self.height, generator)
        self._light = effects.Light(self.height, self.width, generator)
        self._finish = {tool: draw_finish(tool, generator) for tool in TOOLS}
        self._tool_size = generator.uniform(1.1, 1.35)
        self._flips = {tool: float(generator.choice([-1, 1])) for tool in TOOLS}
        self._ports = _draw_ports(generator)
        self._clip_colour = np.array(
            [(205, 205, 212), (225, 225, 220), (120, 70, 160), (60, 140, 110)][generator.integers(4)], float
        )
        self._bag_colour = np.array(
            [(225, 225, 220), (190, 205, 225), (205, 220, 195), (220, 205, 170)][generator.integers(4)], float
        )
        self._motion = {hand: generator.uniform(0, 6.3, 6) for hand in self._ports}
        self._camera = _draw_camera(procedure, self.anatomy, self.states, self.times, generator)
        self._tracks = {hand: _track(procedure, hand) for hand in self._ports}
        self._smoke = _smoke_levels(procedure, self.times, generator.uniform(0.35, 1.0))
        self._stains = _draw_stains(procedure, self.anatomy, generator)
        self._seed = int(generator.integers(2**31))
        self._painted: tuple[tuple[float, ...], np.ndarray, np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.times)

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in order, uint8 (height, width, 3) RGB."""
        for number in range(len(self)):
            yield self.frame(number)

    def frame(self, number: int) -> np.ndarray:
        """One frame, uint8 (height, width, 3) RGB; the same however many were drawn before it."""
        time = float(self.times[number])
        state = {name: float(values[number]) for name, values in self.states.items()}
        generator = np.random.default_rng([self._seed, number])
        view = self._view(number)
        below, above, above_cover = self._canvases(state)
        size = (self.width, self.height)
        to_view = view @ _canvas_to_world(self.scene)
        frame = cv2.warpAffine(
            below, to_view[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        self._draw_stains(frame, view, time)
        in_bag = state["carried"] > 0.5
        if not in_bag:
            self._draw_gallbladder(frame, view, state, time)
        if above_cover.any():
            cover = cv2.warpAffine(above_cover, to_view[:2], size)
            effects.lay_over(frame, cv2.warpAffine(above, to_view[:2], size), cover)
        self._draw_clips(frame, view, state)
        if in_bag and state["bagged"] < 1:
            self._draw_gallbladder(frame, view, state, time)
        self._draw_bag(frame, view, state, time)
        for hand in ("assist", "hold", "work"):
            self._draw_tool(frame, view, state, hand, time, generator)
        if self._smoke[number] > 0.02:
            effects.draw_smoke(frame, self.scene.smoke, self._smoke[number], time)
        return self._light.fall_on(frame, self._camera.brightness[number], number)

    def _view(self, number: int) -> np.ndarray:
        """(3, 3) matrix from the world to pixels."""
        camera = self._camera
        scale, roll = camera.zoom[number] * self.height, camera.roll[number]
        cosine, sine = scale * np.cos(roll), scale * np.sin(roll)
        matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
        matrix[:2, 2] = (
            np.array([0.5 * self.width, 0.5 * self.height]) - matrix[:2, :2] @ camera.focus[number]
        )
        return matrix

    def _canvases(self, state: dict[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What lies below the gallbladder, and above it with its coverage; repainted only where something changed."""
        layers = {
            "char": state["dissected"],
            "artery": float(state["artery_cut"] < 0.5),
            "artery_stump": float(state["artery_cut"] >= 0.5),
            "duct": float(state["duct_cut"] < 0.5),
            "duct_stump": float(state["duct_cut"] >= 0.5),
            "pool": state["pool"],
        }
        covers = {"calot_fat": 1 - state["exposure"], "omentum": state["omentum"]}
        key = tuple(round(value * _STEPS) / _STEPS for value in (*layers.values(), *covers.values()))
        if self._painted is None or self._painted[0] != key:
            below = self.scene.ground.copy()
            for name, share in zip(layers, key[: len(layers)], strict=True):
                _dissolve(below, self.scene.layers[name], self.scene.grain, share)
            above, cover = np.zeros_like(below), np.zeros(below.shape[:2], np.float32)
            for name, share in zip(covers, key[len(layers) :], strict=True):
                own = _dissolve(above, self.scene.layers[name], self.scene.grain, share)
                cover = 1 - (1 - cover) * (1 - own)
            self._painted = (key, below, above, np.round(cover * 255).astype(np.uint8))
        return self._painted[1:]

    def _draw_gallbladder(
        self, frame: np.ndarray, view: np.ndarray, state: dict[str, float], time: float
    ) -> None:
        fundus, neck = self.anatomy.gallbladder(state)
        axis = neck - fundus
        sprite = self.scene.gallbladder
        stretch = np.linalg.norm(axis) / self.scene.gallbladder_length
        along = axis / np.linalg.norm(axis)
        breath = 1 + 0.02 * np.sin(1.7 * time) - 0.25 * smooth(state["carried"])
        turn = np.array([[along[1] * breath, along[0] * stretch], [-along[0] * breath, along[1] * stretch]])
        _draw_sprite(frame, view, sprite, fundus, turn, 1.0)

    def _draw_stains(self, frame: np.ndarray, view: np.ndarray, time: float) -> None:
        for begin, place, size in self._stains:
            age = time - begin
            if 0 < age < 40:
                share = min(1.0, age / 3) * min(1.0, (40 - age) / 25)
                turn = np.eye(2) * size * (0.6 + 0.4 * min(1.0, age / 6))
                _draw_sprite(frame, view, self.scene.splash, place, turn, share)

    def _draw_clips(self, frame: np.ndarray, view: np.ndarray, state: dict[str, float]) -> None:
        if state["duct_clips"] < 0.5 and state["artery_clips"] < 0.5:
            return
        for vessel in ("duct", "artery"):
            course = spline(getattr(self.anatomy, vessel))
            for number, step in enumerate((22, 26, 8)[: int(state[f"{vessel}_clips"] + 0.01)]):
                place = view[:2, :2] @ course[step] + view[:2, 2]
                along = view[:2, :2] @ (course[step + 1] - course[step - 1])
                scale = np.hypot(view[0, 0], view[1, 0]) * (1.0 if vessel == "duct" else 0.85)
                pen = Pen(frame, place, np.arctan2(along[1], along[0]) + 0.1 * number, scale)
                effects.draw_clip(pen, self._clip_colour)
        if state["bed_clips"] > 0.5:
            place = view[:2, :2] @ self.anatomy.fixed["bed"] + view[:2, 2]
            effects.draw_clip(Pen(frame, place, 0.8, np.hypot(view[0, 0], view[1, 0])), self._clip_colour)

    def _draw_bag(self, frame: np.ndarray, view: np.ndarray, state: dict[str, float], time: float) -> None:
        if state["bag_in"] <= 0.02 or state["bag_out"] >= 0.98:
            return
        mouth = view[:2, :2] @ self.anatomy.bag_mouth(state) + view[:2, 2]
        scale = float(np.hypot(view[0, 0], view[1, 0])) * (1 - 0.25 * state["bag_out"])
        angle = 0.06 * np.sin(0.9 * time) + 0.35 * state["bag_lift"] - 0.2 * (1 - state["bag_open"])
        inside = self.scene.gallbladder.rgb[tuple(np.array(self.scene.gallbladder.rgb.shape[:2]) // 2)]
        effects.draw_bag(
            frame, mouth, angle, scale, self.anatomy.bag_size, state["bag_open"], state["bagged"],
            self._bag_colour, inside.astype(float),
        )  # fmt: skip

    def _draw_tool(
        self, frame: np.ndarray, view: np.ndarray, state: dict[str, float], hand: str, time: float,
        generator: np.random.Generator,
    ) -> None:  # fmt: skip
        stint = _stint_at(self._tracks[hand], time)
        if stint is None:
            return
        tip, effect, opening = self._tip(stint, hand, state, time)
        port = self._ports[hand]
        place = view[:2, :2] @ tip + view[:2, 2]
        heading = view[:2, :2] @ (tip - port)
        scale = self._tool_size * self.height * np.hypot(view[0, 0], view[1, 0]) / self.height
        scale *= 0.6 + 0.4 / max(0.5, np.hypot(view[0, 0], view[1, 0]) / self.height)
        pen = Pen(frame, place, np.arctan2(heading[1], heading[0]), scale, self._flips[stint.use.tool])
        if stint.use.tool == "irrigator" and "water" in effect:
            effects.draw_water(pen, time, generator)
        draw_instrument(pen, stint.use.tool, opening, self._finish[stint.use.tool])
        if stint.use.tool == "hook" and "spark" in effect and generator.uniform() < 0.4:
            effects.draw_spark(pen, generator)

    def _tip(
        self, stint: Stint, hand: str, state: dict[str, float], time: float
    ) -> tuple[np.ndarray, tuple[str, ...], float]:
        """Where the tip is in the world, the effects it makes, how far its jaws are open."""
        use, phases = stint.use, self._motion[hand]
        goal = self.anatomy.place(use.place, state)
        share = (time - stint.start) / (stint.end - stint.start)
        wave = np.sin(np.array([1.3, 1.9, 2.6, 3.4]) * time + phases[:4])
        reach = {
            "still": 0.006,
            "carry": 0.006,
            "spread": 0.03,
            "stroke": 0.045,
            "sweep": 0.11,
            "apply": 0.012,
        }
        goal = goal + reach[use.motion] * np.array([wave[0] + 0.5 * wave[2], wave[1] + 0.4 * wave[3]])
        if use.motion == "stroke":  # a slow push and a quick pull back
            pull = (0.55 * time + phases[4]) % 1.0
            goal = goal + np.array([0.05, -0.04]) * (pull if pull < 0.7 else (1 - pull) * 7 / 3)
        opening = {
            "still": 0.06,
            "carry": 0.08,
            "stroke": 0.3 + 0.25 * wave[0],
            "sweep": 0.25 + 0.2 * wave[1],
            "spread": 0.5 + 0.48 * np.sin(3.1 * time + phases[5]),
            "apply": 1.0 - smooth(float(np.clip((share - 0.3) / 0.2, 0, 1))) if share < 0.75 else 0.6,
        }[use.motion]
        away = goal + 0.75 * (self._ports[hand] - goal)
        if stint.comes:
            goal = mixed(away, goal, smooth(float(np.clip((time - stint.start) / _ENTER_S, 0, 1))))
        elif stint.before is not None:
            old = self.anatomy.place(stint.before.place, state)
            goal = mixed(old, goal, smooth(float(np.clip((time - stint.start) / _ENTER_S, 0, 1))))
        if stint.leaves:
            goal = mixed(away, goal, smooth(float(np.clip((stint.end - time) / _ENTER_S, 0, 1))))
        return goal, stint.effects, float(opening)


@dataclass(frozen=True)
class Stint:
    """One tool in one hand during one action; `comes` and `leaves` where it is another one before or after."""

    use: Use
    start: float
    end: float
    effects: tuple[str, ...]
    comes: bool
    leaves: bool
    before: Use | None


def _track(procedure: Procedure, hand: str) -> list[Stint]:
    """What one hand holds over the lecture."""
    uses = [next((use for use in timed.action.uses if use.hand == hand), None) for timed in procedure.actions]
    stints = []
    for number, (timed, use) in enumerate(zip(procedure.actions, uses, strict=True)):
        if use is None:
            continue
        before = uses[number - 1] if number else None
        after = uses[number + 1] if number + 1 < len(uses) else use
        comes = before is None or before.tool != use.tool
        leaves = after is None or after.tool != use.tool
        stints.append(Stint(use, timed.start, timed.end, timed.action.effects, comes, leaves, before))
    return stints


def _stint_at(track: list[Stint], time: float) -> Stint | None:
    return next((stint for stint in track if stint.start <= time < stint.end), None)


def _draw_ports(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Where the hands' instruments come from: outside the picture, somewhat different in every lecture."""
    work = [(-1.3, -0.5), (-1.35, 0.1), (-0.9, -1.2), (-0.7, 1.3), (0.3, 1.5)][generator.integers(5)]
    hold = [(1.5, 0.3), (1.4, 0.8), (1.5, -0.2)][generator.integers(3)]
    assist = [(1.2, -1.1), (0.5, -1.4), (1.5, -0.7)][generator.integers(3)]
    return {
        hand: np.array(port) + generator.uniform(-0.15, 0.15, 2)
        for hand, port in (("work", work), ("hold", hold), ("assist", assist))
    }


def _draw_camera(
    procedure: Procedure, anatomy: Anatomy, states: dict[str, np.ndarray], times: np.ndarray,
    generator: np.random.Generator,
) -> Camera:  # fmt: skip
    """The camera goes from place to place as the actions do, sways, breathes, and changes its exposure."""
    stops, focus, zoom, bright = [], [], [], []
    taste = generator.uniform(0.92, 1.1)
    for timed in procedure.actions:
        middle = min(len(times) - 1, int(np.searchsorted(times, 0.5 * (timed.start + timed.end))))
        state = {name: float(values[middle]) for name, values in states.items()}
        aim = 0.8 * anatomy.place(timed.action.focus, state) + generator.normal(0, 0.03, 2)
        closer = timed.action.zoom * taste * generator.uniform(0.9, 1.1)
        exposure = float(np.exp(generator.normal(0, 0.22)))
        for share in (0.25, 0.85):
            stops.append(timed.start + share * (timed.end - timed.start))
            focus.append(aim + generator.normal(0, 0.015, 2))
            zoom.append(closer * generator.uniform(0.97, 1.03))
            bright.append(exposure)
    phases, slow = generator.uniform(0, 6.3, 5), generator.uniform(0.6, 1.3)
    sway = 0.012 * np.stack(
        [np.sin(0.9 * slow * times + phases[0]), np.sin(1.2 * slow * times + phases[1])], 1
    )
    path = np.stack([np.interp(times, stops, np.array(focus)[:, axis]) for axis in (0, 1)], 1)
    return Camera(
        focus=path + sway,
        zoom=np.clip(np.interp(times, stops, zoom), 0.85, 1.6),
        roll=generator.uniform(-0.12, 0.12) + 0.03 * np.sin(0.5 * slow * times + phases[2]),
        brightness=np.interp(times, stops, bright) * (1 + 0.06 * np.sin(0.7 * slow * times + phases[3])),
    )


def _smoke_levels(procedure: Procedure, times: np.ndarray, strength: float) -> np.ndarray:
    """(N,) from 0 to 1: smoke gathers within a second or two of cautery and is gone some seconds later."""
    levels = np.zeros(len(times))
    burning = np.zeros(len(times), bool)
    for timed in procedure.actions:
        if "smoke" in timed.action.effects:
            burning |= (times > timed.start + 1) & (times < timed.end - 0.5)
    step, level = (times[1] - times[0]) if len(times) > 1 else 1.0, 0.0
    for number, burns in enumerate(burning):
        level += step * ((strength - level) / 1.8 if burns else -level / 2.5)
        levels[number] = level
    return levels


def _draw_stains(
    procedure: Procedure, anatomy: Anatomy, generator: np.random.Generator
) -> list[tuple[float, np.ndarray, float]]:
    """Bleedings (begin in seconds, place, size): where an action brings one, and now and then anywhere."""
    stains = []
    for timed in procedure.actions:
        name = {"triangle": "triangle", "bed": "bed"}.get(timed.action.focus)
        if "blood" in timed.action.effects or generator.uniform() < 0.12:
            place = anatomy.fixed[name] if name else generator.uniform((-0.4, -0.1), (0.4, 0.3))
            begin = timed.start - generator.uniform(0, 2)
            stains.append((begin, place + generator.normal(0, 0.04, 2), generator.uniform(0.35, 1.2)))
    return stains


def _canvas_to_world(scene: Scene) -> np.ndarray:
    origin = next(iter(scene.layers.values())).origin
    return np.array([[1, 0, -origin[0]], [0, 1, -origin[1]], [0, 0, scene.scale]]) / scene.scale


def _dissolve(canvas: np.ndarray, layer: Sprite, grain: np.ndarray, share: float) -> np.ndarray:
    """Lay that share of a layer over the canvas, in place, its thin parts going first; return its coverage."""
    if share <= 0:
        return np.zeros(canvas.shape[:2], np.float32)
    cover = layer.cover if share >= 1 else layer.cover * np.clip((share - grain) * 8 + 0.5 * share, 0, 1)
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    if len(rows):
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        part = cover[box][..., None]
        canvas[box] = (canvas[box] * (1 - part) + layer.rgb[box] * part).astype(np.uint8)
    return cover


def _draw_sprite(
    frame: np.ndarray, view: np.ndarray, sprite: Sprite, place: np.ndarray, turn: np.ndarray, share: float
) -> None:
    """Draw a sprite with its origin at a world point, its local units turned and stretched by `turn` (2, 2)."""
    linear = view[:2, :2] @ turn / sprite.scale
    offset = view[:2, :2] @ place + view[:2, 2] - linear @ sprite.origin
    height, width = sprite.cover.shape
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ linear.T + offset
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (frame.shape[1], frame.shape[0]))
    if (high <= low).any():
        return
    matrix = np.column_stack([linear, offset - low])
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    cover = cv2.warpAffine(sprite.cover, matrix, size) * share
    rgb = cv2.warpAffine(sprite.rgb, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    part = cover[..., None]
    frame[box] = (frame[box] * (1 - part) + rgb * part).astype(np.uint8)
