"""The published clip-level data sets `video_text` and `video_text_ssl`, sampled as the released code samples.

Use `clips` for training of your own: an epoch here is one randomly drawn caption a *video*, and neighbours
are taken from the start of the window, twice where a caption spans it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from surgvlp import config
from surgvlp.datasets.published import (
    PublishedDataset,
    PublishedKeys,
    check_transforms,
    named_tokenizer,
    read_published,
)
from surgvlp.datasets.sampling import (
    Times,
    item_generator,
    near,
    pick,
    released_grid,
    released_stride,
    released_window,
)
from surgvlp.datasets.split import Lecture
from surgvlp.datasets.texts import Tokenizer
from surgvlp.files import InputError
from surgvlp.registry import DATASETS

_AUGMENTATION = [
    "ToPILImage",
    "RandomResizedCrop",
    "RandomApply",
    "RandomGrayscale",
    "RandomApply",
    "RandomHorizontalFlip",
    "ToTensor",
    "Normalize",
]


@dataclass(frozen=True, kw_only=True)
class VideoTextKeys(PublishedKeys):
    """The config keys of `video_text` and `video_text_ssl`: those of `PublishedKeys`, and as published

    Attributes:
        candidates: texts of each source in a sample; the first must be 1.
        min_time: seconds that an anchor's window has at least.
        fps, num_frames: frames are taken from a grid of `fps` a second over the clip.
        clip_min, clip_max: whole seconds of a clip.
        aug_transforms: only the published ones are taken, since `Views` does them on the device
            (`compat="released"`).
    """

    fps: float = 2.0
    num_frames: int = 4
    clip_min: int = 3
    clip_max: int = 5
    aug_transforms: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        counts = self.counts
        if len(counts) != len(self.caption_roots) or counts[0] != 1 or min(counts) < 1:
            raise InputError(
                f"{list(counts)} texts for {len(self.caption_roots)} caption_roots",
                key="candidates",
                remedy="Give one number a source, the first of them 1",
            )
        check_transforms("aug_transforms", self.aug_transforms, _AUGMENTATION)


class VideoText(PublishedDataset):
    """One sample is one caption drawn from one lecture; an epoch is every lecture once.

    Samples have the form of `Clips`: `frames (T, 3, S, S) uint8`, `text_index (K,)`, `sample_index`.
    Neighbours stand in published order with published duplicates. Differs from the released loader in what
    draws the random numbers, in the resize filter (area averages for swscale's bicubic) and in that a lecture
    with no frames, no captions or too few seconds is left out and counted, where the released worker crashes.
    A further source may have no captions in a lecture, as released: the anchor then stands in.

    Attributes, beside those of `PublishedDataset`:
        texts_per_source: `candidates`.
    """

    keys: VideoTextKeys

    def __init__(self, keys: VideoTextKeys, tokenizer: Tokenizer) -> None:
        self.texts_per_source = keys.counts
        split = read_published(keys, keys.caption_roots, needed=1)
        usable = []
        for number, lecture in enumerate(split.lectures):
            if lecture.duration * keys.fps > keys.num_frames:
                usable.append(number)
            else:
                split.leave_out("too short", lecture.name)
        super().__init__(keys, split, usable, tokenizer)

    def __getitem__(self, key: tuple[int, int] | int) -> dict[str, Any]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        keys, generator = self.keys, item_generator(self.keys.seed, epoch, index)
        number = self._usable[index]
        lecture = self.lectures[number]
        anchors = lecture.captions[0]
        anchor, start, end = pick(anchors.start, anchors.end, 1, keys.min_time, generator)
        seek, length = released_window(start, end, lecture.duration, keys.clip_min, keys.clip_max, generator)
        return {
            "frames": self._frames(number, self._frame_times(lecture, seek, length), generator),
            "text_index": np.array(list(self._texts(lecture, anchor, start, end)), dtype=np.int64),
            "sample_index": index,
        }

    def _frame_times(self, lecture: Lecture, seek: float, length: int) -> Times:
        grid = released_grid(seek, length, self.keys.fps, lecture.duration)
        if len(grid) <= self.keys.num_frames:
            raise InputError(
                f"the clip of lecture {lecture.name} from {seek:g} s has {len(grid)} frames, "
                f"more than {self.keys.num_frames} are needed",
                file=self.keys.csv,
                remedy="Delete captions at the end of the video, or take the lecture out of the split",
            )
        return grid[released_stride(len(grid), self.keys.num_frames)]

    def _texts(self, lecture: Lecture, anchor: int, start: int, end: int) -> Iterator[int]:
        anchor_row = self.texts.row(lecture.captions[0].texts[anchor])
        yield anchor_row
        for captions, count in zip(lecture.captions[1:], self.texts_per_source[1:], strict=True):
            found = near(captions.start, captions.end, start, end)[:count]
            yield from (self.texts.row(captions.texts[other]) for other in found)
            yield from [anchor_row] * (count - len(found))


@DATASETS.register_module(name="video_text")
def build_video_text(tokenizer: Tokenizer | None = None, **keys: Any) -> VideoText:
    """Build the published `video_text`; unknown keys are refused."""
    return _build(tokenizer, keys, "video_text")


@DATASETS.register_module(name="video_text_ssl")
def build_video_text_ssl(tokenizer: Tokenizer | None = None, **keys: Any) -> VideoText:
    """Build the published `video_text_ssl`; its views are made on the device, as many as the loss takes."""
    return _build(tokenizer, keys, "video_text_ssl")


def _build(tokenizer: Tokenizer | None, values: dict[str, Any], name: str) -> VideoText:
    keys = config.build(VideoTextKeys, values, name)
    return VideoText(keys, tokenizer or named_tokenizer(keys.bert_type))
