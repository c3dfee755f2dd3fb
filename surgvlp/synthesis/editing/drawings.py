"""Anatomy drawings as on a lecturer's slide: organs with their names, or where the ports go."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.pictures.lettering import RGB, lettering, write
from surgvlp.synthesis.pictures.picture import Picture
from surgvlp.synthesis.pictures.stamps import Stamp, put, stamp

Points = tuple[tuple[float, float], ...]  # in a frame 1.6 wide and 1 high, y downwards


@dataclass(frozen=True)
class Organ:
    """A closed shape, or a tube along a line where `width` is not 0; unnamed where `name` is empty."""

    name: str
    colour: RGB
    points: Points
    width: float = 0.0


_LIVER, _GALL, _DUCT, _ARTERY = (176, 104, 84), (142, 168, 98), (198, 190, 92), (204, 64, 58)
_BOWEL, _STOMACH, _UTERUS, _OVARY = (226, 162, 140), (228, 150, 128), (222, 128, 128), (240, 214, 190)
_SKIN = (236, 200, 172)

_CHOLECYSTECTOMY = (
    Organ(
        "Liver",
        _LIVER,
        (
            (0.1, 0.3),
            (0.35, 0.1),
            (0.8, 0.08),
            (1.3, 0.14),
            (1.42, 0.28),
            (1.1, 0.42),
            (0.8, 0.46),
            (0.4, 0.56),
            (0.16, 0.5),
        ),
    ),
    Organ(
        "Duodenum",
        _BOWEL,
        ((1.0, 0.98), (0.94, 0.78), (1.1, 0.66), (1.3, 0.7), (1.22, 0.8), (1.12, 0.82), (1.16, 0.98)),
    ),
    Organ("Common bile duct", _DUCT, ((1.0, 0.36), (0.96, 0.52), (0.98, 0.66), (1.04, 0.82)), 0.05),
    Organ("Cystic duct", _DUCT, ((0.74, 0.56), (0.82, 0.6), (0.9, 0.58), (0.97, 0.6)), 0.035),
    Organ("Cystic artery", _ARTERY, ((1.14, 0.38), (0.98, 0.44), (0.84, 0.48), (0.7, 0.5)), 0.018),
    Organ(
        "Gallbladder",
        _GALL,
        (
            (0.3, 0.62),
            (0.36, 0.5),
            (0.5, 0.44),
            (0.66, 0.47),
            (0.76, 0.54),
            (0.7, 0.6),
            (0.56, 0.68),
            (0.4, 0.72),
        ),
    ),
)
_APPENDECTOMY = (
    Organ(
        "Ascending colon",
        _BOWEL,
        ((0.5, 0.04), (0.74, 0.04), (0.78, 0.3), (0.74, 0.5), (0.5, 0.5), (0.46, 0.28)),
    ),
    Organ("Terminal ileum", (232, 180, 160), ((1.5, 0.7), (1.2, 0.56), (1.0, 0.6), (0.74, 0.52)), 0.12),
    Organ(
        "Caecum",
        (220, 150, 128),
        ((0.46, 0.46), (0.78, 0.46), (0.82, 0.6), (0.72, 0.74), (0.56, 0.74), (0.44, 0.62)),
    ),
    Organ(
        "Mesoappendix", (236, 212, 130), ((0.76, 0.62), (1.0, 0.64), (1.06, 0.84), (0.86, 0.86), (0.7, 0.76))
    ),
    Organ("Appendix", (214, 110, 104), ((0.66, 0.72), (0.76, 0.84), (0.9, 0.9), (1.08, 0.86)), 0.05),
    Organ("Appendicular artery", _ARTERY, ((1.1, 0.6), (0.98, 0.7), (0.94, 0.82)), 0.015),
)
_HYSTERECTOMY = (
    Organ(
        "Bladder",
        (238, 214, 150),
        ((0.6, 0.8), (0.8, 0.76), (1.0, 0.8), (1.02, 0.94), (0.8, 0.99), (0.58, 0.94)),
    ),
    Organ(
        "Uterus",
        _UTERUS,
        (
            (0.58, 0.26),
            (0.8, 0.2),
            (1.02, 0.26),
            (1.0, 0.48),
            (0.9, 0.62),
            (0.88, 0.78),
            (0.72, 0.78),
            (0.7, 0.62),
            (0.6, 0.48),
        ),
    ),
    Organ("Fallopian tube", (232, 150, 140), ((0.6, 0.3), (0.42, 0.2), (0.24, 0.26), (0.18, 0.42)), 0.04),
    Organ("", (232, 150, 140), ((1.0, 0.3), (1.18, 0.2), (1.36, 0.26), (1.42, 0.42)), 0.04),
    Organ("Ovary", _OVARY, ((0.24, 0.44), (0.34, 0.38), (0.42, 0.44), (0.36, 0.52), (0.26, 0.52))),
    Organ("", _OVARY, ((1.18, 0.44), (1.26, 0.38), (1.36, 0.44), (1.34, 0.52), (1.24, 0.52))),
    Organ("Uterine artery", _ARTERY, ((0.34, 0.7), (0.52, 0.66), (0.66, 0.62), (0.62, 0.5)), 0.02),
    Organ("", _ARTERY, ((1.26, 0.7), (1.08, 0.66), (0.94, 0.62), (0.98, 0.5)), 0.02),
    Organ("Ureter", (226, 206, 90), ((0.3, 0.56), (0.38, 0.72), (0.5, 0.82), (0.64, 0.86)), 0.02),
)
_BARIATRIC = (
    Organ("Oesophagus", (226, 168, 150), ((0.72, 0.02), (0.74, 0.12), (0.8, 0.22)), 0.08),
    Organ("Spleen", (140, 70, 92), ((1.2, 0.24), (1.36, 0.2), (1.42, 0.36), (1.34, 0.52), (1.22, 0.44))),
    Organ(
        "Stomach",
        _STOMACH,
        (
            (0.76, 0.2),
            (0.92, 0.1),
            (1.12, 0.18),
            (1.18, 0.42),
            (1.06, 0.64),
            (0.82, 0.76),
            (0.56, 0.74),
            (0.5, 0.62),
            (0.66, 0.58),
            (0.8, 0.44),
        ),
    ),
    Organ(
        "Greater omentum",
        (238, 208, 120),
        ((1.18, 0.5), (1.3, 0.62), (1.16, 0.86), (0.8, 0.92), (0.56, 0.84), (0.82, 0.78), (1.06, 0.66)),
    ),
    Organ("Pylorus", (206, 122, 108), ((0.52, 0.7), (0.42, 0.66), (0.34, 0.6)), 0.09),
    Organ("Staple line", (70, 80, 100), ((0.9, 0.14), (0.9, 0.34), (0.86, 0.5), (0.66, 0.68)), 0.012),
)
_PORTS = (
    Organ(
        "",
        _SKIN,
        (
            (0.5, 0.0),
            (1.1, 0.0),
            (1.16, 0.25),
            (1.1, 0.5),
            (1.18, 0.78),
            (1.14, 1.0),
            (0.46, 1.0),
            (0.42, 0.78),
            (0.5, 0.5),
            (0.44, 0.25),
        ),
    ),
    Organ(
        "Costal margin",
        (206, 160, 132),
        ((0.48, 0.36), (0.62, 0.26), (0.8, 0.14), (0.98, 0.26), (1.12, 0.36)),
        0.014,
    ),
    Organ("Camera port", (60, 90, 150), ((0.8, 0.62), (0.8, 0.64)), 0.05),
    Organ("Working port", (170, 50, 50), ((0.86, 0.3), (0.86, 0.32)), 0.05),
    Organ("Assistant's port", (60, 130, 90), ((0.58, 0.48), (0.58, 0.5)), 0.04),
)
ORGANS = {
    "cholecystectomy": _CHOLECYSTECTOMY,
    "appendectomy": _APPENDECTOMY,
    "hysterectomy": _HYSTERECTOMY,
    "sleeve_gastrectomy": _BARIATRIC,
    "gastric_bypass": _BARIATRIC,
}
_PAPERS: tuple[RGB, ...] = ((250, 250, 247), (244, 236, 218), (226, 236, 244), (24, 34, 52))


@dataclass(frozen=True)
class Drawing:
    """A drawing, and the way of the dot that points at its parts."""

    rgb: np.ndarray  # uint8 (height, width, 3)
    pointed: np.ndarray  # (K, 2) pixels
    dot: Stamp | None

    def point(self, picture: Picture, seconds: float) -> None:
        """Put the dot on a picture of the drawing, `seconds` after it came up."""
        if self.dot is not None:
            steps, radius = np.arange(len(self.pointed)), self.dot.size[0] / 2
            place = np.array([np.interp(seconds / 1.6, steps, axis) for axis in self.pointed.T])
            place += 0.3 * radius * np.array([np.sin(7 * seconds), np.cos(5 * seconds)]) - radius
            left, top = np.round(place).astype(int).tolist()
            put(picture, self.dot, left, top)


def draw_drawing(name: str, height: int, width: int, generator: np.random.Generator) -> Drawing:
    """Draw a drawing of an operation's organs, or of its ports.

    Args:
        name: of the type of operation; of one that has no entry in `ORGANS` the ports are drawn.
        height, width: pixels.
        generator: draws paper, pen and place.
    """
    organs = ORGANS.get(name, _PORTS) if generator.uniform() < 0.75 else _PORTS
    paper = _PAPERS[generator.integers(len(_PAPERS))]
    grey = generator.uniform() < 0.2
    picture = np.full((height, width, 3), paper, np.uint8)
    scale = min(0.9 * height, 0.9 * width / 1.6) * generator.uniform(0.86, 1.0)
    corner = np.array([(width - 1.6 * scale) / 2, (height - scale) / 2])
    ink = (236, 238, 242) if sum(paper) < 300 else (40, 36, 40)
    named = []
    for organ in organs:
        points = np.array(organ.points) + generator.normal(0, 0.008, (len(organ.points), 2))
        pixels = _smooth(points, closed=organ.width == 0) * scale + corner
        _paint(picture, organ, pixels, scale, ink, grey)
        if organ.name:
            named.append((organ.name, pixels))
    anchors = np.array([_anchor(pixels) for _, pixels in named])
    _name(picture, [name for name, _ in named], anchors, scale, ink)
    order = generator.permutation(len(anchors))
    return Drawing(picture, anchors[order], _dot(height) if generator.uniform() < 0.6 else None)


def _dot(height: int) -> Stamp:
    """A red dot for pictures of that height."""
    radius = max(2, round(0.016 * height))
    y, x = np.mgrid[-1 : 1 : 2j * radius, -1 : 1 : 2j * radius].astype(np.float32)
    cover = np.clip((1 - np.hypot(x, y)) * radius, 0, 1)
    return stamp(np.full((*cover.shape, 3), (230, 30, 30), np.uint8), cover)


def _smooth(points: np.ndarray, closed: bool) -> np.ndarray:
    """A smooth curve through points (Chaikin's corner cutting, three times)."""
    for _ in range(3):
        after = np.roll(points, -1, axis=0)
        pairs = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1)
        cut = pairs.reshape(-1, 2)
        points = cut if closed else np.concatenate([points[:1], cut[:-2], points[-1:]])
    return points


