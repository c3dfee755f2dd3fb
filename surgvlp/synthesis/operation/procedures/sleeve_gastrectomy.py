"""Laparoscopic sleeve gastrectomy: the greater curvature is freed, stapled off and taken out."""

from __future__ import annotations

from surgvlp.lectures.labels import SLEEVE_GASTRECTOMY as PHASES
from surgvlp.lectures.triplets import vocabulary_of
from surgvlp.synthesis.abdomen.anatomy import BAG_STATE
from surgvlp.synthesis.operation.actions import Filler, PhasePlan, ProcedureType, action, by_name
from surgvlp.synthesis.operation.procedures.removal import (
    TAKE_OUT,
    TAKE_OUT_BARE,
    bag_extraction,
    bagging,
    bare_extraction,
)
from surgvlp.synthesis.operation.procedures.sleeve_gastrectomy_scene import draw_scene

# The retraction that many actions share.
_BODY = "grasper hold body carry retract stomach"
_FUNDUS = "grasper hold fundus carry retract stomach"
_OMENTUM = "grasper assist omentum still retract omentum"
_SLEEVE = "grasper hold sleeve still retract stomach"

_PREPARATION = (
    action("look_around", "", "overview", 0.9),
    action("enter_grasper", "grasper hold sleeve sweep retract stomach", "overview", 0.92),
    action("lift_liver", "grasper assist liver carry retract liver", "liver", 0.95),
    action("find_pylorus", f"grasper work antrum stroke grasp stomach, {_SLEEVE}", "antrum", 1.1),
    action("measure", f"grasper work start still grasp stomach, {_SLEEVE}", "antrum", 1.1),
    action("cut_adhesions", f"scissors work antrum spread cut adhesion, {_SLEEVE}", "antrum", 1.05),
    action("empty_stomach", f"irrigator work antrum still aspirate fluid, {_SLEEVE}", "antrum", 1.0),
)
_CURVATURE = (
    action(
        "open_bursa",
        f"bipolar work edge stroke coagulate gastrocolic_ligament, {_BODY}",
        "edge",
        1.2,
        "smoke",
    ),
    action(
        "seal_omentum",
        f"bipolar work edge spread coagulate gastrocolic_ligament, {_BODY}, {_OMENTUM}",
        "edge",
        1.15,
        "smoke",
    ),
    action(
        "hook_omentum",
        f"hook work edge stroke dissect gastrocolic_ligament, {_BODY}",
        "edge",
        1.15,
        "smoke spark",
    ),
    action(
        "cut_omentum",
        f"scissors work edge spread cut gastrocolic_ligament, {_BODY}, {_OMENTUM}",
        "edge",
        1.15,
    ),
    action(
        "free_antrum",
        f"bipolar work antrum spread dissect gastrocolic_ligament, {_BODY}",
        "antrum",
        1.15,
        "smoke",
    ),
    action("free_back_wall", f"hook work back stroke dissect adhesion, {_BODY}", "back", 1.15, "smoke"),
    action(
        "suck_curvature", f"irrigator work edge sweep aspirate fluid, {_BODY}", "edge", 1.1, "water blood"
    ),
)
_FUNDUS_PHASE = (
    action(
        "seal_short_vessels",
        f"bipolar work short spread coagulate short_gastric_vessels, {_FUNDUS}",
        "short",
        1.2,
        "smoke",
        shorts_cut=1,
    ),
    action(
        "clip_short_vessel", f"clipper work short apply clip short_gastric_vessels, {_FUNDUS}", "short", 1.2
    ),
    action(
        "cut_short_vessels",
        f"scissors work short apply cut short_gastric_vessels, {_FUNDUS}",
        "short",
        1.2,
        shorts_cut=1,
    ),
    action("free_angle", f"hook work his stroke dissect fundus, {_FUNDUS}", "his", 1.25, "smoke"),
    action("show_crus", f"grasper work his spread dissect left_crus, {_FUNDUS}", "his", 1.2),
    action(
        "turn_fundus",
        "grasper work fundus carry retract stomach, grasper hold body carry retract stomach",
        "fundus",
        1.05,
    ),
    action(
        "seal_near_spleen",
        f"bipolar work spleen spread coagulate short_gastric_vessels, {_FUNDUS}",
        "spleen",
        1.15,
        "smoke blood",
    ),
    action(
        "suck_spleen", f"irrigator work spleen sweep aspirate fluid, {_FUNDUS}", "spleen", 1.1, "water blood"
    ),
)
_STAPLING = (
    action("place_bougie", f"grasper work sleeve stroke grasp bougie, {_BODY}", "sleeve", 1.05),
    action(
        "staple_antrum", f"stapler work staple apply staple stomach, {_BODY}", "staple", 1.15, stapled=0.25
    ),
    action("staple_body", f"stapler work staple apply staple stomach, {_BODY}", "staple", 1.15, stapled=0.5),
    action(
        "staple_upper", f"stapler work staple apply staple stomach, {_FUNDUS}", "staple", 1.15, stapled=0.75
    ),
    action(
        "staple_fundus", f"stapler work staple apply staple stomach, {_FUNDUS}", "staple", 1.15, stapled=1
    ),
    action("adjust_stapler", f"stapler work staple stroke grasp stomach, {_BODY}", "staple", 1.15),
    action("check_back", f"grasper work staple sweep retract stomach, {_BODY}", "staple", 1.1),
    action("dry_line", f"irrigator work staple sweep aspirate fluid, {_BODY}", "staple", 1.1, "blood"),
)
_CONTROL = (
    action("clip_line", f"clipper work line apply clip staple_line, {_SLEEVE}", "line", 1.2, clipped="+0.34"),
    action(
        "oversew", f"needle_driver work line stroke suture staple_line, {_SLEEVE}", "line", 1.2, sewn="+0.5"
    ),
    action(
        "tie_line",
        "needle_driver work line sweep suture staple_line, grasper hold sleeve stroke grasp thread",
        "line",
        1.2,
    ),
    action(
        "seal_line", f"bipolar work line spread coagulate staple_line, {_SLEEVE}", "line", 1.2, "smoke blood"
    ),
    action(
        "hook_line", f"hook work line still coagulate staple_line, {_SLEEVE}", "line", 1.15, "smoke spark"
    ),
    action("fix_omentum", f"needle_driver work line stroke suture omentum, {_OMENTUM}", "line", 1.1),
    action("inspect_line", f"grasper work line still null_verb null_target, {_SLEEVE}", "line", 1.1),
    action("suck_line", f"irrigator work line sweep aspirate fluid, {_SLEEVE}", "line", 1.1, "water"),
    action("trim_corner", f"stapler work line apply staple stomach, {_SLEEVE}", "line", 1.15),
    action("cut_thread", f"scissors work line apply cut thread, {_SLEEVE}", "line", 1.15),
)
_LEAK = (
    action(
        "clamp_antrum",
        "grasper work antrum still grasp stomach, grasper hold sleeve still retract stomach",
        "antrum",
        1.0,
    ),
    action(
        "fill_water",
        f"irrigator work line sweep irrigate staple_line, {_SLEEVE}",
        "line",
        1.0,
        "water",
        pool=0.8,
    ),
    action(
        "blow_air",
        "grasper work antrum still grasp stomach, irrigator hold line still irrigate staple_line",
        "line",
        1.05,
    ),
    action("give_dye", f"grasper work antrum still grasp stomach, {_SLEEVE}", "line", 1.1),
    action("suck_water", f"irrigator work line sweep aspirate fluid, {_SLEEVE}", "line", 1.0, pool=0.1),
    action("wash_spleen", "irrigator work spleen sweep irrigate abdominal_cavity", "spleen", 1.0, "water"),
    action(
        "touch_bleeder",
        f"bipolar work line spread coagulate staple_line, {_SLEEVE}",
        "line",
        1.15,
        "smoke blood",
    ),
    action("leak_stitch", f"needle_driver work line stroke suture staple_line, {_SLEEVE}", "line", 1.2),
)

