"""CholecSeg8k's folders: four images a frame, in folders of 80 frames of a video.

Hong et al., "CholecSeg8k", arXiv:2012.12453::

    video01/video01_00080/frame_80_endo.png                  the picture
                          frame_80_endo_color_mask.png       classes as colours
                          frame_80_endo_mask.png             classes as greys; there as a person drew them
                          frame_80_endo_watershed_mask.png   classes as greys, after the watershed

The published masks have a white line around them, one pixel wide; ours have none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from surgvlp.lectures.masks import CHOLECSEG8K
from surgvlp.media.images import write_image

_IN_A_FOLDER = 80  # frames


def write_masks(root: Path, video: str, frame: int, picture: np.ndarray, ids: np.ndarray) -> None:
    """Write one frame's four images.

    Args:
        root: of the data set.
        video: such as video01.
        frame: its number in the video.
        picture: uint8 (H, W, 3) RGB.
        ids: uint8 (H, W) classes, positions in `CHOLECSEG8K`.
    """
    folder = root / video / f"{video}_{frame // _IN_A_FOLDER * _IN_A_FOLDER:05d}"
    folder.mkdir(parents=True, exist_ok=True)
    grey = np.array([[each.grey] * 3 for each in CHOLECSEG8K], np.uint8)[ids]
    colour = np.array([each.colour for each in CHOLECSEG8K], np.uint8)[ids]
    for kind, image in (
        ("endo", picture),
        ("endo_color_mask", colour),
        ("endo_mask", grey),
        ("endo_watershed_mask", grey),
    ):
        write_image(folder / f"frame_{frame}_{kind}.png", image)
