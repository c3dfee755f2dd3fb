"""Videos, frame stores and folders of images as one thing: so many pictures a second, numbered and timed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp.features.read_ahead import THREADS, in_threads
from surgvlp.files import InputError, checked_id
from surgvlp.media.building import ENDINGS
from surgvlp.media.decode import FrameReader, index_frames
from surgvlp.media.images import read_image
from surgvlp.media.numbered_frames import Picture
from surgvlp.media.store import SUFFIX, FrameStore, rows_of

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")

Prepare = Callable[[Picture], Picture]


@dataclass(frozen=True)
class Pictures:
    """What is to be read of one video.

    Attributes:
        number: (N,) int64: the video's frame number, a store's row, or the number in an image's name (its
            place, where the names do not have one each).
        time_s: (N,) float64, seconds from the start.
        read: gives them in order, (H, W, 3) uint8 RGB each, through a function that is called in threads.
    """

    number: NDArray[np.int64]
    time_s: NDArray[np.float64]
    read: Callable[[Prepare], Iterator[Picture]]


def find_sources(places: Sequence[Path]) -> dict[str, Path]:
    """Ids and paths of the videos, frame stores and folders of images given, or in a folder given.

    Raises:
        InputError: there are none in a place, or two have the same id.
    """
    found: dict[str, Path] = {}
    for place in places:
        inside = [place] if _is_source(place) else _inside(place)
        if not inside:
            raise InputError("there are no videos, frame stores or images", file=place)
        for path in inside:
            named = path.resolve() if path.name in ("", "..") else path  # "." has no name of its own
            name = checked_id(named.name.removesuffix(SUFFIX) if path.is_dir() else path.stem, file=path)
            if found.setdefault(name, path) != path:
                raise InputError(f"has the same id as {found[name]}", file=path, remedy="Rename one of them")
    return found


def open_pictures(path: Path, rate: float, folder_rate: float | None = None) -> Pictures:
    """Prepare to read a source; nothing is decoded before `read`.

    Args:
        path: a video, a frame store, or a folder of images.
        rate: pictures a second.
        folder_rate: images a second in a folder of images; None: as `rate`, so that every image is taken.

    Raises:
        InputError: none of these, damaged, or it has fewer pictures a second.
    """
    if not path.is_dir():
        return _of_video(path, rate)
    if path.name.endswith(SUFFIX):
        return _of_store(path, rate)
    return _of_folder(path, rate, folder_rate or rate)


def files_of(path: Path) -> list[Path]:
    """The files that a source consists of."""
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _of_video(path: Path, rate: float) -> Pictures:
    index = index_frames(path)
    times, numbers = rows_of(index, rate)

    def frames() -> Iterator[Picture]:
        wanted, times_shown = np.unique(numbers, return_counts=True)  # where the video has fewer than `rate`
        with FrameReader(path, index, threads=THREADS) as reader:
            for (_, frame), count in zip(reader.read(wanted), times_shown, strict=True):
                yield from itertools.repeat(frame, count)

    return Pictures(numbers, times, lambda prepare: in_threads(prepare, frames()))


def _of_store(path: Path, rate: float) -> Pictures:
    store = FrameStore(path)
    _check_rate(path, rate, store.rate)
    # row i stands for second (first + i) / store.rate, whatever its picture's own time
    first = max(0, round(store.times[0] * store.rate))
    ratio = rate / store.rate
    due = np.arange(np.ceil(first * ratio - 1e-6), np.floor((first + len(store) - 1) * ratio + 1e-6) + 1)
    rows = np.floor(due / ratio + 1e-6).astype(np.int64) - first
    return Pictures(
        rows,
        store.times[rows],
        lambda prepare: in_threads(lambda row: prepare(store.read([row])[0]), rows.tolist()),
    )


def _of_folder(path: Path, rate: float, folder_rate: float) -> Pictures:
    _check_rate(path, rate, folder_rate)
    images = _images(path)
    numbers = _numbers([image.stem for image in images])
    times = (numbers - numbers[0]) / folder_rate
    # the first image of each 1 / rate seconds; the small number is for times that should be whole
    _, rows = np.unique(np.floor(times * rate + 1e-6), return_index=True)
    return Pictures(
        numbers[rows],
        times[rows],
        lambda prepare: in_threads(lambda row: prepare(read_image(images[row])), rows.tolist()),
    )


def _check_rate(path: Path, rate: float, there: float) -> None:
    if rate > there * (1 + 1e-6):
        raise InputError(
            f"has {there:g} pictures a second, {rate:g} are asked for",
            file=path,
            remedy="Ask for fewer (--rate), or give the video",
        )


def _is_source(path: Path) -> bool:
    if path.is_dir():  # a picture beside videos is a cover
        return path.name.endswith(SUFFIX) or (bool(_images(path)) and not _inside(path))
    return True  # a file that was named: whether it is a video shows when it is opened


def _inside(folder: Path) -> list[Path]:
    """Sources in a folder; a video that is also there as a frame store is taken from the store."""
    visible = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    folders = [path for path in visible if path.is_dir() and _is_source(path)]
    stored = {path.name.removesuffix(SUFFIX) for path in folders}
    videos = [path for path in visible if path.is_file() and path.suffix.lower() in ENDINGS]
    return folders + [path for path in videos if path.stem not in stored]


def _images(folder: Path) -> list[Path]:
    """By the number at the end of the name, so that frame 10 comes after frame 9."""
    images = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_ENDINGS]
    visible = [path for path in images if not path.name.startswith(".")]
    return sorted(visible, key=lambda path: (_number(path.stem), path.name))


def _numbers(stems: Sequence[str]) -> NDArray[np.int64]:
    numbers = np.array([_number(stem) for stem in stems], np.int64)
    distinct = len(np.unique(numbers)) == len(numbers) and numbers[0] >= 0
    return numbers if distinct else np.arange(len(numbers))


def _number(stem: str) -> int:
    """The digits at the end of a name, at most 18 of them; -1 without any."""
    digits = re.search(r"[0-9]{1,18}$", stem)
    return int(digits[0]) if digits else -1