_PREPARE, _CURVE, _MOBILISE, _STAPLE, _CHECK, _TEST, _REMOVE = PHASES
_BAGGED = ("bag_in", "bag_open", "specimen_into_bag", "push_down_in_bag", "bag_close", *TAKE_OUT)
_PLANS = {
    _PREPARE: PhasePlan(
        needed=(("lift_liver",), ("enter_grasper", "lift_liver"), ("lift_liver", "find_pylorus")),
        fillers={
            "find_pylorus": Filler(2),
            "measure": Filler(2, after="lift_liver"),
            "cut_adhesions": Filler(1),
            "empty_stomach": Filler(1),
            "look_around": Filler(0.7),
        },
        ramps={},
        seconds=8,
        share=0.1,
        lingers=("measure", "cut_adhesions"),
    ),
    _CURVE: PhasePlan(
        needed=((), ("open_bursa",)),
        fillers={
            "open_bursa": Filler(1),
            "seal_omentum": Filler(3),
            "hook_omentum": Filler(2.2),
            "cut_omentum": Filler(1.5),
            "free_antrum": Filler(1.5),
            "free_back_wall": Filler(1.2),
            "suck_curvature": Filler(1.4),
        },
        ramps={"freed": 1},
        seconds=13,
        share=0.2,
        lingers=("free_antrum", "free_back_wall"),
    ),
    _MOBILISE: PhasePlan(
        needed=(
            ("seal_short_vessels",),
            ("clip_short_vessel", "cut_short_vessels"),
            ("seal_short_vessels", "show_crus"),
        ),
        fillers={
            "free_angle": Filler(2.5),
            "show_crus": Filler(1.5),
            "turn_fundus": Filler(2),
            "seal_near_spleen": Filler(1.5),
            "suck_spleen": Filler(1.4),
        },
        ramps={"fundus_free": 1},
        seconds=11,
        share=0.16,
        lingers=("free_angle", "suck_spleen"),
    ),
    _STAPLE: PhasePlan(
        needed=(
            ("staple_antrum", "staple_body", "staple_upper", "staple_fundus"),
            ("place_bougie", "staple_antrum", "staple_body", "staple_upper", "staple_fundus"),
        ),
        fillers={
            "adjust_stapler": Filler(2, before="staple_fundus"),
            "check_back": Filler(2, after="staple_antrum", before="staple_fundus"),
            "dry_line": Filler(1.5, after="staple_antrum"),
        },
        ramps={},
        seconds=16,
        share=0.18,
        ending={"loose": 1},
        spread=True,
    ),
    _CHECK: PhasePlan(
        needed=((), ("clip_line",), ("oversew",)),
        fillers={
            "clip_line": Filler(2),
            "oversew": Filler(2.5),
            "tie_line": Filler(1),
            "seal_line": Filler(1.5),
            "hook_line": Filler(1),
            "fix_omentum": Filler(1.2),
            "inspect_line": Filler(1.5),
            "suck_line": Filler(1.5),
            "trim_corner": Filler(0.6),
            "cut_thread": Filler(1),
        },
        ramps={},
        seconds=10,
        share=0.14,
        lingers=("suck_line", "inspect_line", "seal_line"),
    ),
    _TEST: PhasePlan(
        needed=(
            ("clamp_antrum", "fill_water", "blow_air"),
            ("clamp_antrum", "give_dye"),
            ("fill_water", "blow_air", "suck_water"),
        ),
        fillers={
            "suck_water": Filler(1.5),
            "wash_spleen": Filler(1),
            "touch_bleeder": Filler(0.8),
            "leak_stitch": Filler(0.6),
        },
        ramps={},
        seconds=9,
        share=0.09,
        lingers=("suck_water",),
    ),
    _REMOVE: PhasePlan(
        needed=(TAKE_OUT_BARE, TAKE_OUT_BARE, _BAGGED),
        fillers={
            "pull_specimen": Filler(2.5, after="specimen_to_port", before="specimen_out"),
            "pull_bag": Filler(2, after="bag_to_port", before="bag_out"),
            "widen_port": Filler(0.8, after="bag_to_port", before="bag_out"),
            "suck_at_port": Filler(0.8, after="bag_to_port", before="bag_out"),
            "hold_specimen_up": Filler(0.8, after="bag_open", before="specimen_into_bag"),
            "suck_beside_bag": Filler(0.8, after="bag_open", before="bag_to_port"),
            "last_look": Filler(0.8, after="specimen_out"),
        },
        ramps={},
        seconds=12,
        share=0.13,
    ),
}
_USED = by_name(
    *_PREPARATION,
    *_CURVATURE,
    *_FUNDUS_PHASE,
    *_STAPLING,
    *_CONTROL,
    *_LEAK,
    *bagging("stomach", beside="omentum"),
    *bag_extraction(),
    *bare_extraction("stomach", end="antral_end"),
)
_START = (_PREPARE, _CURVE, _MOBILISE, _STAPLE)

