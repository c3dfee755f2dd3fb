"""The abdomen of one lecture, painted once, so that a frame only has to move it.

`Scene` and `anatomy.Anatomy` are all that the pictures know of a type of operation: what lies where, which
tissue it is, and how much of it is there at a state of the operation. Each type's `draw_scene` makes both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.abdomen.anatomy import State
from surgvlp.synthesis.abdomen.painter import Colour, Ground, Painter, lumps, spline
from surgvlp.synthesis.pictures.sprites import Sprite

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

    Painted in this order: ground, `below`, `above`, clips, blood, the instruments' shadows, specimen, bag,
    instruments. The specimen lies behind `above`, but while it is being put into the bag (state "carried"
    above one half) before it; it is not drawn once it is in there ("bagged" at 1).

    The bag and the specimen follow the state variables that every type of operation has, see
    `anatomy.BAG_STATE`.

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


# Of each tissue the colours (RGB) that a lecture's own is mixed of: livers tan to purple, gallbladders
# grey-green to pink, fat ivory to orange.
_COLOURS = {
    "wall": ((190, 110, 95), (205, 140, 110), (170, 80, 80)),
    "liver": ((125, 50, 42), (105, 42, 50), (160, 84, 58), (140, 62, 40)),
    "gallbladder": ((150, 140, 105), (120, 130, 110), (195, 130, 115), (170, 160, 90)),
    "fat": ((225, 185, 95), (230, 205, 140), (215, 150, 85)),
    "bowel": ((205, 120, 105), (215, 145, 120), (190, 95, 90)),
    "duct": ((205, 165, 125), (190, 150, 90), (215, 150, 130)),
    "artery": ((190, 70, 60), (205, 95, 80), (170, 50, 55)),
    "bed": ((150, 40, 36), (120, 46, 32), (175, 70, 50)),
    "blood": ((110, 8, 10), (135, 12, 14), (90, 6, 12)),
    "appendix": ((205, 90, 75), (215, 120, 100), (180, 65, 60)),
    "uterus": ((205, 120, 115), (215, 145, 135), (190, 95, 90)),
    "ovary": ((230, 215, 200), (225, 200, 185), (210, 190, 180)),
    "bladder": ((215, 160, 125), (225, 180, 140), (200, 140, 115)),
    "stomach": ((215, 150, 130), (225, 165, 140), (200, 130, 115)),
    "spleen": ((90, 35, 60), (110, 45, 70), (100, 40, 45)),
    "mucosa": ((200, 60, 60), (215, 85, 75), (185, 50, 60)),
}


def draw_colours(generator: np.random.Generator) -> dict[str, Colour]:
    """Draw the colours of one lecture's tissues, by name."""

    def between(choices: tuple[tuple[int, int, int], ...]) -> Colour:
        shares = generator.dirichlet(np.full(len(choices), 0.6))
        colour = shares @ np.array(choices, dtype=np.float64)
        return np.clip(colour * generator.uniform(0.85, 1.15) + generator.normal(0, 6, 3), 0, 255)

    return {tissue: between(choices) for tissue, choices in _COLOURS.items()}


def vessel_layers(
    painter: Painter, course: np.ndarray, width: float, colour: Colour, cut: str, tissue: str
) -> tuple[Layer, Layer]:
    """A vessel until the state variable `cut` is one half, and its stumps from then on.

    Args:
        painter: of the scene.
        course: (4, 2) control points, see `painter.spline`.
        width: units.
        colour: RGB.
        cut: a state variable.
        tissue: one of `classes.CLASSES`.
    """
    whole = spline(course)
    sprites = []
    for parts in ([whole], [whole[:13], whole[19:]]):
        cover = np.max([painter.stroke(part, width) for part in parts], axis=0)
        sprites.append(painter.layer(cover, painter.shaded(cover, colour, 0.5 * width, 0.004, 0.9)))
    return (
        Layer(sprites[0], lambda state: float(state[cut] < 0.5), tissue),
        Layer(sprites[1], lambda state: float(state[cut] >= 0.5), tissue),
    )


def fat_layer(
    painter: Painter,
    colour: Colour,
    centre: np.ndarray,
    radii: tuple[float, float],
    share: Share,
    tissue: str,
) -> Layer:
    """A lobed drape of fat or a veil of connective tissue around a place; `radii` in units."""
    cover = painter.cover(lumps(painter.generator, centre, radii, 0.04), 0.015)
    painted = painter.shaded(cover, colour, 0.09, 0.03, 0.6, lobed=True)
    return Layer(painter.layer(cover, painted), share, tissue)


def pool_layer(painter: Painter, colours: dict[str, Colour], place: np.ndarray) -> Layer:
    """Fluid below a place, as much as the state variable "pool" says."""
    cover = painter.cover(lumps(painter.generator, place + np.array([0.0, 0.12]), (0.42, 0.17), 0.02), 0.03)
    shine = painter.shaded(cover, 0.55 * colours["blood"] + 0.45 * colours["bowel"], 0.5, 0.008, 1.6)
    return Layer(painter.layer(0.8 * cover, shine), lambda state: state["pool"], "blood")


def clips_along(course: np.ndarray, steps: tuple[int, ...], count: Callable[[State], float]) -> Clips:
    """Clips across points `steps` (of 32) of a vessel's course, each a little askew."""
    curve = spline(course)
    along = np.array([curve[step + 1] - curve[step - 1] for step in steps])
    askew = 0.12 * (np.arange(len(steps)) - 1)
    return Clips(curve[list(steps)], np.arctan2(along[:, 1], along[:, 0]) + askew, count)
