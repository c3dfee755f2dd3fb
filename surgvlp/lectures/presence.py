"""Which tools, verbs, targets or triplets a frame shows: Cholec80's and CholecT50's annotation files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.files import InputError, checked_id
from surgvlp.lectures.tables import read_utf8
from surgvlp.lectures.triplets import CHOLECT50, TripletVocabulary

CHOLEC80_TOOLS = ("Grasper", "Bipolar", "Hook", "Scissors", "Clipper", "Irrigator", "SpecimenBag")
ANNOTATION_FPS = 25  # Cholec80 counts frames of its 25 fps videos; its tool files have every 25th


@dataclass(frozen=True)
class Presence:
    """What is there in each annotated frame of a video.

    Attributes:
        frame_index: (N,) int64, rising.
        present: (N, C) bool.
    """

    frame_index: np.ndarray
    present: np.ndarray


@dataclass(frozen=True)
class TripletLabels:
    """A video of CholecT50, one frame a second.

    Attributes:
        frame_index: (N,) int64; frame n is `data/<video>/<n as six digits>.png`.
        triplet: (N, 100) bool; other vocabularies have other widths, here and below.
        instrument: (N, 6) bool.
        verb: (N, 10) bool.
        target: (N, 15) bool.
    """

    frame_index: np.ndarray
    triplet: np.ndarray
    instrument: np.ndarray
    verb: np.ndarray
    target: np.ndarray


def read_tools(path: str | Path, names: Sequence[str] = CHOLEC80_TOOLS) -> Presence:
    """Read `tool_annotations/<video>-tool.txt` of Cholec80: every 25th frame of 25 a second.

    Args:
        path: of the file.
        names: of its columns; Cholec80 has seven, other operations may have more.

    Raises:
        InputError: naming file, row and column, see `read_presence`.
    """
    return read_presence(path, names, separator="\t", header=("Frame", *names))


def read_phase_annotations(path: str | Path, class_names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read `phase_annotations/<video>-phase.txt` of Cholec80: a name for each frame of the video.

    Returns:
        (N,) int64 frame numbers and (N,) int64 classes from 0.

    Raises:
        InputError: naming file, row and column, for an unknown phase, or numbers that do not rise.
    """
    numbers: list[int] = []
    phases: list[int] = []
    classes = {name: number for number, name in enumerate(class_names)}
    for row, cells in _rows(path, "\t", ("Frame", "Phase")):
        numbers.append(_frame_number(cells[0], numbers, path, row))
        if cells[1] not in classes:
            known = ", ".join(class_names)
            raise InputError(f"no phase {cells[1]!r}", file=path, row=row, key="Phase", remedy=f"Use {known}")
        phases.append(classes[cells[1]])
    return np.array(numbers, np.int64), np.array(phases, np.int64)


def read_triplets(root: str | Path, video: str, vocabulary: TripletVocabulary = CHOLECT50) -> TripletLabels:
    """Read `{triplet,instrument,verb,target}/<video>.txt` of CholecT50, or of another vocabulary.

    Raises:
        InputError: naming file, row and column, see `read_presence`; and where the files disagree: they have
            other frames, or an instrument, verb or target other than those of the row's triplets.
    """
    root, name = Path(root), f"{checked_id(video)}.txt"
    path = root / "triplet" / name
    triplets = read_presence(path, [",".join(triplet) for triplet in vocabulary.triplets])
    components = {}
    for position, (kind, names) in enumerate(
        (("instrument", vocabulary.instruments), ("verb", vocabulary.verbs), ("target", vocabulary.targets))
    ):
        found = read_presence(root / kind / name, names)
        if not np.array_equal(found.frame_index, triplets.frame_index):
            raise InputError(f"its frames are not those of {path}", file=root / kind / name)
        parts = [triplet[position] for triplet in vocabulary.triplets]
        member = np.array([[part == name for name in names] for part in parts])
        wrong = np.argwhere(found.present != (triplets.present @ member))
        if len(wrong):
            row, column = wrong[0].tolist()
            raise InputError(
                f"not what the row of {path} says", file=root / kind / name, row=row + 1, key=names[column]
            )
        components[kind] = found.present
    return TripletLabels(triplets.frame_index, triplets.present, **components)


def read_presence(
    path: str | Path, names: Sequence[str], separator: str = ",", header: Sequence[str] = ()
) -> Presence:
    """Read a table with a frame number and then a 0 or 1 for each class.

    Args:
        path: of the file.
        names: of the classes, in the order of the columns.
        separator: between cells.
        header: of the first row; empty where there is none.

    Raises:
        InputError: naming file, row and column, for no such file, no rows, another number of cells, a cell
            that is not 0 or 1, or frame numbers that do not rise.
    """
    numbers: list[int] = []
    present: list[list[bool]] = []
    for row, cells in _rows(path, separator, header or ("frame", *names), titled=bool(header)):
        numbers.append(_frame_number(cells[0], numbers, path, row))
        if not {"0", "1"}.issuperset(cells[1:]):
            column = next(number for number, cell in enumerate(cells[1:]) if cell not in ("0", "1"))
            raise InputError(f"{cells[column + 1]!r} is not 0 or 1", file=path, row=row, key=names[column])
        present.append([cell == "1" for cell in cells[1:]])
    return Presence(np.array(numbers, np.int64), np.array(present, bool))


def _rows(
    path: str | Path, separator: str, columns: Sequence[str], titled: bool = True
) -> list[tuple[int, list[str]]]:
    rows = [
        (row, [cell.strip() for cell in line.split(separator)])
        for row, line in enumerate(read_utf8(path).splitlines(), start=1)
        if line.strip()
    ]
    if titled and (not rows or rows.pop(0)[1] != list(columns)):
        raise InputError("not the header of such a file", file=path, row=1, remedy=f"It is {tuple(columns)}")
    if not rows:
        raise InputError("no rows", file=path)
    for row, cells in rows:
        if len(cells) != len(columns):
            raise InputError(f"{len(cells)} cells instead of {len(columns)}", file=path, row=row)
    return rows


def _frame_number(cell: str, before: Sequence[int], path: str | Path, row: int) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) < 10):
        raise InputError(f"{cell!r} is not a frame's number", file=path, row=row, key="frame")
    if before and int(cell) <= before[-1]:
        raise InputError(f"frame {cell} after frame {before[-1]}", file=path, row=row, key="frame")
    return int(cell)
