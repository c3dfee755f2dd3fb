"""A phase grammar: which phase an operation begins with, how long each lasts, and which may follow.

A small JSON file that a person can write, or that `narrated_phases` learns from what lecturers say:

    {"about": "laparoscopic cholecystectomy",
     "phases": {
      "Preparation": {"seconds": 120, "first": 1, "then": ["CalotTriangleDissection"]},
      "CalotTriangleDissection": {"seconds": 900, "then": {"ClippingCutting": 9, "CleaningCoagulation": 1}},
      ...
      "GallbladderRetraction": {"seconds": 60, "then": []}}}

`seconds` is the mean length of one visit, `first` a weight among the phases to begin with (all alike where no
phase has one), `then` the phases that may follow, with weights or all alike; a phase that nothing may follow
lasts to the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surgvlp.files import InputError

Array = NDArray[np.float64]

# A phase is a row of stages of equal mean length, so that its length has an Erlang distribution, which varies
# by 1 / sqrt(3) = 58 % of its mean. With one stage the likeliest visit would last no time at all.
STAGES = 3


@dataclass(frozen=True)
class PhaseGrammar:
    """A Markov chain in continuous time over C phases, which means the same at any frame rate.

    Attributes:
        class_names: C names, in the order of the labels.
        initial: (C,) probabilities of the first phase.
        following: (C, C) probabilities of the phase after; its diagonal is 0, and so is the whole row of a
            phase that lasts to the end.
        seconds: (C,) mean length of one visit, > 0.
        about: where it comes from, in words.
    """

    class_names: tuple[str, ...]
    initial: Array
    following: Array
    seconds: Array
    about: str = ""

    def transition(self, step_s: float) -> Array:
        """(S, S) probabilities of the state `step_s` seconds later, given the state now: rows sum to 1.

        Each phase is `STAGES` states in a row, so S = C * STAGES. It is exp(Q t) with the rates Q: two steps
        of half a second are one of a second.
        """
        rate = STAGES / self.seconds
        stay = np.kron(np.diag(-rate), np.eye(STAGES)) + np.kron(np.diag(rate), np.eye(STAGES, k=1))
        leave = np.kron(rate[:, None] * self.following, _corner())
        ends = np.flatnonzero(self.following.sum(axis=1) == 0) * STAGES + STAGES - 1
        stay[ends, ends] = 0
        moved = torch.linalg.matrix_exp(torch.from_numpy((stay + leave) * step_s)).numpy()
        moved = np.maximum(moved, 0.0)
        return moved / moved.sum(axis=1, keepdims=True)

    def start(self, time_s: float = 0.0) -> Array:
        """(S,) probabilities of the state `time_s` seconds after the beginning."""
        first = np.kron(self.initial, np.eye(STAGES)[0])
        return first @ self.transition(time_s)

    @staticmethod
    def by_state(values: Array) -> Array:
        """(..., C) values of phases for the states (..., S) they are made of."""
        return np.repeat(values, STAGES, axis=-1)

    @staticmethod
    def by_phase(log_probability: Array) -> Array:
        """(..., S) log probabilities of states summed to (..., C) of phases."""
        parts = log_probability.reshape(*log_probability.shape[:-1], -1, STAGES)
        with np.errstate(divide="ignore"):
            return np.log(np.exp(parts).sum(axis=-1))

    def permuted(self, seed: int = 0) -> PhaseGrammar:
        """The same grammar about other phases: a control that knows how operations go, but not which phase
        is which. No phase keeps its place."""
        order = _derangement(len(self.class_names), np.random.default_rng(seed))
        return replace(
            self,
            initial=self.initial[order],
            following=self.following[np.ix_(order, order)],
            seconds=self.seconds[order],
            about=f"permuted: {self.about}",
        )

    @property
    def sha256(self) -> str:
        """Hash of everything but `about`."""
        content = {**self.content(), "about": None}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def content(self) -> dict[str, Any]:
        """What its file holds; `read_grammar` gives the same grammar back to four digits."""
        names = self.class_names
        return {
            "about": self.about,
            "phases": {
                name: {
                    "seconds": _short(self.seconds[row]),
                    "first": _short(self.initial[row]),
                    "then": {
                        names[column]: _short(self.following[row, column])
                        for column in np.argsort(-self.following[row], kind="stable").tolist()
                        if self.following[row, column] > 0
                    },
                }
                for row, name in enumerate(names)
            },
        }


def read_grammar(content: Any, class_names: Sequence[str], file: str | Path | None = None) -> PhaseGrammar:
    """A grammar from what its JSON file holds.

    Args:
        content: the file's content; what it holds beside `about` and `phases` is not read here.
        class_names: the phases there are, in the order of the labels; the file has all of them, in any order.
        file: named in errors.

    Raises:
        InputError: naming the phase of what is missing, unknown, or no weight.
    """
    phases = content.get("phases") if isinstance(content, Mapping) else None
    if not isinstance(phases, Mapping):
        raise InputError("holds no phases", file=file, key="phases", remedy="docs/evaluation.md shows one")
    names = tuple(class_names)
    for name in (*phases, *names):
        if name not in names or name not in phases:
            raise InputError(
                f"{'unknown phase' if name in phases else 'nothing about the phase'} {name!r}",
                file=file,
                key="phases",
                remedy=f"The phases are {', '.join(names)}",
            )
    entries = [_Entry(phases[name], names, file, f"phases.{name}") for name in names]
    first = np.array([entry.first() for entry in entries])
    return PhaseGrammar(
        class_names=names,
        initial=_normalised(first if first.any() else np.ones(len(names))),
        following=_normalised(
            np.array([entry.followers(name) for name, entry in zip(names, entries, strict=True)])
        ),
        seconds=np.array([entry.seconds() for entry in entries]),
        about=str(content.get("about", "")),
    )


@dataclass(frozen=True)
class _Entry:
    """What a file says about one phase."""

    content: Any
    names: tuple[str, ...]
    file: str | Path | None
    key: str

    def __post_init__(self) -> None:
        if not isinstance(self.content, Mapping) or set(self.content) - {"seconds", "first", "then"}:
            raise InputError(
                "expected seconds, first and then, and nothing else", file=self.file, key=self.key
            )

    def seconds(self) -> float:
        value = self._weight(self.content.get("seconds"), "seconds")
        if not value:
            raise InputError("a phase lasts longer than 0 seconds", file=self.file, key=self.key)
        return value

    def first(self) -> float:
        return self._weight(self.content.get("first", 0), "first")

    def followers(self, own: str) -> Array:
        then = self.content.get("then", [])
        weights = then if isinstance(then, Mapping) else dict.fromkeys(then, 1.0)
        for name in weights:
            if name not in self.names or name == own:
                reason = "follows itself" if name == own else "is no phase"
                raise InputError(f"{name!r} {reason}", file=self.file, key=f"{self.key}.then")
        return np.array([self._weight(weights.get(name, 0), "then") for name in self.names])

    def _weight(self, value: Any, what: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise InputError(f"{what} is {value!r}, not a number from 0", file=self.file, key=self.key)
        return float(value)


def _corner() -> Array:
    """From the last stage of a phase to the first of another."""
    return np.outer(np.eye(STAGES)[-1], np.eye(STAGES)[0])


def _normalised(weights: Array) -> Array:
    """Rows that sum to 1; those of zeros stay, and those that miss 1 by rounding, so that hashes do too."""
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where((total == 0) | (np.abs(total - 1) < 1e-3), 1.0, total)


def _short(value: np.floating[Any]) -> float:
    return float(f"{value:.4g}")


def _derangement(count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """A permutation of 0..count-1 that leaves nothing in its place."""
    if count < 2:
        raise InputError("one phase alone has no other grammar")
    while True:
        order = generator.permutation(count)
        if (order != np.arange(count)).all():
            return order
