"""The edit of a lecture: which part of it shows the operation, and which something else."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from surgvlp.synthesis.difficulty import Difficulty
from surgvlp.synthesis.operation.procedure import Procedure, TimedAction

Kind = Literal["operation", "title", "drawing", "outside", "black"]
Insert = tuple[float, Kind, float]  # the operation's time at which it comes, kind, seconds

_STANDING: tuple[Kind, ...] = (
    "title",
    "drawing",
    "black",
)  # while these are shown the operation stands still
_LEAST_S = 3.0  # of the operation between two inserts


@dataclass(frozen=True)
class Segment:
    """A part of the lecture; seconds. `operation_start` is what the operation's clock says at `start`."""

    start: float
    end: float
    kind: Kind
    operation_start: float

    @property
    def stands(self) -> bool:
        """Whether the operation's clock stands still."""
        return self.kind in _STANDING


@dataclass(frozen=True)
class Montage:
    """What a lecture shows when: `segments` follow each other without gaps from 0 to `duration`.

    The lecture's clock is not the operation's: that one stands still during title cards, drawings and black.
    It runs on while the endoscope is outside, where the phase goes on, as in Cholec80's labels.
    """

    segments: tuple[Segment, ...]

    @property
    def duration(self) -> float:
        """Of the lecture, seconds."""
        return self.segments[-1].end

    @functools.cached_property
    def _starts(self) -> list[float]:
        return [segment.start for segment in self.segments]

    def segment_at(self, time: float) -> Segment:
        """The segment shown at a time of the lecture; the first before 0, the last after the end."""
        return self.segments[max(0, bisect.bisect_right(self._starts, time) - 1)]

    def kind_at(self, time: float) -> Kind:
        """What is shown at a time of the lecture."""
        return self.segment_at(time).kind

    def surgical(self, time: float) -> bool:
        """Whether the inside of the patient is shown."""
        return self.kind_at(time) == "operation"

    def operation_time(self, time: float) -> float:
        """What the operation's clock says at a time of the lecture."""
        segment = self.segment_at(time)
        return segment.operation_start + (0.0 if segment.stands else time - segment.start)

    def lecture_time(self, operation_time: float) -> float:
        """When the lecture's clock first comes to a time of the operation."""
        for segment in self.segments:
            done = segment.operation_start + (0.0 if segment.stands else segment.end - segment.start)
            if operation_time <= done:
                return segment.start + max(0.0, operation_time - segment.operation_start)
        return self.duration

    def retimed(self, procedure: Procedure) -> Procedure:
        """The operation by the lecture's clock: an action lasts longer by the cards that come within it.

        A card at an action's very beginning belongs to that action, and so to its phase.
        """
        if len(self.segments) == 1:
            return procedure
        starts = [self.lecture_time(timed.start) for timed in procedure.actions]
        actions = [
            TimedAction(timed.action, timed.phase, start, end)
            for timed, start, end in zip(procedure.actions, starts, [*starts[1:], self.duration], strict=True)
        ]
        keyframes = {name: self._stretched(*curve) for name, curve in procedure.keyframes.items()}
        return replace(procedure, duration=self.duration, actions=tuple(actions), keyframes=keyframes)

    def _stretched(self, times: list[float], values: list[float]) -> tuple[list[float], list[float]]:
        """A curve by the lecture's clock; it keeps its value while the operation stands still."""
        points = [(self.lecture_time(time), value) for time, value in zip(times, values, strict=True)]
        for segment in self.segments:
            if segment.stands:
                value = float(np.interp(segment.operation_start, times, values))
                points += [(segment.start, value), (segment.end, value)]
        points.sort(key=lambda point: point[0])  # stable: a jump keeps its order
        return [time for time, _ in points], [value for _, value in points]


def draw_montage(procedure: Procedure, difficulty: Difficulty, generator: np.random.Generator) -> Montage:
    """Draw the edit of an operation's lecture.

    Args:
        procedure: the operation, by its own clock.
        difficulty: its `cards` and `outside` count; where both are 0 the lecture is the operation.
        generator: of all choices.
    """
    inserts = [
        *_opening(difficulty.cards, generator),
        *_step_cards(procedure, difficulty.cards, generator),
        *_drawings(procedure, difficulty.cards, generator),
        *_looks_outside(procedure, difficulty.outside, generator),
    ]
    return _cut(procedure.duration, inserts, _closing(procedure.duration, difficulty.cards, generator))


def _opening(strength: float, generator: np.random.Generator) -> list[Insert]:
    found: list[Insert] = []
    if generator.uniform() < 0.5 * strength:
        found.append((0.0, "black", generator.uniform(0.4, 1.2)))
    if generator.uniform() < 1.5 * strength:
        found.append((0.0, "title", generator.uniform(2.5, 5.0)))
    if generator.uniform() < 0.5 * strength:
        found.append((0.0, "drawing", generator.uniform(4.0, 8.0)))
    return found


def _step_cards(procedure: Procedure, strength: float, generator: np.random.Generator) -> list[Insert]:
    """Some lecturers announce every step on a card, others none."""
    announces = generator.uniform() < 0.7 * strength
    starts = [actions[0].start for _, actions in procedure.segments()][1:]
    return [
        (start, "title", generator.uniform(1.5, 3.0))
        for start in starts
        if announces and generator.uniform() < 0.8
    ]


def _drawings(procedure: Procedure, strength: float, generator: np.random.Generator) -> list[Insert]:
    count = generator.poisson(strength * procedure.duration / 150)
    return [(start, "drawing", generator.uniform(3.5, 8.0)) for start in _some(procedure, count, generator)]


def _looks_outside(procedure: Procedure, strength: float, generator: np.random.Generator) -> list[Insert]:
    count = generator.poisson(strength * procedure.duration / 45)
    return [(start, "outside", generator.uniform(3.0, 6.5)) for start in _some(procedure, count, generator)]


def _closing(duration: float, strength: float, generator: np.random.Generator) -> list[Insert]:
    found: list[Insert] = []
    if generator.uniform() < 0.8 * strength:
        found.append((duration, "title", generator.uniform(1.5, 3.5)))
    if generator.uniform() < 0.4 * strength:
        found.append((duration, "black", generator.uniform(0.4, 1.5)))
    return found


def _some(procedure: Procedure, count: int, generator: np.random.Generator) -> Sequence[float]:
    """Beginnings of actions at which an insert may come, in no order."""
    starts = [timed.start for timed in procedure.actions[1:]]
    return [float(start) for start in generator.permutation(starts)[:count]]


def _cut(duration: float, inserts: Iterable[Insert], closing: Iterable[Insert]) -> Montage:
    """Put inserts into the operation; one that would come too soon after another is left out."""
    segments: list[Segment] = []
    clock = done = 0.0  # of the lecture, of the operation

    def add(kind: Kind, seconds: float) -> None:
        nonlocal clock, done
        segments.append(Segment(clock, clock + seconds, kind, done))
        clock, done = clock + seconds, done + (0.0 if kind in _STANDING else seconds)

    for time, kind, seconds in sorted(inserts, key=lambda insert: insert[0]):
        runs = 0.0 if kind in _STANDING else seconds
        if time > 0 and (time - done < _LEAST_S or time + runs > duration - _LEAST_S):
            continue
        if time > done:
            add("operation", time - done)
        add(kind, seconds)
    add("operation", duration - done)
    for _, kind, seconds in closing:
        add(kind, seconds)
    return Montage(tuple(segments))
