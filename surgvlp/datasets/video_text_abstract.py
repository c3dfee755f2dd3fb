"""The published data set of video level, `video_text_phase_aug_phase_abstract`.

It is sampled as the released code samples. Use `whole_lectures` for training of your own: here the last
keysteps of many a lecture are never seen, nor is the video that they cover.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp import config
from surgvlp.datasets.published import PublishedDataset, named_tokenizer, read_published
from surgvlp.datasets.sampling import item_generator, released_growth, released_parts
from surgvlp.datasets.split import Lecture
from surgvlp.datasets.texts import Tokenizer
from surgvlp.datasets.video_text_phase import VideoTextPhaseKeys, clip_times
from surgvlp.files import InputError
from surgvlp.registry import DATASETS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VideoTextAbstractKeys(VideoTextPhaseKeys):
    """The config keys of `video_text_phase_aug_phase_abstract`: those of keystep level, with more frames."""

    num_frames_clip: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.caption_roots) != 1:
            raise InputError("expected one folder, that of the keysteps", key="caption_roots")


class VideoTextAbstract(PublishedDataset):
    """One sample is one lecture; an epoch is every lecture once. A sample holds

        frames: (T, 3, S, S) uint8 RGB, in order of time, some twice where the clip has fewer.
        text_index: (1 + C,) int64, rows of `texts`: the abstract (one of them, where there are several), then
            keysteps in the order of their file, and the last one again where there are too few.
        step_mask: (C,) bool: whether the released `pos_step` is not -1; it is where the last keystep comes
            again. As published, such children count in the contrastive term all the same.
        sample_index: the index.

    As published, of n keysteps every (n // C)-th is taken, so that of 9 to 15 with C = 8 the last ones are
    dropped, and the clip runs from the start of the first keystep taken to the end of the last one. Differs
    from the released loader in what draws the random numbers and in the resize filter (area averages for
    swscale's bicubic). What the released worker crashes on is left out and counted: a lecture without frames,
    without abstract, without keysteps, or whose clip begins after the end of the video.

    Attributes, beside those of `PublishedDataset`:
        texts_per_source: (1, C).
    """

    keys: VideoTextAbstractKeys

    def __init__(self, keys: VideoTextAbstractKeys, tokenizer: Tokenizer) -> None:
        self.texts_per_source = (1, keys.children)
        split = read_published(keys, [keys.phase_root, *keys.caption_roots], needed=2)
        usable = []
        few = late = 0
        for number, lecture in enumerate(split.lectures):
            _, start, end = _children(lecture, keys)
            if released_growth(start, end, keys.min_time)[0] >= lecture.duration:
                split.leave_out("no keystep within the video", lecture.name)
                continue
            usable.append(number)
            starts = lecture.captions[1].start
            few += len(starts) < keys.children
            late += int((starts >= lecture.duration).sum())
        super().__init__(keys, split, usable, tokenizer)
        if few:
            logger.info("%d of %d lectures have fewer than %d keysteps", few, len(usable), keys.children)
        if late:
            logger.warning("%d keysteps after the end of their video stay in, as published", late)

    def __getitem__(self, key: tuple[int, int] | int) -> dict[str, Any]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        keys, generator = self.keys, item_generator(self.keys.seed, epoch, index)
        number = self._usable[index]
        lecture = self.lectures[number]
        abstracts, keysteps = lecture.captions
        rows, start, end = _children(lecture, keys)
        parent = abstracts.texts[generator.integers(len(abstracts.texts))]
        texts = [parent, *(keysteps.texts[row] for row in rows)]
        return {
            "frames": self._frames(number, clip_times(start, end, lecture.duration, keys), generator),
            "text_index": np.array([self.texts.row(text) for text in texts], dtype=np.int64),
            "step_mask": np.arange(keys.children) < len(keysteps.texts),
            "sample_index": index,
        }


@DATASETS.register_module(name="video_text_phase_aug_phase_abstract")
def build_video_text_abstract(tokenizer: Tokenizer | None = None, **keys: Any) -> VideoTextAbstract:
    """Build the published `video_text_phase_aug_phase_abstract`; unknown keys are refused."""
    built = config.build(VideoTextAbstractKeys, keys, "video_text_phase_aug_phase_abstract")
    return VideoTextAbstract(built, tokenizer or named_tokenizer(built.bert_type))


def _children(lecture: Lecture, keys: VideoTextAbstractKeys) -> tuple[NDArray[np.int64], float, float]:
    """(C,) rows of a lecture's keysteps, the start of the first of them and the end of the last."""
    keysteps = lecture.captions[1]
    rows = released_parts(len(keysteps.texts), keys.children)
    return rows, float(keysteps.start[rows[0]]), float(keysteps.end[rows[-1]])
