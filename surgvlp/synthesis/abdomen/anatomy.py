"""Where things are in one made abdomen, and how they move as the operation goes on.

World coordinates: x to the right, y downwards, the unit is the height of the picture at zoom 1, and the
origin is near the middle of the field. Points are float arrays (2,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

HALF_WIDTH, HALF_HEIGHT = 1.25, 0.85  # of the world that is painted

State = Mapping[str, float]
Place = Callable[[State], np.ndarray]

# The state variables that every type of operation has, with their values when it begins: the bag unrolled
# into the picture, its mouth open, the specimen on its way to the mouth, inside, the bag's way to the port,
# and outside. Without a bag the specimen is "carried" to where it leaves the body, and "bagged" when it has.
BAG_STATE = {"bag_in": 0.0, "bag_open": 0.0, "carried": 0.0, "bagged": 0.0, "bag_lift": 0.0, "bag_out": 0.0}


@dataclass(frozen=True)
class Anatomy:
    """One lecture's anatomy; organs, ports and resting places differ from lecture to lecture.

    Attributes:
        fixed: named places that do not move.
        lying: of a state, the two ends (2, 2) of what is taken out, before it is carried away; its sprite is
            turned and stretched from the first to the second.
        along: named places on it, as shares of the way from the first end to the second.
        moving: further named places.
        bag: middle of the bag's mouth.
        bag_size: width of the open mouth.
        port: where the specimen leaves.
        out: the way (2,) that it goes from there.
    """

    fixed: dict[str, np.ndarray]
    lying: Place
    along: Mapping[str, float]
    moving: Mapping[str, Place]
    bag: np.ndarray
    bag_size: float
    port: np.ndarray
    out: np.ndarray

    def specimen(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """The two ends (2,) of what is taken out, at a state of the operation."""
        ends, carried, gone = self.lying(state), smooth(state["carried"]), smooth(state["bagged"])
        if state["bag_in"] > 0.5:
            mouth = self.bag_mouth(state)
            there = np.stack([mouth + np.array([0.02, -0.2]), mouth + np.array([0.0, 0.1])])
            ends = mixed(ends, there, carried) + gone * np.array([0.0, 0.2])
        elif carried > 0:
            half = 0.5 * float(np.linalg.norm(ends[1] - ends[0])) * self.out / np.linalg.norm(self.out)
            half = half * (1 - 0.35 * gone)  # away from the camera
            ends = mixed(ends, np.stack([self.port - half, self.port + half]), carried) + gone * self.out
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
        if name in self.moving:
            return self.moving[name](state)
        if name in self.along:
            return mixed(*self.specimen(state), self.along[name])
        mouth = self.bag_mouth(state)
        half = 0.5 * self.bag_size * max(0.25, state["bag_open"])
        return mouth + {"bag": (0.0, 0.08), "bag_rim": (-half, 0.0), "bag_far": (half, 0.0)}[name]


def near(generator: np.random.Generator, x: float, y: float, spread: float = 0.03) -> np.ndarray:
    """A point somewhere around (x, y)."""
    return np.array([x, y]) + generator.uniform(-spread, spread, 2)


def sagging(start: np.ndarray, end: np.ndarray, sag: float) -> np.ndarray:
    """(4, 2) control points of a vessel's course, for `painter.spline`."""
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
