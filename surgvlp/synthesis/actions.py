"""What can happen in a made cholecystectomy: the actions of every phase, with their tools, places and motions.

No tool belongs to one phase: graspers are nearly everywhere, the hook works in both dissections and now and then
elsewhere, scissors and clips are needed outside clipping, suction may come at any time. A phase is a
combination of tools, what they do, where they do it, and how far the anatomy has been changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

PHASES = (
    "Preparation",
    "CalotTriangleDissection",
    "ClippingCutting",
    "GallbladderDissection",
    "GallbladderPackaging",
    "CleaningCoagulation",
    "GallbladderRetraction",
)
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


def _uses(*texts: str) -> tuple[Use, ...]:
    return tuple(Use(*text.split()) for text in texts)


# Retraction of the gallbladder that most actions share.
_FUNDUS = "grasper assist fundus still"
_NECK = "grasper hold neck still"
_LIFT = "grasper hold body carry"

ACTIONS = {
    action.name: action
    for action in (
        # Preparation
        Action("look_around", _uses(), "overview", 0.9),
        Action("enter_grasper", _uses("grasper hold liver sweep"), "overview", 0.92),
        Action("lift_fundus", _uses("grasper assist fundus carry"), "fundus", 0.98, {"lift": 1}),
        Action("strip_omentum", _uses("grasper work omentum stroke", _FUNDUS), "omentum", 1.05),
        Action("peel_two_graspers", _uses("grasper work omentum stroke", "grasper hold body still"), "omentum"),
        Action("free_adhesions_hook", _uses("hook work omentum stroke", _FUNDUS), "omentum", 1.1, {}, ("smoke",)),
        Action("free_adhesions_scissors", _uses("scissors work omentum spread", _FUNDUS), "omentum", 1.1),
        Action("seal_adhesion", _uses("bipolar work omentum spread", _FUNDUS), "omentum", 1.1, {}, ("smoke",)),
        Action("rinse_view", _uses("irrigator work omentum sweep", _FUNDUS), "omentum", 1.0, {}, ("water",)),
        # Calot triangle dissection
        Action("hook_peritoneum", _uses("hook work triangle stroke", _NECK), "triangle", 1.2, {}, ("smoke",)),
        Action("hook_behind_neck", _uses("hook work neck stroke", _NECK, _FUNDUS), "triangle", 1.25, {}, ("smoke", "spark")),
        Action("hook_around_duct", _uses("hook work duct stroke", _NECK), "duct", 1.3, {}, ("smoke",)),
        Action("blunt_dissection", _uses("grasper work triangle spread", _NECK), "triangle", 1.25),
        Action("free_artery", _uses("hook work artery stroke", _NECK), "artery", 1.25, {}, ("spark",)),
        Action("seal_small_vessel", _uses("bipolar work triangle spread", _NECK), "triangle", 1.2, {}, ("smoke", "blood")),
        Action("snip_peritoneum", _uses("scissors work triangle spread", _NECK), "triangle", 1.2),
        Action("rinse_triangle", _uses("irrigator work triangle sweep", _NECK), "triangle", 1.15, {}, ("water", "blood")),
        Action("show_critical_view", _uses("hook work triangle still", _NECK, _FUNDUS), "triangle", 1.3),
        # Clipping and cutting
        Action("clip_duct", _uses("clipper work duct apply", _NECK), "duct", 1.25, {"duct_clips": 3}),
        Action("clip_artery", _uses("clipper work artery apply", _NECK), "artery", 1.25, {"artery_clips": 3}),
        Action("cut_duct", _uses("scissors work duct apply", _NECK), "duct", 1.25, {"duct_cut": 1}),
        Action("cut_artery", _uses("scissors work artery apply", _NECK), "artery", 1.25, {"artery_cut": 1}),
        Action("check_clips", _uses("grasper work duct still", _NECK), "duct", 1.3),
        Action("clear_before_clip", _uses("hook work artery stroke", _NECK), "artery", 1.25, {}, ("smoke",)),
        Action("dry_stumps", _uses("irrigator work duct sweep", _NECK), "duct", 1.15, {}, ("water",)),
        # Gallbladder dissection
        Action("hook_off_bed", _uses("hook work edge stroke", _LIFT), "bed", 1.15, {}, ("smoke",)),
        Action("hook_side", _uses("hook work edge sweep", _LIFT, _FUNDUS), "bed", 1.1, {}, ("smoke", "spark")),
        Action("hook_last_fibres", _uses("hook work edge stroke", _LIFT), "fundus", 1.1, {}, ("smoke",)),
        Action("scissors_off_bed", _uses("scissors work edge spread", _LIFT), "bed", 1.15),
        Action("seal_bed_vessel", _uses("bipolar work bed spread", _LIFT), "bed", 1.2, {}, ("smoke", "blood")),
        Action("suck_bed", _uses("irrigator work bed sweep", _LIFT), "bed", 1.1, {}, ("water", "blood")),
        Action("clip_bed_vessel", _uses("clipper work edge apply", _LIFT), "bed", 1.2, {"bed_clips": 1}),
        # Packaging
        Action("bag_in", _uses("grasper work bag carry"), "bag", 0.98, {"bag_in": 1}),
        Action("bag_open", _uses("grasper work bag_rim stroke", "grasper hold bag_far still"), "bag", 1.05, {"bag_open": 1}),
        Action("gallbladder_into_bag", _uses("grasper work body carry", "grasper hold bag_far still"), "bag", 1.02, {"carried": 1}),
        Action("push_down_in_bag", _uses("grasper work bag_rim stroke", "grasper hold bag_far still"), "bag", 1.05, {"bagged": 1}),
        Action("bag_close", _uses("grasper hold bag_rim still", "grasper work bag_far stroke"), "bag", 1.05, {"bag_open": 0}),
        Action("hold_gallbladder_up", _uses("grasper work body carry", "grasper assist body carry"), "body", 1.0),
        Action("suck_beside_bag", _uses("irrigator work bed sweep", "grasper hold bag_far still"), "bag", 1.0, {}, ("water",)),
        # Cleaning and coagulation
        Action("wash_bed", _uses("irrigator work bed sweep", "grasper hold liver still"), "bed", 1.05, {}, ("water",)),
        Action("wash_below_liver", _uses("irrigator work gutter sweep"), "gutter", 0.98, {"pool": 0.7}, ("water",)),
        Action("suck_fluid", _uses("irrigator work gutter sweep", "grasper hold liver still"), "gutter", 1.0, {"pool": 0.1}),
        Action("coagulate_bed", _uses("bipolar work bed spread", "grasper hold liver still"), "bed", 1.2, {}, ("smoke", "blood")),
        Action("coagulate_bed_and_suck", _uses("bipolar work bed spread", "irrigator hold bed sweep"), "bed", 1.15, {}, ("smoke", "water")),
        Action("hook_spot", _uses("hook work bed still", "grasper hold liver still"), "bed", 1.15, {}, ("smoke", "spark")),
        Action("inspect_bed", _uses("grasper hold liver still", "grasper work bed still"), "bed", 1.15),
        Action("inspect_stumps", _uses("irrigator work duct still", "grasper hold liver still"), "duct", 1.25),
        # Retraction
        Action("grasp_bag", _uses("grasper work bag_rim still"), "bag", 1.05),
        Action("bag_to_port", _uses("grasper work bag_rim carry"), "port", 0.98, {"bag_lift": 1}),
        Action("pull_bag", _uses("grasper work bag_rim carry"), "port", 1.1),
        Action("widen_port", _uses("grasper work bag_rim carry", "scissors hold port spread"), "port", 1.1),
        Action("bag_out", _uses("grasper work bag_rim carry"), "port", 1.05, {"bag_out": 1}),
        Action("suck_at_port", _uses("irrigator hold port sweep", "grasper work bag_rim carry"), "port", 1.0, {}, ("water",)),
        Action("last_look", _uses("grasper hold port sweep"), "port", 0.95),
    )
}  # fmt: skip

PLANS = {
    "Preparation": PhasePlan(
        needed=(("lift_fundus",), ("enter_grasper", "lift_fundus"), ("look_around", "lift_fundus")),
        fillers={
            "strip_omentum": Filler(3),
            "peel_two_graspers": Filler(3),
            "free_adhesions_hook": Filler(1.5),
            "free_adhesions_scissors": Filler(1),
            "seal_adhesion": Filler(0.6),
            "rinse_view": Filler(0.6),
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
            "seal_small_vessel": Filler(1, before="show_critical_view"),
            "snip_peritoneum": Filler(1, before="show_critical_view"),
            "rinse_triangle": Filler(1, before="show_critical_view"),
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
            "dry_stumps": Filler(1, after="cut_duct"),
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
            "suck_bed": Filler(1.2, before="hook_last_fibres"),
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
            "suck_beside_bag": Filler(1, after="bag_open"),
        },
        ramps={},
        seconds=13,
        share=0.12,
    ),
    "CleaningCoagulation": PhasePlan(
        needed=((), ("wash_bed",)),
        fillers={
            "wash_bed": Filler(2.5),
            "wash_below_liver": Filler(2),
            "suck_fluid": Filler(2),
            "coagulate_bed": Filler(2.5),
            "coagulate_bed_and_suck": Filler(1.5),
            "hook_spot": Filler(0.8),
            "inspect_bed": Filler(1.2),
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
            "suck_at_port": Filler(0.6, after="bag_to_port", before="bag_out"),
            "last_look": Filler(0.8, after="bag_out"),
        },
        ramps={},
        seconds=10,
        share=0.12,
    ),
}
