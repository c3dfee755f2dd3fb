"""What a made appendectomy looks like: caecum with its bands, ileum, and the appendix on its mesentery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.abdomen.anatomy import Anatomy, State, mixed, near, rotated, sagging, smooth
from surgvlp.synthesis.abdomen.painter import Colour, Ground, Painter, lumps
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

_HALF = 0.042  # of the appendix's width


@dataclass(frozen=True)
class _Organs:
    """One lecture's appendix.

    Attributes:
        base: where it leaves the caecum.
        raised, hidden: its tip, held up and before.
        root: where its mesentery comes from.
        artery: (4, 2) within it.
        loose: (2, 2) tip and base lying free.
    """

    base: np.ndarray
    raised: np.ndarray
    hidden: np.ndarray
    root: np.ndarray
    artery: np.ndarray
    loose: np.ndarray

    def lying(self, state: State) -> np.ndarray:
        """(2, 2): tip and base, before the appendix is put into the bag."""
        tip = mixed(self.hidden, self.raised, smooth(state["lift"]))
        return mixed(np.stack([tip, self.base]), self.loose, smooth(state["loose"]))

    def cut(self, state: State) -> np.ndarray:
        """How far the division of the mesentery has come, from the tip to the base."""
        along = mixed(self.raised, self.base, 0.2 + 0.65 * state["divided"])
        return mixed(along, self.root, 0.35)


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
        specimen=_appendix(painter, colours, organs),
        clips=_clips(organs),
        splash=painter.splash(colours["blood"]),
        smoke=painter.smoke(height),
    )


def _draw_anatomy(generator: np.random.Generator) -> tuple[_Organs, Anatomy]:
    base = near(generator, -0.14, 0.16, 0.04)
    raised = base + near(generator, 0.3, -0.42, 0.07)
    root = base + near(generator, 0.34, 0.08, 0.04)
    lying = near(generator, *((0.3, 0.22), (0.05, -0.25), (0.35, -0.05))[generator.integers(3)])
    half = 0.24 * np.array([np.cos(turn := generator.uniform(0, 6.3)), np.sin(turn)])
    organs = _Organs(
        base=base,
        raised=raised,
        hidden=base + near(generator, 0.2, 0.24, 0.05),
        root=root,
        artery=sagging(root, mixed(raised, base, 0.45), generator.uniform(-0.05, 0.03)),
        loose=np.stack([lying - half, lying + half]),
    )
    port = near(generator, 0.52, -0.36, 0.05)
    fixed = {
        "overview": near(generator, 0.05, 0.0, 0.04),
        "base": base + 0.08 * (raised - base) / np.linalg.norm(raised - base),
        "window": mixed(base, root, 0.3),
        "artery": mixed(organs.artery[0], organs.artery[3], 0.5),
        "caecum": base + near(generator, -0.2, -0.06, 0.03),
        "ileum": root + near(generator, 0.22, 0.08, 0.04),
        "omentum": base + near(generator, 0.16, 0.08, 0.04),
        "gutter": near(generator, 0.35, 0.3, 0.05),
        "pelvis": near(generator, 0.4, -0.06, 0.05),
        "port": port + np.array([-0.04, 0.07]),
    }
    return organs, Anatomy(
        fixed=fixed,
        lying=organs.lying,
        along={"tip": 0.06, "body": 0.5, "base_end": 0.9},
        moving={"meso": organs.cut},
        bag=near(generator, 0.16, 0.0, 0.07),
        bag_size=generator.uniform(0.36, 0.46),
        port=port,
        out=np.array([0.35, -0.7]),
    )


def _ground(painter: Painter, colours: dict[str, Colour], organs: _Organs, anatomy: Anatomy) -> Ground:
    generator = painter.generator
    everywhere = np.ones(painter.shape, np.float32)
    ground = painter.ground(painter.shaded(everywhere, colours["wall"], 0.3, 0.022, 0.5), "abdominal_wall")
    painter.veins(ground.rgb, everywhere, colours["artery"] * 0.8, 60, 0.006)
    painter.port(ground, anatomy.port)
    fat = painter.cover(lumps(generator, (0.1, 0.86), (1.3, 0.36), 0.06))
    painter.put(ground, fat, painter.shaded(fat, colours["fat"], 0.12, 0.03, 0.6, lobed=True), "fat")
    root = organs.root
    loops = (  # of small bowel, from back to front; the last one ends in the caecum
        ([0.35, 0.62], [1.2, 0.5], 0.2),
        ([0.6, 0.2], [1.3, 0.3], 0.21),
        (organs.base + np.array([-0.1, 0.2]), root + np.array([0.75, 0.2]), 0.17),
    )
    for first, last, width in loops:
        course = sagging(np.asarray(first), np.asarray(last), generator.uniform(-0.12, 0.12))
        _bowel(painter, ground, painter.stroke(course, width), colours["bowel"], colours, 0.09)
    pouch = painter.cover(lumps(generator, organs.base + np.array([-0.42, -0.02]), (0.42, 0.36), 0.02))
    _bowel(painter, ground, pouch, 0.55 * colours["bowel"] + 0.45 * colours["ovary"], colours, 0.22)
    for bend in (-0.22, 0.02, 0.24):  # the taeniae, which meet where the appendix begins
        band = painter.stroke(sagging(organs.base, organs.base + np.array([-0.9, bend]), 0.8 * bend), 0.05)
        band = band * pouch * 0.5
        painter.put(
            ground, band, painter.shaded(band, colours["ovary"], 0.05, 0.01, 0.9), "gastrointestinal_tract", 0
        )
    stub = painter.stroke(
        np.stack([organs.base + 0.03 * (organs.base - organs.raised), anatomy.fixed["base"]]), 2 * _HALF
    )
    _bowel(painter, ground, stub, colours["appendix"], colours, _HALF)
    return ground


def _bowel(
    painter: Painter,
    ground: Ground,
    cover: np.ndarray,
    colour: Colour,
    colours: dict[str, Colour],
    bulge: float,
) -> None:
    painted = painter.shaded(cover, colour, bulge, 0.012, 0.5)
    painter.veins(painted, cover, colours["artery"], 10, 0.005)
    painter.put(ground, cover, painted, "gastrointestinal_tract")


def _layers(
    painter: Painter, colours: dict[str, Colour], organs: _Organs, anatomy: Anatomy
) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    sail = np.concatenate(
        [
            sagging(organs.base, organs.raised, 0.0),
            sagging(organs.raised, organs.root, 0.06)[1:],
            [organs.root + np.array([0.02, 0.08]), organs.base + np.array([0.05, 0.07])],
        ]
    )
    cover = painter.cover(sail, 0.012)
    painted = painter.shaded(cover, colours["fat"], 0.08, 0.02, 0.6, lobed=True)
    painter.veins(painted, cover, colours["artery"], 14, 0.007)
    meso = Layer(
        painter.layer(cover, painted), lambda state: state["lift"] * (1 - 0.95 * state["divided"]), "fat"
    )
    artery = vessel_layers(painter, organs.artery, 0.032, colours["artery"], "artery_cut", "artery")
    shown = (_with_lift(layer) for layer in artery)
    drape = fat_layer(
        painter,
        colours["fat"],
        anatomy.fixed["omentum"] + np.array([0.02, 0.06]),
        (0.34, 0.26),
        lambda state: state["adhesions"],
        "fat",
    )
    painter.veins(drape.sprite.rgb, drape.sprite.cover, colours["artery"], 22, 0.007)
    return (meso, *shown, pool_layer(painter, colours, anatomy.fixed["gutter"])), (drape,)


def _with_lift(layer: Layer) -> Layer:
    """What is only seen when the tip has been lifted."""
    return Layer(layer.sprite, lambda state: state["lift"] * layer.share(state), layer.tissue)


def _appendix(painter: Painter, colours: dict[str, Colour], organs: _Organs) -> Specimen:
    length = float(np.linalg.norm(organs.base - organs.raised))
    share = np.linspace(0, 1, 40)
    wave = (
        painter.generator.uniform(0.02, 0.05)
        * np.sin(np.pi * painter.generator.uniform(1.2, 2.2) * share)
        * np.sin(np.pi * share)
    )
    axis = np.stack([wave, (share - 0.5) * length], axis=1)
    swollen = painter.generator.uniform(1.0, 1.6)  # towards the tip, as inflamed ones are
    cover = painter.stroke(axis, 2 * _HALF)
    cover = np.maximum(cover, painter.stroke(axis[2:18], 2 * _HALF * swollen))
    image = painter.shaded(cover, colours["appendix"], 0.9 * _HALF, 0.006, 1.3)
    painter.veins(image, cover, colours["artery"] * 0.8, 22, 0.005)
    sprite = painter.specimen(cover, image, axis[0])
    return Specimen(sprite, length, "appendix", colours["appendix"])


def _clips(organs: _Organs) -> tuple[Clips, ...]:
    way = rotated(organs.raised - organs.base, 0.0) / np.linalg.norm(organs.raised - organs.base)
    heading = float(np.arctan2(way[1], way[0]))
    return (
        Clips(
            np.stack([organs.base + 0.03 * way, organs.base + 0.06 * way]),
            np.array([heading, heading + 0.1]),
            lambda state: state["base_clips"],
        ),
        clips_along(organs.artery, (5, 9), lambda state: state["artery_clips"]),
    )
