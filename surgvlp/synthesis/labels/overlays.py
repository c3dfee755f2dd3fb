"""What is laid over the pictures and which of them show no operation: COCO's and Surg-3M's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from surgvlp.files import write_json

KINDS = ("inset", "logo", "text")  # category ids count from 1


class Box(NamedTuple):
    """Something laid over a picture.

    Attributes:
        kind: one of `KINDS`.
        left, top, right, bottom: pixels; right and bottom are the first pixels outside.
    """

    kind: str
    left: float
    top: float
    right: float
    bottom: float


def write_coco(
    path: Path, files: Sequence[str], size: tuple[int, int], boxes: Mapping[int, Sequence[Box]]
) -> None:
    """Write a lecture's boxes as COCO's detection json (Lin et al., 2014): bbox is left, top, width, height.

    Args:
        path: of the file.
        files: names of the images, one a second from 0.
        size: (height, width) of the images.
        boxes: of each second that has any.
    """
    images = [
        {"id": second, "file_name": name, "height": size[0], "width": size[1]}
        for second, name in enumerate(files)
    ]
    annotations = [
        {
            "image_id": second,
            "category_id": KINDS.index(box.kind) + 1,
            "bbox": [box.left, box.top, box.right - box.left, box.bottom - box.top],
            "area": (box.right - box.left) * (box.bottom - box.top),
            "iscrowd": 0,
        }
        for second, found in sorted(boxes.items())
        for box in found
    ]
    numbered = [{"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)]
    categories = [{"id": number, "name": kind} for number, kind in enumerate(KINDS, start=1)]
    write_json(path, {"images": images, "categories": categories, "annotations": numbered})


def write_surg3m_frames(
    path: Path, lecture: str, surgical: np.ndarray, boxes: Mapping[int, Sequence[Box]]
) -> None:
    """Write Surg-3M's annotation of a lecture: for each second its class, and boxes of what to mask.

    Args:
        path: of the file, `<id>.json`.
        lecture: its id; keys are `<id>-<second>`.
        surgical: (N,) bool, one a second.
        boxes: of each second that has any; those of a picture that shows no operation are left out, as there.
    """
    frames: dict[str, object] = {}
    for second, operation in enumerate(surgical.tolist()):
        found = [list(box[1:]) for box in boxes.get(second, ())] if operation else []
        frames[f"{lecture}-{second}"] = {
            "class": "surgical" if operation else "non-surgical",
            "boxes": found or None,
        }
    write_json(path, frames)
