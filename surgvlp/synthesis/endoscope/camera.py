"""The endoscope: where it looks, and what its light and its electronics make of what is there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.abdomen.anatomy import Anatomy
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.pictures.picture import BLACK, FROM_RGB, Box, Picture, Planes, cut, half_size


@dataclass(frozen=True)
class View:
    """Where the endoscope looks: focus (2,) in the world, zoom, roll in radians."""

    focus: np.ndarray
    zoom: float
    roll: float


class Path:
    """The endoscope's way from place to place, as the actions go, swaying as a hand does.

    Args:
        procedure: what happens.
        anatomy: where it happens.
        times: (N,) seconds of the frames, to which its stops are tied.
        generator: draws the way.
    """

    def __init__(
        self, procedure: Procedure, anatomy: Anatomy, times: np.ndarray, generator: np.random.Generator
    ) -> None:
        stops, focus, zoom = [], [], []
        taste = generator.uniform(1.0, 1.2)
        for timed in procedure.actions:
            middle = min(len(times) - 1, int(np.searchsorted(times, 0.5 * (timed.start + timed.end))))
            state = procedure.state_at(float(times[middle]))
            aim = 0.8 * anatomy.place(timed.action.focus, state) + generator.normal(0, 0.03, 2)
            closer = timed.action.zoom * taste * generator.uniform(0.9, 1.1)
            for share in (0.25, 0.85):
                stops.append(timed.start + share * (timed.end - timed.start))
                focus.append(aim + generator.normal(0, 0.015, 2))
                zoom.append(closer * generator.uniform(0.97, 1.03))
        self._stops, self._focus, self._zoom = np.array(stops), np.array(focus), np.array(zoom)
        self._phases, self._slow = generator.uniform(0, 6.3, 3), generator.uniform(0.6, 1.3)
        self._roll = generator.uniform(-0.12, 0.12)

    def at(self, time: float) -> View:
        """Where it looks at a time in seconds."""
        slow, phases = self._slow, self._phases
        sway = np.sin(np.array([0.9 * slow * time + phases[0], 1.2 * slow * time + phases[1]]))
        track = [np.interp(time, self._stops, self._focus[:, axis]) for axis in (0, 1)]
        zoom = float(np.clip(np.interp(time, self._stops, self._zoom), 0.85, 1.7))
        roll = self._roll + 0.03 * float(np.sin(0.5 * slow * time + phases[2]))
        return View(np.array(track) + 0.012 * sway, zoom, roll)


class Sensor:
    """Light, exposure, white balance, contrast and noise of one lecture.

    The light is bright in the middle, dim at the edges, and black outside the round picture. The camera's
    electronics pull brightness, tint and contrast of every picture towards values that it wanders between, as
    real ones do: what is in view therefore decides little about the colours of the whole.

    Args:
        procedure: the wandering follows its actions.
        height, width: of the picture, pixels.
        generator: draws all this.
        darkness: from 0 to 1, weakens the light and brings noise.

    Attributes:
        box: what is lit of the picture; only this needs to be drawn.
        light: uint8 (h, w) of `box`, 0 where it is dark.
    """

    def __init__(
        self,
        procedure: Procedure,
        height: int,
        width: int,
        generator: np.random.Generator,
        darkness: float = 0.0,
    ) -> None:
        centre = generator.normal(0, 0.025, 2)
        radius = generator.choice([generator.uniform(0.5, 0.6), generator.uniform(0.6, 0.85)])
        falling = generator.uniform(0.35, 0.85)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        distance = np.hypot(x - 0.5 * width / height - centre[0], y - 0.5 - centre[1])
        light = np.clip((radius - distance) * 60, 0, 1) * (
            1 - falling * np.clip(distance / radius, 0, 1) ** 2
        )
        light *= 1 - 0.5 * darkness * falling
        self._shape = (height, width)
        self.box = _even_box(light > 0)
        left, top, right, bottom = self.box
        self.light = np.round(light[top:bottom, left:right] * 255).astype(np.uint8)
        self._dim = half_size(self.light)
        self._grey = cv2.convertScaleAbs(cv2.bitwise_not(self._dim), alpha=128 / 255)
        middle, half = np.array([height // 2 - top, width // 2 - left]) // 2, round(0.19 * height)
        rows, columns = (slice(max(0, at - half), at + half) for at in middle.tolist())
        self._metered = (rows, columns)
        # noise of red, green and blue apart comes to two thirds in luma; that of chroma no encoder keeps
        deviation = generator.uniform(1, 4) * (1 + darkness) * float(np.linalg.norm(FROM_RGB[0]))
        grain = generator.normal(_GRAIN, deviation, (4, bottom - top + 32, right - left + 32))
        self._grain = np.clip(np.round(grain), 0, 255).astype(np.uint8)

        self._starts = np.array([timed.start for timed in procedure.actions])

        def wandering(usual: np.ndarray, own: float, common: float) -> np.ndarray:
            """(actions, 3): another value each, channels apart by `own`, together by `common`."""
            count = len(self._starts)
            apart = generator.normal(0, own, (count, 3)) + generator.normal(0, common, (count, 1))
            return usual * np.exp(apart)

        tint = np.array([165.0, 96.0, 84.0]) * np.exp(generator.normal(0, 0.09, 3))
        self._means = wandering(tint, 0.07, 0.2)
        self._deviations = wandering(np.full(3, 40.0), 0.15, 0.2)

    def picture(self, drawn: Picture, number: int, time: float) -> Picture:
        """What the camera delivers of an evenly lit picture of `box`, for frame `number`, at its time."""
        (own, blue, red), shift = self._electronics(drawn.planes, time)
        luma, cb, cr = drawn.planes
        chroma = cv2.merge([half_size(luma), cb, cr])
        added = np.array([0, *own[1:]])  # to luma, by chroma
        table = np.array([[*added, 128 - 128 * added.sum()], [*blue, shift[1]], [*red, shift[2]]])
        tint, cb, cr = cv2.split(cv2.transform(chroma, table))
        height, width = luma.shape
        top, left = (number * 13) % 32, (number * 7) % 32
        offset = cv2.resize(tint, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.add(offset, self._grain[number % 4, top : top + height, left : left + width], dst=offset)
        black = shift[0] + 128 * added.sum() - 128 - _GRAIN - BLACK[0]
        cv2.addWeighted(luma, own[0], offset, 1, black, dst=luma)
        cv2.multiply(luma, self.light, dst=luma, scale=1 / 255)
        out = Picture(*self._shape)
        for plane, value in zip(out.planes, BLACK, strict=True):
            plane[:] = value
        whole = cut(out.planes, self.box)
        cv2.convertScaleAbs(luma, dst=whole[0], beta=BLACK[0])
        for plane, lit in ((cb, whole[1]), (cr, whole[2])):
            cv2.add(cv2.multiply(plane, self._dim, scale=1 / 255), self._grey, dst=lit)
        return out

    def is_lit(self, x: int, y: int) -> bool:
        """Whether a pixel of the whole picture is not dark."""
        left, top, right, bottom = self.box
        return left <= x < right and top <= y < bottom and bool(self.light[y - top, x - left] > 0)

    def _electronics(self, planes: Planes, time: float) -> tuple[np.ndarray, np.ndarray]:
        """(3, 3) and (3,) that set what is metered to the brightness, tint and contrast of the moment.

        Red, green and blue are pulled apart from each other, hence a matrix in luma, cb and cr.
        """
        rows, columns = self._metered
        luma = planes.luma[2 * rows.start : 2 * rows.stop : 6, 2 * columns.start : 2 * columns.stop : 6]
        metered = np.stack([luma, *(plane[rows, columns][::3, ::3] for plane in planes[1:])])
        metered = metered.reshape(3, -1).astype(np.float32)
        mean = metered.mean(axis=1)
        metered -= mean[:, None]
        spread = metered @ metered.T / metered.shape[1]
        to_rgb = np.linalg.inv(FROM_RGB)
        mean_rgb = to_rgb @ (mean - BLACK)
        deviation = np.sqrt(np.diag(to_rgb @ spread @ to_rgb.T))
        gain = (self._at(time, self._deviations) / np.maximum(deviation, 8)) ** _CONTRAST
        aim = mean_rgb + _EXPOSURE * (self._at(time, self._means) - mean_rgb)
        matrix = FROM_RGB @ np.diag(gain) @ to_rgb
        return matrix, FROM_RGB @ aim + BLACK - matrix @ mean

    def _at(self, time: float, wandering: np.ndarray) -> np.ndarray:
        """(3,) a value of every action, on the way from one to the next."""
        return np.array([np.interp(time, self._starts, channel) for channel in wandering.T])


_EXPOSURE, _CONTRAST = 0.85, 0.85  # how far the electronics go, from 0 to 1
_GRAIN = 16  # what stands for no noise


def _even_box(there: np.ndarray) -> Box:
    """The smallest box of even sides around what is true."""
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    left, top = columns[0] // 2 * 2, rows[0] // 2 * 2
    return int(left), int(top), int(columns[-1] // 2 * 2 + 2), int(rows[-1] // 2 * 2 + 2)
