"""The frame store: a lecture's frames as JPEGs end to end in one file, with their times, memory-mapped.

    <root>/<id>.frames/
        frames.bin    JPEGs end to end
        index.npz     offset (N,) int64, length (N,) int64, time (N,) float64, height and width
        record.json   what it was made from and how

Training reads this instead of mp4: decode once, then a clip costs a few JPEGs.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

import surgvlp
from surgvlp.files import InputError, atomic_path, read_json, sha256_of, write_json
from surgvlp.media.decode import FrameIndex, FrameReader, index_frames
from surgvlp.media.images import decode_image, encode_jpeg

SUFFIX = ".frames"
FORMAT = 1


@dataclass(frozen=True)
class StoreInfo:
    """What was built: the folder, its rows, bytes of JPEG, and how many frames could not be decoded."""

    path: Path
    rows: int
    bytes: int
    damaged: int


class FrameStore:
    """One lecture's stored frames. Memory-mapped, safe across forked workers, picklable (by its path).

    Attributes:
        times: (N,) float64, rising: the second at which a row's picture comes on screen; where a picture
            stays on for longer than 1/rate, its further rows carry k/rate. At each of these times the picture
            is the one that a player shows.
        rate: rows a second.
        size: (H, W) of the frames.

    Raises:
        InputError: not a frame store, or a damaged one, naming the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.record = _read_record(self.path)
        self.rate = float(self.record["rate"])
        self.size: tuple[int, int] = (int(self.record["height"]), int(self.record["width"]))
        self._offset, self._length, self.times = _read_index(self.path / "index.npz")
        self._data = self._map()

    def __len__(self) -> int:
        return len(self.times)

    def __reduce__(self) -> tuple[type[FrameStore], tuple[Path]]:
        return FrameStore, (self.path,)  # a memory map pickles as a copy of the whole file

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Rows in any order, with repeats: uint8 (T, H, W, 3) RGB."""
        rows = np.asarray(indices, np.int64)
        frames = np.empty((len(rows), *self.size, 3), np.uint8)
        for frame, row in zip(frames, rows, strict=True):
            start = self._offset[row]
            image = decode_image(self._data[start : start + self._length[row]])
            if image is None or image.shape != frame.shape:
                raise self._damaged(f"the frame at {self.times[row]:.2f} s is damaged", "frames.bin")
            frame[:] = image
        return frames

    def nearest(self, times_s: Sequence[float] | np.ndarray) -> np.ndarray:
        """(T,) int64 rows whose times are nearest to `times_s` (T,); of two equally near the earlier."""
        return _nearest(self.times, times_s)

    def read_at(self, times_s: Sequence[float] | np.ndarray) -> np.ndarray:
        """The frames nearest to `times_s` (T,) seconds: uint8 (T, H, W, 3) RGB."""
        return self.read(self.nearest(times_s))

    def _map(self) -> np.ndarray:
        path = self.path / "frames.bin"
        size = path.stat().st_size if path.is_file() else 0
        ends = self._offset + self._length
        if not size or size != self.record["bytes"] or ends.max() > size:
            raise self._damaged(f"{size} bytes where {self.record['bytes']} belong", "frames.bin")
        return np.memmap(path, np.uint8, mode="r")

    def _damaged(self, what: str, name: str) -> InputError:
        return InputError(what, file=self.path / name, remedy="Delete the folder and build it again")


class VideoFrames:
    """A video with the interface of `FrameStore`, decoding on demand: same rows, same times, no JPEG between.

    For trying things without building stores: a clip costs a seek, and decoding from the last key frame on.
    Picklable; each process opens the video for itself. Threads take turns.
    """

    def __init__(self, path: str | os.PathLike[str], rate: float = 4.0, short_side: int | None = 384) -> None:
        self.path, self.rate, self._short_side = Path(path), rate, short_side
        self._index = index_frames(path)
        self.times, self._numbers = rows_of(self._index, rate)
        self._lock = threading.Lock()
        self._opened_by = -1
        self._reader = self._open()
        self.size = self._reader.size

    def __len__(self) -> int:
        return len(self.times)

    def __reduce__(self) -> tuple[type[VideoFrames], tuple[Path, float, int | None]]:
        return VideoFrames, (self.path, self.rate, self._short_side)

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Rows in any order, with repeats: uint8 (T, H, W, 3) RGB."""
        numbers, inverse = np.unique(self._numbers[np.asarray(indices, np.int64)], return_inverse=True)
        with self._lock:
            if self._opened_by != os.getpid():  # forked: a decoder and its file position cannot be shared
                self._reader = self._open()
            frames = [frame for _, frame in self._reader.read(numbers)]
        return np.stack(frames)[inverse] if frames else np.empty((0, *self.size, 3), np.uint8)

    def nearest(self, times_s: Sequence[float] | np.ndarray) -> np.ndarray:
        """(T,) int64 rows whose times are nearest to `times_s` (T,); of two equally near the earlier."""
        return _nearest(self.times, times_s)

    def read_at(self, times_s: Sequence[float] | np.ndarray) -> np.ndarray:
        """The frames nearest to `times_s` (T,) seconds: uint8 (T, H, W, 3) RGB."""
        return self.read(self.nearest(times_s))

    def _open(self) -> FrameReader:
        self._opened_by = os.getpid()
        return FrameReader(self.path, self._index, self._short_side)


def duration(frames: FrameStore | VideoFrames) -> float:
    """Seconds of a lecture: its last row's time and the time that a row stands for."""
    return float(frames.times[-1] + 1 / frames.rate)


def open_frames(path: str | os.PathLike[str]) -> FrameStore | VideoFrames:
    """A frame store if `path` is a folder, else the video itself behind the same interface."""
    return FrameStore(path) if Path(path).is_dir() else VideoFrames(path)