def _paint(picture: np.ndarray, organ: Organ, pixels: np.ndarray, scale: float, ink: RGB, grey: bool) -> None:
    colour = (int(np.mean(organ.colour)),) * 3 if grey else organ.colour
    light = tuple(min(255, int(1.12 * channel) + 8) for channel in colour)
    course = [np.round(pixels * 16).astype(np.int32)]
    line = max(1, round(0.006 * scale))
    if organ.width:
        wide = max(1, round(organ.width * scale))
        cv2.polylines(picture, course, False, ink, wide + 2 * line, cv2.LINE_AA, 4)
        cv2.polylines(picture, course, False, colour, wide, cv2.LINE_AA, 4)
        cv2.polylines(picture, course, False, light, max(1, wide // 3), cv2.LINE_AA, 4)
        return
    cv2.fillPoly(picture, course, colour, cv2.LINE_AA, 4)
    middle = pixels.mean(axis=0)
    inner = [np.round((middle + 0.62 * (pixels - middle) - 0.03 * scale) * 16).astype(np.int32)]
    cv2.fillPoly(picture, inner, light, cv2.LINE_AA, 4)
    cv2.polylines(picture, course, True, ink, line, cv2.LINE_AA, 4)


def _anchor(pixels: np.ndarray) -> np.ndarray:
    """(2,) pixel inside or on a shape that its name's line goes to: the point next to its middle."""
    middle = pixels.mean(axis=0)
    nearest = pixels[np.argmin(np.linalg.norm(pixels - middle, axis=1))]
    return middle + 0.6 * (nearest - middle) if len(pixels) > 60 else nearest


def _name(picture: np.ndarray, names: list[str], anchors: np.ndarray, scale: float, ink: RGB) -> None:
    """Names in a column on either side, each with a line to what it names."""
    height, width = picture.shape[:2]
    size = 0.052 * scale
    for side in (0, 1):
        own = [number for number in range(len(names)) if (anchors[number][0] > width / 2) == bool(side)]
        own.sort(key=lambda number: anchors[number][1])
        for row, number in enumerate(own):
            word = lettering(names[number], size, 14)
            y = round(height * (0.14 + 0.78 * (row + 0.5) / len(own)))
            left = width - word.shape[1] - width // 60 if side else width // 60
            end = left - 4 if side else left + word.shape[1] + 4
            x_anchor, y_anchor = np.round(anchors[number]).astype(int).tolist()
            cv2.line(picture, (end, y), (x_anchor, y_anchor), ink, 1, cv2.LINE_AA)
            cv2.circle(picture, (x_anchor, y_anchor), max(1, round(0.008 * scale)), ink, -1, cv2.LINE_AA)
            write(picture, word, y - word.shape[0] // 2, left, ink)
