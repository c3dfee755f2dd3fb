"""Surg-3M's LMDB: frames of many lectures as JPEGs under the keys `<id>_<n>`, read and written.

The published form (Che et al., arXiv:2503.19740) is a folder with `data.mdb`. n is not zero-padded, and has
gaps where a frame shows no operation. Nothing but frames stands in it, as its reader takes every key for one.
**Red and blue of the JPEGs are swapped**: OpenCV's encoder, which expects BGR, was given RGB. Here pictures
are true RGB, coming out and going in.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import cv2
import lmdb
import numpy as np
from numpy.typing import NDArray

from surgvlp.console import progress_bar
from surgvlp.files import InputError, atomic_path, checked_id
from surgvlp.media.images import decode_image, encode_jpeg
from surgvlp.media.numbered_frames import Picture, frame_numbers, shrunk
from surgvlp.media.store import FrameStore

_DATA = "data.mdb"
_KEY = re.compile(rb"(.+)_(0|[1-9][0-9]{0,8})", re.DOTALL)  # an id may hold any number of `_`
_REPORT = 1 << 14  # keys
_COMMIT = 256  # frames written at a time: held in memory as JPEGs, some 50 MB
_SPARE = 1 << 22  # bytes of the map for pages that hold no pictures

# A process may have an LMDB open only once, however many read it. A forked one reads through what it
# inherits: read-only and without locks there is nothing that the two could disturb.
_OPEN: WeakValueDictionary[Path, lmdb.Environment] = WeakValueDictionary()
_OPENING = threading.Lock()


class Surg3MFrames:
    """The frames of a Surg-3M LMDB. Read-only, without locks, safe in threads and forked workers, picklable.

    All keys are read once; 12 bytes a frame are kept of them. Pictures are read when they are asked for.

    Args:
        path: the folder.

    Attributes:
        lectures: L ids, sorted.
        lecture: (N,) int32, row of `lectures`; frames are sorted by it and by number.
        number: (N,) int64, n of the key.

    Raises:
        InputError: no LMDB, a damaged or truncated one, one without frames, or with other keys.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._environment: lmdb.Environment | None = None  # opened by the process that reads pictures
        self.lectures, self.lecture, self.number = _read_keys(_shared(self.path), self.path)

    def __len__(self) -> int:
        return len(self.number)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_environment": None}

    def numbers(self, lecture: str) -> NDArray[np.int64]:
        """(n,) rising numbers of a lecture's frames, with gaps; empty where it has none."""
        row = bisect_left(self.lectures, lecture)
        if self.lectures[row : row + 1] != [lecture]:
            return self.number[:0]
        return self.number[slice(*np.searchsorted(self.lecture, [row, row + 1]))]

    def identity(self, lecture: str) -> str:
        """A hash that tells a lecture's pictures from others: of its first frame's length and beginning."""
        with self._value(f"{lecture}_{self.numbers(lecture)[0]}") as value:
            return hashlib.sha256(b"%d " % len(value) + value[:4096]).hexdigest()

    def read(self, lecture: str, number: int) -> Picture:
        """The frame `<lecture>_<number>`: (H, W, 3) true RGB. Frames differ in size.

        Raises:
            InputError: there is no such frame, or it is damaged.
        """
        key = f"{lecture}_{number}"
        with self._value(key) as value:
            image = decode_image(np.frombuffer(value, np.uint8))
        if image is None:
            raise _unusable(self.path, f"the frame {key} is damaged")
        return _swapped(image)

    @contextmanager
    def _value(self, key: str) -> Iterator[memoryview]:
        """What stands under a key, without a copy; it may be read only while this is open."""
        if self._environment is None:
            self._environment = _shared(self.path)
        try:
            with self._environment.begin(buffers=True) as transaction:
                value = transaction.get(key.encode())
                if value is None:
                    raise _unusable(self.path, f"there is no frame {key}")
                yield value
        except lmdb.Error as error:
            raise _unusable(self.path, f"damaged at the frame {key} ({error})") from error


def is_lmdb(path: str | os.PathLike[str]) -> bool:
    """Whether a folder holds an LMDB, by the name of its file."""
    return (Path(path) / _DATA).is_file()


def write_surg3m_lmdb(
    path: str | os.PathLike[str], frames: Iterable[tuple[str, int, Picture]], quality: int = 100
) -> int:
    """Write an LMDB in the published form; the folder appears whole or not at all.

    Args:
        path: the folder; there must be none yet.
        frames: (lecture, number, (H, W, 3) uint8 true RGB) of each frame once, in any order; they are taken
            one by one, and memory does not grow with them.
        quality: of the JPEGs, 1 to 100; 100 as published.

    Returns:
        How many frames were written.

    Raises:
        InputError: something is there already, a frame comes twice, there are no frames, a full disk.
    """
    path = Path(path)
    if path.exists():
        raise InputError("there is something already", file=path, remedy="Delete it, or take another name")
    encoded = (
        (_key(lecture, number), encode_jpeg(_swapped(image), quality)) for lecture, number, image in frames
    )
    written = 0
    with atomic_path(path) as partial:
        with lmdb.open(str(partial), map_size=_SPARE, lock=False, sync=False) as environment:
            while some := list(islice(encoded, _COMMIT)):
                _put(environment, some, path)
                written += len(some)
            with _told_if_full(path):
                environment.sync(True)
        if not written:
            raise InputError("there are no frames to write", file=path)
    return written


