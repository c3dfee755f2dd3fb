"""The endoscope: where it looks, and what its light and its electronics make of what is there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.anatomy import Anatomy
from surgvlp.synthesis.procedure import Procedure


@dataclass(frozen=True)
class Path:
    """The endoscope at every frame: focus (N, 2) in the world, zoom (N,), roll (N,) in radians."""

    focus: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray


def draw_path(
    procedure: Procedure,
    anatomy: Anatomy,
    states: dict[str, np.ndarray],
    times: np.ndarray,
    generator: np.random.Generator,
) -> Path:
    """Draw a path that goes from place to place as the actions do, and sways as a hand does."""
    stops, focus, zoom = [], [], []
    taste = generator.uniform(1.0, 1.2)
    for timed in procedure.actions:
        middle = min(len(times) - 1, int(np.searchsorted(times, 0.5 * (timed.start + timed.end))))
        state = {name: float(values[middle]) for name, values in states.items()}
        aim = 0.8 * anatomy.place(timed.action.focus, state) + generator.normal(0, 0.03, 2)
        closer = timed.action.zoom * taste * generator.uniform(0.9, 1.1)
        for share in (0.25, 0.85):
            stops.append(timed.start + share * (timed.end - timed.start))
            focus.append(aim + generator.normal(0, 0.015, 2))
            zoom.append(closer * generator.uniform(0.97, 1.03))
    phases, slow = generator.uniform(0, 6.3, 3), generator.uniform(0.6, 1.3)
    sway = [np.sin(0.9 * slow * times + phases[0]), np.sin(1.2 * slow * times + phases[1])]
    track = [np.interp(times, stops, np.array(focus)[:, axis]) for axis in (0, 1)]
    return Path(
        focus=np.stack(track, axis=1) + 0.012 * np.stack(sway, axis=1),
        zoom=np.clip(np.interp(times, stops, zoom), 0.85, 1.7),
        roll=generator.uniform(-0.12, 0.12) + 0.03 * np.sin(0.5 * slow * times + phases[2]),
    )


class Sensor:
    """Light, exposure, white balance, contrast and noise of one lecture.

    The light is bright in the middle, dim at the edges, and black outside the round picture. The camera's
    electronics pull brightness, tint and contrast of every picture towards values that it wanders between, as
    real ones do: what is in view therefore decides little about the colours of the whole.

    Args:
        procedure: the wandering follows its actions.
        times: (N,) of the frames.
        height, width: of the picture, pixels.
        generator: draws all this.
    """

    def __init__(
        self,
        procedure: Procedure,
        times: np.ndarray,
        height: int,
        width: int,
        generator: np.random.Generator,
    ) -> None:
        centre = generator.normal(0, 0.025, 2)
        radius = generator.choice([generator.uniform(0.5, 0.6), generator.uniform(0.6, 0.85)])
        falling = generator.uniform(0.35, 0.85)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        distance = np.hypot(x - 0.5 * width / height - centre[0], y - 0.5 - centre[1])
        light = np.clip((radius - distance) * 60, 0, 1) * (
            1 - falling * np.clip(distance / radius, 0, 1) ** 2
        )
        self._light = cv2.merge([np.round(light * 255).astype(np.uint8)] * 3)
        half = round(0.38 * height)
        self._metered = (
            slice(height // 2 - half, height // 2 + half, 3),
            slice(width // 2 - half, width // 2 + half, 3),
        )
        grain = generator.normal(0, generator.uniform(1, 4), (4, height + 32, width + 32, 3))
        self._grain = np.round(grain).astype(np.int16)

        def wandering(usual: np.ndarray, own: float, common: float) -> np.ndarray:
            """(N, 3): another value with every action, channels apart by `own`, together by `common`."""
            starts = [timed.start for timed in procedure.actions]
            apart = generator.normal(0, own, (len(starts), 3)) + generator.normal(0, common, (len(starts), 1))
            values = usual * np.exp(apart)
            return np.stack([np.interp(times, starts, values[:, channel]) for channel in range(3)], axis=1)

        tint = np.array([165.0, 96.0, 84.0]) * np.exp(generator.normal(0, 0.09, 3))
        self._means = wandering(tint, 0.07, 0.2)
        self._deviations = wandering(np.full(3, 40.0), 0.15, 0.2)

    def picture(self, frame: np.ndarray, number: int) -> np.ndarray:
        """What the camera delivers of an evenly lit frame, for frame `number`."""
        mean, deviation = (
            value.ravel() for value in cv2.meanStdDev(np.ascontiguousarray(frame[self._metered]))
        )
        gain = (self._deviations[number] / np.maximum(deviation, 8)) ** _CONTRAST
        aim = mean + _EXPOSURE * (self._means[number] - mean)
        table = np.clip((np.arange(256)[:, None] - mean) * gain + aim, 0, 255).astype(np.uint8)
        lit = cv2.multiply(cv2.LUT(frame, table[None]), self._light, scale=1 / 255)
        height, width = frame.shape[:2]
        top, left = (number * 13) % 32, (number * 7) % 32
        grain = self._grain[number % 4, top : top + height, left : left + width]
        return cv2.add(lit, grain, dtype=cv2.CV_8U)


_EXPOSURE, _CONTRAST = 0.85, 0.85  # how far the electronics go, from 0 to 1
