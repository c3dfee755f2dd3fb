"""The critical view of safety, three criteria: Endoscapes' graded frames, and Cholec80-CVS's spans of time.

Endoscapes: Murali et al., arXiv:2312.12429, `all_metadata.csv`. Cholec80-CVS: Ríos et al., Scientific Data
2023, its sheet of surgeons' annotations, saved as csv.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.files import InputError
from surgvlp.lectures.tables import read_rows, read_utf8

# Endoscapes' order, that of Strasberg's three criteria in its paper; Cholec80-CVS has the last two exchanged.
CRITERIA = ("two_structures", "hepatocystic_triangle", "cystic_plate")


@dataclass(frozen=True)
class GradedFrames:
    """A video of Endoscapes.

    Attributes:
        frame_index: (N,) int64, rising; frame n is `<video>_<n>.jpg`.
        share: (N, 3) share of the raters who see the criterion; columns are `CRITERIA`.
        keyframe: (N,) whether raters saw this very frame; the others carry the grade of the one before.
    """

    frame_index: np.ndarray
    share: np.ndarray
    keyframe: np.ndarray

    @property
    def met(self) -> np.ndarray:
        """(N, 3) bool: what most raters say, which is the data set's rule."""
        return self.share > 0.5


@dataclass(frozen=True)
class GradedSpan:
    """A span of a video of Cholec80-CVS: seconds, the last included, and a score for each of `CRITERIA`."""

    start_s: int
    end_s: int
    scores: tuple[int, int, int]


def read_endoscapes(path: str | Path) -> dict[int, GradedFrames]:
    """Read `all_metadata.csv`: the videos by number, frame by frame; those without a grade are left out.

    Raises:
        InputError: naming file, row and column of what is missing, no number, or there twice.
    """
    found: dict[int, dict[int, tuple[list[float], bool]]] = {}
    for row, cells in read_rows(path, ("vid", "frame", "avg_cvs", "is_ds_keyframe")):
        if not cells["avg_cvs"]:
            continue
        video, frame = (_number(cells[key], path, row, key) for key in ("vid", "frame"))
        frames = found.setdefault(video, {})
        if frame in frames:
            raise InputError(f"frame {frame} of video {video} stands there twice", file=path, row=row)
        frames[frame] = _shares(cells["avg_cvs"], path, row), _truth(cells["is_ds_keyframe"], path, row)
    # The rows are sorted as texts, "100" before "75".
    return {video: _sorted(frames) for video, frames in sorted(found.items())}


def read_endoscapes_split(path: str | Path) -> list[int]:
    """Numbers of the videos in `{train,val,test}_vids.txt`, which are written in scientific notation."""
    lines = enumerate(read_utf8(path).splitlines(), start=1)
    return [_number(line.strip(), path, row, "video") for row, line in lines if line.strip()]


def read_cholec80_cvs(path: str | Path) -> dict[int, list[GradedSpan]]:
    """Read the sheet of Cholec80-CVS: of each video the spans in which a criterion is met.

    Raises:
        InputError: naming file, row and column of what is missing, no number, or no score; and spans that end
            before they begin.
    """
    times = ("initial_minute", "initial_second", "final_minute", "final_second")
    found: dict[int, list[GradedSpan]] = {}
    for row, cells in read_rows(path, ("video", *times, *CRITERIA)):
        values = {key: _number(cells[key], path, row, key) for key in ("video", *times, *CRITERIA)}
        start, end = (60 * values[f"{at}_minute"] + values[f"{at}_second"] for at in ("initial", "final"))
        if end < start:
            raise InputError(f"ends at {end} s, before its start at {start} s", file=path, row=row)
        first, second, third = (values[key] for key in CRITERIA)
        if max(first, second, third) > 2:
            raise InputError("a score is 0, 1 or 2", file=path, row=row)
        found.setdefault(values["video"], []).append(GradedSpan(start, end, (first, second, third)))
    return found


def _sorted(frames: dict[int, tuple[list[float], bool]]) -> GradedFrames:
    numbers = sorted(frames)
    shares, keyframes = zip(*(frames[number] for number in numbers), strict=True)
    return GradedFrames(np.array(numbers, np.int64), np.array(shares), np.array(keyframes, bool))


def _number(cell: str, path: str | Path, row: int, key: str) -> int:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not (0 <= value < 1e9 and value.is_integer()):
        raise InputError(f"{cell!r} is not a whole number from 0", file=path, row=row, key=key)
    return int(value)


def _shares(cell: str, path: str | Path, row: int) -> list[float]:
    try:
        shares = json.loads(cell)
    except (ValueError, RecursionError):
        shares = None
    numbers = isinstance(shares, list) and all(type(share) in (int, float) for share in shares)
    if not numbers or len(shares) != len(CRITERIA) or not all(0 <= share <= 1 for share in shares):
        raise InputError(
            f"{cell!r} is not a list of three shares",
            file=path,
            row=row,
            key="avg_cvs",
            remedy="e.g. [1.0, 0.333, 0]",
        )
    return [float(share) for share in shares]


def _truth(cell: str, path: str | Path, row: int) -> bool:
    if cell not in ("True", "False"):
        raise InputError(f"{cell!r} is not True or False", file=path, row=row, key="is_ds_keyframe")
    return cell == "True"
