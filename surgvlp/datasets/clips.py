"""Clip-level pretraining (SurgVLP): a few seconds of video with what is said during them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp import config
from surgvlp.datasets.frames import square
from surgvlp.datasets.sampling import clip_window, derangement, item_generator, nearest_captions, spread
from surgvlp.datasets.split import Captions, Lecture, frames_path, read_lectures
from surgvlp.datasets.texts import TextTable, Tokenizer
from surgvlp.files import InputError
from surgvlp.lectures import DataTree
from surgvlp.registry import DATASETS


@dataclass(frozen=True)
class ClipKeys:
    """The config keys of the data set `clips`.

    Attributes:
        root: the data tree.
        split: name of a split in it.
        frames_root: folder of frame stores `<id>.frames`; None reads the videos themselves.
        sources: kinds of narration, the anchor's first; with a second, neighbours come from that one.
        neighbours: how many neighbouring captions a sample has beside its anchor.
        neighbour_reach: how many seconds a neighbour may lie from the narration.
        num_frames: T, frames of a clip, evenly spread.
        clip_min, clip_max: seconds of a clip, uniform between them.
        size: S, side of the frames in pixels.
        random_crop: whether the square lies anywhere in the frame (one draw a clip) or in its centre.
        max_length: tokens of a text.
        shuffle_texts: the control: the texts of all clips are exchanged, by a permutation that `seed` fixes.
        seed: of every draw.
    """

    root: str
    split: str
    frames_root: str | None = None
    sources: tuple[str, ...] = ("whisper_narration",)
    neighbours: int = 2
    neighbour_reach: float = 10.0
    num_frames: int = 4
    clip_min: float = 3.0
    clip_max: float = 5.0
    size: int = 224
    random_crop: bool = True
    max_length: int = 77
    shuffle_texts: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.sources) not in (1, 2):
            raise InputError("expected one or two kinds of narration", key="sources")
        if not 0 < self.clip_min <= self.clip_max:
            raise InputError("expected 0 < clip_min <= clip_max", key="clip_min")
        for name in ("num_frames", "size", "max_length"):
            if getattr(self, name) < 1:
                raise InputError("expected 1 or more", key=name)


class Clips:
    """One sample is one narration and a clip inside its time; an epoch is every narration once.

    `dataset[(epoch, index)]` draws the clip's place and length, and the crop, from a generator of
    (seed, epoch, index), and gives
        frames: (T, 3, S, S) uint8 RGB.
        text_index: (1 + neighbours,) int64, rows of `texts`: the anchor, then its neighbours, the nearest
            first, none twice, filled up with the anchor where there are too few.
        sample_index: the index.

    Attributes:
        texts: the table of all texts.
        texts_per_source: (1, neighbours), or (1,) without neighbours.
        lectures: the lectures used.
        left_out: what is not used and why, {reason: [lecture, once for each narration]}.

    Raises:
        InputError: a file that cannot be used, or nothing left to train on.
    """

    def __init__(self, keys: ClipKeys, tokenizer: Tokenizer) -> None:
        self.keys = keys
        tree = DataTree(keys.root)
        names = tree.split(keys.split)
        split = read_lectures(
            {name: frames_path(tree, keys.frames_root, name) for name in names},
            {name: [tree.texts(kind, name) for kind in keys.sources] for name in names},
        )
        self.lectures, self.frames, self.left_out = split.lectures, split.frames, split.left_out
        anchors = []
        for number, lecture in enumerate(self.lectures):
            for row, start in enumerate(lecture.captions[0].start):
                if start < lecture.duration:
                    anchors.append((number, row))
                else:
                    split.leave_out("narrated after the end of the video", lecture.name)
        split.report(len(anchors), "narration", tree.root / "splits" / f"{keys.split}.csv")
        self._anchors = np.array(anchors)
        self.texts = TextTable(
            (text for lecture in self.lectures for captions in lecture.captions for text in captions.texts),
            tokenizer,
            keys.max_length,
        )
        self.texts_per_source = (1, keys.neighbours) if keys.neighbours else (1,)
        self._text_index = self._all_texts()

    def __len__(self) -> int:
        return len(self._anchors)

    def __getitem__(self, key: tuple[int, int] | int) -> dict[str, Any]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        keys, generator = self.keys, item_generator(self.keys.seed, epoch, index)
        lecture, row = self._anchors[index]
        captions, duration = self.lectures[lecture].captions[0], self.lectures[lecture].duration
        length = generator.uniform(keys.clip_min, keys.clip_max)
        window = clip_window(captions.start[row], captions.end[row], duration, length, generator)
        across, down = generator.random(2) if keys.random_crop else (0.5, 0.5)
        frames = self.frames.read_at(lecture, spread(*window, keys.num_frames))
        return {
            "frames": square(frames, keys.size, across, down),
            "text_index": self._text_index[index],
            "sample_index": index,
        }

    def describe(self, index: int) -> str:
        """Which narration the sample is: `lecture_0003 at 12.4 s`."""
        lecture, row = self._anchors[index].tolist()
        return f"{self.lectures[lecture].name} at {self.lectures[lecture].captions[0].start[row]:.1f} s"

    def _all_texts(self) -> NDArray[np.int64]:
        """(N, K) rows of the text table."""
        rows = np.stack(
            [self._sample_texts(self.lectures[lecture], row) for lecture, row in self._anchors.tolist()]
        )
        if not self.keys.shuffle_texts:
            return rows
        if len(rows) < 2:
            raise InputError("one narration cannot be exchanged for another", key="shuffle_texts")
        return rows[derangement(len(rows), self.keys.seed)]

    def _sample_texts(self, lecture: Lecture, row: int) -> NDArray[np.int64]:
        anchor: Captions = lecture.captions[0]
        others = lecture.captions[-1]
        order = nearest_captions(
            others.start, others.end, anchor.start[row], anchor.end[row], self.keys.neighbour_reach
        )
        # a dict keeps the order and drops what is said twice; the anchor itself is among `others` if there is
        # one source only
        found = dict.fromkeys([anchor.texts[row], *(others.texts[other] for other in order)])
        rows = [self.texts.row(text) for text in found][: 1 + self.keys.neighbours]
        return np.array(rows + rows[:1] * (1 + self.keys.neighbours - len(rows)), dtype=np.int64)


@DATASETS.register_module(name="clips")
def build_clips(tokenizer: Tokenizer, **keys: Any) -> Clips:
    """Build `Clips` from its config keys (`ClipKeys`); unknown ones are refused."""
    return Clips(config.build(ClipKeys, keys, "clips"), tokenizer)
