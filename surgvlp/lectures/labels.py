"""Phase labels of downstream data sets: `downstream_datasets/<name>/{csvs/<video>.csv, frames/<path>}`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.files import InputError, checked_id, read_json
from surgvlp.lectures.tables import read_rows

CHOLECYSTECTOMY = (
    "Preparation",
    "CalotTriangleDissection",
    "ClippingCutting",
    "GallbladderDissection",
    "GallbladderPackaging",
    "CleaningCoagulation",
    "GallbladderRetraction",
)
HYSTERECTOMY = (
    "Preparation",
    "DividingLigamentAndPeritoneum",
    "DividingUterineVesselsAndLigament",
    "TransectingTheVagina",
    "SpecimenRemoval",
    "Suturing",
    "Washing",
)
# No published data set of these two has such a list; these are ours, from the usual order of the operations.
APPENDECTOMY = (
    "Exploration",
    "AppendixExposure",
    "MesoappendixDivision",
    "BaseLigationDivision",
    "AppendixPackaging",
    "CleaningCoagulation",
    "AppendixRetraction",
)
SLEEVE_GASTRECTOMY = (
    "Preparation",
    "GreaterCurvatureDissection",
    "FundusMobilization",
    "GastricTransection",
    "StapleLineControl",
    "LeakTest",
    "SpecimenRetraction",
)

_FRAME = re.compile(r"(?P<video>[A-Za-z0-9_-][A-Za-z0-9._-]*)_(?P<number>\d{1,9})(?P<suffix>\.[A-Za-z]+)")


@dataclass(frozen=True)
class FrameLabels:
    """The labelled frames of one video, in the order of time.

    Attributes:
        paths: N image files.
        frame_index: (N,) int64, the frame number that the csv gives, one a second.
        label: (N,) int64, the class from 0 (the csv counts from 1).
    """

    paths: list[Path]
    frame_index: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class PhaseDataset:
    """One labelled data set.

    Attributes:
        name: its folder's name.
        root: `downstream_datasets/<name>`.
        class_names: label 1 is the first.
        frame_offset: what is added to the csv's frame number to get the image file's.
    """

    name: str
    root: Path
    class_names: tuple[str, ...]
    frame_offset: int

    def videos(self) -> list[str]:
        """Ids of all labelled videos, sorted."""
        folder = self.root / "csvs"
        found = sorted(checked_id(path.stem, file=path) for path in folder.glob("[!.]*.csv"))
        if not found:
            raise InputError("no label files <video>.csv here", file=folder)
        return found

    def frames(self, video: str) -> FrameLabels:
        """Labels of one video; image files are named, not opened.

        Raises:
            InputError: naming file, row and column, for a frame name that is not `<video>_<number>.<suffix>`,
                a label outside 1..C, frame numbers that run backwards or repeat.
        """
        csv = self.root / "csvs" / f"{checked_id(video)}.csv"
        return read_frame_labels(csv, self.root / "frames", len(self.class_names), self.frame_offset)


def read_frame_labels(path: Path, frames: Path, classes: int | None, frame_offset: int) -> FrameLabels:
    """Read one video's label file, as `PhaseDataset.frames` does.

    Args:
        path: the csv, columns path,label.
        frames: folder of the images.
        classes: the largest label; None where nobody knows.
        frame_offset: what is added to the csv's frame number to get the image file's.
    """
    paths: list[Path] = []
    numbers: list[int] = []
    labels: list[int] = []
    for row, cells in read_rows(path, ("path", "label")):
        stem, number, suffix = _frame(cells["path"], path, row)
        if numbers and number <= numbers[-1]:
            raise InputError(
                f"frame {number} after frame {numbers[-1]}",
                file=path,
                row=row,
                key="path",
                remedy="Sort the rows by frame number and keep each frame once",
            )
        paths.append(frames / f"{stem}_{number + frame_offset}{suffix}")
        numbers.append(number)
        labels.append(_label(cells["label"], classes, path, row))
    return FrameLabels(paths, np.array(numbers, dtype=np.int64), np.array(labels, dtype=np.int64))


def phase_dataset(name: str, root: Path, compat: str | None = None) -> PhaseDataset:
    """A known data set, or one's own that `root/dataset.json` describes.

    The published loader adds 1 to every frame number. That is right for Cholec80, whose csvs count from 0
    and whose images count from 1. AutoLaparo's csvs count from 1 already, so there it shifts the labels by
    a second and asks for one image too many; `compat="released"` does that for comparable numbers.

    Args:
        name: cholec80, autolaparo, made, made_<another type of procedure>, or a data set of one's own.
        root: its folder; `dataset.json` in it holds `{"class_names": [...], "frame_offset": 0}`.
        compat: None or "released".
    """
    if compat not in (None, "released"):
        raise InputError(f"{compat!r} is neither None nor 'released'", key="compat")
    known = {
        "cholec80": (CHOLECYSTECTOMY, 1),
        "autolaparo": (HYSTERECTOMY, 1 if compat == "released" else 0),
        "made": (CHOLECYSTECTOMY, 0),
        "made_appendectomy": (APPENDECTOMY, 0),
        "made_hysterectomy": (HYSTERECTOMY, 0),
        "made_sleeve_gastrectomy": (SLEEVE_GASTRECTOMY, 0),
    }
    if name in known:
        class_names, frame_offset = known[name]
        return PhaseDataset(name, root, class_names, frame_offset)
    description = root / "dataset.json"
    if not description.is_file():
        raise InputError(
            f"unknown data set '{name}'",
            file=root,
            remedy=f"Known: {', '.join(known)}; for your own write {description.name} with class_names and "
            "frame_offset",
        )
    return _described(name, root, read_json(description))


def _described(name: str, root: Path, content: object) -> PhaseDataset:
    description = content if isinstance(content, dict) else {}
    names, offset = description.get("class_names"), description.get("frame_offset", 0)
    named = isinstance(names, list) and all(isinstance(item, str) for item in names)
    if not names or not named or not isinstance(offset, int) or isinstance(offset, bool):
        raise InputError(
            "not a description of a data set",
            file=root / "dataset.json",
            remedy='Write: {"class_names": ["first", "second"], "frame_offset": 0}',
        )
    return PhaseDataset(name, root, tuple(names), offset)


def _frame(cell: str, path: Path, row: int) -> tuple[str, int, str]:
    match = _FRAME.fullmatch(cell)
    if not match or ".." in cell:
        raise InputError(
            f"{cell!r} is not a frame's name",
            file=path,
            row=row,
            key="path",
            remedy="Write <video>_<number>.png",
        )
    return match["video"], int(match["number"]), match["suffix"]


def _label(cell: str, classes: int | None, path: Path, row: int) -> int:
    if not re.fullmatch(r"\d{1,4}", cell) or not 1 <= int(cell) <= (classes or 9999):
        known = f"from 1 to {classes}" if classes else "from 1"
        raise InputError(
            f"{cell!r} is not a label",
            file=path,
            row=row,
            key="label",
            remedy=f"Labels are whole numbers {known}",
        )
    return int(cell) - 1


def check_images(
    paths: Sequence[Path], table: Path, first_row: int, remedy: str, key: str | None = None
) -> None:
    """InputError naming the first row of `table` whose image is not there.

    Args:
        paths: of the images, in the order of the rows.
        table: the file of labels.
        first_row: the row of the first image.
        remedy: what to do.
        key: the column.
    """
    # One listing a folder: asking for 80,000 files one by one takes minutes on a network disk.
    folders = {path.parent for path in paths}
    present = {folder: set(os.listdir(folder)) if folder.is_dir() else set() for folder in folders}
    for row, path in enumerate(paths, start=first_row):
        if path.name not in present[path.parent]:
            raise InputError(f"there is no frame {path}", file=table, row=row, key=key, remedy=remedy)