def write_lmdb_of_stores(
    stores: Mapping[str, Path],
    path: str | os.PathLike[str],
    every_s: float = 1.0,
    short_side: int | None = None,
    quality: int = 100,
) -> int:
    """Write frame stores as an LMDB in the published form.

    Args:
        stores: {lecture: its store}.
        path: the folder; there must be none yet.
        every_s: seconds between frames; n of a key is the frame nearest to n * every_s.
        short_side: in pixels, to which larger frames are shrunk; None: as stored.
        quality: of the JPEGs, 1 to 100.

    Returns:
        How many frames were written.

    Raises:
        InputError: settings out of range, a store that cannot be read, and all that `write_surg3m_lmdb` does.
    """
    if not 0 < every_s < float("inf"):
        raise InputError(f"a frame every {every_s} s", remedy="Use more than 0 seconds")
    if short_side is not None and short_side < 1:
        raise InputError(f"a short side of {short_side} pixels", remedy="Use 1 or more")
    if not 1 <= quality <= 100:
        raise InputError(f"a JPEG quality of {quality}", remedy="Use 1 to 100")

    def frames() -> Iterator[tuple[str, int, Picture]]:
        for lecture, folder in stores.items():
            store = FrameStore(folder)
            for number in frame_numbers(store, every_s).tolist():
                yield lecture, number, shrunk(store.read_at([number * every_s])[0], short_side)
            bar.advance()

    with progress_bar("LMDB", len(stores), unit="lectures") as bar:
        return write_surg3m_lmdb(path, frames(), quality)


def _shared(path: Path) -> lmdb.Environment:
    """The LMDB as it is open in this process already, or opened now."""
    place = path.resolve()
    with _OPENING:
        environment = _OPEN.get(place)
        if environment is None:
            environment = _OPEN[place] = _open(path)
    return environment


def _open(path: Path) -> lmdb.Environment:
    if not is_lmdb(path):
        raise _unusable(path, f"not an LMDB: there is no {_DATA} in it")
    try:
        # frames are drawn at random from more than fits in memory: reading ahead would read in vain
        environment = lmdb.open(str(path), readonly=True, lock=False, create=False, readahead=False)
    except lmdb.Error as error:
        raise _unusable(path, f"not an LMDB, or a damaged one ({error})") from error
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    found = (path / _DATA).stat().st_size
    if found < needed:  # reading behind the end would kill the process
        environment.close()
        raise _unusable(path / _DATA, f"{found} bytes where {needed} belong")
    return environment


def _read_keys(
    environment: lmdb.Environment, path: Path
) -> tuple[list[str], NDArray[np.int32], NDArray[np.int64]]:
    """Ids, sorted, and (N,) row of the id and n of each frame, sorted."""
    row_of: dict[bytes, int] = {}
    lecture, number = array("i"), array("q")
    total = environment.stat()["entries"]
    try:
        with progress_bar("keys of the LMDB", total, "keys") as bar, environment.begin() as transaction:
            for key in transaction.cursor().iternext(values=False):
                match = _KEY.fullmatch(key)
                if match is None:
                    raise _unusable(path, f"its key {key[:80]!r} is not <id>_<n>")
                lecture.append(row_of.setdefault(match[1], len(row_of)))
                number.append(int(match[2]))
                if len(number) % _REPORT == 0:
                    bar.advance(_REPORT)
            bar.advance(len(number) % _REPORT)
    except lmdb.Error as error:
        raise _unusable(path, f"damaged ({error})") from error
    if not number:
        raise _unusable(path, "there are no frames in it")
    names = [checked_id(name.decode("utf-8", "replace"), file=path) for name in row_of]
    rank = np.argsort(np.argsort(names)).astype(np.int32)
    rows, numbers = rank[np.frombuffer(lecture, np.int32)], np.frombuffer(number, np.int64)
    order = np.lexsort((numbers, rows))  # LMDB sorts as texts: 1, 10, 100, 2
    return sorted(names), rows[order], numbers[order]


def _put(environment: lmdb.Environment, frames: Sequence[tuple[bytes, bytes]], path: Path) -> None:
    """Commit some frames, in a map that is made large enough for them before."""
    page = environment.stat()["psize"]
    used = (environment.info()["last_pgno"] + 1) * page
    needed = used + sum(len(value) + 2 * page for _, value in frames) + _SPARE
    if needed > environment.info()["map_size"]:
        environment.set_mapsize(2 * needed)
    with _told_if_full(path), environment.begin(write=True) as transaction:
        for key, value in frames:
            if not transaction.put(key, value, overwrite=False):
                raise InputError(f"the frame {key.decode()} comes twice", file=path)


@contextmanager
def _told_if_full(path: Path) -> Iterator[None]:
    """Turns LMDB's error into the one of a full disk; it calls a write that was cut short an I/O error."""
    try:
        yield
    except lmdb.Error as error:
        if isinstance(error, lmdb.DiskError) or shutil.disk_usage(path.parent).free < _SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def _key(lecture: str, number: int) -> bytes:
    return f"{checked_id(lecture)}_{number}".encode()


def _swapped(image: Picture) -> Picture:
    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # type: ignore[return-value]


def _unusable(file: Path, what: str) -> InputError:
    return InputError(what, file=file, remedy="Give a folder as Surg-3M has them, or get it again")
