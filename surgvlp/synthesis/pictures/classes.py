"""What a pixel of a made picture can show: CholecSeg8k's classes, and those that it has no name for."""

from __future__ import annotations

from surgvlp.lectures import masks

CHOLECSEG8K = tuple(each.name for each in masks.CHOLECSEG8K)  # the id is the position
# Ours go on from there, each with the CholecSeg8k class that it is in a data set of that format.
_FURTHER = {
    "bipolar": "grasper",
    "scissors": "grasper",
    "clipper": "grasper",
    "irrigator": "grasper",
    "clip": "connective_tissue",
    "specimen_bag": "black_background",
    "artery": "connective_tissue",
    # of other operations than its own
    "stapler": "grasper",
    "needle_driver": "grasper",
    "appendix": "gastrointestinal_tract",
    "stomach": "gastrointestinal_tract",
    "spleen": "liver",
    "uterus": "connective_tissue",
    "ovary": "connective_tissue",
    "bladder": "connective_tissue",
    "vagina": "connective_tissue",
}
CLASSES = (*CHOLECSEG8K, *_FURTHER)
FOLDED = tuple(CHOLECSEG8K.index(_FURTHER.get(name, name)) for name in CLASSES)  # id -> CholecSeg8k's id


def class_id(name: str) -> int:
    """Id of a class in a mask.

    Raises:
        ValueError: no such class.
    """
    return CLASSES.index(name)
