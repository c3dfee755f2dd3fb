"""Segmentation masks as CholecSeg8k publishes them: classes, grey values, colours, and reading."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from surgvlp.files import InputError
from surgvlp.media.images import read_image

UNLABELLED = 255  # class id of pixels that nobody labelled


class MaskClass(NamedTuple):
    """A class of CholecSeg8k; its id is its position in `CHOLECSEG8K`.

    Attributes:
        name: in words of ours.
        grey: of its pixels in the watershed masks, in all three channels. The paper prints "#111111" for 11.
        colour: (red, green, blue) of its pixels in the colour masks.
    """

    name: str
    grey: int
    colour: tuple[int, int, int]


# Hong et al., "CholecSeg8k", arXiv:2012.12453, table I; greys and colours as they are in the published files.
CHOLECSEG8K = (
    MaskClass("black_background", 50, (127, 127, 127)),
    MaskClass("abdominal_wall", 11, (210, 140, 140)),
    MaskClass("liver", 21, (255, 114, 114)),
    MaskClass("gastrointestinal_tract", 13, (231, 70, 156)),
    MaskClass("fat", 12, (186, 183, 75)),
    MaskClass("grasper", 31, (170, 255, 0)),
    MaskClass("connective_tissue", 23, (255, 85, 0)),
    MaskClass("blood", 24, (255, 0, 0)),
    MaskClass("cystic_duct", 25, (255, 255, 0)),
    MaskClass("hook", 32, (169, 255, 184)),  # L-hook electrocautery
    MaskClass("gallbladder", 22, (255, 160, 165)),
    MaskClass("hepatic_vein", 33, (0, 50, 128)),
    MaskClass("liver_ligament", 5, (111, 74, 0)),
)
_NOWHERE = (0, 255)  # greys of pixels left out: holes, and the white line around a published mask


def read_mask(path: str | Path) -> np.ndarray:
    """Class ids of a `frame_<n>_endo_watershed_mask.png`.

    Returns:
        (H, W) uint8, 0 to 12, and `UNLABELLED` where the file has a hole or its white edge.

    Raises:
        InputError: no image, a coloured one, or a grey that is no class.
    """
    image = read_image(path)
    grey = image[..., 0]
    if not (np.array_equal(grey, image[..., 1]) and np.array_equal(grey, image[..., 2])):
        raise InputError("a coloured image", file=path, remedy="Class ids stand in *_endo_watershed_mask.png")
    ids = np.full(256, UNLABELLED, np.uint8)
    for number, each in enumerate(CHOLECSEG8K):
        ids[each.grey] = number
    unknown = set(np.unique(grey).tolist()) - {each.grey for each in CHOLECSEG8K} - set(_NOWHERE)
    if unknown:
        raise InputError(f"grey {min(unknown)} is no class of CholecSeg8k", file=path)
    return ids[grey]
