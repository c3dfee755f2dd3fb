"""Which frames of other lectures look like a frame: the map that SurgFM's augmented distillation draws from.

`tools/find_neighbours.py` makes it. Of the published one only the form is known, not the file nor the program
that made it; `read_published_map` reads that form.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import ID_PATTERN, UNREADABLE_ARRAYS, InputError, atomic_path, checked_id, read_json

_LARGEST = float(np.finfo(np.float32).max)
_MOST_ENTRIES = 1000  # of a frame in a published map; four neighbours are used
_KEY = re.compile(r"(?P<lecture>.+)_(?P<number>0|[1-9][0-9]{0,8})", re.DOTALL)
_REMEDY = "Make it again: tools/find_neighbours.py"


@dataclass(frozen=True)
class NeighbourMap:
    """Frames, sorted by lecture and number, and for each its nearest frames in other lectures.

    Distances are finite and not negative. Ours are cosine distances, 1 - cos, from 0 to 2; a published map
    may have others, as only their order and their ratio to the scale count.

    Attributes:
        lectures: L ids, each once.
        lecture: (N,) int32, row of `lectures`.
        number: (N,) int64, n for the frame at n * every_s seconds.
        neighbours: (N, K) int32, rows of this map, nearest first; -1 where there are fewer than K.
        distance: (N, K) float32, to them; infinite where there is none.
        adjacent: (N,) float32, to the adjacent frame of the same lecture: the scale of what is near.
        every_s: seconds between frames.
    """

    lectures: list[str]
    lecture: NDArray[np.int32]
    number: NDArray[np.int64]
    neighbours: NDArray[np.int32]
    distance: NDArray[np.float32]
    adjacent: NDArray[np.float32]
    every_s: float

    def near(self, row: int, factor: float = 3.0) -> NDArray[np.int32]:
        """(M,) rows of the neighbours nearer than factor * adjacent[row], nearest first; M from 0 to K.

        The rule of SurgFM (Che et al., arXiv:2503.19740). A frame of a frozen picture is as its adjacent one,
        at distance 0, so nothing is near it.
        """
        return self.neighbours[row, self.distance[row] < factor * self.adjacent[row]]

    def with_a_near_one(self, factor: float = 3.0) -> NDArray[np.bool_]:
        """(N,) whether `near` finds anything."""
        near: NDArray[np.bool_] = self.distance < factor * self.adjacent[:, None]
        return np.any(near, axis=1)


def check_writable(path: str | Path) -> None:
    """See that a map can be written there, before hours are spent on it.

    Raises:
        InputError: a folder is there, or no folder can be, or nothing may be written in it.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError("this is a folder", file=path, remedy="Give the name of a file: neighbours.npz")
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot be written in {there}", file=path, remedy="Give another place")


