"""What is laid over the pictures and which of them show no operation: COCO's and Surg-3M's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from surgvlp.files import write_json
from surgvlp.synthesis.editing.overlays import Box

CATEGORIES = ("logo", "inset", "text", "border")  # ids count from 1


def write_coco(
    path: Path, files: Sequence[str], size: tuple[int, int], boxes: Sequence[Sequence[Box]]
) -> None:
    """Write a lecture's boxes as COCO's detection json (Lin et al., 2014): bbox is left, top, width, height.

    Args:
        path: of the file.
        files: names of the images, one a second from 0.
        size: (height, width) of the images.
        boxes: of each second.
    """
    images = [
        {"id": second, "file_name": name, "height": size[0], "width": size[1]}
        for second, name in enumerate(files)
    ]
    annotations = [
        {
            "image_id": second,
            "category_id": CATEGORIES.index(kind) + 1,
            "bbox": [left, top, width, height],
            "area": width * height,
            "iscrowd": 0,
        }
        for second, found in enumerate(boxes)
        for kind, left, top, width, height in found
    ]
    numbered = [{"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)]
    categories = [{"id": number, "name": kind} for number, kind in enumerate(CATEGORIES, start=1)]
    write_json(path, {"images": images, "categories": categories, "annotations": numbered})


def write_surg3m_frames(
    path: Path, lecture: str, surgical: np.ndarray, boxes: Sequence[Sequence[Box]]
) -> None:
    """Write Surg-3M's annotation of a lecture: for each second its class, and boxes of what to mask.

    Args:
        path: of the file, `<id>.json`.
        lecture: its id; keys are `<id>-<second>`.
        surgical: (N,) bool, one a second.
        boxes: of each second; those of a picture that shows no operation are left out, as there.
    """
    frames: dict[str, object] = {}
    for second, (operation, found) in enumerate(zip(surgical.tolist(), boxes, strict=True)):
        corners = [[left, top, left + width, top + height] for _, left, top, width, height in found]
        frames[f"{lecture}-{second}"] = {
            "class": "surgical" if operation else "non-surgical",
            "boxes": (corners or None) if operation else None,
        }
    write_json(path, frames)
