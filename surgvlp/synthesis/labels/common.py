"""Label files that all lectures share: tables joined over videos, lists of videos, Surg-3M's manifest."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from surgvlp.files import atomic_path, write_json, write_text
from surgvlp.synthesis.labels.files import LabelFiles
from surgvlp.synthesis.labels.links import link

_IN_SURG3M = {"sleeve_gastrectomy": "gastrectomy"}  # what a type is called there, if not by its own name
_TABLES = {"endoscapes": "all_metadata.csv", "cholec80_cvs": "surgeons_annotations.csv"}


def write_critical_views(splits: Mapping[str, Sequence[LabelFiles]]) -> None:
    """Join the videos' rows to Endoscapes' and Cholec80-CVS's tables; say which videos are in which split.

    Args:
        splits: for "train" and "test" the lectures, of one type of operation.
    """
    lectures = sorted((each for split in splits.values() for each in split), key=lambda each: each.number)
    for name, table in _TABLES.items():
        parts = [part for each in lectures if (part := each.critical_view(name)).is_file()]
        if parts:
            _join(parts, lectures[0].root / name / table)
    for split, own in splits.items():
        graded = [each for each in own if each.critical_view("endoscapes").is_file()]
        if graded:
            _write_endoscapes_split(graded[0].root / "endoscapes", split, graded)


def _write_endoscapes_split(root: Path, split: str, lectures: Sequence[LabelFiles]) -> None:
    """`<split>_vids.txt`, in the scientific notation that the published one has, and `<split>/`."""
    write_text(root / f"{split}_vids.txt", "".join(f"{each.number:.18e}\n" for each in lectures))
    shutil.rmtree(root / split, ignore_errors=True)
    for each in lectures:
        for second in itertools.count():
            frame = each.graded_frame(second)
            if not frame.is_file():
                break
            link(frame, root / split / frame.name)


def write_surg3m(folder: Path, records: Mapping[str, Mapping[str, Any]], testing: Sequence[str]) -> None:
    """Write Surg-3M's `labels.json` and `split.json` (Che et al., arXiv:2503.19740).

    Args:
        folder: to write to.
        records: of each lecture what its making recorded.
        testing: ids of the lectures for testing; the rest is for training.
    """
    entries = [
        {
            "informative": True,
            "md5": record["md5"],
            "procedureName": [_IN_SURG3M.get(record["procedure"], record["procedure"])],
            "robotic": record["robotic"],
            "title": record["title"],
            "youtubeId": lecture,
            "resolution": record["size"],
        }
        for lecture, record in records.items()
    ]
    write_json(folder / "labels.json", entries)
    write_json(folder / "split.json", {"validation": [], "testing": list(testing)})


def _join(parts: Iterable[Path], target: Path) -> None:
    """Put tables that have the same header one below the other, without holding them."""
    with atomic_path(target) as partial, partial.open("w", encoding="utf-8") as joined:
        for number, part in enumerate(parts):
            with part.open(encoding="utf-8") as table:
                header = next(table)
                if number == 0:
                    joined.write(header)
                joined.writelines(table)
