"""Total laparoscopic hysterectomy: AutoLaparo's phases."""

from __future__ import annotations

from surgvlp.lectures.labels import HYSTERECTOMY as PHASES
from surgvlp.lectures.triplets import vocabulary_of
from surgvlp.synthesis.abdomen.anatomy import BAG_STATE
from surgvlp.synthesis.operation.actions import Action, Filler, PhasePlan, ProcedureType, action, by_name
from surgvlp.synthesis.operation.procedures.hysterectomy_scene import draw_scene

# The retraction that many actions share.
_FUNDUS = "grasper hold fundus carry retract uterus"
_OVARY = "grasper assist ovary_left still retract ovary"
_BLADDER = "grasper assist flap still retract bladder"
_CUFF = "grasper hold cuff_edge still grasp vagina"

_PREPARATION = (
    action("look_around", "", "overview", 0.9),
    action("enter_grasper", "grasper hold ovary_right sweep retract ovary", "overview", 0.92),
    action("raise_uterus", "grasper hold fundus carry grasp uterus", "fundus", 0.95, raised=1),
    action(
        "sweep_bowel",
        "grasper work rectum sweep retract bowel, grasper hold fundus still retract uterus",
        "rectum",
        0.98,
    ),
    action("cut_adhesions", f"scissors work adhesion spread cut adhesion, {_FUNDUS}", "adhesion", 1.1),
    action(
        "seal_adhesion",
        f"bipolar work adhesion spread coagulate adhesion, {_FUNDUS}",
        "adhesion",
        1.1,
        "smoke",
    ),
    action("show_ureter", f"grasper work ureter stroke dissect ureter, {_OVARY}", "ureter", 1.15),
    action("rinse_pelvis", f"irrigator work pouch sweep aspirate fluid, {_FUNDUS}", "pouch", 1.0, "water"),
)


def _sided(side: str, sign: str) -> tuple[Action, ...]:
    """What is done on the left and on the right in the same way."""
    return (
        action(
            f"seal_round_{side}",
            f"bipolar work round_{side} spread coagulate round_ligament, {_FUNDUS}",
            f"round_{side}",
            1.15,
            "smoke",
        ),
        action(
            f"cut_round_{side}",
            f"scissors work round_{side} apply cut round_ligament, {_FUNDUS}",
            f"round_{side}",
            1.15,
            "",
            **{f"round_{sign}_cut": 1.0},
        ),
        action(
            f"cut_tube_{side}",
            f"scissors work tube_{side} apply cut fallopian_tube, {_FUNDUS}",
            f"tube_{side}",
            1.2,
            "",
            **{f"tube_{sign}_cut": 1.0},
        ),
        action(
            f"seal_vessels_{side}",
            f"bipolar work vessels_{side} spread coagulate uterine_vessels, {_FUNDUS}",
            f"vessels_{side}",
            1.25,
            "smoke",
        ),
        action(
            f"cut_vessels_{side}",
            f"scissors work vessels_{side} apply cut uterine_vessels, {_FUNDUS}",
            f"vessels_{side}",
            1.25,
            "",
            **{f"vessels_{sign}_cut": 1.0},
        ),
    )


