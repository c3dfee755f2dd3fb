"""What a made hysterectomy looks like: the uterus between bladder and rectum, tubes, ovaries, vessels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.abdomen.anatomy import Anatomy, State, mixed, near, sagging, smooth
from surgvlp.synthesis.abdomen.painter import Colour, Ground, Painter, ellipse, lumps, pear
from surgvlp.synthesis.abdomen.scene import (
    Layer,
    Scene,
    Specimen,
    draw_colours,
    fat_layer,
    pool_layer,
    vessel_layers,
)

_SIDES = (("l", -1.0), ("r", 1.0))  # of the picture
_STITCHES = 6


@dataclass(frozen=True)
class _Organs:
    """One lecture's uterus and what holds it.

    Attributes:
        fundus, cervix: its ends.
        girth: half of its greatest width.
        rounds, tubes, vessels: by side, (4, 2) from the uterus outwards.
        ovaries: by side.
        loose: (2, 2) fundus and cervix when it is off.
    """

    fundus: np.ndarray
    cervix: np.ndarray
    girth: float
    rounds: dict[str, np.ndarray]
    tubes: dict[str, np.ndarray]
    vessels: dict[str, np.ndarray]
    ovaries: dict[str, np.ndarray]
    loose: np.ndarray

    def lying(self, state: State) -> np.ndarray:
        """(2, 2): fundus and cervix, before the uterus is taken to the vagina."""
        low = np.array([0.0, 0.05]) * (1 - smooth(state["raised"]))
        return mixed(np.stack([self.fundus + low, self.cervix]), self.loose, smooth(state["loose"]))

    def stitch(self, state: State) -> np.ndarray:
        """Where the seam of the vagina has come to, from the right to the left."""
        return self.cervix + np.array([0.15 - 0.3 * state["sutured"], 0.01])


def draw_scene(height: int, generator: np.random.Generator) -> tuple[Anatomy, Scene]:
    """Draw one lecture's anatomy and paint it for pictures of `height` pixels."""
    organs, anatomy = _draw_anatomy(generator)
    painter = Painter(1.2 * height, generator)
    colours = draw_colours(generator)
    below, above = _layers(painter, colours, organs, anatomy)
    return anatomy, Scene(
        scale=painter.scale,
        ground=_ground(painter, colours),
        grain=painter.grain(),
        below=below,
        above=above,
        specimen=_uterus(painter, colours, organs),
        clips=(),
        splash=painter.splash(colours["blood"]),
        smoke=painter.smoke(height),
    )


def _draw_anatomy(generator: np.random.Generator) -> tuple[_Organs, Anatomy]:
    fundus, cervix = near(generator, 0.0, 0.2, 0.04), near(generator, 0.0, -0.2, 0.03)
    girth = generator.uniform(0.21, 0.27)
    horn = {side: fundus + np.array([sign * 0.78 * girth, -0.06]) for side, sign in _SIDES}
    ovaries = {side: near(generator, sign * 0.52, 0.26, 0.05) for side, sign in _SIDES}
    organs = _Organs(
        fundus=fundus,
        cervix=cervix,
        girth=girth,
        rounds={
            side: sagging(horn[side], near(generator, sign * 0.8, -0.42, 0.05), 0.06) for side, sign in _SIDES
        },
        tubes={
            side: sagging(
                horn[side] + np.array([0.0, 0.05]), ovaries[side] + np.array([0.05 * sign, 0.02]), 0.13
            )
            for side, sign in _SIDES
        },
        vessels={
            side: sagging(
                cervix + np.array([sign * 0.07, 0.05]), near(generator, sign * 0.6, -0.02, 0.04), -0.07
            )
            for side, sign in _SIDES
        },
        ovaries=ovaries,
        loose=np.stack(
            [fundus + near(generator, 0.08, 0.1, 0.04), fundus + near(generator, -0.06, -0.32, 0.04)]
        ),
    )
    fixed = {
        "overview": near(generator, 0.0, 0.0, 0.04),
        "cuff": cervix,
        "cuff_edge": cervix + np.array([0.1, 0.05]),
        "stitch_right": cervix + np.array([0.14, 0.01]),
        "stitch_left": cervix + np.array([-0.14, 0.01]),
        "flap": cervix + near(generator, 0.0, -0.08, 0.03),
        "broad": mixed(horn["r"], organs.vessels["r"][3], 0.5),
        "cardinal": cervix + near(generator, -0.14, 0.02, 0.02),
        "adhesion": near(generator, -0.3, 0.32, 0.04),
        "ureter": near(generator, -0.62, 0.1, 0.04),
        "pouch": near(generator, 0.1, 0.42, 0.04),
        "rectum": near(generator, 0.25, 0.5, 0.05),
    }
    for name, courses in (("round", organs.rounds), ("tube", organs.tubes), ("vessels", organs.vessels)):
        for (side, _), word in zip(_SIDES, ("left", "right"), strict=True):
            fixed[f"{name}_{word}"] = mixed(courses[side][0], courses[side][3], 0.4)
    fixed["ovary_left"], fixed["ovary_right"] = ovaries["l"], ovaries["r"]
    return organs, Anatomy(
        fixed=fixed,
        lying=organs.lying,
        along={"fundus": 0.1, "body": 0.45, "cervix": 0.9},
        moving={"stitch": organs.stitch},
        bag=near(generator, 0.1, 0.1),
        bag_size=0.4,
        port=cervix,
        out=np.array([0.0, -0.16]),
    )


