"""One made operation as a timeline: phases, the actions within them, the anatomy's state at any time."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from surgvlp.lectures.triplets import NULL_TARGET, NULL_VERB, Triplet
from surgvlp.synthesis.operation.actions import SPECIMEN_BAG, Action, Order, PhasePlan, ProcedureType, Use

SHORTEST_S = 75.0  # below this the phases have no room for what they cannot do without
WAY_S = 0.8  # an instrument's way between port and place, or from one place to the next
# At full variation: share of lectures with a rare order, and of phases that linger.
_RARE, _LINGERING = 0.7, 0.6


@dataclass(frozen=True)
class TimedAction:
    """An action in its time; seconds from the start of the lecture.

    `phase` is the label's index. While a phase's last actions linger after the next one has begun, the
    label is the later phase's from its first own action on.
    """

    action: Action
    phase: int
    start: float
    end: float


@dataclass(frozen=True)
class Procedure:
    """The timeline of one operation.

    Attributes:
        type: what operation it is.
        duration: seconds.
        actions: without gaps, in order, from 0 to `duration`.
        keyframes: of each state variable, its times and values, linear in between.
        robotic: whether a robot's arms do it; then the instruments have wrists.
    """

    type: ProcedureType
    duration: float
    actions: tuple[TimedAction, ...]
    keyframes: dict[str, tuple[list[float], list[float]]]
    robotic: bool = False

    @functools.cached_property
    def _starts(self) -> np.ndarray:
        return np.array([timed.start for timed in self.actions])

    @functools.cached_property
    def _curves(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """`keyframes` as arrays, made once: the state is asked for at every frame."""
        return {name: (np.array(times), np.array(values)) for name, (times, values) in self.keyframes.items()}

    def number_at(self, time: float) -> int:
        """Position in `actions` of what goes on at `time`; the first before 0, the last after the end."""
        return max(0, int(np.searchsorted(self._starts, time, side="right")) - 1)

    def action_at(self, time: float) -> TimedAction:
        """The action going on at `time`; the first before 0, the last after the end."""
        return self.actions[self.number_at(time)]

    def phases_at(self, times: Sequence[float] | np.ndarray) -> np.ndarray:
        """(N,) int64 index into the type's phases for each time."""
        numbers = np.array([timed.phase for timed in self.actions])
        return numbers[np.maximum(np.searchsorted(self._starts, np.asarray(times), side="right") - 1, 0)]

    def segments(self) -> Iterator[tuple[int, tuple[TimedAction, ...]]]:
        """The turns of the phases in order, each as its label and its actions."""
        for phase, group in itertools.groupby(self.actions, key=lambda timed: timed.phase):
            yield phase, tuple(group)

    def state_at(self, time: float) -> dict[str, float]:
        """Each state variable's value at one time."""
        return {name: float(np.interp(time, *curve)) for name, curve in self._curves.items()}

    def triplets_at(self, time: float) -> list[Triplet]:
        """(instrument, verb, target) of every instrument in the picture, each once, in the type's order.

        An instrument that comes in or leaves, for `WAY_S`, does nothing yet or any more.
        """
        number = self.number_at(time)
        timed = self.actions[number]
        found = set()
        for use in timed.action.uses:
            comes = time < timed.start + WAY_S and not self._holds(number - 1, use)
            leaves = time > timed.end - WAY_S and not self._holds(number + 1, use)
            found.add((use.tool, NULL_VERB, NULL_TARGET) if comes or leaves else use.triplet)
        return sorted(found, key=self.type.triplets.ids.__getitem__)

    def _holds(self, number: int, use: Use) -> bool:
        """Whether the same hand holds the same tool in another action; so it does before and after all."""
        if not 0 <= number < len(self.actions):
            return number >= 0
        others = self.actions[number].action.uses
        return any(other.hand == use.hand and other.tool == use.tool for other in others)

    def tools_at(self, time: float) -> list[str]:
        """The instruments in the picture, each once, in alphabetical order; the specimen bag is one."""
        tools = {use.tool for use in self.action_at(time).action.uses}
        state = self.state_at(time)
        if state.get("bag_in", 0) > 0.3 and state.get("bag_out", 0) < 0.7:
            tools.add(SPECIMEN_BAG)
        return sorted(tools)

    def critical_view_at(self, time: float) -> np.ndarray:
        """(3,) bool, the critical view's criteria that are met: two structures, cystic plate, triangle.

        Endoscapes grades no frame after the first clip, see `critical_view_ends`. All False where the type
        has no critical view.
        """
        if self.type.critical_view is None:
            return np.zeros(3, bool)
        state = self.state_at(time)
        return np.array([state[name] > 0.99 for name in self.type.critical_view.criteria])

    @property
    def critical_view_ends(self) -> float:
        """Seconds until the critical view is a question: the first clip; 0 where the type has none."""
        view = self.type.critical_view
        closing = view.closed_by if view else ()
        return min((timed.start for timed in self.actions if timed.action.name in closing), default=0.0)


