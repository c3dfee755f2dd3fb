"""The abdomen of one lecture, painted once, so that a frame only has to move it.

`Scene` and `anatomy.Anatomy` are all that the pictures know of a kind of operation: what lies where, which
tissue it is, and how much of it is there at a state of the operation. Another kind of operation brings
another `paint_scene`; nothing above this module then changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.anatomy import Anatomy, State, mixed
from surgvlp.synthesis.painter import Colour, Ground, Painter, lumps, pear, spline
from surgvlp.synthesis.sprites import Sprite

Share = Callable[[State], float]  # of the operation's state, from 0 (gone) to 1 (all of it is there)


@dataclass(frozen=True)
class Layer:
    """What comes or goes as the operation goes on, painted where it lies in the world.

    Attributes:
        sprite: its local coordinates are the world's; `Painter.layer` makes one.
        share: how much of it is there; it comes and goes along the scene's grain. Where one thing turns into
            another (a vessel into its stumps), two layers' shares jump from 0 to 1 and back.
        tissue: one of `classes.CLASSES`.
    """

    sprite: Sprite
    share: Share
    tissue: str


@dataclass(frozen=True)
class Specimen:
    """What is taken out: it moves as `Anatomy.specimen` says, between the layers below and above it.

    Attributes:
        sprite: its local y runs from the first of its two ends at 0 to the second at `length`.
        length: units.
        tissue: one of `classes.CLASSES`.
        colour: RGB, of what shines through the bag.
    """

    sprite: Sprite
    length: float
    tissue: str
    colour: Colour


@dataclass(frozen=True)
class Clips:
    """Places where clips are set one after the other, across what runs there.

    Attributes:
        places: (K, 2) in the world, in the order in which they are set.
        headings: (K,) radians clockwise from +x: the course of the vessel there.
        count: of the operation's state, how many have been set, 0 to K.
    """

    places: np.ndarray
    headings: np.ndarray
    count: Callable[[State], float]


@dataclass(frozen=True)
class Scene:
    """What is painted once for a lecture, at `scale` pixels a unit.

    Painted in this order: ground, `below`, blood, the instruments' shadows, specimen, `above`, clips, bag,
    instruments. A specimen that is being put into the bag (state "carried" above one half) is drawn over
    `above` and the clips, and not at all once it is in there ("bagged" at 1).

    The bag follows state variables that every kind of operation has: "bag_in" (unrolled into the picture),
    "bag_open", "carried" (the specimen on its way to the bag's mouth), "bagged", "bag_lift" (the bag on its
    way to the port) and "bag_out".

    Attributes:
        ground: what is always there and never moves; it covers the world.
        grain: float32 of the ground's size in [0, 1], uniformly distributed: layers come and go along it.
        below: layers below the specimen, from back to front.
        above: layers above the specimen, from back to front.
        specimen: what is taken out.
        clips: where clips are set.
        splash: a stain of blood.
        smoke: float32 (h, w) in [0, 1], wrapping around.
    """

    scale: float
    ground: Ground
    grain: np.ndarray
    below: tuple[Layer, ...]
    above: tuple[Layer, ...]
    specimen: Specimen
    clips: tuple[Clips, ...]
    splash: Sprite
    smoke: np.ndarray


@dataclass(frozen=True)
class Palette:
    """Colours of one lecture's tissues (RGB)."""

    wall: Colour
    liver: Colour
    gallbladder: Colour
    fat: Colour
    bowel: Colour
    duct: Colour
    artery: Colour
    bed: Colour
    blood: Colour


def draw_palette(generator: np.random.Generator) -> Palette:
    """Draw colours: livers tan to purple, gallbladders grey-green to pink, fat ivory to orange."""

    def between(*choices: tuple[int, int, int]) -> Colour:
        shares = generator.dirichlet(np.full(len(choices), 0.6))
        colour = shares @ np.array(choices, dtype=np.float64)
        return np.clip(colour * generator.uniform(0.85, 1.15) + generator.normal(0, 6, 3), 0, 255)

    return Palette(
        wall=between((190, 110, 95), (205, 140, 110), (170, 80, 80)),
        liver=between((125, 50, 42), (105, 42, 50), (160, 84, 58), (140, 62, 40)),
        gallbladder=between((150, 140, 105), (120, 130, 110), (195, 130, 115), (170, 160, 90)),
        fat=between((225, 185, 95), (230, 205, 140), (215, 150, 85)),
        bowel=between((205, 120, 105), (215, 145, 120), (190, 95, 90)),
        duct=between((205, 165, 125), (190, 150, 90), (215, 150, 130)),
        artery=between((190, 70, 60), (205, 95, 80), (170, 50, 55)),
        bed=between((150, 40, 36), (120, 46, 32), (175, 70, 50)),
        blood=between((110, 8, 10), (135, 12, 14), (90, 6, 12)),
    )


def paint_scene(anatomy: Anatomy, height: int, generator: np.random.Generator) -> Scene:
    """Paint one lecture's scene for pictures of `height` pixels."""
    painter = Painter(1.2 * height, generator)
    palette = draw_palette(generator)
    grain = painter.grain()
    specimen = _gallbladder(painter, palette, anatomy)
    ground = _ground(painter, palette, anatomy)
    below, above = _layers(painter, palette, anatomy)
    return Scene(
        scale=painter.scale,
        ground=ground,
        grain=grain,
        below=below,
        above=above,
        specimen=specimen,
        clips=_clips(anatomy),
        splash=painter.splash(palette.blood),
        smoke=painter.smoke(height),
    )


