"""A labelled data set as frames to learn a probe from and frames of other videos to test it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp.console import progress_bar
from surgvlp.evaluation.frames import ImageFiles, VideoFiles
from surgvlp.evaluation.probes import NEIGHBOURS, check_labels
from surgvlp.evaluation.protocol import read_protocol
from surgvlp.evaluation.run import videos_of
from surgvlp.features.images import squashed
from surgvlp.features.read_ahead import in_threads
from surgvlp.files import InputError
from surgvlp.lectures.labels import FrameLabels
from surgvlp.lectures.tree import DataTree

Reader = Callable[[], NDArray[np.uint8]]  # -> (H, W, 3)

MOST_BYTES = 8 * 2**30


@dataclass(frozen=True)
class LabelledFrames:
    """Which frames a probe learns from and which it is tested on; keys of a config.

    Attributes:
        root: of the data tree.
        dataset: name below its `downstream_datasets/`.
        protocol: name or path, see `read_protocol`; says which frame a label is of, and `test`, where it is
            fixed to the published test videos. Its crop is not taken: probes see whole frames.
        train, test: a split's name, or ids of videos, see `surgvlp.evaluation.run.videos_of`. Disjoint.
        frames: folder of frame stores or mp4s; None reads the published layout's image files.
        every: of each video's labelled frames one of so many is taken, from the first on.
        size: side in pixels of the pictures that `read` keeps; the whole frame is squashed to it.
        k: neighbours that vote in k-NN; there have to be so many training frames.
    """

    root: str
    dataset: str
    protocol: str
    train: str | list[str] = "train"
    test: str | list[str] = "test"
    frames: str | None = None
    every: int = 1
    size: int = 224
    k: int = NEIGHBOURS

    def open(self) -> tuple[LabelledPart, LabelledPart]:
        """Train and test part; labels are read and every frame is known to be there, none is decoded.

        Raises:
            InputError: no labelled set there, a video without labels or pictures, one in both parts, fewer
                than k training frames, or training frames of one class only.
        """
        for key in ("every", "size"):
            if getattr(self, key) < 1:
                raise InputError(f"{getattr(self, key)} is below 1", key=key)
        train, test = self.part(self.train), self.part(self.test)
        both = sorted(set(train.videos) & set(test.videos))
        if both:
            raise InputError(
                f"{', '.join(both[:3])} would be learned from and tested on",
                key="train, test",
                remedy="Give each video to one of them",
            )
        check_labels(train.label, self.k, train.class_names)
        return train, test

    def read(self) -> tuple[LabelledPictures, LabelledPictures]:
        """Train and test part with all their pictures decoded and squashed, to be embedded again and again.

        Raises:
            InputError: what `open` raises, a frame that cannot be read, or more than 8 GiB of pictures.
        """
        train, test = self.open()
        self._check_memory(len(train) + len(test))
        with progress_bar("labelled frames", total=len(train) + len(test), unit="frames") as bar:
            return train.read(self.size, bar.advance), test.read(self.size, bar.advance)

    def part(self, split: str | list[str]) -> LabelledPart:
        """The frames of these videos alone, and of whatever classes; checked and read as by `open`."""
        rules = read_protocol(self.protocol)
        dataset = DataTree(self.root).downstream(self.dataset, rules.compat)
        dataset.videos()  # an InputError where no labels are
        named = split if isinstance(split, str) else ",".join(split)
        source = VideoFiles(Path(self.frames), rules.first_frame_number) if self.frames else ImageFiles()
        videos = videos_of(DataTree(self.root), dataset, rules, named)
        labels = [dataset.frames(video) for video in videos]
        for video, found in zip(videos, labels, strict=True):
            source.check(dataset, video, found)
        return LabelledPart(dataset.class_names, videos, labels, source, self.every)

    def _check_memory(self, count: int) -> None:
        needed = count * 3 * self.size**2
        if needed > MOST_BYTES:
            raise InputError(
                f"{count} labelled frames of {self.size} x {self.size} take {needed / 2**30:.1f} GiB of "
                f"memory, more than {MOST_BYTES / 2**30:.0f}",
                key="every",
                remedy=f"Set it to {-(-needed * self.every // MOST_BYTES)}, or take fewer videos",
            )


@dataclass(frozen=True)
class LabelledPictures:
    """Decoded frames.

    Attributes:
        pictures: (N, 3, S, S) uint8 RGB, channels last in memory, as convolutions like it; so
            `pictures.transpose(0, 2, 3, 1)` are contiguous (S, S, 3), as `image_features` takes them.
        label: (N,) int64, the class from 0.
        video: (N,) int64, its number in `videos`.
        videos: their ids.
        class_names: of the labels.
    """

    pictures: NDArray[np.uint8]
    label: NDArray[np.int64]
    video: NDArray[np.int64]
    videos: list[str]
    class_names: tuple[str, ...]


class LabelledPart:
    """Labelled frames of some videos, in order; `len()` of them.

    Attributes:
        label, video, videos, class_names: as in `LabelledPictures`.
        number: (N,) int64, the frame's number in its label file.
    """

    def __init__(
        self,
        class_names: tuple[str, ...],
        videos: list[str],
        labels: list[FrameLabels],
        source: ImageFiles | VideoFiles,
        every: int,
    ) -> None:
        self.class_names, self.videos = class_names, videos
        taken = [range(0, len(found.label), every) for found in labels]
        pairs = list(zip(labels, taken, strict=True))
        self.label = np.concatenate([found.label[rows] for found, rows in pairs])
        self.number = np.concatenate([found.frame_index[rows] for found, rows in pairs])
        self.video = np.repeat(np.arange(len(videos)), [len(positions) for positions in taken])
        self._labels, self._source, self._taken = labels, source, taken

    def __len__(self) -> int:
        return len(self.label)

    def pictures(
        self, size: int | None = None, rows: NDArray[np.int64] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Frames one by one, decoded ahead in threads; few are in memory at a time, however many there are.

        Args:
            size: the whole frame is squashed to (size, size, 3); None: (H, W, 3) as decoded.
            rows: rising rows of `label`; None: all.
        """
        rows = np.arange(len(self)) if rows is None else rows
        return in_threads(lambda read: squashed(read(), size) if size else read(), self._readers(rows))

    def read(self, size: int, report: Callable[[], None] = lambda: None) -> LabelledPictures:
        """All frames in memory; `report` is called after each."""
        pictures = np.empty((len(self), size, size, 3), np.uint8)
        for row, picture in enumerate(self.pictures(size)):
            pictures[row] = picture
            report()
        return LabelledPictures(
            pictures.transpose(0, 3, 1, 2), self.label, self.video, self.videos, self.class_names
        )

    def _readers(self, rows: NDArray[np.int64]) -> Iterator[Reader]:
        starts = np.searchsorted(self.video, np.arange(len(self.videos) + 1))
        for number, video in enumerate(self.videos):
            chosen = rows[(rows >= starts[number]) & (rows < starts[number + 1])] - starts[number]
            if len(chosen):
                pictures = self._source.open(video, self._labels[number])
                for row in chosen:
                    yield partial(pictures, self._taken[number][row])
