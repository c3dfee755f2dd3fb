"""What is true of a made lecture, as plain arrays, before any format writes it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surgvlp.lectures.presence import ANNOTATION_FPS, CHOLEC80_TOOLS
from surgvlp.lectures.texts import Caption
from surgvlp.synthesis.editing.montage import Montage
from surgvlp.synthesis.operation.actions import ProcedureType
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.speech.account import abstract, keysteps


@dataclass(frozen=True)
class Truth:
    """What is true of a lecture; where nothing else is said, one row a second from 0.

    Attributes:
        type: the operation.
        surgical: (N,) bool, whether the inside of the patient is shown.
        labelled: (N,) bool, whether the operation goes on, the endoscope being inside or not; a title card or
            a drawing says nothing about the phase.
        phase: (N,) int64 class of the phase that goes on, or stands still.
        frame_phase: (M,) int64 the same, 25 a second.
        tool_names: of the columns of `tools`: Cholec80's seven, and what else the type uses.
        tools: (N, T) bool.
        triplets: (N, C) bool, columns as in the type's vocabulary.
        critical_view: (K, 3) bool criteria that are met, until the first clip: two structures, cystic plate,
            triangle; no rows where the type has no critical view.
        keysteps: in the order of time.
        abstract: of the whole.
    """

    type: ProcedureType
    surgical: np.ndarray
    labelled: np.ndarray
    phase: np.ndarray
    frame_phase: np.ndarray
    tool_names: tuple[str, ...]
    tools: np.ndarray
    triplets: np.ndarray
    critical_view: np.ndarray
    keysteps: Sequence[Caption]
    abstract: str


def truth_of(procedure: Procedure, montage: Montage, seconds: int, writing: np.random.Generator) -> Truth:
    """What is true of a lecture's first `seconds` seconds.

    Where the inside of the patient is not shown there are no tools, no triplets and no critical view.
    """
    vocabulary, tool_names = procedure.type.triplets, _tool_names(procedure.type)
    tools = np.zeros((seconds, len(tool_names)), bool)
    triplets = np.zeros((seconds, len(vocabulary.triplets)), bool)
    surgical = np.array([montage.surgical(second) for second in range(seconds)], bool)
    for second in np.flatnonzero(surgical).tolist():
        tools[second, [tool_names.index(_titled(tool)) for tool in procedure.tools_at(second)]] = True
        triplets[second, [vocabulary.ids[triplet] for triplet in procedure.triplets_at(second)]] = True
    graded = range(min(seconds, int(np.ceil(procedure.critical_view_ends))))
    met = np.array([procedure.critical_view_at(second) for second in graded], bool).reshape(-1, 3)
    return Truth(
        type=procedure.type,
        surgical=surgical,
        labelled=np.array([not montage.segment_at(second).stands for second in range(seconds)], bool),
        phase=procedure.phases_at(np.arange(seconds)),
        frame_phase=procedure.phases_at(np.arange(seconds * ANNOTATION_FPS) / ANNOTATION_FPS),
        tool_names=tool_names,
        tools=tools,
        triplets=triplets,
        critical_view=met & surgical[: len(met), None],
        keysteps=keysteps(procedure, writing),
        abstract=abstract(procedure, writing),
    )


def _tool_names(kind: ProcedureType) -> tuple[str, ...]:
    own = [_titled(tool) for tool in kind.triplets.instruments]
    return (*CHOLEC80_TOOLS, *(tool for tool in own if tool not in CHOLEC80_TOOLS))


def _titled(tool: str) -> str:
    """A tool as Cholec80 writes it: SpecimenBag."""
    return "".join(word.capitalize() for word in tool.split("_"))