def _ground(painter: Painter, colours: dict[str, Colour]) -> Ground:
    generator = painter.generator
    everywhere = np.ones(painter.shape, np.float32)
    ground = painter.ground(painter.shaded(everywhere, colours["wall"], 0.3, 0.022, 0.5), "abdominal_wall")
    painter.veins(ground.rgb, everywhere, colours["artery"] * 0.8, 70, 0.006)
    for _, sign in _SIDES:  # iliac vessels and ureter shine through the side walls
        for start, end, width, colour in (
            ((0.72, -0.8), (1.05, 0.75), 0.11, 0.7 * colours["artery"]),
            ((0.62, -0.8), (0.92, 0.75), 0.1, 0.6 * colours["spleen"] + 0.4 * colours["wall"]),
            ((0.5, -0.35), (0.82, 0.7), 0.035, colours["ovary"]),
        ):
            course = sagging(np.array([sign * start[0], start[1]]), np.array([sign * end[0], end[1]]), 0.05)
            cover = 0.6 * painter.stroke(course, width)
            painter.put(ground, cover, painter.shaded(cover, colour, 0.05, 0.01, 0.7), "abdominal_wall", 0.1)
    fat = painter.cover(lumps(generator, (-0.5, 0.8), (0.6, 0.3), 0.05))
    painter.put(ground, fat, painter.shaded(fat, colours["fat"], 0.1, 0.03, 0.6, lobed=True), "fat")
    bowel = painter.stroke(
        sagging(np.array([-1.2, 0.62]), np.array([0.2, 0.42]), generator.uniform(0.1, 0.3)), 0.3
    )
    painted = painter.shaded(bowel, colours["bowel"], 0.15, 0.015, 0.5)
    painter.veins(painted, bowel, colours["artery"], 14, 0.006)
    painter.put(ground, bowel, painted, "gastrointestinal_tract")
    bladder = painter.cover(lumps(generator, (0.0, -0.62), (0.5, 0.27), 0.02), 0.02)
    painted = painter.shaded(bladder, colours["bladder"], 0.2, 0.012, 0.6)
    painter.veins(painted, bladder, colours["artery"], 26, 0.005)
    painter.put(ground, bladder, painted, "bladder")
    return ground


def _layers(
    painter: Painter, colours: dict[str, Colour], organs: _Organs, anatomy: Anatomy
) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    below = _cuff(painter, colours, organs)
    above = []
    for side, sign in _SIDES:
        below += vessel_layers(
            painter, organs.vessels[side], 0.05, colours["artery"], f"vessels_{side}_cut", "artery"
        )
        below += vessel_layers(
            painter, organs.rounds[side], 0.05, colours["duct"], f"round_{side}_cut", "connective_tissue"
        )
        below += vessel_layers(
            painter, organs.tubes[side], 0.065, colours["uterus"], f"tube_{side}_cut", "connective_tissue"
        )
        oval = painter.cover(ellipse(organs.ovaries[side], 0.13, 0.08), 0.01)
        painted = painter.shaded(oval, colours["ovary"], 0.07, 0.012, 0.9)
        painter.veins(painted, oval, colours["artery"], 6, 0.004)
        below.append(Layer(painter.layer(oval, painted), lambda _: 1.0, "ovary"))
        sail = np.stack(
            [
                *organs.rounds[side][:3],
                organs.vessels[side][3],
                organs.vessels[side][1] + np.array([0.0, 0.06]),
                organs.cervix + np.array([sign * 0.08, 0.06]),
            ]
        )
        cover = 0.9 * painter.cover(sail, 0.015)
        painted = painter.shaded(cover, 0.5 * colours["wall"] + 0.5 * colours["duct"], 0.1, 0.015, 0.9)
        painter.veins(painted, cover, colours["artery"], 12, 0.005)
        above.append(
            Layer(painter.layer(cover, painted), lambda state: 1 - state["opened"], "connective_tissue")
        )
    below.append(pool_layer(painter, colours, anatomy.fixed["pouch"] - np.array([0.0, 0.1])))
    above.append(_flap(painter, colours, organs))
    adhesion = anatomy.fixed["adhesion"]
    above.append(
        fat_layer(painter, colours["fat"], adhesion, (0.2, 0.13), lambda state: state["adhesions"], "fat")
    )
    return tuple(below), tuple(above)


