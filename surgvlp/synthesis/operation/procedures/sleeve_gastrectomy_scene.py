"""What a made sleeve gastrectomy looks like: stomach between liver and spleen, omentum, staples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from surgvlp.synthesis.abdomen.anatomy import Anatomy, State, mixed, near, rotated, sagging, smooth
from surgvlp.synthesis.abdomen.painter import Colour, Ground, Painter, lumps, spline
from surgvlp.synthesis.abdomen.scene import (
    Clips,
    Layer,
    Scene,
    Specimen,
    draw_colours,
    fat_layer,
    pool_layer,
    vessel_layers,
)

_FIRINGS = 4  # of the stapler
_CLIPS = 6


@dataclass(frozen=True)
class _Organs:
    """One lecture's stomach: the sleeve that stays and, along its right side, the part that goes.

    Attributes:
        top, bottom: ends of the line along which it is stapled, near the oesophagus and the pylorus.
        bulge: greatest width of the part that goes.
        lesser: (4, 2) course of the sleeve.
        loose: (2, 2) fundus and antral end of the part that goes, when it is off.
    """

    top: np.ndarray
    bottom: np.ndarray
    bulge: float
    lesser: np.ndarray
    loose: np.ndarray

    def lying(self, state: State) -> np.ndarray:
        """(2, 2): fundus and antral end of what is stapled off."""
        return mixed(np.stack([self.top, self.bottom]), self.loose, smooth(state["loose"]))

    def outer(self, share: float) -> np.ndarray:
        """A point of the greater curvature, from the fundus (0) to the antrum (1)."""
        along = self.bottom - self.top
        across = np.array([along[1], -along[0]]) / np.linalg.norm(along)
        return self.top + share * along + across * _width(share, self.bulge)

    def edge(self, state: State) -> np.ndarray:
        """How far the omentum has been taken off, from the antrum upwards."""
        return self.outer(0.85 - 0.5 * state["freed"])

    def staple(self, state: State) -> np.ndarray:
        """Where the next staples go, from the antrum upwards."""
        return mixed(self.bottom, self.top, 0.12 + 0.76 * state["stapled"])


def _width(share: float | np.ndarray, bulge: float) -> float | np.ndarray:
    return bulge * np.sqrt(np.sin(np.pi * np.clip(share, 0.0, 1.0))) * (1.15 - 0.35 * share)


def draw_scene(height: int, generator: np.random.Generator) -> tuple[Anatomy, Scene]:
    """Draw one lecture's anatomy and paint it for pictures of `height` pixels."""
    organs, anatomy = _draw_anatomy(generator)
    painter = Painter(1.2 * height, generator)
    colours = draw_colours(generator)
    sleeve = np.maximum(
        painter.stroke(organs.lesser, 0.25),
        painter.cover(np.concatenate([spline(organs.lesser)[:22], [organs.bottom, organs.top]])),
    )
    stomach = painter.shaded(
        np.maximum(sleeve, _line(painter, organs, 0, 1, 0.2)), colours["stomach"], 0.12, 0.01, 0.55
    )
    painter.veins(stomach, sleeve, colours["artery"], 16, 0.006)
    below, above = _layers(painter, colours, organs, anatomy, stomach)
    return anatomy, Scene(
        scale=painter.scale,
        ground=_ground(painter, colours, anatomy, sleeve, stomach),
        grain=painter.grain(),
        below=below,
        above=above,
        specimen=_remnant(painter, colours, organs),
        clips=(_clips(organs),),
        splash=painter.splash(colours["blood"]),
        smoke=painter.smoke(height),
    )