def rows_of(index: FrameIndex, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a store: their times (N,) float64, rising, and the video's frame number of each (N,) int64.

    Row k stands for second k/rate of the video as a player shows it, and holds the frame on screen then: the
    last one not later. Its time is that frame's presentation time where the frame is new, and k/rate where it
    is still on from the row before. The first row may come half a row early, for videos whose picture starts
    a little after their sound.
    """
    step = Fraction(rate).limit_denominator(1000)
    first = max(0, round(index.times[0] * rate))
    last = max(first, int(np.ceil((index.end_s - index.rounding_s) * rate)) - 1)
    due = np.arange(first, last + 1) * step.denominator / step.numerator
    numbers = index.shown_at(due)
    new = np.diff(numbers, prepend=-1) > 0
    return np.where(new, index.times[numbers], due), numbers


def build(
    video: Path,
    target: Path,
    rate: float = 4.0,
    short_side: int = 384,
    quality: int = 90,
    threads: int = 1,
    report: Callable[[float], None] = lambda share: None,
) -> StoreInfo:
    """Decode a video once into a frame store; memory does not grow with its length.

    Equal input gives equal bytes. The folder appears whole or not at all. The record's modification time is
    the video's, so that a later run sees without reading it that the video has not changed.

    Args:
        video: what to read.
        target: the folder to write, `<root>/<id>.frames`.
        rate: rows a second.
        short_side: in pixels; smaller videos keep their size.
        quality: of the JPEGs, 1 to 100.
        threads: decoder threads; no influence on the result.
        report: told, whenever the work gets on, which share of the video is decoded.

    Raises:
        InputError: a video that cannot be decoded or is truncated, or a full disk.
    """
    index = index_frames(video, lambda: report(0.0))
    times, numbers = rows_of(index, rate)
    wanted, row_of = np.unique(numbers, return_inverse=True)
    length = np.zeros(len(wanted), np.int64)
    damaged = 0
    with atomic_path(target) as partial, FrameReader(video, index, short_side, threads) as reader:
        partial.mkdir()
        with open(partial / "frames.bin", "wb") as stream:
            for position, (number, frame) in enumerate(reader.read(wanted)):
                length[position] = stream.write(encode_jpeg(frame, quality))
                damaged += int(number != wanted[position])
                report((position + 1) / len(wanted))
        offset = np.cumsum(length) - length
        np.savez(partial / "index.npz", offset=offset[row_of], length=length[row_of], time=times)
        record = {
            **wanted_record(video, rate, short_side, quality),
            "rows": len(times),
            "bytes": int(length.sum()),
            "height": reader.size[0],
            "width": reader.size[1],
            "damaged_frames": damaged,
            "source_sha256": sha256_of(video, lambda: report(1.0)),
        }
        write_json(partial / "record.json", record)
        os.utime(partial / "record.json", ns=(video.stat().st_mtime_ns,) * 2)
    return StoreInfo(target, len(times), int(length.sum()), damaged)


def wanted_record(video: Path, rate: float, short_side: int, quality: int) -> dict[str, Any]:
    """The part of the record that is known before decoding; a store with another one is built again."""
    libavcodec = ".".join(map(str, av.library_versions["libavcodec"]))
    return {
        "format": FORMAT,
        "rate": float(rate),
        "short_side": short_side,
        "quality": quality,
        "source": video.name,
        "source_bytes": video.stat().st_size,
        "tool": f"surgvlp {surgvlp.__version__}",
        "decoder": f"PyAV {av.__version__}, libavcodec {libavcodec}",
        "encoder": f"OpenCV {cv2.__version__}",
    }


def is_current(target: Path, video: Path, rate: float, short_side: int, quality: int) -> bool:
    """Is `target` a whole store of this very video with these settings?

    The video counts as the same if size and modification time are; where only the time differs, its sha256
    decides. The versions that made the store do not matter: rebuild by deleting it.
    """
    try:
        record = FrameStore(target).record
    except InputError:
        return False
    versions = ("tool", "decoder", "encoder")
    for name, value in wanted_record(video, rate, short_side, quality).items():
        if name not in versions and record.get(name) != value:
            return False
    if (target / "record.json").stat().st_mtime_ns == video.stat().st_mtime_ns:
        return True
    return bool(record.get("source_sha256") == sha256_of(video))


def _nearest(times: np.ndarray, wanted_s: Sequence[float] | np.ndarray) -> np.ndarray:
    wanted = np.asarray(wanted_s, np.float64)
    after = np.clip(np.searchsorted(times, wanted), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(wanted - times[before] <= times[after] - wanted, before, after)


def _read_record(store: Path) -> dict[str, Any]:
    if not store.is_dir():
        raise InputError("there is no such frame store", file=store, remedy="Build it: build_frame_store.py")
    path = store / "record.json"
    record = read_json(path)
    numbers = ("rate", "height", "width", "bytes")
    if not isinstance(record, dict) or not all(isinstance(record.get(name), int | float) for name in numbers):
        raise InputError(
            "not the record of a frame store", file=path, remedy="Delete the folder and build it again"
        )
    if record.get("format") != FORMAT:
        raise InputError(f"format {record.get('format')} is not known", file=path, remedy="Build it again")
    return record


def _read_index(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            offset, length, time = arrays["offset"], arrays["length"], arrays["time"]
        good = offset.ndim == 1 and offset.shape == length.shape == time.shape and len(time) > 0
        good = good and offset.dtype == length.dtype == np.int64 and time.dtype == np.float64
        good = bool(good and offset.min() >= 0 and length.min() > 0 and (np.diff(time) > 0).all())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        good = False
    if not good:
        raise InputError(
            "not the index of a frame store", file=path, remedy="Delete the folder and build it again"
        )
    return offset, length, time
