"""Laparoscopic appendectomy: exposure, the mesoappendix, the base, and out."""

from __future__ import annotations

from surgvlp.lectures.labels import APPENDECTOMY as PHASES
from surgvlp.lectures.triplets import vocabulary_of
from surgvlp.synthesis.abdomen.anatomy import BAG_STATE
from surgvlp.synthesis.operation.actions import Filler, PhasePlan, ProcedureType, action, by_name
from surgvlp.synthesis.operation.procedures.appendectomy_scene import draw_scene
from surgvlp.synthesis.operation.procedures.removal import (
    BARE_EXTRACTION,
    EXTRACTION,
    PACKAGING,
    bag_extraction,
    bagging,
    bare_extraction,
)

# The retraction that many actions share.
_TIP = "grasper hold tip carry retract appendix"
_CAECUM = "grasper assist caecum still retract caecum"
_ILEUM = "grasper hold ileum still retract ileum"
_SMOKY = "smoke"

_EXPLORATION = (
    action("look_around", "", "overview", 0.9),
    action("enter_grasper", "grasper hold ileum sweep retract ileum", "overview", 0.92),
    action("sweep_bowel", f"grasper work ileum sweep retract ileum, {_CAECUM}", "ileum", 0.98),
    action(
        "move_omentum",
        "grasper work omentum carry retract omentum, grasper hold ileum still retract ileum",
        "omentum",
    ),
    action("suck_pus", f"irrigator work gutter sweep aspirate fluid, {_ILEUM}", "gutter", 1.0, pool=0.15),
    action("swab_fluid", "irrigator work pelvis still aspirate fluid", "pelvis", 1.0),
)
_EXPOSURE = (
    action("lift_tip", f"grasper hold tip carry grasp appendix, {_CAECUM}", "body", 1.05, lift=1),
    action("peel_adhesions", f"grasper work omentum stroke dissect adhesion, {_CAECUM}", "omentum", 1.1),
    action(
        "hook_adhesions", f"hook work omentum stroke dissect adhesion, {_CAECUM}", "omentum", 1.15, _SMOKY
    ),
    action("cut_adhesions", f"scissors work omentum spread cut adhesion, {_CAECUM}", "omentum", 1.1),
    action(
        "follow_taenia",
        "grasper work caecum stroke retract caecum, grasper hold ileum still retract ileum",
        "caecum",
        1.05,
    ),
    action(
        "rinse_exposure",
        f"irrigator work omentum sweep irrigate appendix, {_CAECUM}",
        "omentum",
        1.05,
        "water",
    ),
    action(
        "seal_adhesion", f"bipolar work omentum spread coagulate adhesion, {_CAECUM}", "omentum", 1.1, _SMOKY
    ),
)
_MESO = (
    action("window_base", f"grasper work window spread dissect mesoappendix, {_TIP}", "window", 1.25),
    action("seal_meso", f"bipolar work meso spread coagulate mesoappendix, {_TIP}", "meso", 1.2, _SMOKY),
    action("hook_meso", f"hook work meso stroke dissect mesoappendix, {_TIP}", "meso", 1.2, "smoke spark"),
    action("cut_meso", f"scissors work meso spread cut mesoappendix, {_TIP}", "meso", 1.2),
    action(
        "clip_artery",
        f"clipper work artery apply clip appendicular_artery, {_TIP}",
        "artery",
        1.25,
        artery_clips=2,
    ),
    action(
        "cut_artery",
        f"scissors work artery apply cut appendicular_artery, {_TIP}",
        "artery",
        1.25,
        artery_cut=1,
    ),
    action(
        "seal_artery",
        f"bipolar work artery spread coagulate appendicular_artery, {_TIP}",
        "artery",
        1.25,
        "smoke",
    ),
    action("suck_meso", f"irrigator work meso sweep aspirate fluid, {_TIP}", "meso", 1.15, "water blood"),
)
_BASE = (
    action("loop_base", f"grasper work base spread ligate appendix, {_TIP}", "base", 1.25, base_clips=2),
    action("clip_base", f"clipper work base apply clip appendix, {_TIP}", "base", 1.25, base_clips=2),
    action("cut_base", f"scissors work base apply cut appendix, {_TIP}", "base", 1.25, base_cut=1),
    action("clear_base", f"hook work base stroke dissect mesoappendix, {_TIP}", "base", 1.25, _SMOKY),
    action("check_ligature", f"grasper work base still grasp appendix, {_TIP}", "base", 1.3),
    action("scorch_stump", f"bipolar work base still coagulate appendix, {_CAECUM}", "base", 1.25, _SMOKY),
    action("dry_stump", f"irrigator work base sweep aspirate fluid, {_CAECUM}", "base", 1.15, "water"),
)
_CLEANING = (
    action(
        "wash_pelvis",
        "irrigator work pelvis sweep irrigate abdominal_cavity",
        "pelvis",
        0.98,
        "water",
        pool=0.7,
    ),
    action("wash_stump", f"irrigator work base sweep irrigate caecum, {_CAECUM}", "base", 1.05, "water"),
    action("suck_fluid", f"irrigator work gutter sweep aspirate fluid, {_ILEUM}", "gutter", pool=0.1),
    action(
        "coagulate_meso",
        f"bipolar work meso spread coagulate mesoappendix, {_ILEUM}",
        "meso",
        1.2,
        "smoke blood",
    ),
    action(
        "hook_spot", f"hook work meso still coagulate mesoappendix, {_ILEUM}", "meso", 1.15, "smoke spark"
    ),
    action("inspect_stump", f"grasper work base still null_verb null_target, {_CAECUM}", "base", 1.2),
    action(
        "run_ileum",
        "grasper work ileum stroke grasp ileum, grasper hold caecum still retract caecum",
        "ileum",
        1.0,
    ),
)

