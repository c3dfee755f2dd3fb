"""One made operation as a timeline: phases, the actions within them, the anatomy's state at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.actions import ACTIONS, PHASES, PLANS, Action

# Every variable of the anatomy and the bag, with its value when the operation begins; all lie in [0, 1] but
# the numbers of clips.
STATE = {
    "lift": 0.0,  # the fundus held up over the liver
    "omentum": 1.0,  # adhesions in front of the gallbladder
    "exposure": 0.0,  # fat and peritoneum cleared off duct and artery
    "duct_clips": 0.0,
    "artery_clips": 0.0,
    "bed_clips": 0.0,
    "duct_cut": 0.0,
    "artery_cut": 0.0,
    "dissected": 0.0,  # share of the gallbladder that is off the liver
    "loose": 0.0,  # dropped after the last fibres
    "pool": 0.0,  # fluid below the liver
    "bag_in": 0.0,
    "bag_open": 0.0,
    "carried": 0.0,  # from where the gallbladder lay to the bag's mouth
    "bagged": 0.0,
    "bag_lift": 0.0,  # the bag's way to the port
    "bag_out": 0.0,
}
SHORTEST_S = 75.0  # below this the phases have no room for what they cannot do without


@dataclass(frozen=True)
class TimedAction:
    """An action in its time; seconds from the start of the lecture."""

    action: Action
    phase: int
    start: float
    end: float


@dataclass(frozen=True)
class Procedure:
    """The timeline of one operation.

    Attributes:
        duration: seconds.
        actions: without gaps, in order, from 0 to `duration`.
        keyframes: of each state variable, its times and values, linear in between.
    """

    duration: float
    actions: tuple[TimedAction, ...]
    keyframes: dict[str, tuple[list[float], list[float]]]

    def action_at(self, time: float) -> TimedAction:
        """The action going on at `time`; the first before 0, the last after the end."""
        starts = [timed.start for timed in self.actions]
        return self.actions[max(0, int(np.searchsorted(starts, time, side="right")) - 1)]

    def phases_at(self, times: Sequence[float] | np.ndarray) -> np.ndarray:
        """(N,) int64 index into `PHASES` for each time."""
        starts = np.array([timed.start for timed in self.actions])
        numbers = np.array([timed.phase for timed in self.actions])
        return numbers[np.maximum(np.searchsorted(starts, np.asarray(times), side="right") - 1, 0)]

    def states_at(self, times: np.ndarray) -> dict[str, np.ndarray]:
        """Each state variable's values (N,) at the times."""
        return {name: np.interp(times, *curve) for name, curve in self.keyframes.items()}


def draw_procedure(seconds: float, generator: np.random.Generator) -> Procedure:
    """Draw an operation that takes about `seconds` (0.8 to 1.2 of it, and never below `SHORTEST_S`)."""
    duration = max(SHORTEST_S, seconds * generator.uniform(0.85, 1.15))
    order = _phase_order(generator)
    actions: list[TimedAction] = []
    for phase, length in zip(order, _phase_lengths(order, duration, generator), strict=True):
        start = actions[-1].end if actions else 0.0
        actions += _fill_phase(phase, order.count(phase), start, length, generator)
    return Procedure(actions[-1].end, tuple(actions), _keyframes(actions))


def _phase_order(generator: np.random.Generator) -> list[str]:
    """Cleaning comes after packaging, before it, in two turns, or last of all, as in real operations."""
    first = list(PHASES[:4])
    pack, clean, retract = PHASES[4:]
    ends = (
        [pack, clean, retract],
        [clean, pack, retract],
        [clean, pack, clean, retract],
        [pack, clean, retract, clean],
        [pack, retract, clean],
    )
    return first + ends[generator.choice(len(ends), p=[0.35, 0.25, 0.15, 0.1, 0.15])]


def _phase_lengths(order: list[str], duration: float, generator: np.random.Generator) -> list[float]:
    least = np.array([PLANS[phase].seconds / order.count(phase) for phase in order])
    share = np.array([PLANS[phase].share / order.count(phase) for phase in order])
    wanted = share * np.exp(generator.normal(0, 0.35, len(order)))
    lengths = wanted / wanted.sum() * duration
    for _ in range(4):  # what a short phase lacks, the longer ones give
        spare = np.maximum(lengths - least, 0)
        lengths = np.maximum(lengths, least)
        lengths -= spare * min(1.0, (lengths.sum() - duration) / max(spare.sum(), 1e-9))
    return list(lengths)


def _fill_phase(
    phase: str, turns: int, start: float, length: float, generator: np.random.Generator
) -> list[TimedAction]:
    plan = PLANS[phase]
    names = list(plan.needed[generator.integers(len(plan.needed))]) if turns == 1 else []
    count = max(len(names), 1, round(length / generator.uniform(4.0, 6.5)))
    fillers = list(plan.fillers)
    weights = np.array([filler.weight for filler in plan.fillers.values()])
    for _ in range(4 * count):  # a bound, since the same action is not put beside itself
        name = str(generator.choice(fillers, p=weights / weights.sum()))
        _, after, before = plan.fillers[name]
        first = names.index(after) + 1 if after in names else 0
        last = names.index(before) if before in names else len(names)
        place = int(generator.integers(first, last + 1))
        if len(names) < count and name not in names[max(0, place - 1) : place + 1]:
            names.insert(place, name)
    spans = generator.uniform(0.7, 1.3, len(names))
    ends = start + np.cumsum(spans / spans.sum() * length)
    starts = np.concatenate([[start], ends[:-1]])
    return [
        TimedAction(ACTIONS[name], PHASES.index(phase), float(begin), float(end))
        for name, begin, end in zip(names, starts, ends, strict=True)
    ]


def _keyframes(actions: Sequence[TimedAction]) -> dict[str, tuple[list[float], list[float]]]:
    curves = {name: ([0.0], [value]) for name, value in STATE.items()}

    def move(name: str, begin: float, end: float, value: float) -> None:
        times, values = curves[name]
        times += [max(begin, times[-1]), max(end, times[-1])]
        values += [values[-1], value]

    for timed in actions:
        length = timed.end - timed.start
        for name, value in timed.action.changes.items():
            move(name, timed.start + 0.3 * length, timed.start + 0.75 * length, value)
    for number, phase in enumerate(PHASES):
        for name, value in PLANS[phase].ramps.items():
            own = [timed for timed in actions if timed.phase == number]
            move(name, own[0].start, own[-1].end, value)
            if phase == "GallbladderDissection":
                move("loose", own[-1].end - 0.5, own[-1].end + 1.0, 1.0)
    return curves
