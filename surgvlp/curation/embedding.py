"""One frame every so many seconds of many lectures, as vectors of unit length."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp.console import Bar, progress_bar
from surgvlp.features.embed import unit
from surgvlp.features.extraction import Extractor
from surgvlp.features.images import squashed
from surgvlp.features.read_ahead import in_threads
from surgvlp.files import InputError
from surgvlp.media.numbered_frames import Picture, frame_numbers
from surgvlp.media.store import open_frames
from surgvlp.media.surg3m_lmdb import Surg3MFrames

Numbers = NDArray[np.int64]
Read = Callable[[Numbers], Iterable[Picture]]
Source = Callable[[], tuple[Numbers, Read]]  # opens a lecture: its frames' numbers, and their reader

_AT_ONCE = 16  # frames that a thread reads together


@dataclass(frozen=True)
class EmbeddedFrames:
    """Frames of several lectures, sorted by lecture and number.

    Attributes:
        lectures: ids, sorted.
        lecture: (N,) int32, row of `lectures`.
        number: (N,) int64, n for the frame at n * every_s seconds.
        vectors: (N, D) float32 of unit length.
    """

    lectures: list[str]
    lecture: NDArray[np.int32]
    number: Numbers
    vectors: NDArray[np.float32]


def embed_lectures(
    extractor: Extractor, sources: Mapping[str, Source]
) -> tuple[EmbeddedFrames, dict[str, str]]:
    """Embed lectures one after the other; one that cannot be read is left out. Memory: 8 x D bytes a frame.

    Args:
        extractor: the backbone and how to use it.
        sources: of each lecture its frames, see `of_file` and `of_lmdb`.

    Returns:
        What could be embedded, and {lecture: why not}.

    Raises:
        InputError: no lecture can be embedded.
    """
    numbers: dict[str, Numbers] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    failed: dict[str, str] = {}
    with progress_bar("features", len(sources), unit="lectures") as bar:
        for lecture in sorted(sources):
            try:
                own, read = sources[lecture]()
                pictures = _pictures(own, read, extractor.image_input.size)
                # a little more than 1 a lecture, as sums of fractions may come out a little less
                vectors[lecture] = _embed(extractor, _showing(pictures, bar, (1 + 1e-9) / len(own)))
                numbers[lecture] = own
            except InputError as error:
                failed[lecture] = f"{lecture}: {error}"
    if not vectors:
        raise InputError(next(iter(failed.values())) if failed else "there are no lectures")
    counts = [len(own) for own in numbers.values()]
    embedded = EmbeddedFrames(
        lectures=list(numbers),
        lecture=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        number=np.concatenate(list(numbers.values())),
        vectors=np.concatenate(list(vectors.values())),
    )
    return embedded, failed


def of_file(path: Path, every_s: float) -> Source:
    """The frames of a frame store or video; number n is the one nearest to n * every_s seconds, from 0 on."""

    def source() -> tuple[Numbers, Read]:
        frames = open_frames(path)
        return frame_numbers(frames, every_s), lambda some: frames.read_at(some * every_s)

    return source


def of_lmdb(frames: Surg3MFrames, lecture: str) -> Source:
    """The frames of a lecture in a Surg-3M LMDB, all of them, numbered as there."""

    def read(numbers: Numbers) -> Iterable[Picture]:
        return (frames.read(lecture, number) for number in numbers.tolist())

    return lambda: (frames.numbers(lecture), read)


def _pictures(numbers: Numbers, read: Read, size: int) -> Iterator[Picture]:
    """The frames in order, (size, size, 3), read ahead in threads, some at a time; memory stays flat."""

    def prepared(some: Numbers) -> list[Picture]:
        return [squashed(picture, size) for picture in read(some)]

    parts = np.split(numbers, range(_AT_ONCE, len(numbers), _AT_ONCE))
    return itertools.chain.from_iterable(in_threads(prepared, parts))


def _showing(pictures: Iterator[Picture], bar: Bar, each: float) -> Iterator[Picture]:
    for picture in pictures:
        yield picture
        bar.advance(each)


def _embed(extractor: Extractor, pictures: Iterable[Picture]) -> NDArray[np.float32]:
    features = extractor.features(pictures)
    if not np.isfinite(features).all():
        raise InputError("the backbone gives features that are not finite")
    return unit(features)