def write_neighbour_map(path: str | Path, found: NeighbourMap) -> None:
    """Write one .npz atomically; equal maps give equal bytes."""
    arrays = {field.name: np.asarray(getattr(found, field.name)) for field in fields(found)}
    with atomic_path(path) as partial, partial.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def read_neighbour_map(path: str | Path) -> NeighbourMap:
    """Read what `write_neighbour_map` wrote; no pickles.

    Raises:
        InputError: naming file and array, for what is no such file, and for the first frame at which an array
            does not hold what `NeighbourMap` says.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except FileNotFoundError as error:
        raise InputError("there is no such neighbour map", file=path, remedy=_REMEDY) from error
    except UNREADABLE_ARRAYS as error:
        raise InputError(f"not a neighbour map ({error})", file=path, remedy=_REMEDY) from error
    _check_shapes(arrays, path)
    found = NeighbourMap(
        lectures=[checked_id(str(name), file=path) for name in arrays["lectures"]],
        lecture=arrays["lecture"],
        number=arrays["number"],
        neighbours=arrays["neighbours"],
        distance=arrays["distance"],
        adjacent=arrays["adjacent"],
        every_s=float(arrays["every_s"]),
    )
    _check_frames(found, path)
    _check_neighbours(found, path)
    return found


def read_published_map(path: str | Path) -> NeighbourMap:
    """Read a map of the published form, `{"<id>_<n>": [["<id>_<n>", distance], ...]}`, one frame a second.

    The first entry's distance is the scale; it and the second are no neighbours. What stands behind them in
    no rising order is sorted, a frame of the same lecture is left out, as the paper wants other lectures, and
    frames that occur as neighbours only are frames without neighbours. The file is held in memory as a whole.

    Raises:
        InputError: naming file and key, for what does not have that form.
    """
    content = _read_large_json(path)
    if not isinstance(content, dict) or not content:
        raise InputError("not a map of frames to their neighbours", file=path)
    entries = {key: _entries(value, path, key) for key, value in content.items()}
    named = {other for values in entries.values() for other, _ in values[2:]}
    frames = {key: _frame(key, path) for key in entries.keys() | named}
    return _from_entries(frames, entries)


def _from_entries(
    frames: dict[str, tuple[str, int]], entries: dict[str, list[tuple[str, float]]]
) -> NeighbourMap:
    keys = sorted(frames, key=frames.__getitem__)
    row_of = {key: row for row, key in enumerate(keys)}
    lectures = sorted({lecture for lecture, _ in frames.values()})
    lecture_row = {lecture: row for row, lecture in enumerate(lectures)}
    width = max(max(len(values) - 2, 0) for values in entries.values())
    neighbours = np.full((len(keys), width), -1, np.int32)
    distance = np.full((len(keys), width), np.inf, np.float32)
    adjacent = np.zeros(len(keys), np.float32)
    for key, values in entries.items():
        row = row_of[key]
        adjacent[row] = values[0][1] if values else 0
        near = [(far, row_of[other]) for other, far in values[2:] if frames[other][0] != frames[key][0]]
        for column, (far, other_row) in enumerate(sorted(near)):
            neighbours[row, column], distance[row, column] = other_row, far
    return NeighbourMap(
        lectures=lectures,
        lecture=np.array([lecture_row[frames[key][0]] for key in keys], np.int32),
        number=np.array([frames[key][1] for key in keys], np.int64),
        neighbours=neighbours,
        distance=distance,
        adjacent=adjacent,
        every_s=1.0,
    )


def _read_large_json(path: str | Path) -> Any:
    try:
        return read_json(path)
    except InputError:
        raise
    except (RecursionError, ValueError) as error:  # lists in lists without end; a number of 5 000 digits
        raise InputError(f"not a map of frames to their neighbours ({error})", file=path) from error


def _entries(value: Any, path: str | Path, key: str) -> list[tuple[str, float]]:
    if not isinstance(value, list):
        raise InputError("not a list of [key, distance]", file=path, key=_short(key))
    if len(value) > _MOST_ENTRIES:
        what = f"{len(value)} entries, at most {_MOST_ENTRIES} can be held for all frames"
        raise InputError(what, file=path, key=_short(key), remedy="Keep the nearest ones")
    found = []
    for entry in value:
        if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)):
            raise InputError(f"{_short(entry)} is not [key, distance]", file=path, key=_short(key))
        far = entry[1]
        good = isinstance(far, int | float) and not isinstance(far, bool) and 0 <= far <= _LARGEST
        if not good:
            raise InputError(f"{_short(far)} is not a distance", file=path, key=_short(key))
        found.append((entry[0], float(far)))
    return found


def _frame(key: str, path: str | Path) -> tuple[str, int]:
    """Lecture and number; the id itself may hold any number of `_`."""
    match = _KEY.fullmatch(key)
    if not match or not ID_PATTERN.fullmatch(match["lecture"]) or ".." in match["lecture"]:
        raise InputError("not a frame's name, <lecture>_<number>", file=path, key=_short(key))
    return match["lecture"], int(match["number"])


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _check_shapes(arrays: dict[str, NDArray[Any]], path: str | Path) -> None:
    wanted: dict[str, tuple[str, int]] = {
        "lectures": ("U", 1),
        "lecture": ("int32", 1),
        "number": ("int64", 1),
        "neighbours": ("int32", 2),
        "distance": ("float32", 2),
        "adjacent": ("float32", 1),
        "every_s": ("float64", 0),
    }
    for name, (kind, axes) in wanted.items():
        if name not in arrays:
            raise InputError("this array is missing", file=path, key=name, remedy=_REMEDY)
        array = arrays[name]
        if kind not in (array.dtype.kind, array.dtype.name) or array.ndim != axes:
            what = f"{array.dtype} of shape {array.shape} where {kind} with {axes} axes belongs"
            raise InputError(what, file=path, key=name, remedy=_REMEDY)
    count = len(arrays["lecture"])
    for name in ("number", "neighbours", "distance", "adjacent"):
        if len(arrays[name]) != count:
            what = f"{len(arrays[name])} rows where 'lecture' has {count}"
            raise InputError(what, file=path, key=name, remedy=_REMEDY)
    if arrays["neighbours"].shape != arrays["distance"].shape:
        raise InputError("not of the shape of 'neighbours'", file=path, key="distance", remedy=_REMEDY)


def _check_frames(found: NeighbourMap, path: str | Path) -> None:
    if not len(found.lecture):
        raise InputError("a map of no frames", file=path, remedy=_REMEDY)
    if len(set(found.lectures)) != len(found.lectures):
        raise InputError("a lecture stands there twice", file=path, key="lectures", remedy=_REMEDY)
    if not (math.isfinite(found.every_s) and found.every_s > 0):
        raise InputError(f"{found.every_s} is not a time", file=path, key="every_s", remedy=_REMEDY)
    lecture, number = found.lecture, found.number
    known = (lecture >= 0) & (lecture < len(found.lectures))
    _refuse(~known, "no row of 'lectures'", path, "lecture")
    _refuse(number < 0, "a negative number", path, "number")
    _refuse(_next(lecture) < lecture, "the next frame is of an earlier lecture", path, "lecture")
    again = (_next(lecture) == lecture) & (_next(number) <= number)
    again[-1] = False
    _refuse(again, "the next frame is not a later one", path, "number")
    _refuse(~_is_distance(found.adjacent), "not a distance", path, "adjacent")


def _check_neighbours(found: NeighbourMap, path: str | Path) -> None:
    rows, far = found.neighbours, found.distance
    _refuse((rows < -1) | (rows >= len(found.lecture)), "a row that is not there", path, "neighbours")
    own = (rows >= 0) & (found.lecture[rows] == found.lecture[:, None])
    _refuse(own, "a neighbour in the same lecture", path, "neighbours")
    fits = np.where(rows >= 0, _is_distance(far), np.isposinf(far))
    what = "not a distance, or not infinite where there is no neighbour"
    _refuse(~fits, what, path, "distance")
    _refuse(far[:, 1:] < far[:, :-1], "not nearest first", path, "distance")


def _next(values: NDArray[Any]) -> NDArray[Any]:
    """The following frame's values; the last one's own for the last."""
    return np.append(values[1:], values[-1:])


def _is_distance(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    return (values >= 0) & np.isfinite(values)


def _refuse(wrong: NDArray[np.bool_], what: str, path: str | Path, name: str) -> None:
    rows = wrong.any(1) if wrong.ndim == 2 else wrong
    if rows.any():
        raise InputError(f"{what}, at frame {rows.argmax()} (from 0)", file=path, key=name, remedy=_REMEDY)