_LIGAMENT = (
    action(
        "seal_tube",
        f"bipolar work tube_left spread coagulate fallopian_tube, {_FUNDUS}",
        "tube_left",
        1.2,
        "smoke",
    ),
    action("clip_tube", f"clipper work tube_right apply clip fallopian_tube, {_FUNDUS}", "tube_right", 1.2),
    action("open_broad", f"hook work broad stroke dissect broad_ligament, {_FUNDUS}", "broad", 1.15, "smoke"),
    action("hook_flap", f"hook work flap stroke cut peritoneum, {_BLADDER}", "flap", 1.2, "smoke spark"),
    action("snip_flap", f"scissors work flap spread cut peritoneum, {_BLADDER}", "flap", 1.2),
    action("push_bladder", f"irrigator work flap sweep dissect bladder, {_FUNDUS}", "flap", 1.15),
)
_VESSELS = (
    action(
        "skeletonise",
        f"hook work vessels_left stroke dissect uterine_vessels, {_FUNDUS}",
        "vessels_left",
        1.25,
        "smoke",
    ),
    action(
        "spread_parametrium",
        f"grasper work vessels_right spread dissect parametrium, {_FUNDUS}",
        "vessels_right",
        1.25,
    ),
    action(
        "seal_cardinal",
        f"bipolar work cardinal spread coagulate cardinal_ligament, {_FUNDUS}",
        "cardinal",
        1.2,
        "smoke",
    ),
    action(
        "clip_vessel",
        f"clipper work vessels_right apply clip uterine_vessels, {_FUNDUS}",
        "vessels_right",
        1.25,
    ),
    action(
        "suck_vessels",
        f"irrigator work vessels_left sweep aspirate fluid, {_FUNDUS}",
        "vessels_left",
        1.15,
        "water blood",
    ),
)
_VAGINA = (
    action("open_vagina", f"hook work cuff stroke cut vagina, {_FUNDUS}", "cuff", 1.25, "smoke spark"),
    action("hook_front", f"hook work cuff stroke cut vagina, {_BLADDER}", "cuff", 1.2, "smoke spark"),
    action("hook_side", f"hook work cuff_edge stroke cut vagina, {_FUNDUS}", "cuff", 1.25, "smoke"),
    action("complete_cut", f"hook work cuff sweep cut vagina, {_FUNDUS}", "cuff", 1.2, "smoke"),
    action("scissors_vagina", f"scissors work cuff_edge spread cut vagina, {_FUNDUS}", "cuff", 1.2),
    action(
        "seal_edge", f"bipolar work cuff_edge spread coagulate vagina, {_FUNDUS}", "cuff", 1.2, "smoke blood"
    ),
    action("suck_smoke", f"irrigator work cuff still aspirate fluid, {_FUNDUS}", "cuff", 1.1, "smoke"),
)
_REMOVAL = (
    action("grasp_uterus", "grasper work cervix still grasp uterus", "body", 1.0),
    action("uterus_to_vagina", "grasper work fundus carry grasp uterus", "cuff", 1.0, carried=1),
    action("pull_uterus", "grasper work fundus carry grasp uterus", "cuff", 1.1),
    action(
        "turn_uterus",
        "grasper work fundus carry grasp uterus, grasper hold body carry grasp uterus",
        "cuff",
        1.05,
    ),
    action("uterus_out", "grasper work cuff carry grasp uterus", "cuff", 1.05, bagged=1),
    action(
        "suck_cuff_blood",
        "irrigator work cuff_edge sweep aspirate fluid, grasper hold fundus carry grasp uterus",
        "cuff",
        1.05,
        "water blood",
    ),
    action("look_at_cuff", f"{_CUFF}, irrigator work cuff still null_verb null_target", "cuff", 1.15),
)
_SUTURING = (
    action("first_stitch", f"needle_driver work stitch_right stroke suture vagina, {_CUFF}", "cuff", 1.2),
    action("stitch_cuff", f"needle_driver work stitch stroke suture vagina, {_CUFF}", "cuff", 1.25),
    action(
        "stitch_two_hands",
        "needle_driver work stitch sweep suture vagina, needle_driver hold cuff_edge still grasp thread",
        "cuff",
        1.2,
    ),
    action("pull_thread", f"grasper work cuff carry grasp thread, {_CUFF}", "cuff", 1.1),
    action(
        "tie_knot",
        "needle_driver work stitch sweep suture vagina, grasper hold cuff_edge stroke grasp thread",
        "cuff",
        1.2,
    ),
    action("suck_cuff", f"irrigator work cuff sweep aspirate fluid, {_CUFF}", "cuff", 1.15, "water"),
    action("cut_thread", f"scissors work stitch apply cut thread, {_CUFF}", "cuff", 1.2),
    action(
        "last_knot",
        "needle_driver work stitch_left sweep suture vagina, grasper hold cuff_edge stroke grasp thread",
        "cuff",
        1.2,
    ),
)
_WASHING = (
    action("wash_pelvis", "irrigator work pouch sweep irrigate pelvis", "pouch", 0.98, "water", pool=0.7),
    action(
        "wash_cuff",
        "irrigator work cuff sweep irrigate vagina, grasper hold flap still retract bladder",
        "cuff",
        1.05,
        "water",
    ),
    action(
        "suck_fluid",
        "irrigator work pouch sweep aspirate fluid, grasper hold rectum still retract bowel",
        "pouch",
        pool=0.1,
    ),
    action(
        "coagulate_cuff",
        "bipolar work cuff_edge spread coagulate vagina, irrigator hold cuff sweep aspirate fluid",
        "cuff",
        1.2,
        "smoke blood",
    ),
    action(
        "hook_spot", f"hook work cuff_edge still coagulate vagina, {_BLADDER}", "cuff", 1.15, "smoke spark"
    ),
    action("inspect_ureter", f"grasper work ureter still null_verb null_target, {_OVARY}", "ureter", 1.15),
    action(
        "inspect_pedicles",
        f"grasper work vessels_right still null_verb null_target, {_OVARY}",
        "vessels_right",
        1.15,
    ),
    action(
        "extra_stitch",
        "needle_driver work cuff_edge stroke suture vagina, grasper hold flap still retract bladder",
        "cuff",
        1.2,
    ),
)

