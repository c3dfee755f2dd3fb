"""The lectures of a split as data sets need them: frames, duration, captions, and what had to be left out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp.console import progress_bar
from surgvlp.datasets.frames import LectureFrames
from surgvlp.files import InputError
from surgvlp.lectures import DataTree
from surgvlp.lectures.texts import is_blank, read_captions_and_cells
from surgvlp.media.store import SUFFIX

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Captions:
    """One lecture's captions of one source.

    Attributes:
        start, end: (N,) seconds.
        texts: N texts.
        wordings: for each of them, what may be said in its place: the different texts of the columns that
            were asked for; empty if none were.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    texts: list[str]
    wordings: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(frozen=True)
class Lecture:
    """One usable lecture.

    Attributes:
        name: its id.
        duration: seconds of its video.
        captions: one for each source, the anchor's first; empty where a source that is not needed has none.
    """

    name: str
    duration: float
    captions: tuple[Captions, ...]


@dataclass
class Split:
    """The usable lectures of a split.

    Attributes:
        lectures: in the order of the split.
        frames: of the same lectures in the same order.
        left_out: what could not be used and why, {reason: [what]}.
        columns: those of the caption files that hold further wordings.
    """

    lectures: list[Lecture]
    frames: LectureFrames
    left_out: dict[str, list[str]] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)

    def leave_out(self, reason: str, what: str) -> None:
        """Count something that is not trained on."""
        self.left_out.setdefault(reason, []).append(what)

    def report(self, used: int, unit: str, file: Path) -> None:
        """Log once what is left out; refuse if nothing is left.

        Raises:
            InputError: `used` is 0.
        """
        for reason, names in self.left_out.items():
            counts = Counter(names)
            shown = ", ".join(f"{name} ({n})" if n > 1 else name for name, n in counts.most_common(10))
            more = f" and {len(counts) - 10} more" if len(counts) > 10 else ""
            logger.warning("%s: left out %d: %s: %s%s", file, len(names), reason, shown, more)
        if not used:
            reasons = "; ".join(f"{len(names)}: {reason}" for reason, names in self.left_out.items())
            raise InputError(f"no {unit} of this split can be used ({reasons or 'it is empty'})", file=file)


def read_lectures(
    frames: Mapping[str, Path],
    texts: Mapping[str, Sequence[Path]],
    needed: int | None = None,
    columns: Sequence[Sequence[str]] | None = None,
    every_file: bool = False,
) -> Split:
    """Read the captions and durations of lectures; those without frames or texts are left out and counted.

    Args:
        frames: {lecture: its frame store or video}.
        texts: {lecture: its caption files, one a source, the anchor's first}.
        needed: of how many of the first sources a lecture must have texts; None: of all.
        columns: for each source those columns of its files that are wordings of a caption; see
            `Captions.wordings`. None: no wordings are wanted.
        every_file: whether the files of the sources that are not needed must be there all the same, be they
            empty; the released data sets open every one.

    Raises:
        InputError: a caption file or frame store that is there but cannot be used.
    """
    split = Split([], LectureFrames([]))
    paths = []
    with progress_bar("reading lectures", len(frames), unit="lectures") as bar:
        for name, path in frames.items():
            bar.advance()
            if not path.exists():
                split.leave_out("no frames", name)
                continue
            files = texts[name]
            wanted = files[: None if every_file else needed]
            if missing := [f"no {file.parent.name}" for file in wanted if not file.is_file()]:
                split.leave_out(" and ".join(missing), name)
                continue
            captions = _read_sources(name, files, needed, columns, split)
            if captions is not None:
                paths.append(path)
                split.lectures.append(Lecture(name, LectureFrames([path]).duration(0), captions))
    split.frames = LectureFrames(paths)
    return split


def frames_path(tree: DataTree, frames_root: str | None, name: str) -> Path:
    """A lecture's frame store in `frames_root`, or its video where that is None."""
    return tree.video(name) if frames_root is None else Path(frames_root) / f"{name}{SUFFIX}"


def _read_sources(
    name: str,
    files: Sequence[Path],
    needed: int | None,
    columns: Sequence[Sequence[str]] | None,
    split: Split,
) -> tuple[Captions, ...] | None:
    """A lecture's captions of each source, or None if one that is needed has no text; counts what lacks."""
    sources: list[Captions] = []
    for number, file in enumerate(files):
        wordings = columns[number] if columns else ()
        captions = _captions(file, wordings, split.columns) if file.is_file() else None
        is_needed = needed is None or number < needed
        if not captions:
            split.leave_out(f"no {file.parent.name} (the lecture is used without)", name)
        elif not captions.texts:
            without = "" if is_needed else " (the lecture is used without)"
            split.leave_out(f"empty {file.parent.name}{without}", name)
            if is_needed:
                return None
        sources.append(captions or Captions(np.empty(0), np.empty(0), []))
    return tuple(sources)


def _captions(path: Path, columns: Sequence[str], found: set[str]) -> Captions:
    captions, rows = read_captions_and_cells(path)
    if columns and rows:
        found.update(rows[0])
    return Captions(
        np.array([caption.start for caption in captions]),
        np.array([caption.end for caption in captions]),
        [caption.text for caption in captions],
        [_wordings(cells, columns) for cells in rows] if columns else [],
    )


def _wordings(cells: Mapping[str, str], columns: Sequence[str]) -> tuple[str, ...]:
    """The texts of a row's `columns`, each once, or its `text` if they are empty."""
    texts = [cells[column] for column in columns if not is_blank(cells.get(column, ""))]
    return tuple(dict.fromkeys(texts or [cells["text"]]))