def _draw_anatomy(generator: np.random.Generator) -> tuple[_Organs, Anatomy]:
    top, bottom = near(generator, 0.08, -0.44, 0.03), near(generator, -0.1, 0.38, 0.03)
    bulge = generator.uniform(0.28, 0.36)
    pylorus = near(generator, -0.62, 0.4, 0.04)
    lesser = np.stack([top + np.array([-0.1, -0.06]), [-0.18, -0.1], [-0.22, 0.42], pylorus])
    shift, turn = near(generator, 0.16, 0.08, 0.04), generator.uniform(-0.35, 0.35)
    middle = 0.5 * (top + bottom)
    loose = np.stack([middle + shift + rotated(end - middle, turn) for end in (top, bottom)])
    organs = _Organs(top, bottom, bulge, lesser, loose)
    port = near(generator, -0.72, -0.02, 0.04)
    fixed = {
        "overview": near(generator, 0.08, 0.0, 0.04),
        "liver": near(generator, -0.35, -0.38, 0.04),
        "sleeve": spline(lesser)[14],
        "antrum": mixed(bottom, pylorus, 0.3),
        "start": bottom + np.array([0.03, -0.03]),
        "omentum": organs.outer(0.7) + np.array([0.16, 0.14]),
        "back": organs.outer(0.45) + np.array([-0.12, 0.0]),
        "short": organs.outer(0.16) + np.array([0.1, -0.02]),
        "spleen": organs.outer(0.12) + np.array([0.2, 0.02]),
        "his": top + np.array([0.06, -0.06]),
        "line": mixed(top, bottom, generator.uniform(0.4, 0.65)),
        "port": port + np.array([0.05, 0.03]),
    }
    return organs, Anatomy(
        fixed=fixed,
        lying=organs.lying,
        along={"fundus": 0.12, "body": 0.5, "antral_end": 0.95},
        moving={"edge": organs.edge, "staple": organs.staple},
        bag=near(generator, 0.3, 0.05, 0.06),
        bag_size=generator.uniform(0.42, 0.52),
        port=port,
        out=np.array([-0.8, -0.2]),
    )


def _line(
    painter: Painter, organs: _Organs, begin: float, end: float, width: float, offset: float = 0.0
) -> np.ndarray:
    """Coverage of a part of the staple line, from the antrum (0) upwards (1), `offset` to its right."""
    ends = [mixed(organs.bottom, organs.top, share) + np.array([offset, 0.0]) for share in (begin, end)]
    return painter.stroke(np.stack(ends), width)


def _ground(
    painter: Painter, colours: dict[str, Colour], anatomy: Anatomy, sleeve: np.ndarray, stomach: np.ndarray
) -> Ground:
    generator = painter.generator
    everywhere = np.ones(painter.shape, np.float32)
    ground = painter.ground(painter.shaded(everywhere, colours["wall"], 0.3, 0.022, 0.5), "abdominal_wall")
    painter.veins(ground.rgb, everywhere, colours["artery"] * 0.8, 45, 0.006)
    painter.port(ground, anatomy.port)
    spleen = painter.cover(
        lumps(generator, anatomy.fixed["spleen"] + np.array([0.27, -0.08]), (0.27, 0.24), 0.01)
    )
    liver = painter.cover(lumps(generator, (-0.62, -0.78), (0.95, 0.4), 0.02))
    colon = painter.stroke(sagging(np.array([-1.2, 0.72]), np.array([1.3, 0.6]), 0.12), 0.24)
    fat = painter.cover(lumps(generator, (0.62, 0.5), (0.6, 0.26), 0.06))
    for tissue, cover, colour, bulge, lobed in (
        ("gastrointestinal_tract", colon, colours["bowel"], 0.12, False),
        ("fat", fat, colours["fat"], 0.12, True),
        ("spleen", spleen, colours["spleen"], 0.16, False),
        ("liver", liver, colours["liver"], 0.14, False),
    ):
        if tissue == "liver":  # which lies over the stomach
            painter.put(ground, sleeve, stomach, "stomach")
        painted = painter.shaded(cover, colour, bulge, 0.03 if lobed else 0.012, 0.55, lobed=lobed)
        painter.veins(painted, cover, colours["artery"], 12, 0.005)
        painter.put(ground, cover, painted, tissue)
    return ground


def _layers(
    painter: Painter, colours: dict[str, Colour], organs: _Organs, anatomy: Anatomy, stomach: np.ndarray
) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    below: list[Layer] = []
    for share in (0.08, 0.18, 0.28):
        start = organs.outer(share) - np.array([0.03, 0.0])
        course = sagging(start, start + np.array([0.24, -0.04]), 0.03)
        below += vessel_layers(painter, course, 0.026, colours["artery"], "shorts_cut", "artery")
    below.append(pool_layer(painter, colours, anatomy.fixed["line"] + np.array([0.3, 0.12])))
    above = []
    for share, begins in ((0.9, 0.0), (0.68, 0.3), (0.45, 0.6)):  # the omentum goes from below upwards
        centre = organs.outer(share) + np.array([0.1, 0.05])
        drape = fat_layer(painter, colours["fat"], centre, (0.24, 0.19), _leaving(begins), "fat")
        painter.veins(drape.sprite.rgb, drape.sprite.cover, colours["artery"], 14, 0.006)
        above.append(drape)
    pad = anatomy.fixed["his"] + np.array([0.06, 0.02])
    above.append(
        fat_layer(painter, colours["fat"], pad, (0.17, 0.1), lambda state: 1 - state["fundus_free"], "fat")
    )
    return tuple(below), (*_staple_line(painter, colours, organs, stomach), *above)