_EXPLORE, _EXPOSE, _MESO_PHASE, _BASE_PHASE, _PACK, _CLEAN, _RETRACT = PHASES
_PLANS = {
    _EXPLORE: PhasePlan(
        needed=((), ("look_around",), ("enter_grasper",)),
        fillers={
            "enter_grasper": Filler(1),
            "sweep_bowel": Filler(3),
            "move_omentum": Filler(2),
            "suck_pus": Filler(1.5),
            "swab_fluid": Filler(1),
            "look_around": Filler(0.5),
        },
        ramps={},
        seconds=8,
        share=0.1,
        lingers=("sweep_bowel", "suck_pus"),
    ),
    _EXPOSE: PhasePlan(
        needed=(("lift_tip",),),
        fillers={
            "peel_adhesions": Filler(3),
            "hook_adhesions": Filler(2),
            "cut_adhesions": Filler(1.2),
            "follow_taenia": Filler(2),
            "rinse_exposure": Filler(1.3),
            "seal_adhesion": Filler(0.8),
        },
        ramps={"adhesions": 0.05},
        seconds=10,
        share=0.16,
        lingers=("hook_adhesions", "rinse_exposure"),
    ),
    _MESO_PHASE: PhasePlan(
        needed=(
            ("clip_artery", "cut_artery"),
            ("seal_artery", "cut_artery"),
            ("window_base", "seal_artery", "cut_artery"),
        ),
        fillers={
            "seal_meso": Filler(3),
            "hook_meso": Filler(2.5),
            "cut_meso": Filler(2),
            "window_base": Filler(1.2),
            "suck_meso": Filler(1.4),
        },
        ramps={"divided": 1},
        seconds=15,
        share=0.22,
        lingers=("hook_meso", "seal_meso"),
        spread=True,
    ),
    _BASE_PHASE: PhasePlan(
        needed=(
            ("loop_base", "cut_base"),
            ("clip_base", "cut_base"),
            ("clear_base", "loop_base", "cut_base"),
        ),
        fillers={
            "clear_base": Filler(1, before="cut_base"),
            "check_ligature": Filler(2, before="cut_base"),
            "scorch_stump": Filler(1.5, after="cut_base"),
            "dry_stump": Filler(1.5, after="cut_base"),
        },
        ramps={},
        seconds=13,
        share=0.16,
        ending={"loose": 1},
        lingers=("scorch_stump", "dry_stump"),
        spread=True,
    ),
    _PACK: PACKAGING,
    _CLEAN: PhasePlan(
        needed=((), ("wash_stump",)),
        fillers={
            "wash_pelvis": Filler(2),
            "wash_stump": Filler(2),
            "suck_fluid": Filler(2),
            "coagulate_meso": Filler(2.5),
            "hook_spot": Filler(1.2),
            "inspect_stump": Filler(1.6),
            "run_ileum": Filler(1.3),
        },
        ramps={},
        seconds=10,
        share=0.13,
        lingers=("suck_fluid", "wash_pelvis", "inspect_stump"),
    ),
    _RETRACT: EXTRACTION,
}
_START = (_EXPLORE, _EXPOSE, _MESO_PHASE, _BASE_PHASE)
_USED = by_name(
    *_EXPLORATION,
    *_EXPOSURE,
    *_MESO,
    *_BASE,
    *bagging("appendix", beside="gutter"),
    *_CLEANING,
    *bag_extraction(),
    *bare_extraction("appendix", end="base_end"),
)

TYPE = ProcedureType(
    name="appendectomy",
    phases=PHASES,
    actions=_USED,
    plans=_PLANS,
    state={
        "lift": 0.0,  # the tip held up
        "adhesions": 1.0,  # omentum over the appendix
        "divided": 0.0,  # share of the mesoappendix that is gone
        "artery_clips": 0.0,
        "artery_cut": 0.0,
        "base_clips": 0.0,
        "base_cut": 0.0,
        "loose": 0.0,  # lying free after the base is cut
        "pool": 0.3,  # fluid in the pelvis
        **BAG_STATE,
    },
    orders=(
        ((*_START, _PACK, _CLEAN, _RETRACT), 0.4),
        ((*_START, _CLEAN, _PACK, _RETRACT), 0.2),
        ((*_START, _PACK, _RETRACT, _CLEAN), 0.25),
        ((*_START, _CLEAN, _PACK, _CLEAN, _RETRACT), 0.15),
    ),
    rare_orders=(
        (_EXPLORE, _EXPOSE, _EXPLORE, _EXPOSE, _MESO_PHASE, _BASE_PHASE, _PACK, _CLEAN, _RETRACT),
        (_EXPLORE, _EXPOSE, _MESO_PHASE, _EXPOSE, _MESO_PHASE, _BASE_PHASE, _PACK, _CLEAN, _RETRACT),
        (_EXPLORE, _CLEAN, _EXPOSE, _MESO_PHASE, _BASE_PHASE, _PACK, _CLEAN, _RETRACT),
        (_EXPOSE, _MESO_PHASE, _BASE_PHASE, _PACK, _CLEAN, _RETRACT),
        (*_START, _PACK, _RETRACT),
        (*_START, _CLEAN, _RETRACT),
        (*_START, _RETRACT, _CLEAN),
    ),
    plans_without={(_RETRACT, _PACK): BARE_EXTRACTION},
    triplets=vocabulary_of(use.triplet for each in _USED.values() for use in each.uses),
    prompts=("made_appendectomy", "made_appendectomy_2", "made_appendectomy_3"),
    robotic=0.08,
    draw_scene=draw_scene,
)