def draw_procedure(
    kind: ProcedureType, seconds: float, generator: np.random.Generator, variation: float = 0.0
) -> Procedure:
    """Draw an operation.

    Args:
        kind: what operation.
        seconds: about how long it takes (0.8 to 1.2 of it, and never below `SHORTEST_S`).
        generator: of all choices.
        variation: 0 for the usual orders of phases, one after the other, with hand-held instruments; up to
            1 the more often phases return, are missing, or go on while the next has begun, and the type's
            share of operations is robotic.
    """
    duration = max(SHORTEST_S, seconds * generator.uniform(0.85, 1.15))
    order = _phase_order(kind, generator, variation)
    plans = {phase: _plan(kind, phase, order) for phase in order}
    actions: list[TimedAction] = []
    turns = [order[:number].count(phase) for number, phase in enumerate(order)]
    needed: dict[str, list[list[str]]] = {}
    for phase, turn, length in zip(
        order, turns, _phase_lengths(order, plans, duration, generator), strict=True
    ):
        if turn == 0:
            needed[phase] = _needed(plans[phase], order.count(phase), generator)
        start = actions[-1].end if actions else 0.0
        names = _fill_phase(plans[phase], needed[phase], turn, length, generator)
        actions += _timed(kind, phase, names, start, length, generator)
    if variation > 0:
        actions = _lingering(kind, plans, actions, variation, generator)
    robotic = variation > 0 and generator.uniform() < kind.robotic
    return Procedure(kind, actions[-1].end, tuple(actions), _keyframes(kind, plans, actions), robotic)


def _phase_order(kind: ProcedureType, generator: np.random.Generator, variation: float) -> Order:
    if variation > 0 and generator.uniform() < _RARE * variation:
        return kind.rare_orders[generator.integers(len(kind.rare_orders))]
    orders, probabilities = zip(*kind.orders, strict=True)
    return orders[generator.choice(len(orders), p=probabilities)]


def _plan(kind: ProcedureType, phase: str, order: Order) -> PhasePlan:
    missing = [other for other in kind.phases if other not in order]
    return next(
        (kind.plans_without[phase, other] for other in missing if (phase, other) in kind.plans_without),
        kind.plans[phase],
    )


def _phase_lengths(
    order: Order, plans: dict[str, PhasePlan], duration: float, generator: np.random.Generator
) -> list[float]:
    least = np.array([plans[phase].seconds / order.count(phase) for phase in order])
    share = np.array([plans[phase].share / order.count(phase) for phase in order])
    wanted = share * np.exp(generator.normal(0, 0.35, len(order)))
    lengths = wanted / wanted.sum() * duration
    for _ in range(4):  # what a short phase lacks, the longer ones give
        spare = np.maximum(lengths - least, 0)
        lengths = np.maximum(lengths, least)
        lengths -= spare * min(1.0, (lengths.sum() - duration) / max(spare.sum(), 1e-9))
    return list(lengths)


def _needed(plan: PhasePlan, turns: int, generator: np.random.Generator) -> list[list[str]]:
    """The needed actions of each turn of a phase; one that can do without has none in several turns."""
    if turns > 1 and () in plan.needed:
        return [[] for _ in range(turns)]
    names = list(plan.needed[generator.integers(len(plan.needed))])
    if turns == 1 or not plan.spread:
        return [names, *([] for _ in range(turns - 1))]
    cuts = np.sort(generator.choice(np.arange(1, len(names)), turns - 1, replace=False)).tolist()
    return [names[first:last] for first, last in itertools.pairwise([0, *cuts, len(names)])]


