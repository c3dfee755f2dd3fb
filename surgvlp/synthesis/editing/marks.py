"""Pictures that are laid over a lecture: made-up logos, and a cartoon of the one who speaks."""

from __future__ import annotations

import cv2
import numpy as np

from surgvlp.synthesis.pictures.lettering import RGB, lettering, write

_FINE = 4  # painted this much larger, then reduced: smooth edges
_SYLLABLES = (
    "va",
    "no",
    "ri",
    "lu",
    "so",
    "me",
    "ka",
    "ti",
    "do",
    "re",
    "pa",
    "lin",
    "tor",
    "mex",
    "ste",
    "qua",
)
_INKS: tuple[RGB, ...] = ((255, 255, 255), (240, 200, 60), (90, 180, 240), (230, 80, 70), (110, 210, 150))
_SKINS: tuple[RGB, ...] = ((244, 208, 180), (224, 172, 138), (172, 118, 84), (116, 76, 54))
_HAIRS: tuple[RGB, ...] = ((40, 30, 26), (96, 62, 36), (190, 150, 90), (150, 150, 152), (20, 18, 20))
_CLOTHES: tuple[RGB, ...] = ((40, 110, 130), (70, 130, 90), (235, 238, 240), (40, 50, 90), (90, 40, 60))
_WALLS: tuple[RGB, ...] = ((206, 208, 204), (120, 140, 160), (70, 60, 56), (226, 214, 196))


