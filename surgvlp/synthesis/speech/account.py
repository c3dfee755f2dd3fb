"""What happened in a lecture, written down: keysteps and an abstract, from the actions that occurred."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from surgvlp.lectures.texts import Caption
from surgvlp.synthesis.operation.procedure import Procedure, TimedAction
from surgvlp.synthesis.speech.grammar import draw_phrase, grammar

_LONGEST_S = 60.0  # a turn of a phase that lasts longer is told in parts
_TOLD = 3  # actions a part


def keysteps(procedure: Procedure, generator: np.random.Generator) -> list[Caption]:
    """A title (`step`) and what the surgeon does (`text`) for every turn of a phase, or part of a long one.

    They follow one another without gaps from 0 to the end.
    """
    captions = []
    for phase, actions in procedure.segments():
        title = _phrase(procedure, procedure.type.phases[phase], generator)
        parts = _parts(actions)
        for number, part in enumerate(parts):
            clauses = [_phrase(procedure, name, generator) for name in _foremost(part, _TOLD + 1)]
            step = f"{title}, part {number + 1}" if len(parts) > 1 else title
            text = f"The surgeon {_joined(clauses)}."
            captions.append(Caption(round(part[0].start, 3), round(part[-1].end, 3), text, step))
    return captions


def abstract(procedure: Procedure, generator: np.random.Generator) -> str:
    """A summary of this very lecture: what was done in each phase, what was special, how it ended."""
    way = "robotic" if procedure.robotic else "laparoscopic"
    sentences = [_phrase(procedure, "abstract", generator).replace("{way}", way)]
    seen = {phase for phase, _ in procedure.segments()}
    for phase, name in enumerate(procedure.type.phases):
        if phase not in seen:
            sentences.append(_phrase(procedure, f"without {name}", generator))
            continue
        own = [timed for timed in procedure.actions if timed.phase == phase]
        clauses = [_phrase(procedure, most, generator) for most in _foremost(own, _TOLD - 1)]
        title = _phrase(procedure, name, generator)
        sentences.append(f"{title}: the surgeon {_joined(clauses)}")
        if procedure.type.critical_view and name == procedure.type.critical_view.phase:
            met = procedure.critical_view_at(procedure.critical_view_ends).all()
            sentences.append(_phrase(procedure, "view_met" if met else "view_missed", generator))
    bleeding = any("blood" in timed.action.effects for timed in procedure.actions)
    sentences.append(_phrase(procedure, "bleeding" if bleeding else "dry", generator))
    sentences.append(_phrase(procedure, "end", generator))
    return ". ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences) + "."


def _phrase(procedure: Procedure, key: str, generator: np.random.Generator) -> str:
    templates = grammar(f"{procedure.type.name}_keysteps")[key]
    return draw_phrase(templates[generator.integers(len(templates))], generator)


def _parts(actions: Sequence[TimedAction]) -> list[Sequence[TimedAction]]:
    lasts = actions[-1].end - actions[0].start
    count = min(int(np.ceil(lasts / _LONGEST_S)), len(actions) // _TOLD)
    if count < 2:
        return [actions]
    cuts = np.linspace(0, len(actions), count + 1).round().astype(int)
    return [actions[first:last] for first, last in itertools.pairwise(cuts)]


def _foremost(actions: Sequence[TimedAction], count: int) -> list[str]:
    """The actions that change most or last longest, in the order in which they first happen."""
    weight: dict[str, float] = {}
    for timed in actions:
        changing = 1000.0 * bool(timed.action.changes)
        weight[timed.action.name] = weight.get(timed.action.name, changing) + timed.end - timed.start
    most = sorted(weight, key=lambda name: -weight[name])[:count]
    return [name for name in weight if name in most]


def _joined(clauses: Sequence[str]) -> str:
    if len(clauses) == 1:
        return clauses[0]
    return f"{', '.join(clauses[:-1])} and {clauses[-1]}"
