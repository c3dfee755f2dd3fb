"""What a made cholecystectomy looks like: liver and gallbladder, duct and artery under their fat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.abdomen.anatomy import Anatomy, State, mixed, near, rotated, sagging, smooth
from surgvlp.synthesis.abdomen.painter import Colour, Ground, Painter, lumps, pear
from surgvlp.synthesis.abdomen.scene import (
    Clips,
    Layer,
    Scene,
    Specimen,
    clips_along,
    draw_colours,
    fat_layer,
    pool_layer,
    vessel_layers,
)


@dataclass(frozen=True)
class _Organs:
    """One lecture's gallbladder and what holds it.

    Attributes:
        fundus, neck: ends of the gallbladder when the fundus is held up.
        girth: half of its greatest width.
        duct, artery: (4, 2) from the neck to the common duct or the liver's hilum.
        swing: angle in radians by which the gallbladder has been turned up when it is off the liver.
        loose: (2, 2) fundus and neck of the gallbladder lying free.
    """

    fundus: np.ndarray
    neck: np.ndarray
    girth: float
    duct: np.ndarray
    artery: np.ndarray
    swing: float
    loose: np.ndarray

    def lying(self, state: State) -> np.ndarray:
        """(2, 2): fundus and neck, before the gallbladder is put into the bag."""
        fundus = self.fundus + (1 - smooth(state["lift"])) * np.array([-0.05, 0.12])
        neck = fundus + rotated(self.neck - fundus, self.swing * state["dissected"])
        return mixed(np.stack([fundus, neck]), self.loose, smooth(state["loose"]))

    def edge(self, state: State) -> np.ndarray:
        """Where the gallbladder is just coming off the liver."""
        return mixed(self.neck, self.fundus, 0.15 + 0.75 * state["dissected"])


def draw_scene(height: int, generator: np.random.Generator) -> tuple[Anatomy, Scene]:
    """Draw one lecture's anatomy and paint it for pictures of `height` pixels."""
    organs, anatomy = _draw_anatomy(generator)
    painter = Painter(1.2 * height, generator)
    colours = draw_colours(generator)
    below, above = _layers(painter, colours, organs, anatomy)
    return anatomy, Scene(
        scale=painter.scale,
        ground=_ground(painter, colours, organs, anatomy),
        grain=painter.grain(),
        below=below,
        above=above,
        specimen=_gallbladder(painter, colours, organs),
        clips=_clips(organs, anatomy),
        splash=painter.splash(colours["blood"]),
        smoke=painter.smoke(height),
    )


def _draw_anatomy(generator: np.random.Generator) -> tuple[_Organs, Anatomy]:
    fundus, neck = near(generator, 0.2, -0.3, 0.05), near(generator, -0.05, 0.1, 0.04)
    common, hilum = near(generator, -0.42, 0.34, 0.05), near(generator, -0.45, 0.06, 0.05)
    side = generator.choice([-1.0, 1.0])
    lying = near(generator, *((-0.32, -0.22), (0.38, 0.2), (0.42, -0.02))[generator.integers(3)])
    turn = rotated(np.array([0.0, 0.19]), generator.uniform(-1.8, 1.8))
    organs = _Organs(
        fundus=fundus,
        neck=neck,
        girth=generator.uniform(0.11, 0.15),
        duct=sagging(neck, common, generator.uniform(0.02, 0.08)),
        artery=sagging(neck + np.array([-0.01, -0.05]), hilum, generator.uniform(-0.06, 0.0)),
        swing=side * generator.uniform(0.9, 1.4),
        loose=np.stack([lying - turn, lying + turn]),
    )
    port = near(generator, 0.5, -0.33, 0.05)
    fixed = {
        "overview": near(generator, 0.05, 0.0, 0.04),
        "liver": near(generator, 0.42, 0.02, 0.06),
        "triangle": (neck + common + hilum) / 3 + np.array([0.03, 0]),
        "duct": mixed(neck, common, 0.5) + np.array([0, 0.03]),
        "artery": mixed(neck, hilum, 0.5) + np.array([0, -0.02]),
        "bed": mixed(fundus, neck, 0.55),
        "omentum": near(generator, 0.08, 0.14, 0.04),
        "gutter": near(generator, 0.4, 0.26, 0.05),
        "port": port + np.array([-0.04, 0.07]),
    }
    return organs, Anatomy(
        fixed=fixed,
        lying=organs.lying,
        along={"fundus": 0.08, "body": 0.5, "neck": 0.88},
        moving={"edge": organs.edge},
        bag=near(generator, 0.14, 0.02, 0.07),
        bag_size=generator.uniform(0.4, 0.5),
        port=port,
        out=np.array([0.35, -0.7]),
    )


