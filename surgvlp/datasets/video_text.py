"""The published clip-level data sets `video_text` and `video_text_ssl`, sampled as the released code samples.

Use `clips` for training of your own: an epoch here is one randomly drawn caption a *video*, and neighbours
are taken from the start of the window, twice where a caption spans it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from surgvlp import config
from surgvlp.datasets.frames import cut, square
from surgvlp.datasets.sampling import item_generator, near, pick, released_stride, released_window
from surgvlp.datasets.split import Lecture, read_lectures
from surgvlp.datasets.texts import TextTable, Tokenizer
from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD
from surgvlp.files import InputError
from surgvlp.lectures import read_split
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


@dataclass(frozen=True)
class VideoTextKeys:
    """The config keys of `video_text` and `video_text_ssl`, as published, and four of ours.

    Attributes:
        csv: split file, column video_path.
        video_root: folder of `<id>.mp4`.
        caption_roots: folders of `<id>.csv`, the anchor's source first.
        candidates: texts of each source in a sample; the first must be 1.
        min_time: seconds that an anchor's window has at least.
        fps, num_frames: frames are taken from a grid of `fps` a second over the clip.
        clip_min, clip_max: whole seconds of a clip.
        size: side of the frames in pixels.
        crop_only: cut `size` pixels instead of resizing the largest square.
        center_crop: the square lies in the centre.
        random_flip: flip half of the clips.
        bert_type: the tokenizer's name, used where no tokenizer is handed in.
        transforms, aug_transforms: only the published ones are taken, since `Views` does them on the device
            (`compat="released"`).
        frames_root: ours: folder of frame stores `<id>.frames`, read instead of the videos.
        max_length: ours: tokens of a text.
        seed: ours: of every draw.
    """

    csv: str
    video_root: str
    caption_roots: list[str]
    candidates: Any
    min_time: float = 4.0
    fps: float = 2.0
    num_frames: int = 4
    clip_min: int = 3
    clip_max: int = 5
    size: int = 336
    crop_only: bool = False
    center_crop: bool = False
    random_flip: bool = True
    bert_type: str = "emilyalsentzer/Bio_ClinicalBERT"
    transforms: Any = None
    aug_transforms: Any = None
    frames_root: str | None = None
    max_length: int = 77
    seed: int = 0

    def __post_init__(self) -> None:
        counts = self.texts_per_source
        if len(counts) != len(self.caption_roots) or counts[0] != 1 or min(counts) < 1:
            raise InputError(
                f"{list(counts)} texts for {len(self.caption_roots)} caption_roots",
                key="candidates",
                remedy="Give one number a source, the first of them 1",
            )
        _check_published("transforms", self.transforms, ["Normalize"])
        _check_published("aug_transforms", self.aug_transforms, _AUGMENTATION)

    @property
    def texts_per_source(self) -> tuple[int, ...]:
        """`candidates` as plain numbers (published configs hold a tensor)."""
        return tuple(int(count) for count in self.candidates)


class VideoText:
    """One sample is one caption drawn from one lecture; an epoch is every lecture once.

    Samples have the form of `Clips`: `frames (T, 3, S, S) uint8`, `text_index (K,)`, `sample_index`.
    Neighbours stand in published order with published duplicates. Differs from the released loader in what
    draws the random numbers, in the resize filter (area averages for swscale's bicubic) and in that a lecture
    with no frames, no captions or too few seconds is left out and counted, where the released worker crashes.

    Attributes:
        texts: the table of all texts.
        texts_per_source: `candidates`.
        views: augmented views that go with the published name: 0 for video_text, 2 for video_text_ssl.
        lectures: the lectures used.
        left_out: what is not used and why, {reason: [lecture]}.
    """

    def __init__(self, keys: VideoTextKeys, tokenizer: Tokenizer, views: int) -> None:
        self.keys, self.views = keys, views
        names = read_split(keys.csv)
        folder, suffix = (keys.frames_root, "frames") if keys.frames_root else (keys.video_root, "mp4")
        split = read_lectures(
            {name: Path(folder) / f"{name}.{suffix}" for name in names},
            {name: [Path(root) / f"{name}.csv" for root in keys.caption_roots] for name in names},
        )
        self.lectures, self.frames, self.left_out = split.lectures, split.frames, split.left_out
        self._usable = []
        for number, lecture in enumerate(self.lectures):
            if lecture.duration * keys.fps > keys.num_frames:
                self._usable.append(number)
            else:
                split.leave_out("too short", lecture.name)
        split.report(len(self._usable), "lecture", Path(keys.csv))
        self.texts = TextTable(
            (text for lecture in self.lectures for captions in lecture.captions for text in captions.texts),
            tokenizer,
            keys.max_length,
        )
        self.texts_per_source = keys.texts_per_source

    def __len__(self) -> int:
        return len(self._usable)

    def __getitem__(self, key: tuple[int, int] | int) -> dict[str, Any]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        keys, generator = self.keys, item_generator(self.keys.seed, epoch, index)
        number = self._usable[index]
        lecture = self.lectures[number]
        anchors = lecture.captions[0]
        anchor, start, end = pick(anchors.start, anchors.end, 1, keys.min_time, generator)
        seek, length = released_window(start, end, lecture.duration, keys.clip_min, keys.clip_max, generator)
        across, down = (0.5, 0.5) if keys.center_crop else generator.random(2)
        times = self._frame_times(lecture, seek, length)
        frames = (cut if keys.crop_only else square)(
            self.frames.read_at(number, times), keys.size, across, down
        )
        if keys.random_flip and generator.random() < 0.5:
            frames = np.ascontiguousarray(frames[..., ::-1])
        return {
            "frames": frames,
            "text_index": np.array(list(self._texts(lecture, anchor, start, end)), dtype=np.int64),
            "sample_index": index,
        }

    def describe(self, index: int) -> str:
        """Which lecture the sample is of."""
        return self.lectures[self._usable[index]].name

    def _frame_times(self, lecture: Lecture, seek: float, length: int) -> np.ndarray:
        grid = seek + np.arange(round(length * self.keys.fps)) / self.keys.fps
        decoded = int((grid < lecture.duration).sum())
        if decoded <= self.keys.num_frames:
            raise InputError(
                f"the clip of lecture {lecture.name} from {seek:g} s has {decoded} frames, "
                f"more than {self.keys.num_frames} are needed",
                file=self.keys.csv,
                remedy="Delete captions at the end of the video, or take the lecture out of the split",
            )
        return grid[released_stride(decoded, self.keys.num_frames)]

    def _texts(self, lecture: Lecture, anchor: int, start: int, end: int) -> Iterator[int]:
        anchor_row = self.texts.row(lecture.captions[0].texts[anchor])
        yield anchor_row
        for captions, count in zip(lecture.captions[1:], self.texts_per_source[1:], strict=True):
            found = near(captions.start, captions.end, start, end)[:count]
            yield from (self.texts.row(captions.texts[other]) for other in found)
            yield from [anchor_row] * (count - len(found))


@DATASETS.register_module(name="video_text")
def build_video_text(tokenizer: Tokenizer | None = None, **keys: Any) -> VideoText:
    """Build the published `video_text`, without augmented views; unknown keys are refused."""
    return _build(tokenizer, keys, "video_text", views=0)


@DATASETS.register_module(name="video_text_ssl")
def build_video_text_ssl(tokenizer: Tokenizer | None = None, **keys: Any) -> VideoText:
    """Build the published `video_text_ssl`, which goes with two augmented views; unknown keys are refused."""
    return _build(tokenizer, keys, "video_text_ssl", views=2)


def _build(tokenizer: Tokenizer | None, values: dict[str, Any], name: str, views: int) -> VideoText:
    keys = config.build(VideoTextKeys, values, name)
    if tokenizer is None:
        from surgvlp.models.tokenizer import Tokenizer as NamedTokenizer

        tokenizer = NamedTokenizer(keys.bert_type)
    return VideoText(keys, tokenizer, views)


def _check_published(key: str, transform: Any, published: list[str]) -> None:
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
