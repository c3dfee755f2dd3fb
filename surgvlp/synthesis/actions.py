"""What can happen in a made cholecystectomy: the actions of every phase, their tools, places and motions.

No tool belongs to one phase: graspers are nearly everywhere, the hook works in both dissections and now and
then elsewhere, scissors and clips are needed outside clipping, suction may come at any time. A phase is a
combination of tools, what they do, where they do it, and how far the anatomy has been changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from surgvlp.lectures.labels import CHOLECYSTECTOMY

PHASES = CHOLECYSTECTOMY
TOOLS = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator")


@dataclass(frozen=True)
class Use:
    """One tool in one hand during an action.

    Args:
        tool: one of `TOOLS`.
        hand: "work" (the surgeon's right), "hold" (the left) or "assist"; each enters through its own port.
        place: an anatomical place of the scene, see `scene.PLACES`.
        motion: "still", "stroke" (short pulls), "sweep" (wide), "spread" (jaws open and close), "apply"
            (comes, closes once, leaves) or "carry" (goes along with what it holds).
    """

    tool: str
    hand: str
    place: str
    motion: str


@dataclass(frozen=True)
class Action:
    """A kind of action.

    Args:
        name: its key in the narrator's grammar.
        uses: the tools.
        focus: the place that the camera looks at.
        zoom: the camera's magnification, 1 being the overview.
        changes: state variables (see `procedure.STATE`) and the values they have afterwards; they change
            where the tools take effect, late in the action.
        effects: what is seen during it: "smoke", "blood", "water", "spark".
    """

    name: str
    uses: tuple[Use, ...]
    focus: str
    zoom: float = 1.0
    changes: Mapping[str, float] = field(default_factory=dict)
    effects: tuple[str, ...] = ()


class Filler(NamedTuple):
    """An action that may happen in a phase, any number of times.

    Args:
        weight: how often, relative to the phase's other fillers.
        after, before: the needed action that it must come after or before; "" for none.
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
    """

    needed: tuple[tuple[str, ...], ...]
    fillers: Mapping[str, Filler]
    ramps: Mapping[str, float]
    seconds: float
    share: float


def _action(
    name: str, uses: str, focus: str, zoom: float = 1.0, effects: str = "", **changes: float
) -> Action:
    held = tuple(Use(*use.split()) for use in uses.split(", ") if use)
    return Action(name, held, focus, zoom, changes, tuple(effects.split()))


# The retraction of the gallbladder that many actions share.
_FUNDUS = "grasper assist fundus still"
_NECK = "grasper hold neck still"
_LIFT = "grasper hold body carry"

ACTIONS = {
    action.name: action
    for action in (
        # Preparation
        _action("look_around", "", "overview", 0.9),
        _action("enter_grasper", "grasper hold liver sweep", "overview", 0.92),
        _action("lift_fundus", "grasper assist fundus carry", "fundus", 0.98, lift=1),
        _action("strip_omentum", f"grasper work omentum stroke, {_FUNDUS}", "omentum", 1.05),
        _action("peel_two_graspers", "grasper work omentum stroke, grasper hold body still", "omentum"),
        _action("free_adhesions_hook", f"hook work omentum stroke, {_FUNDUS}", "omentum", 1.1, "smoke"),
        _action("free_adhesions_scissors", f"scissors work omentum spread, {_FUNDUS}", "omentum", 1.1),
        _action("seal_adhesion", f"bipolar work omentum spread, {_FUNDUS}", "omentum", 1.1, "smoke"),
        _action("rinse_view", f"irrigator work omentum sweep, {_FUNDUS}", "omentum", 1.0, "water"),
        # Calot triangle dissection
        _action("hook_peritoneum", f"hook work triangle stroke, {_NECK}", "triangle", 1.2, "smoke"),
        _action(
            "hook_behind_neck", f"hook work neck stroke, {_NECK}, {_FUNDUS}", "triangle", 1.25, "smoke spark"
        ),
        _action("hook_around_duct", f"hook work duct stroke, {_NECK}", "duct", 1.3, "smoke"),
        _action("blunt_dissection", f"grasper work triangle spread, {_NECK}", "triangle", 1.25),
        _action("free_artery", f"hook work artery stroke, {_NECK}", "artery", 1.25, "spark"),
        _action(
            "seal_small_vessel", f"bipolar work triangle spread, {_NECK}", "triangle", 1.2, "smoke blood"
        ),
        _action("snip_peritoneum", f"scissors work triangle spread, {_NECK}", "triangle", 1.2),
        _action("rinse_triangle", f"irrigator work triangle sweep, {_NECK}", "triangle", 1.15, "water blood"),
        _action("show_critical_view", f"hook work triangle still, {_NECK}, {_FUNDUS}", "triangle", 1.3),
        # Clipping and cutting
        _action("clip_duct", f"clipper work duct apply, {_NECK}", "duct", 1.25, duct_clips=3),
        _action("clip_artery", f"clipper work artery apply, {_NECK}", "artery", 1.25, artery_clips=3),
        _action("cut_duct", f"scissors work duct apply, {_NECK}", "duct", 1.25, duct_cut=1),
        _action("cut_artery", f"scissors work artery apply, {_NECK}", "artery", 1.25, artery_cut=1),
        _action("check_clips", f"grasper work duct still, {_NECK}", "duct", 1.3),
        _action("clear_before_clip", f"hook work artery stroke, {_NECK}", "artery", 1.25, "smoke"),
        _action("dry_stumps", f"irrigator work duct sweep, {_NECK}", "duct", 1.15, "water"),
        # Gallbladder dissection
        _action("hook_off_bed", f"hook work edge stroke, {_LIFT}", "bed", 1.15, "smoke"),
        _action("hook_side", f"hook work edge sweep, {_LIFT}, {_FUNDUS}", "bed", 1.1, "smoke spark"),
        _action("hook_last_fibres", f"hook work edge stroke, {_LIFT}", "fundus", 1.1, "smoke"),
        _action("scissors_off_bed", f"scissors work edge spread, {_LIFT}", "bed", 1.15),
        _action("seal_bed_vessel", f"bipolar work bed spread, {_LIFT}", "bed", 1.2, "smoke blood"),
        _action("suck_bed", f"irrigator work bed sweep, {_LIFT}", "bed", 1.1, "water blood"),
        _action("clip_bed_vessel", f"clipper work edge apply, {_LIFT}", "bed", 1.2, bed_clips=1),
        # Packaging
        _action("bag_in", "grasper work bag carry", "bag", 0.98, bag_in=1),
        _action(
            "bag_open", "grasper work bag_rim stroke, grasper hold bag_far still", "bag", 1.05, bag_open=1
        ),
        _action(
            "gallbladder_into_bag",
            "grasper work body carry, grasper hold bag_far still",
            "bag",
            1.02,
            carried=1,
        ),
        _action(
            "push_down_in_bag",
            "grasper work bag_rim stroke, grasper hold bag_far still",
            "bag",
            1.05,
            bagged=1,
        ),
        _action(
            "bag_close", "grasper hold bag_rim still, grasper work bag_far stroke", "bag", 1.05, bag_open=0
        ),
        _action("hold_gallbladder_up", "grasper work body carry, grasper assist body carry", "body"),
        _action(
            "suck_beside_bag", "irrigator work bed sweep, grasper hold bag_far still", "bag", 1.0, "water"
        ),
        # Cleaning and coagulation
        _action("wash_bed", "irrigator work bed sweep, grasper hold liver still", "bed", 1.05, "water"),
        _action("wash_below_liver", "irrigator work gutter sweep", "gutter", 0.98, "water", pool=0.7),
        _action("suck_fluid", "irrigator work gutter sweep, grasper hold liver still", "gutter", pool=0.1),
        _action(
            "coagulate_bed", "bipolar work bed spread, grasper hold liver still", "bed", 1.2, "smoke blood"
        ),
        _action(
            "coagulate_bed_and_suck",
            "bipolar work bed spread, irrigator hold bed sweep",
            "bed",
            1.15,
            "smoke water",
        ),
        _action("hook_spot", "hook work bed still, grasper hold liver still", "bed", 1.15, "smoke spark"),
        _action("inspect_bed", "grasper hold liver still, grasper work bed still", "bed", 1.15),
        _action("inspect_stumps", "irrigator work duct still, grasper hold liver still", "duct", 1.25),
        # Retraction
        _action("grasp_bag", "grasper work bag_rim still", "bag", 1.05),
        _action("bag_to_port", "grasper work bag_rim carry", "port", 0.98, bag_lift=1),
        _action("pull_bag", "grasper work bag_rim carry", "port", 1.1),
        _action("widen_port", "grasper work bag_rim carry, scissors hold port spread", "port", 1.1),
        _action("bag_out", "grasper work bag_rim carry", "port", 1.05, bag_out=1),
        _action(
            "suck_at_port", "irrigator hold port sweep, grasper work bag_rim carry", "port", 1.0, "water"
        ),
        _action("last_look", "grasper hold port sweep", "port", 0.95),
    )
}

PLANS = {
    "Preparation": PhasePlan(
        needed=(("lift_fundus",), ("enter_grasper", "lift_fundus"), ("look_around", "lift_fundus")),
        fillers={
            "strip_omentum": Filler(3),
            "peel_two_graspers": Filler(3),
            "free_adhesions_hook": Filler(1.5),
            "free_adhesions_scissors": Filler(1),
            "seal_adhesion": Filler(0.6),
            "rinse_view": Filler(1.5),
            "look_around": Filler(0.3),
        },
        ramps={"omentum": 0.1},
        seconds=9,
        share=0.12,
    ),
    "CalotTriangleDissection": PhasePlan(
        needed=((), ("hook_peritoneum",), ("hook_peritoneum", "show_critical_view")),
        fillers={
            "hook_peritoneum": Filler(3, before="show_critical_view"),
            "hook_behind_neck": Filler(2.5, before="show_critical_view"),
            "hook_around_duct": Filler(2.5, before="show_critical_view"),
            "blunt_dissection": Filler(2, before="show_critical_view"),
            "free_artery": Filler(2, before="show_critical_view"),
            "seal_small_vessel": Filler(1.3, before="show_critical_view"),
            "snip_peritoneum": Filler(1, before="show_critical_view"),
            "rinse_triangle": Filler(1.6, before="show_critical_view"),
        },
        ramps={"exposure": 1},
        seconds=14,
        share=0.22,
    ),
    "ClippingCutting": PhasePlan(
        needed=(
            ("clip_duct", "clip_artery", "cut_duct", "cut_artery"),
            ("clip_artery", "cut_artery", "clip_duct", "cut_duct"),
            ("clip_duct", "cut_duct", "clip_artery", "cut_artery"),
            ("clip_artery", "clip_duct", "cut_artery", "cut_duct"),
        ),
        fillers={
            "check_clips": Filler(2, after="clip_duct"),
            "clear_before_clip": Filler(1, before="clip_artery"),
            "dry_stumps": Filler(1.5, after="cut_duct"),
        },
        ramps={},
        seconds=14,
        share=0.15,
    ),
    "GallbladderDissection": PhasePlan(
        needed=((), ("hook_off_bed", "hook_last_fibres")),
        fillers={
            "hook_off_bed": Filler(3.5, before="hook_last_fibres"),
            "hook_side": Filler(2.5, before="hook_last_fibres"),
            "scissors_off_bed": Filler(1.2, before="hook_last_fibres"),
            "seal_bed_vessel": Filler(1.2, before="hook_last_fibres"),
            "suck_bed": Filler(2, before="hook_last_fibres"),
            "clip_bed_vessel": Filler(0.6, before="hook_last_fibres"),
        },
        ramps={"dissected": 1},
        seconds=14,
        share=0.2,
    ),
    "GallbladderPackaging": PhasePlan(
        needed=(("bag_in", "bag_open", "gallbladder_into_bag", "push_down_in_bag", "bag_close"),),
        fillers={
            "hold_gallbladder_up": Filler(1, after="bag_open", before="gallbladder_into_bag"),
            "suck_beside_bag": Filler(1.5, after="bag_open"),
        },
        ramps={},
        seconds=13,
        share=0.12,
    ),
    "CleaningCoagulation": PhasePlan(
        needed=((), ("wash_bed",)),
        fillers={
            "wash_bed": Filler(2),
            "wash_below_liver": Filler(1.5),
            "suck_fluid": Filler(1.5),
            "coagulate_bed": Filler(3),
            "coagulate_bed_and_suck": Filler(1.5),
            "hook_spot": Filler(1.2),
            "inspect_bed": Filler(1.6),
            "inspect_stumps": Filler(1),
        },
        ramps={},
        seconds=10,
        share=0.12,
    ),
    "GallbladderRetraction": PhasePlan(
        needed=(("grasp_bag", "bag_to_port", "bag_out"),),
        fillers={
            "pull_bag": Filler(3, after="bag_to_port", before="bag_out"),
            "widen_port": Filler(1, after="bag_to_port", before="bag_out"),
            "suck_at_port": Filler(1.2, after="bag_to_port", before="bag_out"),
            "last_look": Filler(0.8, after="bag_out"),
        },
        ramps={},
        seconds=10,
        share=0.12,
    ),
}
