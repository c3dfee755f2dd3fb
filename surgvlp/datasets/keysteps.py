"""Keystep-level pretraining (HecVL, PeskaVLP): a keystep's video, its text, and what is said during it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvlp import config
from surgvlp.datasets.parent_child import ParentChild, ParentChildKeys, Sample, Wordings, read_sources
from surgvlp.datasets.sampling import captions_within, grown_window
from surgvlp.datasets.split import Lecture, Split
from surgvlp.datasets.texts import Tokenizer
from surgvlp.files import InputError
from surgvlp.registry import DATASETS


@dataclass(frozen=True, kw_only=True)
class KeystepKeys(ParentChildKeys):
    """The config keys of the data set `keysteps`: those of `ParentChildKeys`, and

    Attributes:
        sources: kinds of narration that children come from; a lecture needs one of them.
        narration_columns: of narration files, as `text_columns` is of keysteps. Here it is the other way
            round: `text` is what was said, `step` what a language model made of it.
        min_seconds: of a sample's stretch of video; a shorter keystep's grows around its middle.
    """

    sources: tuple[str, ...] = ("aws_narration", "whisper_narration")
    narration_columns: tuple[str, ...] = ("text",)
    min_seconds: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sources:
            raise InputError("expected one kind of narration or more", key="sources")
        if not self.narration_columns:
            raise InputError("expected one column or more", key="narration_columns")
        if not self.min_seconds > 0:
            raise InputError("expected more than 0 seconds", key="min_seconds")


class Keysteps(ParentChild):
    """One sample is one keystep; an epoch is every keystep once. See `ParentChild` for what a sample holds.

    The frames spread over the keystep's own window, the parent is its text, the children are the narrations
    of all sources within it (`captions_within`), in order of time. What several recognisers wrote alike, up
    to case and punctuation, is one child. The released data set takes the window of three narrations in
    random order instead, half of whose clips are 4 s around somewhere.

    Raises:
        InputError: a file that cannot be used, or nothing left to train on.
    """

    def __init__(self, keys: KeystepKeys, tokenizer: Tokenizer) -> None:
        narrations = dict.fromkeys(keys.sources, keys.narration_columns)
        split = read_sources(keys, {"keystep": keys.text_columns, **narrations}, needed=1)
        samples = [
            sample
            for number, lecture in enumerate(split.lectures)
            for sample in _samples(number, lecture, split, keys.min_seconds)
        ]
        split.report(len(samples), "keystep", Path(keys.root) / "splits" / f"{keys.split}.csv")
        super().__init__(keys, split, samples, tokenizer)


@DATASETS.register_module(name="keysteps")
def build_keysteps(tokenizer: Tokenizer, **keys: Any) -> Keysteps:
    """Build `Keysteps` from its config keys (`KeystepKeys`); unknown ones are refused."""
    return Keysteps(config.build(KeystepKeys, keys, "keysteps"), tokenizer)


def _samples(number: int, lecture: Lecture, split: Split, min_seconds: float) -> Iterator[Sample]:
    keysteps = lecture.captions[0]
    for row, (start, end) in enumerate(zip(keysteps.start.tolist(), keysteps.end.tolist(), strict=True)):
        if start >= lecture.duration:
            split.leave_out("keystep after the end of the video", lecture.name)
        elif start == end:
            split.leave_out("keystep of no length", lecture.name)
        elif not (children := narrations_within(lecture, start, min(end, lecture.duration))):
            split.leave_out("keystep without narration", lecture.name)
        else:
            window = grown_window(start, min(end, lecture.duration), lecture.duration, min_seconds)
            yield Sample(number, *window, keysteps.wordings[row], children)


def narrations_within(lecture: Lecture, start: float, end: float) -> tuple[Wordings, ...]:
    """The wordings of all narrations of a lecture in [start, end], in order of time, none twice."""
    found = [
        (float(source.start[row]), order, row)
        for order, source in enumerate(lecture.captions[1:], start=1)
        for row in captions_within(source.start, source.end, start, end).tolist()
    ]
    children: dict[str, Wordings] = {}
    for _, order, row in sorted(found):
        source = lecture.captions[order]
        children.setdefault(_plain(source.texts[row]), source.wordings[row])
    return tuple(children.values())


def _plain(text: str) -> str:
    """What is compared of a text: its words, or all of it if it has none."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text