def _ground(painter: Painter, colours: dict[str, Colour], organs: _Organs, anatomy: Anatomy) -> Ground:
    generator = painter.generator
    everywhere = np.ones(painter.shape, np.float32)
    ground = painter.ground(painter.shaded(everywhere, colours["wall"], 0.3, 0.022, 0.5), "abdominal_wall")
    painter.veins(ground.rgb, everywhere, colours["artery"] * 0.8, 45, 0.007)
    painter.port(ground, anatomy.port)
    x = np.linspace(-1.4, 1.4, 29)
    wave = generator.uniform(-0.03, 0.03, 4) @ np.sin(
        np.outer(np.arange(2, 6), x) + generator.uniform(0, 6, (4, 1))
    )
    top = -0.62 + 0.32 * np.clip(x, -0.2, 1.4) + wave
    bottom = 0.02 + 0.16 * np.abs(x) * (x > 0) - 0.12 * (x < -0.2) + 0.5 * wave
    liver = painter.cover(np.concatenate([np.stack([x, top], 1), np.stack([x, bottom], 1)[::-1]]))
    bowel = painter.cover(lumps(generator, (-0.75, 0.62), (0.75, 0.26), 0.03))
    fat = painter.cover(lumps(generator, (0.25, 0.78), (1.1, 0.38), 0.06))
    for tissue, cover, colour, bulge, rough, wet, veins in (
        ("liver", liver, colours["liver"], 0.2, 0.02, 0.7, 6),
        ("gastrointestinal_tract", bowel, colours["bowel"], 0.2, 0.02, 0.9, 24),
        ("fat", fat, colours["fat"], 0.12, 0.03, 0.6, 14),
    ):
        painted = painter.shaded(cover, colour, bulge, rough, wet, lobed=tissue == "fat")
        painter.veins(painted, cover, colours["artery"], veins, 0.006)
        painter.put(ground, cover, painted, tissue)
    bed = painter.cover(pear(mixed(organs.fundus, organs.neck, 0.06), organs.neck, 0.85 * organs.girth), 0.02)
    painter.put(ground, bed, painter.shaded(bed, colours["bed"], 0.3, 0.05, 1.1), "liver", 0.2)
    return ground


def _layers(
    painter: Painter, colours: dict[str, Colour], organs: _Organs, anatomy: Anatomy
) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    bed = painter.cover(pear(organs.fundus, organs.neck, 0.75 * organs.girth), 0.02)
    burnt = painter.shaded(bed, np.array([95.0, 62.0, 40.0]), 0.2, 0.06, 0.6)
    char = Layer(painter.layer(bed * 0.75, burnt), lambda state: state["dissected"], "liver")
    duct = vessel_layers(painter, organs.duct, 0.055, colours["duct"], "duct_cut", "cystic_duct")
    artery = vessel_layers(painter, organs.artery, 0.036, colours["artery"], "artery_cut", "artery")
    drape = fat_layer(
        painter,
        colours["fat"],
        anatomy.fixed["omentum"] + [0.0, 0.14],
        (0.34, 0.32),
        lambda state: state["omentum"],
        "fat",
    )
    painter.veins(drape.sprite.rgb, drape.sprite.cover, colours["artery"], 22, 0.007)
    veils = _veils(painter, colours["fat"] * 0.97, organs, anatomy)
    return (char, *artery, *duct, pool_layer(painter, colours, anatomy.fixed["gutter"])), (*veils, drape)


def _veils(painter: Painter, colour: Colour, organs: _Organs, anatomy: Anatomy) -> list[Layer]:
    """The fat and peritoneum that hide what each criterion of the critical view wants to see."""

    def until_seen(criterion: str) -> Callable[[State], float]:
        return lambda state: (1 - 0.5 * state["exposure"] - 0.5 * state[criterion]) * (1 - state["dissected"])

    places = (
        ("triangle_cleared", anatomy.fixed["triangle"] + np.array([-0.05, 0.0]), (0.16, 0.13)),
        ("two_structures", mixed(organs.neck, anatomy.fixed["duct"], 0.6), (0.15, 0.14)),
        ("plate_seen", mixed(organs.neck, organs.fundus, 0.12) + np.array([-0.07, -0.02]), (0.12, 0.11)),
    )
    return [
        fat_layer(painter, colour, place, radii, until_seen(criterion), "connective_tissue")
        for criterion, place, radii in places
    ]


def _gallbladder(painter: Painter, colours: dict[str, Colour], organs: _Organs) -> Specimen:
    length = float(np.linalg.norm(organs.neck - organs.fundus))
    start = np.array([0.0, -0.5 * length])
    cover = painter.cover(pear(start, -start, organs.girth))
    image = painter.shaded(cover, colours["gallbladder"], 0.85 * organs.girth, 0.006, 1.2)
    painter.veins(image, cover, colours["artery"], 16, 0.005)
    sprite = painter.specimen(cover, image, start)
    return Specimen(sprite, length, "gallbladder", colours["gallbladder"])


def _clips(organs: _Organs, anatomy: Anatomy) -> tuple[Clips, ...]:
    """Two clips stay on the patient's side of a cut and one on the other."""
    return (
        clips_along(organs.duct, (22, 26, 9), lambda state: state["duct_clips"]),
        clips_along(organs.artery, (22, 26, 9), lambda state: state["artery_clips"]),
        Clips(anatomy.fixed["bed"][None], np.array([0.8]), lambda state: state["bed_clips"]),
    )