def _cuff(painter: Painter, colours: dict[str, Colour], organs: _Organs) -> list[Layer]:
    """The opening of the vagina below the uterus, and the seam that closes it, stitch by stitch."""
    layers = []
    for size, colour in ((1.0, colours["mucosa"]), (0.72, 0.35 * colours["mucosa"])):
        oval = painter.cover(ellipse(organs.cervix, 0.18 * size, 0.1 * size), 0.008)
        painted = painter.shaded(oval, colour, 0.04, 0.01, 1.0)
        layers.append(Layer(painter.layer(oval, painted), lambda state: state["vagina_cut"], "vagina"))
    for number in range(_STITCHES):
        right = organs.cervix + np.array([0.18 - 0.36 * number / _STITCHES, 0.0])
        seam = painter.cover(ellipse(right - np.array([0.03, 0.0]), 0.045, 0.1), 0.008)
        painted = painter.shaded(seam, 0.6 * colours["mucosa"] + 0.4 * colours["duct"], 0.05, 0.015, 0.9)
        done = _after(number / _STITCHES + 0.05)
        layers.append(Layer(painter.layer(seam, painted), done, "vagina"))
        thread = painter.stroke(
            np.stack([right - np.array([0.035, 0.07]), right - np.array([0.02, -0.07])]), 0.016
        )
        purple = np.full((*painter.shape, 3), (70, 40, 120), np.uint8)
        layers.append(Layer(painter.layer(thread, purple), done, "vagina"))
    return layers


def _after(share: float) -> Callable[[State], float]:
    return lambda state: float(state["sutured"] > share)


def _flap(painter: Painter, colours: dict[str, Colour], organs: _Organs) -> Layer:
    """The fold of peritoneum between bladder and uterus."""
    fold = painter.cover(
        lumps(painter.generator, organs.cervix + np.array([0.0, -0.02]), (0.25, 0.15), 0.02), 0.02
    )
    painted = painter.shaded(fold, 0.6 * colours["bladder"] + 0.4 * colours["wall"], 0.12, 0.015, 0.8)
    painter.veins(painted, fold, colours["artery"], 16, 0.005)
    return Layer(painter.layer(0.95 * fold, painted), lambda state: 1 - state["flap"], "connective_tissue")


def _uterus(painter: Painter, colours: dict[str, Colour], organs: _Organs) -> Specimen:
    length = float(np.linalg.norm(organs.cervix - organs.fundus)) + 0.1
    start = np.array([0.0, -0.5 * length])
    cover = painter.cover(pear(start, -start, organs.girth))
    image = painter.shaded(cover, colours["uterus"], 0.9 * organs.girth, 0.008, 0.9)
    painter.veins(image, cover, colours["artery"] * 0.85, 30, 0.005)
    for _ in range(int(painter.generator.integers(0, 4))):  # fibroids
        place = near(painter.generator, 0.0, -0.25 * length, 0.6 * organs.girth)
        knob = painter.cover(ellipse(place, *painter.generator.uniform(0.04, 0.08, 2)), 0.01) * cover
        bump = painter.shaded(knob, 0.85 * colours["uterus"] + 0.15 * colours["ovary"], 0.05, 0.006, 1.1)
        image[:] = (image + (bump.astype(np.float32) - image) * knob[..., None]).astype(np.uint8)
    sprite = painter.specimen(cover, image, start)
    return Specimen(sprite, length, "uterus", colours["uterus"])
