"""Laparoscopic cholecystectomy: Cholec80's phases, CholecT50's triplets, the critical view of safety.

Graspers are nearly everywhere, the hook works in both dissections and now and then elsewhere, scissors and
clips are needed outside clipping, suction may come at any time.
"""

from __future__ import annotations

from surgvlp.lectures.labels import CHOLECYSTECTOMY as PHASES
from surgvlp.lectures.triplets import CHOLECT50
from surgvlp.synthesis.abdomen.anatomy import BAG_STATE
from surgvlp.synthesis.operation.actions import (
    CriticalView,
    Filler,
    PhasePlan,
    ProcedureType,
    action,
    by_name,
)
from surgvlp.synthesis.operation.procedures.cholecystectomy_scene import draw_scene
from surgvlp.synthesis.operation.procedures.removal import (
    BARE_EXTRACTION,
    EXTRACTION,
    PACKAGING,
    bag_extraction,
    bagging,
    bare_extraction,
)

# The retraction of the gallbladder that many actions share.
_FUNDUS = "grasper assist fundus still retract gallbladder"
_NECK = "grasper hold neck still retract gallbladder"
_LIFT = "grasper hold body carry retract gallbladder"
_LIVER = "grasper hold liver still retract liver"

_PREPARATION = (
    action("look_around", "", "overview", 0.9),
    action("enter_grasper", "grasper hold liver sweep retract liver", "overview", 0.92),
    action("lift_fundus", "grasper assist fundus carry retract gallbladder", "fundus", 0.98, lift=1),
    action("strip_omentum", f"grasper work omentum stroke dissect omentum, {_FUNDUS}", "omentum", 1.05),
    action(
        "peel_two_graspers",
        "grasper work omentum stroke retract omentum, grasper hold body still retract gallbladder",
        "omentum",
    ),
    action(
        "free_adhesions_hook", f"hook work omentum stroke dissect omentum, {_FUNDUS}", "omentum", 1.1, "smoke"
    ),
    action(
        "free_adhesions_scissors", f"scissors work omentum spread cut adhesion, {_FUNDUS}", "omentum", 1.1
    ),
    action(
        "seal_adhesion", f"bipolar work omentum spread coagulate omentum, {_FUNDUS}", "omentum", 1.1, "smoke"
    ),
    action("rinse_view", f"irrigator work omentum sweep dissect omentum, {_FUNDUS}", "omentum", 1.0, "water"),
)
_CALOT = (
    action(
        "hook_peritoneum",
        f"hook work triangle stroke dissect peritoneum, {_NECK}",
        "triangle",
        1.2,
        "smoke",
        triangle_cleared="+0.5",
    ),
    action(
        "hook_behind_neck",
        f"hook work neck stroke dissect cystic_plate, {_NECK}, {_FUNDUS}",
        "triangle",
        1.25,
        "smoke spark",
        plate_seen="+0.5",
    ),
    action(
        "hook_around_duct",
        f"hook work duct stroke dissect cystic_duct, {_NECK}",
        "duct",
        1.3,
        "smoke",
        two_structures="+0.5",
    ),
    action(
        "blunt_dissection",
        "grasper work triangle spread dissect cystic_plate, grasper hold neck still retract gallbladder",
        "triangle",
        1.25,
        triangle_cleared="+0.5",
    ),
    action(
        "free_artery",
        f"hook work artery stroke dissect cystic_artery, {_NECK}",
        "artery",
        1.25,
        "spark",
        two_structures="+0.5",
    ),
    action(
        "seal_small_vessel",
        f"bipolar work triangle spread coagulate blood_vessel, {_NECK}",
        "triangle",
        1.2,
        "smoke blood",
    ),
    action(
        "snip_peritoneum",
        f"scissors work triangle spread cut peritoneum, {_NECK}",
        "triangle",
        1.2,
        triangle_cleared="+0.5",
    ),
    action(
        "rinse_triangle",
        f"irrigator work triangle sweep irrigate cystic_pedicle, {_NECK}",
        "triangle",
        1.15,
        "water blood",
    ),
    action(
        "show_critical_view",
        f"hook work triangle still null_verb null_target, {_NECK}, {_FUNDUS}",
        "triangle",
        1.3,
        two_structures=1,
        plate_seen=1,
        triangle_cleared=1,
    ),
)
_CLIPPING = (
    action("clip_duct", f"clipper work duct apply clip cystic_duct, {_NECK}", "duct", 1.25, duct_clips=3),
    action(
        "clip_artery",
        f"clipper work artery apply clip cystic_artery, {_NECK}",
        "artery",
        1.25,
        artery_clips=3,
    ),
    action("cut_duct", f"scissors work duct apply cut cystic_duct, {_NECK}", "duct", 1.25, duct_cut=1),
    action(
        "cut_artery", f"scissors work artery apply cut cystic_artery, {_NECK}", "artery", 1.25, artery_cut=1
    ),
    action("check_clips", f"grasper work duct still grasp cystic_duct, {_NECK}", "duct", 1.3),
    action(
        "clear_before_clip",
        f"hook work artery stroke dissect cystic_artery, {_NECK}",
        "artery",
        1.25,
        "smoke",
    ),
    action("dry_stumps", f"irrigator work duct sweep aspirate fluid, {_NECK}", "duct", 1.15, "water"),
)
_DISSECTION = (
    action("hook_off_bed", f"hook work edge stroke dissect gallbladder, {_LIFT}", "bed", 1.15, "smoke"),
    action(
        "hook_side",
        f"hook work edge sweep dissect gallbladder, {_LIFT}, {_FUNDUS}",
        "bed",
        1.1,
        "smoke spark",
    ),
    action("hook_last_fibres", f"hook work edge stroke dissect gallbladder, {_LIFT}", "fundus", 1.1, "smoke"),
    action("scissors_off_bed", f"scissors work edge spread dissect gallbladder, {_LIFT}", "bed", 1.15),
    action("seal_bed_vessel", f"bipolar work bed spread coagulate liver, {_LIFT}", "bed", 1.2, "smoke blood"),
    action("suck_bed", f"irrigator work bed sweep aspirate fluid, {_LIFT}", "bed", 1.1, "water blood"),
    action("clip_bed_vessel", f"clipper work edge apply clip blood_vessel, {_LIFT}", "bed", 1.2, bed_clips=1),
)
_CLEANING = (
    action("wash_bed", f"irrigator work bed sweep irrigate liver, {_LIVER}", "bed", 1.05, "water"),
    action(
        "wash_below_liver",
        "irrigator work gutter sweep irrigate abdominal_wall_cavity",
        "gutter",
        0.98,
        "water",
        pool=0.7,
    ),
    action("suck_fluid", f"irrigator work gutter sweep aspirate fluid, {_LIVER}", "gutter", pool=0.1),
    action("coagulate_bed", f"bipolar work bed spread coagulate liver, {_LIVER}", "bed", 1.2, "smoke blood"),
    action(
        "coagulate_bed_and_suck",
        "bipolar work bed spread coagulate liver, irrigator hold bed sweep aspirate fluid",
        "bed",
        1.15,
        "smoke water",
    ),
    action("hook_spot", f"hook work bed still coagulate liver, {_LIVER}", "bed", 1.15, "smoke spark"),
    action("inspect_bed", f"{_LIVER}, grasper work bed still null_verb null_target", "bed", 1.15),
    action("inspect_stumps", f"irrigator work duct still irrigate cystic_pedicle, {_LIVER}", "duct", 1.25),
)
_PLANS = {
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
        lingers=("strip_omentum", "free_adhesions_hook", "seal_adhesion", "rinse_view"),
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
        lingers=("seal_small_vessel", "rinse_triangle"),
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
        lingers=("check_clips", "dry_stumps"),
        spread=True,
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
        ending={"loose": 1},
    ),
    "GallbladderPackaging": PACKAGING,
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
        lingers=("suck_fluid", "inspect_bed", "wash_bed", "coagulate_bed"),
    ),
    "GallbladderRetraction": EXTRACTION,
}

