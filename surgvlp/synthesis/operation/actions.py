"""What can happen in a made operation: tools, actions, the plans of phases, types of procedure.

No tool belongs to one phase: a phase is a combination of tools, what they do, where they do it, and how far
the anatomy has been changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from surgvlp.lectures.triplets import Triplet, TripletVocabulary
from surgvlp.synthesis.abdomen.anatomy import Anatomy
from surgvlp.synthesis.abdomen.scene import Scene

# CholecT50's six, and two that other operations need.
TOOLS = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator", "stapler", "needle_driver")
SPECIMEN_BAG = "specimen_bag"  # Cholec80's seventh "tool"


@dataclass(frozen=True)
class Use:
    """One tool in one hand during an action.

    Args:
        tool: one of `TOOLS`.
        hand: "work" (the surgeon's right), "hold" (the left) or "assist"; each enters through its own port.
        place: an anatomical place of the scene, see `anatomy.Anatomy.place`.
        motion: "still", "stroke" (short pulls), "sweep" (wide), "spread" (jaws open and close), "apply"
            (comes, closes once, leaves) or "carry" (goes along with what it holds).
        verb, target: what it does to what, in the words of the procedure's `TripletVocabulary`.
    """

    tool: str
    hand: str
    place: str
    motion: str
    verb: str
    target: str

    @property
    def triplet(self) -> Triplet:
        """Instrument, verb, target."""
        return self.tool, self.verb, self.target


@dataclass(frozen=True)
class Action:
    """A kind of action.

    Args:
        name: its key in the narrator's grammar.
        uses: the tools.
        focus: the place that the camera looks at.
        zoom: the camera's magnification, 1 being the overview.
        effects: what is seen during it: "smoke", "blood", "water", "spark".
        changes: state variables (see `ProcedureType.state`) and the values they have afterwards; they
            change where the tools take effect, late in the action.
        progress: state variables and what is added to them, up to 1.
    """

    name: str
    uses: tuple[Use, ...]
    focus: str
    zoom: float = 1.0
    effects: tuple[str, ...] = ()
    changes: Mapping[str, float] = field(default_factory=dict)
    progress: Mapping[str, float] = field(default_factory=dict)


class Filler(NamedTuple):
    """An action that may happen in a phase, any number of times.

    Args:
        weight: how often, relative to the phase's other fillers.
        after, before: the needed action that it must come after, or before where that happens; "" for none.
    """

    weight: float
    after: str = ""
    before: str = ""


@dataclass(frozen=True)
class PhasePlan:
    """How a phase is filled.

    Args:
        needed: the actions it cannot do without, in order; a tuple of orders where several are usual.
        fillers: what else may happen.
        ramps: state variables that move gradually over the whole phase, with the value at its end.
        seconds: shortest sensible duration.
        share: usual share of the lecture.
        ending: state variables that change as the phase ends.
        lingers: the fillers that may go on when the next phase has begun.
        spread: of a phase that comes in several turns: the needed actions are spread over them; else the
            first turn has them all.
    """

    needed: tuple[tuple[str, ...], ...]
    fillers: Mapping[str, Filler]
    ramps: Mapping[str, float]
    seconds: float
    share: float
    ending: Mapping[str, float] = field(default_factory=dict)
    lingers: tuple[str, ...] = ()
    spread: bool = False


Order = tuple[str, ...]  # of phases


@dataclass(frozen=True)
class CriticalView:
    """The critical view of safety (Strasberg and Brunt, 2010) as Endoscapes grades it.

    Attributes:
        criteria: of each of the three criteria the state variable that reaches 1 when it is met: only two
            structures enter the gallbladder, the cystic plate is seen, the hepatocystic triangle is cleared.
        phase: in which it is sought.
        closed_by: the actions with which its time ends.
    """

    criteria: tuple[str, str, str]
    phase: str
    closed_by: tuple[str, ...]


@dataclass(frozen=True)
class ProcedureType:
    """A type of operation.

    Args:
        name: such as "cholecystectomy"; its texts are `phrases/<name>.txt` and `phrases/<name>_keysteps.txt`.
        phases: class names of the phases, in the order of their labels.
        actions: by name.
        plans: of each phase.
        state: every variable of the anatomy and the specimen, with its value when the operation begins; all
            lie in [0, 1] but the numbers of clips.
        orders: in which phases usually come, with their probabilities.
        rare_orders: with phases that return or are missing.
        plans_without: of a phase, the plan it has where another one is missing, by (phase, missing phase).
        triplets: the vocabulary of its uses.
        prompts: names of its files of class texts.
        robotic: share of the operations that a robot's arms do.
        draw_scene: draws a lecture's anatomy and paints it, for pictures of a height in pixels.
        critical_view: of safety, where there is one.
    """

    name: str
    phases: tuple[str, ...]
    actions: Mapping[str, Action]
    plans: Mapping[str, PhasePlan]
    state: Mapping[str, float]
    orders: tuple[tuple[Order, float], ...]
    rare_orders: tuple[Order, ...]
    plans_without: Mapping[tuple[str, str], PhasePlan]
    triplets: TripletVocabulary
    prompts: tuple[str, str, str]
    robotic: float
    draw_scene: Callable[[int, np.random.Generator], tuple[Anatomy, Scene]]
    critical_view: CriticalView | None = None


def action(
    name: str, uses: str, focus: str, zoom: float = 1.0, effects: str = "", **changes: float | str
) -> Action:
    """An action from its uses written as "tool hand place motion verb target, ...".

    Args:
        name, focus, zoom: see `Action`.
        uses: separated by ", ".
        effects: separated by spaces.
        changes: values of state variables afterwards, or, as a string such as "+0.5", what is added.
    """
    held = tuple(Use(*use.split()) for use in uses.split(", ") if use)
    return Action(
        name,
        held,
        focus,
        zoom,
        tuple(effects.split()),
        changes={key: value for key, value in changes.items() if not isinstance(value, str)},
        progress={key: float(value) for key, value in changes.items() if isinstance(value, str)},
    )


def by_name(*actions: Action) -> dict[str, Action]:
    """Actions under their names."""
    return {each.name: each for each in actions}
