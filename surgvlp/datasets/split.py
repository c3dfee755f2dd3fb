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
from surgvlp.lectures import read_captions

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Captions:
    """One lecture's captions of one source as arrays: start, end (N,) seconds, and N texts."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    texts: list[str]


@dataclass(frozen=True)
class Lecture:
    """One usable lecture.

    Attributes:
        name: its id.
        duration: seconds of its video.
        captions: one for each source, the anchor's first.
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
    """

    lectures: list[Lecture]
    frames: LectureFrames
    left_out: dict[str, list[str]] = field(default_factory=dict)

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


def read_lectures(frames: Mapping[str, Path], texts: Mapping[str, Sequence[Path]]) -> Split:
    """Read the captions and durations of lectures; those without frames or texts are left out and counted.

    Args:
        frames: {lecture: its frame store or video}.
        texts: {lecture: its caption files, one a source, the anchor's first}.

    Raises:
        InputError: a caption file or frame store that is there but cannot be used.
    """
    split = Split([], LectureFrames([]))
    paths = []
    with progress_bar("reading lectures", len(frames), unit="lectures") as bar:
        for name, path in frames.items():
            bar.advance()
            missing = [str(text.parent.name) for text in texts[name] if not text.is_file()]
            if not path.exists():
                split.leave_out("no frames", name)
            elif missing:
                split.leave_out(f"no {' and no '.join(missing)}", name)
            else:
                paths.append(path)
                duration = LectureFrames([path]).duration(0)
                split.lectures.append(Lecture(name, duration, tuple(_captions(text) for text in texts[name])))
    split.frames = LectureFrames(paths)
    return split


def _captions(path: Path) -> Captions:
    captions = read_captions(path)
    return Captions(
        np.array([caption.start for caption in captions]),
        np.array([caption.end for caption in captions]),
        [caption.text for caption in captions],
    )
