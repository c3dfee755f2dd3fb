"""Where things are: the geometry of one made abdomen, and how it moves as the operation goes on.

The pictures ask an anatomy for `specimen`, `bag_mouth`, `bag_size`, `place` and `fixed`, whatever the kind
of operation. World coordinates: x to the right, y downwards, the unit is the height of the picture at zoom 1,
and the origin is near the gallbladder's neck. Points are float arrays (2,).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

HALF_WIDTH, HALF_HEIGHT = 1.25, 0.85  # of the world that is painted

State = Mapping[str, float]


@dataclass(frozen=True)
class Anatomy:
    """One lecture's anatomy; organs, ports and resting places differ from lecture to lecture.

    Attributes:
        fundus, neck: ends of the gallbladder when the fundus is held up.
        girth: half of its greatest width.
        duct, artery: (4, 2) from the neck to the common duct or the liver's hilum.
        swing: angle in radians by which the gallbladder has been turned up when it is off the liver.
        loose: (2, 2) fundus and neck of the gallbladder lying free.
        bag: middle of the bag's mouth.
        bag_size: width of the open mouth.
        port: the port through which the specimen leaves.
        fixed: further named places.
    """

    fundus: np.ndarray
    neck: np.ndarray
    girth: float
    duct: np.ndarray
    artery: np.ndarray
    swing: float
    loose: np.ndarray
    bag: np.ndarray
    bag_size: float
    port: np.ndarray
    fixed: dict[str, np.ndarray]

    def specimen(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """The two ends (2,) of what is taken out, at a state of the operation: here fundus and neck.

        The specimen's sprite is turned and stretched from the first to the second.
        """
        lift, off = smooth(state["lift"]), state["dissected"]
        fundus = self.fundus + (1 - lift) * np.array([-0.05, 0.12])
        neck = fundus + rotated(self.neck - fundus, self.swing * off)
        ends = mixed(np.stack([fundus, neck]), self.loose, smooth(state["loose"]))
        mouth = self.bag_mouth(state)
        in_mouth = np.stack([mouth + np.array([0.02, -0.2]), mouth + np.array([0.0, 0.1])])
        ends = mixed(ends, in_mouth, smooth(state["carried"]))
        ends = ends + smooth(state["bagged"]) * np.array([0.0, 0.2])
        return ends[0], ends[1]

    def bag_mouth(self, state: State) -> np.ndarray:
        """Middle of the bag's mouth; outside the picture before it comes and after it has left."""
        far = self.bag + np.array([0.9, 0.1])
        mouth = mixed(far, self.bag, smooth(state["bag_in"]))
        mouth = mixed(mouth, self.port + np.array([-0.02, 0.08]), smooth(state["bag_lift"]))
        return mouth + smooth(state["bag_out"]) * np.array([0.15, -0.3])

    def place(self, name: str, state: State) -> np.ndarray:
        """A named place, moving with what it is a place of."""
        if name in self.fixed:
            return self.fixed[name]
        fundus, neck = self.specimen(state)
        mouth = self.bag_mouth(state)
        half = 0.5 * self.bag_size * max(0.25, state["bag_open"])
        if name == "edge":  # where the gallbladder is just coming off the liver
            return mixed(self.neck, self.fundus, 0.15 + 0.75 * state["dissected"])
        return {
            "fundus": mixed(fundus, neck, 0.08),
            "body": mixed(fundus, neck, 0.5),
            "neck": mixed(fundus, neck, 0.88),
            "bag": mouth + np.array([0.0, 0.08]),
            "bag_rim": mouth + np.array([-half, 0.0]),
            "bag_far": mouth + np.array([half, 0.0]),
        }[name]


def draw_anatomy(generator: np.random.Generator) -> Anatomy:
    """Draw one anatomy."""

    def near(x: float, y: float, spread: float = 0.03) -> np.ndarray:
        return np.array([x, y]) + generator.uniform(-spread, spread, 2)

    fundus, neck = near(0.2, -0.3, 0.05), near(-0.05, 0.1, 0.04)
    common, hilum = near(-0.42, 0.34, 0.05), near(-0.45, 0.06, 0.05)
    side = generator.choice([-1.0, 1.0])
    lying = [near(-0.32, -0.22), near(0.38, 0.2), near(0.42, -0.02)][generator.integers(3)]
    turn = rotated(np.array([0.0, 0.19]), generator.uniform(-1.8, 1.8))
    port = near(0.5, -0.33, 0.05)
    triangle = (neck + common + hilum) / 3
    return Anatomy(
        fundus=fundus,
        neck=neck,
        girth=generator.uniform(0.11, 0.15),
        duct=_vessel(neck, common, generator.uniform(0.02, 0.08)),
        artery=_vessel(neck + np.array([-0.01, -0.05]), hilum, generator.uniform(-0.06, 0.0)),
        swing=side * generator.uniform(0.9, 1.4),
        loose=np.stack([lying - turn, lying + turn]),
        bag=near(0.14, 0.02, 0.07),
        bag_size=generator.uniform(0.4, 0.5),
        port=port,
        fixed={
            "overview": near(0.05, 0.0, 0.04),
            "liver": near(0.42, 0.02, 0.06),
            "triangle": triangle + np.array([0.03, 0]),
            "duct": mixed(neck, common, 0.5) + np.array([0, 0.03]),
            "artery": mixed(neck, hilum, 0.5) + np.array([0, -0.02]),
            "bed": mixed(fundus, neck, 0.55),
            "omentum": near(0.08, 0.14, 0.04),
            "gutter": near(0.4, 0.26, 0.05),
            "port": port + np.array([-0.04, 0.07]),
        },
    )


def _vessel(start: np.ndarray, end: np.ndarray, sag: float) -> np.ndarray:
    share = np.array([[0.0], [0.33], [0.67], [1.0]])
    return start + (end - start) * share + np.array([[0, 0], [0, sag], [0, sag], [0, 0]])


def mixed(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """From `first` (share 0) to `second` (share 1)."""
    return first + (second - first) * share


def rotated(vector: np.ndarray, angle: float) -> np.ndarray:
    """(..., 2) turned by `angle` radians, clockwise on the screen."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return vector @ np.array([[cosine, sine], [-sine, cosine]])


def smooth(share: float) -> float:
    """0 to 1 with a soft start and end."""
    return share * share * (3 - 2 * share)
