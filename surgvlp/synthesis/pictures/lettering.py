"""Words in pictures, in the typeface that Pillow brings along, so that no system font is needed."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

RGB = tuple[int, int, int]


def lettering(text: str, size: float, columns: int = 60) -> np.ndarray:
    """Coverage float32 (h, w) in [0, 1] of a text.

    Args:
        text: broken into lines.
        size: height of the letters' body, pixels.
        columns: most letters of a line.
    """
    font = ImageFont.load_default(max(4.0, size))
    lines = "\n".join(textwrap.wrap(text, columns))
    spacing = 0.3 * size
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
        (0, 0), lines, font=font, spacing=spacing
    )
    canvas = Image.new("L", (int(right - left) + 3, int(bottom - top) + 3))
    ImageDraw.Draw(canvas).multiline_text((1 - left, 1 - top), lines, 255, font=font, spacing=spacing)
    return np.asarray(canvas, np.float32) / 255


def write(picture: np.ndarray, words: np.ndarray, top: int, left: int, colour: RGB) -> None:
    """Put a `lettering` on uint8 (H, W, 3), in place, moved inside; what still does not fit is cut off."""
    top = max(0, min(top, picture.shape[0] - words.shape[0]))
    left = max(0, min(left, picture.shape[1] - words.shape[1]))
    box = picture[top : top + words.shape[0], left : left + words.shape[1]]
    cover = words[: box.shape[0], : box.shape[1], None]
    box[:] = np.round(box * (1 - cover) + np.array(colour) * cover)