def _ground(painter: Painter, palette: Palette, anatomy: Anatomy) -> Ground:
    generator = painter.generator
    everywhere = np.ones(painter.shape, np.float32)
    ground = painter.ground(painter.shaded(everywhere, palette.wall, 0.3, 0.022, 0.5), "abdominal_wall")
    painter.veins(ground.rgb, everywhere, palette.artery * 0.8, 45, 0.007)
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
        ("liver", liver, palette.liver, 0.2, 0.02, 0.7, 6),
        ("gastrointestinal_tract", bowel, palette.bowel, 0.2, 0.02, 0.9, 24),
        ("fat", fat, palette.fat, 0.12, 0.03, 0.6, 14),
    ):
        painted = painter.shaded(cover, colour, bulge, rough, wet, lobed=tissue == "fat")
        painter.veins(painted, cover, palette.artery, veins, 0.006)
        painter.put(ground, cover, painted, tissue)
    bed = painter.cover(
        pear(mixed(anatomy.fundus, anatomy.neck, 0.06), anatomy.neck, 0.85 * anatomy.girth), 0.02
    )
    painter.put(ground, bed, painter.shaded(bed, palette.bed, 0.3, 0.05, 1.1), "liver", 0.2)
    return ground


def _layers(
    painter: Painter, palette: Palette, anatomy: Anatomy
) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    generator = painter.generator
    bed = painter.cover(pear(anatomy.fundus, anatomy.neck, 0.75 * anatomy.girth), 0.02)
    burnt = painter.shaded(bed, np.array([95.0, 62.0, 40.0]), 0.2, 0.06, 0.6)
    char = Layer(painter.layer(bed * 0.75, burnt), lambda state: state["dissected"], "liver")
    duct = _vessel(painter, anatomy.duct, 0.055, palette.duct, "duct_cut", "cystic_duct")
    artery = _vessel(painter, anatomy.artery, 0.036, palette.artery, "artery_cut", "artery")
    triangle = anatomy.fixed["triangle"]
    veil = painter.cover(lumps(generator, triangle + np.array([0.02, 0.02]), (0.24, 0.19), 0.03), 0.02)
    painted = painter.shaded(veil, palette.fat * 0.97, 0.08, 0.025, 0.6, lobed=True)
    calot_fat = Layer(painter.layer(veil, painted), lambda state: 1 - state["exposure"], "connective_tissue")
    drape = painter.cover(lumps(generator, anatomy.fixed["omentum"] + [0.0, 0.14], (0.34, 0.32), 0.04), 0.015)
    painted = painter.shaded(drape, palette.fat, 0.1, 0.035, 0.6, lobed=True)
    painter.veins(painted, drape, palette.artery, 22, 0.007)
    omentum = Layer(painter.layer(drape, painted), lambda state: state["omentum"], "fat")
    pool = painter.cover(lumps(generator, anatomy.fixed["gutter"] + [0.0, 0.12], (0.42, 0.17), 0.02), 0.03)
    shine = painter.shaded(pool, mixed(palette.blood, palette.bowel, 0.45), 0.5, 0.008, 1.6)
    fluid = Layer(painter.layer(0.8 * pool, shine), lambda state: state["pool"], "blood")
    return (char, *artery, *duct, fluid), (calot_fat, omentum)


def _vessel(
    painter: Painter, course: np.ndarray, width: float, colour: Colour, cut: str, tissue: str
) -> tuple[Layer, Layer]:
    """A vessel until the state variable `cut` is one half, and its stumps from then on."""
    whole = spline(course)
    sprites = []
    for parts in ([whole], [whole[:13], whole[19:]]):
        cover = np.max([painter.stroke(part, width) for part in parts], axis=0)
        sprites.append(painter.layer(cover, painter.shaded(cover, colour, 0.5 * width, 0.004, 0.9)))
    return (
        Layer(sprites[0], lambda state: float(state[cut] < 0.5), tissue),
        Layer(sprites[1], lambda state: float(state[cut] >= 0.5), tissue),
    )


def _gallbladder(painter: Painter, palette: Palette, anatomy: Anatomy) -> Specimen:
    length = float(np.linalg.norm(anatomy.neck - anatomy.fundus))
    start = np.array([0.0, -0.5 * length])
    cover = painter.cover(pear(start, -start, anatomy.girth))
    image = painter.shaded(cover, palette.gallbladder, 0.85 * anatomy.girth, 0.006, 1.2)
    painter.veins(image, cover, palette.artery, 16, 0.005)
    sprite = painter.specimen(cover, image, start)
    return Specimen(sprite, length, "gallbladder", palette.gallbladder)


def _clips(anatomy: Anatomy) -> tuple[Clips, ...]:
    """Two clips stay on the patient's side of a cut and one on the other."""
    duct, artery = (_clips_along(spline(course), (22, 26, 9)) for course in (anatomy.duct, anatomy.artery))
    return (
        Clips(*duct, lambda state: state["duct_clips"]),
        Clips(*artery, lambda state: state["artery_clips"]),
        Clips(anatomy.fixed["bed"][None], np.array([0.8]), lambda state: state["bed_clips"]),
    )


def _clips_along(curve: np.ndarray, steps: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Places and headings of clips at points of a curve, each a little askew."""
    along = np.array([curve[step + 1] - curve[step - 1] for step in steps])
    askew = 0.12 * (np.arange(len(steps)) - 1)
    return curve[list(steps)], np.arctan2(along[:, 1], along[:, 0]) + askew