_PREPARE, _DIVIDE, _VESSEL_PHASE, _TRANSECT, _REMOVE, _SUTURE, _WASH = PHASES
_PLANS = {
    _PREPARE: PhasePlan(
        needed=(("raise_uterus",), ("enter_grasper", "raise_uterus"), ("look_around", "raise_uterus")),
        fillers={
            "sweep_bowel": Filler(2),
            "cut_adhesions": Filler(2),
            "seal_adhesion": Filler(1),
            "show_ureter": Filler(1.6),
            "rinse_pelvis": Filler(1.2),
            "look_around": Filler(0.5),
        },
        ramps={"adhesions": 0.05},
        seconds=9,
        share=0.11,
        lingers=("cut_adhesions", "show_ureter"),
    ),
    _DIVIDE: PhasePlan(
        needed=(
            ("cut_round_left", "cut_tube_left", "cut_round_right", "cut_tube_right"),
            ("cut_round_right", "cut_tube_right", "cut_round_left", "cut_tube_left"),
            ("cut_tube_left", "cut_round_left", "cut_tube_right", "cut_round_right"),
        ),
        fillers={
            "seal_round_left": Filler(1.5, before="cut_round_left"),
            "seal_round_right": Filler(1.5, before="cut_round_right"),
            "seal_tube": Filler(1.2, before="cut_tube_left"),
            "clip_tube": Filler(0.6, before="cut_tube_right"),
            "open_broad": Filler(2.5),
            "hook_flap": Filler(2.5),
            "snip_flap": Filler(1.2),
            "push_bladder": Filler(1.5),
        },
        ramps={"flap": 1, "opened": 1},
        seconds=15,
        share=0.22,
        lingers=("push_bladder", "hook_flap"),
        spread=True,
    ),
    _VESSEL_PHASE: PhasePlan(
        needed=(
            ("seal_vessels_left", "cut_vessels_left", "seal_vessels_right", "cut_vessels_right"),
            ("seal_vessels_right", "cut_vessels_right", "seal_vessels_left", "cut_vessels_left"),
            ("seal_vessels_left", "seal_vessels_right", "cut_vessels_right", "cut_vessels_left"),
        ),
        fillers={
            "skeletonise": Filler(2, before="cut_vessels_left"),
            "spread_parametrium": Filler(1.5, before="cut_vessels_right"),
            "seal_cardinal": Filler(2.5),
            "clip_vessel": Filler(0.8, before="cut_vessels_right"),
            "suck_vessels": Filler(1.6),
        },
        ramps={},
        seconds=15,
        share=0.18,
        lingers=("seal_cardinal", "suck_vessels"),
        spread=True,
    ),
    _TRANSECT: PhasePlan(
        needed=(("open_vagina",), ("open_vagina", "complete_cut")),
        fillers={
            "hook_front": Filler(2.5, after="open_vagina", before="complete_cut"),
            "hook_side": Filler(2.5, after="open_vagina", before="complete_cut"),
            "scissors_vagina": Filler(1.5, after="open_vagina", before="complete_cut"),
            "seal_edge": Filler(1.5, after="open_vagina"),
            "suck_smoke": Filler(1.5, after="open_vagina"),
        },
        ramps={"vagina_cut": 1},
        seconds=11,
        share=0.14,
        ending={"loose": 1},
    ),
    _REMOVE: PhasePlan(
        needed=(("grasp_uterus", "uterus_to_vagina", "uterus_out"),),
        fillers={
            "pull_uterus": Filler(3, after="uterus_to_vagina", before="uterus_out"),
            "turn_uterus": Filler(1.5, after="uterus_to_vagina", before="uterus_out"),
            "suck_cuff_blood": Filler(1.2, after="uterus_to_vagina", before="uterus_out"),
            "look_at_cuff": Filler(1, after="uterus_out"),
        },
        ramps={},
        seconds=9,
        share=0.1,
        lingers=("look_at_cuff",),
    ),
    _SUTURE: PhasePlan(
        needed=(("first_stitch", "last_knot"),),
        fillers={
            "stitch_cuff": Filler(3, after="first_stitch", before="last_knot"),
            "stitch_two_hands": Filler(1.5, after="first_stitch", before="last_knot"),
            "pull_thread": Filler(1.6, after="first_stitch", before="last_knot"),
            "tie_knot": Filler(1.5, after="first_stitch", before="last_knot"),
            "suck_cuff": Filler(1.2),
            "cut_thread": Filler(1, after="last_knot"),
        },
        ramps={"sutured": 1},
        seconds=12,
        share=0.16,
        spread=True,
    ),
    _WASH: PhasePlan(
        needed=((), ("wash_pelvis",)),
        fillers={
            "wash_pelvis": Filler(2),
            "wash_cuff": Filler(2),
            "suck_fluid": Filler(2),
            "coagulate_cuff": Filler(1.8),
            "hook_spot": Filler(1),
            "inspect_ureter": Filler(1.3),
            "inspect_pedicles": Filler(1.3),
            "extra_stitch": Filler(0.8),
        },
        ramps={},
        seconds=9,
        share=0.1,
        lingers=("suck_fluid", "wash_pelvis"),
    ),
}
_USED = by_name(
    *_PREPARATION,
    *_sided("left", "l"),
    *_sided("right", "r"),
    *_LIGAMENT,
    *_VESSELS,
    *_VAGINA,
    *_REMOVAL,
    *_SUTURING,
    *_WASHING,
)
_START = (_PREPARE, _DIVIDE, _VESSEL_PHASE, _TRANSECT, _REMOVE)