def _leaving(begins: float) -> Callable[[State], float]:
    return lambda state: float(np.clip(1 - (state["freed"] - begins) / 0.4, 0, 1))


def _staple_line(
    painter: Painter, colours: dict[str, Colour], organs: _Organs, stomach: np.ndarray
) -> list[Layer]:
    """The stomach's wall across the line until it is fired; cut edge, staples and stitches from then on."""
    layers = []
    for number in range(_FIRINGS):
        begin, end = number / _FIRINGS, (number + 1) / _FIRINGS
        ends = [mixed(organs.bottom, organs.top, share) for share in (begin, end)]
        whole = painter.layer(_line(painter, organs, begin, end, 0.1), stomach)
        layers.append(Layer(whole, _unfired(number), "stomach"))
        for offset, width, colour in (
            (0.012, 0.03, 0.55 * colours["mucosa"]),
            (-0.022, 0.04, colours["stomach"]),
        ):
            cover = _line(painter, organs, begin, end, width, offset)
            painted = painter.shaded(cover, colour, 0.02, 0.006, 0.8)
            layers.append(Layer(painter.layer(cover, painted), _fired(number), "stomach"))
        for offset in (-0.015, -0.03):
            rows = np.zeros(painter.shape, np.float32)
            for step in np.linspace(0.04, 0.96, 9):
                place = mixed(ends[0], ends[1], step) + np.array([offset, 0.0])
                rows = np.maximum(
                    rows, painter.stroke(np.stack([place, place + np.array([0.002, -0.012])]), 0.009)
                )
            metal = np.full((*painter.shape, 3), (215, 215, 222), np.uint8)
            layers.append(Layer(painter.layer(rows, metal), _fired(number), "stomach"))
    thread = np.zeros(painter.shape, np.float32)
    for step in np.linspace(0.06, 0.94, 13):
        place = mixed(organs.bottom, organs.top, step)
        thread = np.maximum(
            thread,
            painter.stroke(
                np.stack([place + np.array([-0.045, 0.015]), place + np.array([0.03, -0.015])]), 0.012
            ),
        )
    blue = np.full((*painter.shape, 3), (60, 50, 150), np.uint8)
    layers.append(Layer(painter.layer(thread, blue), lambda state: state["sewn"], "stomach"))
    return layers


def _fired(number: int) -> Callable[[State], float]:
    return lambda state: float(state["stapled"] > (number + 0.5) / _FIRINGS)


def _unfired(number: int) -> Callable[[State], float]:
    return lambda state: float(state["stapled"] <= (number + 0.5) / _FIRINGS)


def _remnant(painter: Painter, colours: dict[str, Colour], organs: _Organs) -> Specimen:
    length = float(np.linalg.norm(organs.bottom - organs.top))
    share = np.linspace(0, 1, 40)
    right = np.stack([np.asarray(_width(share, organs.bulge)), (share - 0.5) * length], axis=1)
    left = np.stack([np.full(10, -0.03), np.linspace(0.5, -0.5, 10) * length], axis=1)
    cover = painter.cover(np.concatenate([right, left]))
    image = painter.shaded(cover, colours["stomach"], 0.16, 0.01, 0.6)
    painter.veins(image, cover, colours["artery"], 22, 0.006)
    sprite = painter.specimen(cover, image, np.array([0.0, -0.5 * length]))
    return Specimen(sprite, length, "stomach", colours["stomach"])


def _clips(organs: _Organs) -> Clips:
    shares = np.linspace(0.12, 0.88, _CLIPS)
    along = organs.top - organs.bottom
    heading = float(np.arctan2(along[1], along[0]))
    places = np.stack([mixed(organs.bottom, organs.top, share) for share in shares])
    headings = heading + 0.2 * np.cos(7 * shares)
    return Clips(places, headings, lambda state: _CLIPS * state["clipped"])
