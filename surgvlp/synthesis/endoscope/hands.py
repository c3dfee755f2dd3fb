"""The hands: which instrument each of them holds, and how its tip moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.abdomen.anatomy import Anatomy, State, mixed, smooth
from surgvlp.synthesis.operation.actions import Use
from surgvlp.synthesis.operation.procedure import WAY_S, Procedure

HANDS = ("assist", "hold", "work")  # the last one's instrument is in front
_REACH = {"still": 0.006, "carry": 0.006, "spread": 0.03, "stroke": 0.045, "sweep": 0.11, "apply": 0.012}


@dataclass(frozen=True)
class Held:
    """An instrument in the picture: tip and port in the world, jaws 0 to 1 open, the effects it makes."""

    tool: str
    tip: np.ndarray
    port: np.ndarray
    opening: float
    effects: tuple[str, ...]


@dataclass(frozen=True)
class _Stint:
    """A tool in one hand during one action; `comes` and `leaves` where another is held before or after."""

    use: Use
    start: float
    end: float
    effects: tuple[str, ...]
    comes: bool
    leaves: bool
    before: Use | None


class Hands:
    """All hands of one lecture.

    Args:
        procedure: what they do.
        anatomy: where.
        generator: draws their ports and the rhythm of their movements.
    """

    def __init__(self, procedure: Procedure, anatomy: Anatomy, generator: np.random.Generator) -> None:
        self._anatomy = anatomy
        self._ports = _draw_ports(generator)
        self._rhythm = {hand: generator.uniform(0, 2 * np.pi, 6) for hand in HANDS}
        self._stints = {hand: _stints(procedure, hand) for hand in HANDS}

    def at(self, time: float, state: State) -> list[Held]:
        """The instruments in the picture, from back to front."""
        held = []
        for hand in HANDS:
            for stint in self._stints[hand]:
                if stint.start <= time < stint.end:
                    tip = self._tip(stint, hand, time, state)
                    opening = _opening(stint, time, self._rhythm[hand])
                    held.append(Held(stint.use.tool, tip, self._ports[hand], opening, stint.effects))
        return held

    def _tip(self, stint: _Stint, hand: str, time: float, state: State) -> np.ndarray:
        use, rhythm = stint.use, self._rhythm[hand]
        wave = np.sin(np.array([1.3, 1.9, 2.6, 3.4]) * time + rhythm[:4])
        place = self._anatomy.place(use.place, state)
        tip = place + _REACH[use.motion] * np.array([wave[0] + 0.5 * wave[2], wave[1] + 0.4 * wave[3]])
        if use.motion == "stroke":  # a slow push and a quick pull back
            pull = (0.55 * time + rhythm[4] / 6.3) % 1.0
            tip = tip + np.array([0.05, -0.04]) * (pull if pull < 0.7 else (1 - pull) * 7 / 3)
        away = tip + 0.75 * (self._ports[hand] - tip)
        arrived = smooth(float(np.clip((time - stint.start) / WAY_S, 0, 1)))
        if stint.comes:
            tip = mixed(away, tip, arrived)
        elif stint.before is not None:
            tip = mixed(self._anatomy.place(stint.before.place, state), tip, arrived)
        if stint.leaves:
            tip = mixed(away, tip, smooth(float(np.clip((stint.end - time) / WAY_S, 0, 1))))
        return tip


def _opening(stint: _Stint, time: float, rhythm: np.ndarray) -> float:
    """How far the jaws are open."""
    motion = stint.use.motion
    if motion == "apply":  # closes once, and lets go again
        share = (time - stint.start) / (stint.end - stint.start)
        return 1.0 - smooth(float(np.clip((share - 0.3) / 0.2, 0, 1))) if share < 0.75 else 0.6
    if motion == "spread":
        return 0.5 + 0.48 * float(np.sin(3.1 * time + rhythm[5]))
    if motion in ("stroke", "sweep"):
        return 0.28 + 0.22 * float(np.sin(1.3 * time + rhythm[0]))
    return 0.07


def _stints(procedure: Procedure, hand: str) -> list[_Stint]:
    uses = [next((use for use in timed.action.uses if use.hand == hand), None) for timed in procedure.actions]
    stints = []
    for number, (timed, use) in enumerate(zip(procedure.actions, uses, strict=True)):
        if use is None:
            continue
        before = uses[number - 1] if number else None
        after = uses[number + 1] if number + 1 < len(uses) else use
        comes = before is None or before.tool != use.tool
        leaves = after is None or after.tool != use.tool
        stints.append(_Stint(use, timed.start, timed.end, timed.action.effects, comes, leaves, before))
    return stints


def _draw_ports(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Where the instruments come from: outside the picture, somewhere else in every lecture."""
    choices = {
        "work": [(-1.3, -0.5), (-1.35, 0.1), (-0.9, -1.2), (-0.7, 1.3), (0.3, 1.5)],
        "hold": [(1.5, 0.3), (1.4, 0.8), (1.5, -0.2)],
        "assist": [(1.2, -1.1), (0.5, -1.4), (1.5, -0.7)],
    }
    return {
        hand: np.array(ports[generator.integers(len(ports))]) + generator.uniform(-0.15, 0.15, 2)
        for hand, ports in choices.items()
    }