def paint_logo(size: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A mark and a made-up name: uint8 (h, w, 3), and its coverage float32 (h, w), the mark `size` high."""
    ink = _INKS[generator.integers(len(_INKS))]
    mark = _mark(size, generator)
    name = "".join(generator.choice(_SYLLABLES, generator.integers(2, 4))).capitalize()
    name = name.upper() if generator.uniform() < 0.4 else name
    words = lettering(name, 0.6 * size) if generator.uniform() < 0.7 else np.zeros((2, 0), np.float32)
    gap = size // 5 if words.shape[1] else 0
    height, width = max(size, words.shape[0]), size + gap + words.shape[1]
    cover = np.zeros((height, width), np.float32)
    top = (height - words.shape[0]) // 2
    cover[(height - size) // 2 : (height - size) // 2 + size, :size] = mark
    cover[top : top + words.shape[0], size + gap :] = words
    rgb = np.broadcast_to(np.array(ink, np.uint8), (height, width, 3)).copy()
    rgb[:, size:] = 255 if generator.uniform() < 0.5 else ink
    return rgb, cover * generator.uniform(0.55, 1.0)


def _mark(size: int, generator: np.random.Generator) -> np.ndarray:
    """Coverage float32 (size, size) of a ring, polygon or shield with something in it."""
    wide = size * _FINE
    canvas, middle = np.zeros((wide, wide), np.uint8), (wide // 2, wide // 2)
    corners = int(generator.choice([4, 5, 6, 60]))
    turn = generator.uniform(0, np.pi) if corners < 60 else 0.0

    def polygon(count: int, radius: float, value: int, spin: float) -> None:
        angles = spin + np.linspace(0, 2 * np.pi, count, endpoint=False)
        points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius * wide + wide / 2
        cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], value, cv2.LINE_AA)

    polygon(corners, 0.48, 255, turn)
    inner = generator.integers(4)
    if inner == 0:
        arm, half = wide // 4, wide // 14
        cv2.rectangle(canvas, (middle[0] - arm, middle[1] - half), (middle[0] + arm, middle[1] + half), 0, -1)
        cv2.rectangle(canvas, (middle[0] - half, middle[1] - arm), (middle[0] + half, middle[1] + arm), 0, -1)
    elif inner == 1:
        polygon(corners, 0.36, 0, turn)
        polygon(60, 0.2, 255, 0)
    elif inner == 2:
        polygon(3, 0.3, 0, turn + 0.5)
    else:
        x = np.linspace(0, wide, 40)
        wave = np.stack([x, wide / 2 + 0.12 * wide * np.sin(x / wide * 2 * np.pi)], axis=1)
        cv2.polylines(canvas, [np.round(wave).astype(np.int32)], False, 0, wide // 8, cv2.LINE_AA)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def paint_speaker(
    height: int, width: int, generator: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Poses of a head and shoulders before a wall, mouth shut and open in turn, from left to right.

    Returns:
        Of each pose uint8 (height, width, 3) and the coverage float32 (height, width) of the inset.
    """
    wall, cloth, skin, hair = (
        choices[generator.integers(len(choices))] for choices in (_WALLS, _CLOTHES, _SKINS, _HAIRS)
    )
    long_hair, glasses, round_inset = generator.uniform(size=3) < (0.5, 0.4, 0.3)
    shelf = [
        (generator.uniform(0, 1), generator.uniform(0.1, 0.5), generator.integers(60, 200, 3))
        for _ in range(5)
    ]
    fine = (height * _FINE, width * _FINE)
    cover = np.ones((height, width), np.float32)
    if round_inset:
        y, x = np.mgrid[-1 : 1 : 1j * height, -1 : 1 : 1j * width]
        cover = np.clip((1 - np.hypot(x, y)) * 0.25 * min(height, width), 0, 1).astype(np.float32)

    def pose(sway: float, mouth: float) -> np.ndarray:
        canvas = np.full((*fine, 3), wall, np.uint8)
        unit = fine[0]

        def oval(x: float, y: float, wide: float, high: float, colour: RGB) -> None:
            place = (round(fine[1] / 2 + x * unit), round(y * unit))
            size = (max(1, round(wide * unit)), max(1, round(high * unit)))
            cv2.ellipse(canvas, place, size, 0, 0, 360, colour, -1, cv2.LINE_AA)

        for place, high, colour in shelf:
            left = round(place * fine[1])
            cv2.rectangle(canvas, (left, 0), (left + unit // 12, round(high * unit)), colour.tolist(), -1)
        if long_hair:
            oval(sway, 0.46, 0.24, 0.32, hair)
        oval(0.4 * sway, 1.05, 0.42, 0.32, cloth)
        oval(0.7 * sway, 0.72, 0.08, 0.14, _darker(skin))
        oval(sway, 0.34, 0.2, 0.22, hair)
        oval(sway, 0.44, 0.17, 0.23, skin)
        oval(sway, 0.24, 0.17, 0.07, hair)
        for side in (-1, 1):
            eye = sway + 0.07 * side
            if glasses:
                oval(eye, 0.42, 0.05, 0.04, (30, 30, 34))
                oval(eye, 0.42, 0.042, 0.032, (230, 232, 234))
            oval(eye, 0.42, 0.018, 0.014, (30, 24, 22))
        oval(1.05 * sway, 0.5, 0.018, 0.035, _darker(skin))
        oval(sway, 0.57, 0.055, 0.01 + 0.03 * mouth, (150, 50, 54))
        return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)

    return [(pose(sway, mouth), cover) for sway in (-0.04, 0.0, 0.04) for mouth in (0.0, 1.0)]


def paint_label(
    text: str, size: float, columns: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A line of text, on a bar or bare: uint8 (h, w, 3), and its coverage float32 (h, w)."""
    words = lettering(text, size, columns)
    margin = round(0.4 * size)
    height, width = words.shape[0] + 2 * margin, words.shape[1] + 2 * margin
    if generator.uniform() < 0.6:
        dark = generator.uniform() < 0.6
        bar = (18, 24, 40) if dark else (240, 240, 236)
        rgb = np.full((height, width, 3), bar, np.uint8)
        write(rgb, words, margin, margin, (245, 245, 245) if dark else (24, 28, 40))
        cover = np.full((height, width), generator.uniform(0.6, 1.0), np.float32)
        cover[margin:-margin, margin:-margin] = np.maximum(cover[margin:-margin, margin:-margin], words)
        return rgb, cover
    cover = np.zeros((height, width), np.float32)
    cover[margin:-margin, margin:-margin] = words
    halo = cv2.dilate(cover, np.ones((3, 3), np.uint8))
    rgb = np.zeros((height, width, 3), np.uint8)
    write(rgb, words, margin, margin, (255, 250, 215) if generator.uniform() < 0.5 else (255, 255, 255))
    return rgb, halo


def _darker(colour: RGB) -> RGB:
    red, green, blue = (int(0.82 * channel) for channel in colour)
    return red, green, blue