TYPE = ProcedureType(
    name="sleeve_gastrectomy",
    phases=PHASES,
    actions=_USED,
    plans=_PLANS,
    state={
        "freed": 0.0,  # share of the greater curvature without omentum
        "fundus_free": 0.0,  # off the diaphragm
        "shorts_cut": 0.0,
        "stapled": 0.0,  # share of the staple line
        "clipped": 0.0,  # share of the staple line with clips, and with stitches
        "sewn": 0.0,
        "loose": 0.0,
        "pool": 0.0,
        **BAG_STATE,
    },
    orders=(
        ((*_START, _CHECK, _TEST, _REMOVE), 0.5),
        ((*_START, _CHECK, _REMOVE, _TEST), 0.15),
        ((*_START, _REMOVE, _CHECK, _TEST), 0.2),
        ((*_START, _TEST, _CHECK, _REMOVE), 0.15),
    ),
    rare_orders=(
        (_PREPARE, _CURVE, _MOBILISE, _CURVE, _STAPLE, _CHECK, _TEST, _REMOVE),
        (_PREPARE, _CURVE, _STAPLE, _MOBILISE, _STAPLE, _CHECK, _TEST, _REMOVE),
        (*_START, _CHECK, _TEST, _CHECK, _REMOVE),
        (*_START, _CHECK, _REMOVE),
        (*_START, _TEST, _REMOVE),
        (*_START, _CHECK, _REMOVE, _CHECK),
    ),
    plans_without={},
    triplets=vocabulary_of(use.triplet for each in _USED.values() for use in each.uses),
    prompts=("made_sleeve_gastrectomy", "made_sleeve_gastrectomy_2", "made_sleeve_gastrectomy_3"),
    robotic=0.2,
    draw_scene=draw_scene,
)