_PREPARE, _CALOT_PHASE, _CLIP, _DISSECT, _PACK, _CLEAN, _RETRACT = PHASES
_START = (_PREPARE, _CALOT_PHASE, _CLIP, _DISSECT)

TYPE = ProcedureType(
    name="cholecystectomy",
    phases=PHASES,
    actions=by_name(
        *_PREPARATION,
        *_CALOT,
        *_CLIPPING,
        *_DISSECTION,
        *bagging("gallbladder", beside="bed"),
        *_CLEANING,
        *bag_extraction(),
        *bare_extraction("gallbladder", end="neck"),
    ),
    plans=_PLANS,
    state={
        "lift": 0.0,  # the fundus held up over the liver
        "omentum": 1.0,  # adhesions in front of the gallbladder
        "exposure": 0.0,  # fat and peritoneum cleared off duct and artery
        "two_structures": 0.0,  # the critical view of safety's three criteria
        "plate_seen": 0.0,
        "triangle_cleared": 0.0,
        "duct_clips": 0.0,
        "artery_clips": 0.0,
        "bed_clips": 0.0,
        "duct_cut": 0.0,
        "artery_cut": 0.0,
        "dissected": 0.0,  # share of the gallbladder that is off the liver
        "loose": 0.0,  # dropped after the last fibres
        "pool": 0.0,  # fluid below the liver
        **BAG_STATE,
    },
    # Cleaning comes after packaging, before it, in two turns, or last of all, as in real operations.
    orders=(
        ((*_START, _PACK, _CLEAN, _RETRACT), 0.35),
        ((*_START, _CLEAN, _PACK, _RETRACT), 0.25),
        ((*_START, _CLEAN, _PACK, _CLEAN, _RETRACT), 0.15),
        ((*_START, _PACK, _CLEAN, _RETRACT, _CLEAN), 0.1),
        ((*_START, _PACK, _RETRACT, _CLEAN), 0.15),
    ),
    rare_orders=(
        (_PREPARE, _CALOT_PHASE, _PREPARE, _CALOT_PHASE, _CLIP, _DISSECT, _PACK, _CLEAN, _RETRACT),
        (_PREPARE, _CALOT_PHASE, _CLIP, _CALOT_PHASE, _CLIP, _DISSECT, _PACK, _CLEAN, _RETRACT),
        (*_START, _CLEAN, _DISSECT, _PACK, _CLEAN, _RETRACT),
        (*_START, _CLEAN, _DISSECT, _CLEAN, _PACK, _RETRACT),
        (*_START, _PACK, _RETRACT),
        (*_START, _CLEAN, _RETRACT),
        (*_START, _RETRACT, _CLEAN),
        (*_START, _PACK, _CLEAN, _RETRACT, _CLEAN, _RETRACT),
    ),
    plans_without={(_RETRACT, _PACK): BARE_EXTRACTION},
    triplets=CHOLECT50,
    prompts=("made_phases", "made_phases_2", "made_phases_3"),
    robotic=0.15,
    draw_scene=draw_scene,
    critical_view=CriticalView(
        criteria=("two_structures", "plate_seen", "triangle_cleared"),
        phase=_CALOT_PHASE,
        closed_by=("clip_duct", "clip_artery"),
    ),
)
