"""Frames out of a video file, exactly by presentation time, as a player shows them.

Time 0 is where a player starts the file: the earliest of its streams. Narration times (`media.audio`) and
frame times are therefore on one clock, whatever the picture's own start, rate or edit list.

PyAV decodes. decord was tried first: it counts the frames that an mp4's edit list hides (every file cut with
`ffmpeg -ss -c copy` has some) and so gives wrong pictures for right times when such a file is read in order,
has its times in float32, and takes half a gigabyte in every process (benchmarks/frame_store.md).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from surgvlp.files import InputError
from surgvlp.media.display import read_display
from surgvlp.media.packets import check_complete, check_reached, read_packets
from surgvlp.media.probe import end_of, open_container, picture_stream


@dataclass(frozen=True)
class FrameIndex:
    """Where the frames of a video are, in order of presentation.

    Attributes:
        pts: (N,) int64, presentation time stamps in the stream's unit.
        key_pts: (K,) int64, those of the key frames.
        times: (N,) float64, seconds from the start of the file as a player shows it.
        end_s: when the last frame goes.
        rounding_s: how far a time may be off: half the stream's unit (0.5 ms in Matroska). A frame due at
            k/rate must not be taken as not yet shown for that.
    """

    pts: np.ndarray
    key_pts: np.ndarray
    times: np.ndarray
    end_s: float
    rounding_s: float

    def shown_at(self, times_s: np.ndarray) -> np.ndarray:
        """For each time the number of the frame on screen: the last one not later; the first before that."""
        numbers = np.searchsorted(self.times, np.asarray(times_s) + self.rounding_s, side="right") - 1
        return np.maximum(numbers, 0)


def index_frames(path: str | os.PathLike[str], report: Callable[[], None] = lambda: None) -> FrameIndex:
    """List a video's frames from its packets, without decoding; reads the file once.

    Args:
        path: a video file.
        report: called now and then while reading gets on.

    Raises:
        InputError: not a video, or the packets end before the file says they do (a truncated one).
    """
    with open_container(path) as container:
        stream = picture_stream(container, path)
        unit = float(stream.time_base or 0)
        header_end_s = end_of(container, stream)
        tracks = read_packets(container, report)
        pts, key = tracks[stream.index].shown()
        if not len(pts):
            raise InputError(
                "the video has no frames with a time stamp", file=path, remedy="Make an mp4 of it"
            )
        duration_s = container.duration / av.time_base if container.duration else None
        check_complete(path, "picture", tracks, stream.index, duration_s)
        times = pts * unit - (container.start_time or 0) / av.time_base
        fps = float(stream.average_rate or 1)
    # packets' durations are no help: in mp4 they are gaps in decoding order
    usual_s = float(np.median(np.diff(times))) if len(times) > 1 else 1 / fps
    end_s = float(times[-1]) + usual_s
    if header_end_s is not None and times[-1] < header_end_s < end_s:
        end_s = header_end_s
    return FrameIndex(pts, pts[key], times, end_s, unit / 2 + 1e-6)


def frame_times(path: str | os.PathLike[str]) -> np.ndarray:
    """When each frame comes on screen: (N,) float64 seconds, rising; see `index_frames`."""
    return index_frames(path).times


def decode(
    path: str | os.PathLike[str], times_s: Sequence[float] | np.ndarray, short_side: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The frames on screen at the given times.

    Args:
        path: a video file.
        times_s: (T,) seconds in any order; before the first frame means the first, after the last the last.
        short_side: scale down to this short side in pixels; never up. None leaves the size as it is.

    Returns:
        frames uint8 (T, H, W, 3) RGB, turned and with square pixels as the file asks for; and the times (T,)
        at which each of them came on screen.

    Raises:
        InputError: not a video, truncated, or it cannot be decoded.
    """
    index = index_frames(path)
    wanted, inverse = np.unique(index.shown_at(np.asarray(times_s, np.float64)), return_inverse=True)
    with FrameReader(path, index, short_side) as reader:
        got = list(reader.read(wanted))
        height, width = reader.size
    frames = np.stack([frame for _, frame in got]) if got else np.empty((0, height, width, 3), np.uint8)
    numbers = np.array([number for number, _ in got], np.int64)
    return frames[inverse], index.times[numbers][inverse]


def scaled_size(height: int, width: int, short_side: int | None) -> tuple[int, int]:
    """(height, width) with the short side at `short_side`, never larger than it was."""
    scale = 1.0 if short_side is None else min(1.0, short_side / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


class FrameReader:
    """An open video that gives frames by number; one decoder, so use it from one thread.

    Args:
        path: a video file.
        index: its frames, from `index_frames`.
        short_side: as `decode`.
        threads: decoder threads. The pixels do not depend on it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        index: FrameIndex,
        short_side: int | None = None,
        threads: int = 1,
    ) -> None:
        self.path, self.index = Path(path), index
        self._container = open_container(path)
        self._stream = picture_stream(self._container, path)
        self._stream.thread_count = threads
        self._stream.thread_type = "AUTO" if threads > 1 else "NONE"
        self._display = read_display(self._container, self._stream)
        self.size = scaled_size(self._display.height, self._display.width, short_side)
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._now: tuple[int, av.VideoFrame] | None = None  # with its time stamp

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._container.close()

    def read(self, numbers: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (number, uint8 (H, W, 3) RGB) for each of the rising frame numbers asked for.

        Where a damaged frame cannot be decoded, the number and picture are of the one that a player would go
        on showing in its place.
        """
        try:
            for number in numbers:
                yield self._read(int(self.index.pts[number]))
        except av.error.FFmpegError as error:
            raise InputError(f"cannot be decoded ({error.strerror})", file=self.path) from error

    def _read(self, pts: int) -> tuple[int, np.ndarray]:
        if self._now is None or self._must_seek(self._now[0], pts):
            self._now = self._seek(pts)
        while self._now[0] < pts:
            following = next(self._frames, None)
            if following is None:
                break
            if following[0] > pts:  # kept for the next call: decoders give frames once
                self._frames = itertools.chain([following], self._frames)
                break
            self._now = following
        number = max(0, int(np.searchsorted(self.index.pts, self._now[0], side="right")) - 1)
        check_reached(self.path, "picture", self.index.times[number], self._seconds(pts))
        return number, self._display.show(self._now[1], self.size)

    def _must_seek(self, now: int, pts: int) -> bool:
        """Seek back, or forward over a whole group of pictures; otherwise it is quicker to decode on."""
        keys = self.index.key_pts
        key = int(np.searchsorted(keys, pts, side="right")) - 1
        return pts < now or (key > 0 and keys[key - 1] > now)

    def _seek(self, pts: int) -> tuple[int, av.VideoFrame]:
        """Go to a frame not later than `pts`, or to the very first where there is none."""
        second = round(1 / float(self._stream.time_base or 1))
        begin = int(self.index.pts[0]) - second
        back = 0
        while True:
            target = max(pts - back, begin)
            self._container.seek(target, stream=self._stream)
            self._frames = (
                (frame.pts, frame) for frame in self._container.decode(self._stream) if frame.pts is not None
            )
            found = next(self._frames, None)
            if found is not None and (found[0] <= pts or target == begin):
                return found
            if target == begin:
                raise InputError("no frame of the video can be decoded", file=self.path)
            back = 4 * back + second

    def _seconds(self, pts: int) -> float:
        return float(self.index.times[np.searchsorted(self.index.pts, pts)])
