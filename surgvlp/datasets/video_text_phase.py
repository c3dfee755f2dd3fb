"""The published data sets of keystep level, `video_text_phase` and `video_text_phase_aug`.

They are sampled as the released code samples. Use `keysteps` for training of your own: here an epoch is one
keystep a *video*, and its clip runs between narrations in random order.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from surgvlp import config
from surgvlp.datasets.published import PublishedDataset, PublishedKeys, named_tokenizer, read_published
from surgvlp.datasets.sampling import (
    Times,
    item_generator,
    near,
    released_grid,
    released_growth,
    released_spread,
)
from surgvlp.datasets.split import Captions, Lecture
from surgvlp.datasets.texts import Tokenizer
from surgvlp.files import InputError
from surgvlp.registry import DATASETS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VideoTextPhaseKeys(PublishedKeys):
    """The config keys of keystep and video level: those of `PublishedKeys`, and as published

    Attributes:
        phase_root: folder of the parents' `<id>.csv`: keysteps, at video level abstracts.
        caption_roots: folders of the children's: narrations, at video level the keysteps alone.
        candidates: one number: C, the children of a sample.
        min_time: seconds of a clip at least.
        num_frames_clip: T, frames of a sample.
    """

    phase_root: str
    num_frames_clip: int = 16
    max_length: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.counts) != 1 or self.counts[0] < 1:
            raise InputError(
                f"{list(self.counts)} is not one number of children",
                key="candidates",
                remedy="Give a list of one number, 1 or more",
            )
        if not self.caption_roots:
            raise InputError("expected one folder or more", key="caption_roots")
        if not self.min_time > 0:
            raise InputError("expected more than 0 seconds", key="min_time")
        for name in ("num_frames_clip", "size", "max_length"):
            if getattr(self, name) < 1:
                raise InputError("expected 1 or more", key=name)

    @property
    def children(self) -> int:
        """C."""
        return self.counts[0]


class VideoTextPhase(PublishedDataset):
    """One sample is one keystep drawn from one lecture; an epoch is every lecture once. A sample holds

        frames: (T, 3, S, S) uint8 RGB, in order of time, some twice where the clip has fewer.
        text_index: (1 + C,) int64, rows of `texts`: the keystep, then narrations near it in random order, and
            the keystep again where there are too few. A narration that spans an end of the keystep's window
            may come twice.
        step_mask: (C,) bool, all true: as published, what fills up counts.
        sample_index: the index.

    As published, the clip runs from the start of the first child to the end of the last one, in that random
    order, so that half of the clips are the least length around somewhere. Differs from the released loader
    in what draws the random numbers and in the resize filter (area averages for swscale's bicubic). What the
    released worker crashes on is left out and counted: a lecture without frames, without keysteps or without
    one of the files, and a keystep whose clip may begin after the end of the video.

    Attributes, beside those of `PublishedDataset`:
        texts_per_source: (1, C).
    """

    keys: VideoTextPhaseKeys

    def __init__(self, keys: VideoTextPhaseKeys, tokenizer: Tokenizer, augmented: bool) -> None:
        """`augmented`: keystep and each source's narrations are `step` or `text`, one draw for each file."""
        self.texts_per_source, self._augmented = (1, keys.children), augmented
        columns = ("step", "text") if augmented else None
        split = read_published(keys, [keys.phase_root, *keys.caption_roots], needed=1, columns=columns)
        self._rows = {}
        few = total = 0
        for number, lecture in enumerate(split.lectures):
            nearby = [Nearby.of(lecture, row, keys) for row in range(len(lecture.captions[0].texts))]
            shown = [one for one in nearby if (one.clip_starts(keys) < lecture.duration).all()]
            for _ in range(len(nearby) - len(shown)):
                split.leave_out("keystep whose clip may begin after the end of the video", lecture.name)
            if shown:
                self._rows[number] = np.array([one.keystep for one in shown])
            else:
                split.leave_out("no keystep within the video", lecture.name)
            few += sum(len(one.narrations) < keys.children for one in shown)
            total += len(shown)
        super().__init__(keys, split, list(self._rows), tokenizer)
        if few:
            logger.info("%d of %d keysteps have fewer than %d narrations", few, total, keys.children)

    def __getitem__(self, key: tuple[int, int] | int) -> dict[str, Any]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        keys, generator = self.keys, item_generator(self.keys.seed, epoch, index)
        number = self._usable[index]
        lecture = self.lectures[number]
        nearby = Nearby.of(lecture, int(generator.choice(self._rows[number])), keys)
        children, start, end = nearby.draw(keys, generator)
        wordings = [self._worded(captions, generator) for captions in lecture.captions]
        texts = [wordings[source][row] for source, row in [(0, nearby.keystep), *children]]
        return {
            "frames": self._frames(number, clip_times(start, end, lecture.duration, keys), generator),
            "text_index": np.array([self.texts.row(text) for text in texts], dtype=np.int64),
            "step_mask": np.ones(keys.children, dtype=bool),
            "sample_index": index,
        }

    def _worded(self, captions: Captions, generator: np.random.Generator) -> list[str]:
        """The texts of one file: its column `text`, or with probability 1/2 `step`, where it has that."""
        if not self._augmented or generator.random() < 0.5:
            return captions.texts
        return [wordings[0] for wordings in captions.wordings]


@dataclass(frozen=True)
class Nearby:
    """A keystep and what is said near it.

    Attributes:
        keystep: its row.
        narrations: (source, row) of each, source by source, some twice; see `near`.
        spans: (N, 2) their seconds, and the keystep's own window in the places that lack to C.
    """

    keystep: int
    narrations: list[tuple[int, int]]
    spans: Times

    @classmethod
    def of(cls, lecture: Lecture, row: int, keys: VideoTextPhaseKeys) -> Nearby:
        """Of one row of a lecture's keysteps, whose window is in whole seconds."""
        keysteps = lecture.captions[0]
        grown = released_growth(keysteps.start[row], keysteps.end[row], keys.min_time)
        start, end = int(grown[0]), int(grown[1])
        found = [near(captions.start, captions.end, start, end) for captions in lecture.captions[1:]]
        narrations = [(source, int(other)) for source, rows in enumerate(found, start=1) for other in rows]
        sources = zip(lecture.captions[1:], found, strict=True)
        spans = [np.stack([captions.start[rows], captions.end[rows]], axis=1) for captions, rows in sources]
        fill = np.tile([float(start), float(end)], (max(0, keys.children - len(narrations)), 1))
        return cls(row, narrations, np.concatenate([*spans, fill]))

    def draw(
        self, keys: VideoTextPhaseKeys, generator: np.random.Generator
    ) -> tuple[list[tuple[int, int]], float, float]:
        """C children, the keystep itself where narrations lack, and the window of the first and the last.

        Too many narrations are drawn without repeats, in random order. The window may end before it starts.
        """
        order = np.arange(len(self.spans))
        if len(order) > keys.children:
            order = generator.choice(len(order), keys.children, replace=False)
        everything = [*self.narrations, *[(0, self.keystep)] * (len(self.spans) - len(self.narrations))]
        start, end = self.spans[order[0], 0], self.spans[order[-1], 1]
        return [everything[number] for number in order], float(start), float(end)

    def clip_starts(self, keys: VideoTextPhaseKeys) -> Times:
        """(N,) seconds at which the clip begins, for every pair that may come first and last."""
        first, last = np.array([0]), np.array([-1])
        if len(self.spans) > keys.children:
            same = np.eye(len(self.spans), dtype=bool)
            first, last = np.nonzero(same if keys.children == 1 else ~same)
        return released_growth(self.spans[first, 0], self.spans[last, 1], keys.min_time)[0]


def clip_times(start: float, end: float, duration: float, keys: VideoTextPhaseKeys) -> Times:
    """(T,) seconds of the frames: a grid of ceil(T / length) a second over the clip, T of them picked.

    Args:
        start, end: seconds of the window; the clip begins before `duration`.
        duration: of the video.
    """
    grown = released_growth(start, end, keys.min_time)
    first, length = float(grown[0]), float(grown[1] - grown[0])
    grid = released_grid(first, length, np.ceil(keys.num_frames_clip / length), duration)
    return grid[released_spread(len(grid), keys.num_frames_clip)]


@DATASETS.register_module(name="video_text_phase")
def build_video_text_phase(tokenizer: Tokenizer | None = None, **keys: Any) -> VideoTextPhase:
    """Build the published `video_text_phase`; unknown keys are refused."""
    built = config.build(VideoTextPhaseKeys, keys, "video_text_phase")
    return VideoTextPhase(built, tokenizer or named_tokenizer(built.bert_type), augmented=False)


@DATASETS.register_module(name="video_text_phase_aug")
def build_video_text_phase_aug(tokenizer: Tokenizer | None = None, **keys: Any) -> VideoTextPhase:
    """Build the published `video_text_phase_aug`, original or augmented texts; unknown keys are refused."""
    built = config.build(VideoTextPhaseKeys, keys, "video_text_phase_aug")
    return VideoTextPhase(built, tokenizer or named_tokenizer(built.bert_type), augmented=True)
