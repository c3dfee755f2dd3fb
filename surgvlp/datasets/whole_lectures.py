"""Video-level pretraining (HecVL, PeskaVLP): a whole lecture, its abstract, and its keysteps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvlp import config
from surgvlp.datasets.parent_child import ParentChild, ParentChildKeys, Sample, Wordings, read_sources
from surgvlp.datasets.split import Lecture, Split
from surgvlp.datasets.texts import Tokenizer
from surgvlp.registry import DATASETS


@dataclass(frozen=True, kw_only=True)
class WholeLectureKeys(ParentChildKeys):
    """The config keys of the data set `whole_lectures`: those of `ParentChildKeys`, with more frames."""

    num_frames: int = 64


class WholeLectures(ParentChild):
    """One sample is one lecture; an epoch is every lecture once. See `ParentChild` for what a sample holds.

    The frames spread over the whole video, the parent is the abstract, the children are keysteps in order of
    time, spread over all that the lecture has. A file with several abstracts holds several wordings of one.
    The released data set drops the last keysteps of a lecture, and the video that they cover, where their
    number is no multiple of the children's.

    Raises:
        InputError: a file that cannot be used, or nothing left to train on.
    """

    def __init__(self, keys: WholeLectureKeys, tokenizer: Tokenizer) -> None:
        split = read_sources(keys, dict.fromkeys(("abstract", "keystep"), keys.text_columns), needed=2)
        samples = []
        for number, lecture in enumerate(split.lectures):
            children = tuple(_keysteps(lecture, split))
            if children:
                abstracts = lecture.captions[0].wordings
                parent = tuple(dict.fromkeys(text for wordings in abstracts for text in wordings))
                samples.append(Sample(number, 0.0, lecture.duration, parent, children))
            else:
                split.leave_out("no keystep within the video", lecture.name)
        split.report(len(samples), "lecture", Path(keys.root) / "splits" / f"{keys.split}.csv")
        super().__init__(keys, split, samples, tokenizer)


@DATASETS.register_module(name="whole_lectures")
def build_whole_lectures(tokenizer: Tokenizer, **keys: Any) -> WholeLectures:
    """Build `WholeLectures` from its config keys (`WholeLectureKeys`); unknown ones are refused."""
    return WholeLectures(config.build(WholeLectureKeys, keys, "whole_lectures"), tokenizer)


def _keysteps(lecture: Lecture, split: Split) -> Iterator[Wordings]:
    keysteps = lecture.captions[1]
    for start, wordings in zip(keysteps.start.tolist(), keysteps.wordings, strict=True):
        if start < lecture.duration:
            yield wordings
        else:
            split.leave_out("keystep after the end of the video", lecture.name)
