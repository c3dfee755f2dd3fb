"""How a specimen leaves in several types of operation: in a bag or without one, through a port."""

from __future__ import annotations

from surgvlp.synthesis.operation.actions import Action, Filler, PhasePlan, action

_FAR_RIM = "grasper hold bag_far still grasp specimen_bag"
_BAG = "grasper work bag_rim carry grasp specimen_bag"


def bagging(specimen: str, beside: str) -> tuple[Action, ...]:
    """The actions of packing something into a bag.

    Args:
        specimen: the triplets' name of the organ.
        beside: the place beside the bag that is kept dry.
    """
    return (
        action("bag_in", "grasper work bag carry grasp specimen_bag", "bag", 0.98, bag_in=1),
        action(
            "bag_open", f"grasper work bag_rim stroke grasp specimen_bag, {_FAR_RIM}", "bag", 1.05, bag_open=1
        ),
        action(
            "specimen_into_bag",
            f"grasper work body carry pack {specimen}, {_FAR_RIM}",
            "bag",
            1.02,
            carried=1,
        ),
        action(
            "push_down_in_bag",
            f"grasper work bag_rim stroke pack {specimen}, {_FAR_RIM}",
            "bag",
            1.05,
            bagged=1,
        ),
        action(
            "bag_close",
            "grasper hold bag_rim still grasp specimen_bag, grasper work bag_far stroke grasp specimen_bag",
            "bag",
            1.05,
            bag_open=0,
        ),
        action(
            "hold_specimen_up",
            f"grasper work body carry grasp {specimen}, grasper assist body carry grasp {specimen}",
            "body",
        ),
        action(
            "suck_beside_bag",
            f"irrigator work {beside} sweep aspirate fluid, {_FAR_RIM}",
            "bag",
            1.0,
            "water",
        ),
    )


def bag_extraction() -> tuple[Action, ...]:
    """The actions of taking the bag out."""
    return (
        action("grasp_bag", "grasper work bag_rim still grasp specimen_bag", "bag", 1.05),
        action("bag_to_port", _BAG, "port", 0.98, bag_lift=1),
        action("pull_bag", _BAG, "port", 1.1),
        action("widen_port", f"{_BAG}, scissors hold port spread null_verb null_target", "port", 1.1),
        action("bag_out", _BAG, "port", 1.05, bag_out=1),
        action("suck_at_port", f"irrigator hold port sweep aspirate fluid, {_BAG}", "port", 1.0, "water"),
        action("last_look", "grasper hold port sweep null_verb null_target", "port", 0.95),
    )


def bare_extraction(specimen: str, end: str) -> tuple[Action, ...]:
    """The actions of taking something out without a bag, held at one `end` (a place)."""
    return (
        action("grasp_specimen", f"grasper work {end} still grasp {specimen}", "body", 1.05),
        action("specimen_to_port", f"grasper work {end} carry grasp {specimen}", "port", 0.98, carried=1),
        action("pull_specimen", f"grasper work {end} carry grasp {specimen}", "port", 1.1),
        action("specimen_out", f"grasper work port carry grasp {specimen}", "port", 1.05, bagged=1),
    )


PACK = ("bag_in", "bag_open", "specimen_into_bag", "push_down_in_bag", "bag_close")
TAKE_OUT = ("grasp_bag", "bag_to_port", "bag_out")
TAKE_OUT_BARE = ("grasp_specimen", "specimen_to_port", "specimen_out")

PACKAGING = PhasePlan(
    needed=(PACK,),
    fillers={
        "hold_specimen_up": Filler(1, after="bag_open", before="specimen_into_bag"),
        "suck_beside_bag": Filler(1.5, after="bag_open"),
    },
    ramps={},
    seconds=13,
    share=0.12,
    lingers=("suck_beside_bag",),
)
EXTRACTION = PhasePlan(
    needed=(TAKE_OUT,),
    fillers={
        "pull_bag": Filler(3, after="bag_to_port", before="bag_out"),
        "widen_port": Filler(1, after="bag_to_port", before="bag_out"),
        "suck_at_port": Filler(1.2, after="bag_to_port", before="bag_out"),
        "last_look": Filler(0.8, after="bag_out"),
    },
    ramps={},
    seconds=10,
    share=0.12,
    spread=True,
)
BARE_EXTRACTION = PhasePlan(
    needed=(TAKE_OUT_BARE,),
    fillers={
        "pull_specimen": Filler(3, after="specimen_to_port", before="specimen_out"),
        "last_look": Filler(1, after="specimen_out"),
    },
    ramps={},
    seconds=10,
    share=0.12,
)