TYPE = ProcedureType(
    name="hysterectomy",
    phases=PHASES,
    actions=_USED,
    plans=_PLANS,
    state={
        "raised": 0.0,  # by the manipulator
        "adhesions": 1.0,
        **{f"{name}_{side}_cut": 0.0 for name in ("round", "tube", "vessels") for side in "lr"},
        "opened": 0.0,  # the broad ligaments, which hide the vessels
        "flap": 0.0,  # the bladder off the cervix
        "vagina_cut": 0.0,  # share of its circumference
        "loose": 0.0,
        "sutured": 0.0,  # share of the cuff
        "pool": 0.0,
        **BAG_STATE,
    },
    orders=(
        ((*_START, _SUTURE, _WASH), 0.5),
        ((*_START, _WASH, _SUTURE), 0.15),
        ((*_START, _WASH, _SUTURE, _WASH), 0.35),
    ),
    rare_orders=(
        (_PREPARE, _DIVIDE, _PREPARE, _DIVIDE, _VESSEL_PHASE, _TRANSECT, _REMOVE, _SUTURE, _WASH),
        (_PREPARE, _DIVIDE, _VESSEL_PHASE, _DIVIDE, _VESSEL_PHASE, _TRANSECT, _REMOVE, _SUTURE, _WASH),
        (*_START, _SUTURE, _WASH, _SUTURE, _WASH),
        (*_START, _WASH, _SUTURE, _WASH),
        (*_START, _SUTURE),
        (_DIVIDE, _VESSEL_PHASE, _TRANSECT, _REMOVE, _SUTURE, _WASH),
        (*_START, _WASH),  # the cuff is closed from below
    ),
    plans_without={},
    triplets=vocabulary_of(use.triplet for each in _USED.values() for use in each.uses),
    prompts=("made_hysterectomy", "made_hysterectomy_2", "made_hysterectomy_3"),
    robotic=0.35,
    draw_scene=draw_scene,
)
