"""What keystep and video level share: a stretch of video, what sums it up, and its parts in order."""

from __future__ import annotations

import logging
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.datasets.frames import square
from surgvlp.datasets.sampling import item_generator, one_of_each_part, spread
from surgvlp.datasets.split import Split, frames_path, read_lectures
from surgvlp.datasets.texts import TextTable, Tokenizer
from surgvlp.files import InputError
from surgvlp.lectures import DataTree

logger = logging.getLogger(__name__)

Wordings = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ParentChildKeys:
    """The config keys that both levels have.

    Attributes:
        root: the data tree.
        split: name of a split in it.
        frames_root: folder of frame stores `<id>.frames`; None reads the videos themselves.
        children: C, how many children a sample has at most.
        num_frames: T, frames of a sample, one in each of T equal parts of its stretch.
        random_frames: whether a frame lies anywhere in its part or in the middle of it.
        size: S, side of the frames in pixels.
        random_crop: whether the square lies anywhere in the frame (one draw a sample) or in its centre.
        text_columns: of keystep and abstract files; one of those that a caption has is drawn each time,
            original (`step`) or augmented (`text`). A caption that has none of them gives its `text`.
        max_length: tokens of a text.
        seed: of every draw.
    """

    root: str
    split: str
    frames_root: str | None = None
    children: int = 8
    num_frames: int = 16
    random_frames: bool = True
    size: int = 224
    random_crop: bool = True
    text_columns: tuple[str, ...] = ("step", "text")
    max_length: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("children", "num_frames", "size", "max_length"):
            if getattr(self, name) < 1:
                raise InputError("expected 1 or more", key=name)
        if not self.text_columns:
            raise InputError("expected one column or more", key="text_columns")


@dataclass(frozen=True)
class Sample:
    """A stretch of a lecture with its texts.

    Attributes:
        lecture: its number in the split.
        start, end: seconds, within the video.
        parent: the wordings of what sums it up.
        children: the wordings of each of its parts, in order of time; one at least.
    """

    lecture: int
    start: float
    end: float
    parent: Wordings
    children: tuple[Wordings, ...]


class ParentChild:
    """Samples of a parent and its children; `dataset[(epoch, index)]` gives

        frames: (T, 3, S, S) uint8 RGB, in order of time.
        text_index: (1 + C,) int64, rows of `texts`: the parent, its children in order of time, and the
            parent again in the places that are left.
        step_mask: (C,) bool, which children are there: the first ones, one at least.
        sample_index: the index.

    Times of frames, the crop, which children there are (`one_of_each_part`) and their wordings are drawn from
    a generator of (seed, epoch, index). A wording that the sample's children have already is avoided where
    there is another.

    Attributes:
        texts: the table of all texts.
        texts_per_source: (1, C): parent and children.
        lectures: the lectures used.
        left_out: what is not used and why, {reason: [lecture, once for each thing]}.
    """

    def __init__(
        self, keys: ParentChildKeys, split: Split, samples: Sequence[Sample], tokenizer: Tokenizer
    ) -> None:
        self.keys = keys
        self.lectures, self.frames, self.left_out = split.lectures, split.frames, split.left_out
        self._samples = list(samples)
        few = sum(len(sample.children) < keys.children for sample in samples)
        if few:
            logger.info("%d of %d samples have fewer than %d children", few, len(samples), keys.children)
        self.texts = TextTable(
            (text for sample in samples for texts in (sample.parent, *sample.children) for text in texts),
            tokenizer,
            keys.max_length,
        )
        self.texts_per_source = (1, keys.children)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, key: tuple[int, int] | int) -> dict[str, Any]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        keys, generator = self.keys, item_generator(self.keys.seed, epoch, index)
        sample = self._samples[index]
        across, down = generator.random(2) if keys.random_crop else (0.5, 0.5)
        within = generator.random(keys.num_frames) if keys.random_frames else 0.5
        times = spread(sample.start, sample.end, keys.num_frames, within)
        frames = self.frames.read_at(sample.lecture, times)
        text_index, step_mask = self._draw_texts(sample, generator)
        return {
            "frames": square(frames, keys.size, across, down),
            "text_index": text_index,
            "step_mask": step_mask,
            "sample_index": index,
        }

    def describe(self, index: int) -> str:
        """Which stretch the sample is: `lecture_0003 from 12.4 to 80.0 s`."""
        sample = self._samples[index]
        return f"{self.lectures[sample.lecture].name} from {sample.start:.1f} to {sample.end:.1f} s"

    def _draw_texts(
        self, sample: Sample, generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        parent = _draw(sample.parent, generator)
        children: list[str] = []
        for number in one_of_each_part(len(sample.children), self.keys.children, generator):
            children.append(_draw(sample.children[number], generator, children))
        # A row of real text in the empty places: encoders get nothing odd, batches no longer texts.
        filled = [parent, *children, *[parent] * (self.keys.children - len(children))]
        rows = np.array([self.texts.row(text) for text in filled], dtype=np.int64)
        return rows, np.arange(self.keys.children) < len(children)


def read_sources(keys: ParentChildKeys, sources: Mapping[str, Sequence[str]], needed: int) -> Split:
    """The lectures of a split with their texts; one must have those of the first `needed` sources.

    Args:
        keys: of the data set.
        sources: {kind of text: its columns that are wordings of a caption}, the parents' first.
        needed: how many.

    Raises:
        InputError: a file that cannot be used, or a text column that no file has.
    """
    tree = DataTree(keys.root)
    names = tree.split(keys.split)
    split = read_lectures(
        {name: frames_path(tree, keys.frames_root, name) for name in names},
        {name: [tree.texts(kind, name) for kind in sources] for name in names},
        needed,
        list(sources.values()),
    )
    there = split.columns - {"start", "end"}
    unknown = set(keys.text_columns) - there - {"step", "text"}  # texts without augmentation have no `step`
    if split.lectures and unknown:
        raise InputError(
            f"no file of this split has the column '{min(unknown)}'",
            key="text_columns",
            remedy=f"There are {', '.join(sorted(there))}",
        )
    return split


def _draw(wordings: Wordings, generator: np.random.Generator, taken: Container[str] = ()) -> str:
    """One of the wordings, if there is such one that is not `taken`."""
    order = [wordings[number] for number in generator.permutation(len(wordings))]
    return next((text for text in order if text not in taken), order[0])
