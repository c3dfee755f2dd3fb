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
from surgvlp.lectures import DataTree, read_captions
from surgvlp.lectures.tables import read_rows, read_utf8
from surgvlp.lectures.texts import is_blank
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
    columns: Sequence[str] = (),
) -> Split:
    """Read the captions and durations of lectures; those without frames or texts are left out and counted.

    Args:
        frames: {lecture: its frame store or video}.
        texts: {lecture: its caption files, one a source, the anchor's first}.
        needed: how many of the first sources a lecture must have. A file without any text then counts as
            missing. None: all of them, and a file without any text is an error.
        columns: of the caption files, each a wording of the same caption; see `Captions.wordings`.

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
            lacks = [_lack(text, empty_is_missing=needed is not None) for text in texts[name]]
            if required := [lack for lack in lacks[:needed] if lack]:
                split.leave_out(" and ".join(required), name)
                continue
            for lack in filter(None, lacks):
                split.leave_out(lack, name)
            captions = tuple(
                _NO_CAPTIONS if lack else _captions(text, columns, split.columns)
                for text, lack in zip(texts[name], lacks, strict=True)
            )
            paths.append(path)
            split.lectures.append(Lecture(name, LectureFrames([path]).duration(0), captions))
    split.frames = LectureFrames(paths)
    return split


def frames_path(tree: DataTree, frames_root: str | None, name: str) -> Path:
    """A lecture's frame store in `frames_root`, or its video where that is None."""
    return tree.video(name) if frames_root is None else Path(frames_root) / f"{name}{SUFFIX}"


_NO_CAPTIONS = Captions(np.empty(0), np.empty(0), [])


def _lack(path: Path, empty_is_missing: bool) -> str:
    """What is wrong with a caption file's being there, "" if nothing."""
    if not path.is_file():
        return f"no {path.parent.name}"
    return f"empty {path.parent.name}" if empty_is_missing and _is_empty(path) else ""


def _is_empty(path: Path) -> bool:
    lines = [line for line in read_utf8(path).splitlines() if line.strip(" \t,")]
    if len(lines) < 2:  # nothing, or a header
        return True
    return all(is_blank(cells["text"]) for _, cells in read_rows(path, ("start", "end", "text")))


def _captions(path: Path, columns: Sequence[str], found: set[str]) -> Captions:
    captions = read_captions(path)
    return Captions(
        np.array([caption.start for caption in captions]),
        np.array([caption.end for caption in captions]),
        [caption.text for caption in captions],
        _wordings(path, columns, found) if columns else [],
    )


def _wordings(path: Path, columns: Sequence[str], found: set[str]) -> list[tuple[str, ...]]:
    """The texts of each row's `columns`, each once, or its `text` if they are empty."""
    wordings = []
    for _, cells in read_rows(path, ("text",)):
        found.update(cells)
        texts = [cells[column] for column in columns if not is_blank(cells.get(column, ""))]
        wordings.append(tuple(dict.fromkeys(texts or [cells["text"]])))
    return wordings
