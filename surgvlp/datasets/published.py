"""What the published data sets of all three levels share: config keys, one sample a lecture, frames.

The released transforms are not run here: frames leave as bytes, and `Views` normalises and augments them on
the device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from surgvlp.datasets.frames import Frames, cut, square
from surgvlp.datasets.sampling import Times
from surgvlp.datasets.split import Split, read_lectures
from surgvlp.datasets.texts import TextTable, Tokenizer
from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD
from surgvlp.files import InputError
from surgvlp.lectures import read_split
from surgvlp.media.store import SUFFIX


@dataclass(frozen=True, kw_only=True)
class PublishedKeys:
    """The config keys that all levels have, as published, and three of ours.

    Attributes:
        csv: split file, column video_path.
        video_root: folder of `<id>.mp4`.
        caption_roots: folders of `<id>.csv`, the anchor's source first at clip level.
        candidates: how many texts a sample has; see the level.
        min_time: seconds that a window has at least.
        size: side of the frames in pixels.
        crop_only: cut `size` pixels instead of resizing the largest square.
        center_crop: the square lies in the centre.
        random_flip: flip half of the clips.
        bert_type: the tokenizer's name, used where no tokenizer is handed in.
        transforms: only the published ones are taken, since `Views` does them on the device.
        frames_root: ours: folder of frame stores `<id>.frames`, read instead of the videos.
        max_length: ours: tokens of a text.
        seed: ours: of every draw.
    """

    csv: str
    video_root: str
    caption_roots: list[str]
    candidates: Any
    min_time: float = 4.0
    size: int = 336
    crop_only: bool = False
    center_crop: bool = False
    random_flip: bool = True
    bert_type: str = "emilyalsentzer/Bio_ClinicalBERT"
    transforms: Any = None
    frames_root: str | None = None
    max_length: int = 77
    seed: int = 0

    def __post_init__(self) -> None:
        check_transforms("transforms", self.transforms, ["Normalize"])

    @property
    def counts(self) -> tuple[int, ...]:
        """`candidates` as plain numbers (published configs hold a tensor)."""
        return tuple(int(count) for count in self.candidates)


class PublishedDataset:
    """One sample is drawn from one lecture; an epoch is every lecture once.

    Args:
        keys: the config keys.
        split: the lectures.
        usable: numbers of those that samples are drawn from.
        tokenizer: of the texts.

    Attributes:
        texts: the table of all texts.
        lectures: the lectures used.
        left_out: what is not used and why, {reason: [lecture, once for each thing]}.

    Raises:
        InputError: no lecture is usable.
    """

    def __init__(
        self, keys: PublishedKeys, split: Split, usable: Sequence[int], tokenizer: Tokenizer
    ) -> None:
        split.report(len(usable), "lecture", Path(keys.csv))
        self._usable = list(usable)
        self.keys = keys
        self.lectures, self.frames, self.left_out = split.lectures, split.frames, split.left_out
        sources = [captions for lecture in self.lectures for captions in lecture.captions]
        every = (texts for captions in sources for texts in (captions.texts, *captions.wordings))
        self.texts = TextTable((text for texts in every for text in texts), tokenizer, keys.max_length)

    def __len__(self) -> int:
        return len(self._usable)

    def describe(self, index: int) -> str:
        """Which lecture the sample is of."""
        return self.lectures[self._usable[index]].name

    def _frames(self, number: int, times: Times, generator: np.random.Generator) -> Frames:
        """(T, 3, S, S) of a lecture: one square and one flip for all of them."""
        keys = self.keys
        across, down = (0.5, 0.5) if keys.center_crop else generator.random(2)
        frames = self.frames.read_at(number, times)
        frames = (cut if keys.crop_only else square)(frames, keys.size, across, down)
        if keys.random_flip and generator.random() < 0.5:
            frames = np.ascontiguousarray(frames[..., ::-1])
        return frames


def read_published(
    keys: PublishedKeys, roots: Sequence[str], needed: int, columns: Sequence[str] | None = None
) -> Split:
    """The lectures of `keys.csv` with their texts of `roots`, of which the first `needed` must not be empty.

    Raises:
        InputError: a file that is there but cannot be used.
    """
    names = read_split(keys.csv)
    folder, suffix = (keys.frames_root, SUFFIX) if keys.frames_root else (keys.video_root, ".mp4")
    return read_lectures(
        {name: Path(folder) / f"{name}{suffix}" for name in names},
        {name: [Path(root) / f"{name}.csv" for root in roots] for name in names},
        needed,
        columns and [columns] * len(roots),
        every_file=True,
    )


def named_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a model, for whoever builds a data set without a model."""
    from surgvlp.models.tokenizer import Tokenizer as NamedTokenizer  # slow, and seldom needed

    return NamedTokenizer(name)


def check_transforms(key: str, transform: Any, published: list[str]) -> None:
    """Refuse transforms that are not the published ones, since what runs on the device is those.

    Args:
        key: the config key that holds `transform`, for the error.
        transform: torchvision transforms, nested or not; None is fine.
        published: the class names of the published ones, in order.

    Raises:
        InputError: others, or another normalisation.
    """
    steps = list(_steps(transform))
    names = [type(step).__name__ for step in steps]
    same = all(
        tuple(step.mean) == IMAGENET_MEAN and tuple(step.std) == IMAGENET_STD
        for step in steps
        if type(step).__name__ == "Normalize"
    )
    if names not in ([], published) or not same:
        raise InputError(
            f"these are not the published transforms ({', '.join(names)})",
            key=key,
            remedy="Leave the key out; frames are augmented and normalised on the device, by datasets.Views",
        )


def _steps(transform: Any) -> Iterator[Any]:
    if transform is None:
        return
    if isinstance(transform, list | tuple):
        parts = transform
    elif type(transform).__name__ == "Compose":
        parts = transform.transforms
    else:
        yield transform
        return
    for part in parts:
        yield from _steps(part)