def _fill_phase(
    plan: PhasePlan, needed: list[list[str]], turn: int, length: float, generator: np.random.Generator
) -> list[str]:
    """The names of a turn's actions: the needed ones and, among them, fillers."""
    names = list(needed[turn])
    earlier = set(itertools.chain(*needed[:turn]))
    count = max(len(names), 1, round(length / generator.uniform(4.0, 6.5)))
    fillers = list(plan.fillers)
    weights = np.array([filler.weight for filler in plan.fillers.values()])
    for _ in range(4 * count):  # a bound, since the same action is not put beside itself
        name = str(generator.choice(fillers, p=weights / weights.sum()))
        _, after, before = plan.fillers[name]
        if (after and after not in earlier.union(names)) or before in earlier:
            continue
        first = names.index(after) + 1 if after in names else 0
        last = names.index(before) if before in names else len(names)
        place = int(generator.integers(first, last + 1))
        if len(names) < count and name not in names[max(0, place - 1) : place + 1]:
            names.insert(place, name)
    return names


def _timed(
    kind: ProcedureType,
    phase: str,
    names: Sequence[str],
    start: float,
    length: float,
    generator: np.random.Generator,
) -> list[TimedAction]:
    spans = generator.uniform(0.7, 1.3, len(names))
    ends = start + np.cumsum(spans / spans.sum() * length)
    starts = np.concatenate([[start], ends[:-1]])
    return [
        TimedAction(kind.actions[name], kind.phases.index(phase), float(begin), float(end))
        for name, begin, end in zip(names, starts, ends, strict=True)
    ]


def _lingering(
    kind: ProcedureType,
    plans: dict[str, PhasePlan],
    actions: Sequence[TimedAction],
    variation: float,
    generator: np.random.Generator,
) -> list[TimedAction]:
    """Let some phases go on for an action when the next one has begun with one of its own."""
    found: list[TimedAction] = []
    for number, timed in enumerate(actions):
        found.append(timed)
        if number == 0 or actions[number - 1].phase == timed.phase or timed.end - timed.start < 4:
            continue
        lingers = plans[kind.phases[actions[number - 1].phase]].lingers
        if lingers and generator.uniform() < _LINGERING * variation:
            name = lingers[generator.integers(len(lingers))]
            middle = timed.start + generator.uniform(0.45, 0.6) * (timed.end - timed.start)
            found[-1] = TimedAction(timed.action, timed.phase, timed.start, middle)
            found.append(TimedAction(kind.actions[name], timed.phase, middle, timed.end))
    return found


def _keyframes(
    kind: ProcedureType, plans: dict[str, PhasePlan], actions: Sequence[TimedAction]
) -> dict[str, tuple[list[float], list[float]]]:
    curves = {name: ([0.0], [value]) for name, value in kind.state.items()}

    def move(name: str, begin: float, end: float, value: float) -> None:
        times, values = curves[name]
        times += [max(begin, times[-1]), max(end, times[-1])]
        values += [values[-1], value]

    for timed in actions:
        length = timed.end - timed.start
        begin, end = timed.start + 0.3 * length, timed.start + 0.75 * length
        for name, value in timed.action.changes.items():
            move(name, begin, end, value)
        for name, value in timed.action.progress.items():
            move(name, begin, end, min(1.0, curves[name][1][-1] + value))
    for phase, plan in plans.items():
        own = [timed for timed in actions if kind.phases[timed.phase] == phase]
        whole = sum(timed.end - timed.start for timed in own)
        for name, value in plan.ramps.items():
            first, done = curves[name][1][-1], 0.0
            for timed in own:
                done += timed.end - timed.start
                move(name, timed.start, timed.end, first + (value - first) * done / whole)
        for name, value in plan.ending.items():
            move(name, own[-1].end - 0.5, own[-1].end + 1.0, value)
    return curves
