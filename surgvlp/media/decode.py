"""Frames out of a video file, exactly by presentation time, and a process to do it in that can be killed.

Time 0 is where a player starts the file: the earliest of its streams. Narration times (`media.audio`) and
frame times are therefore on one clock, whatever the picture's own start, rate or edit list.

PyAV decodes. decord was tried first: it counts the frames that an mp4's edit list hides (every file cut with
`ffmpeg -ss -c copy` has some) and so gives wrong pictures for right times when such a file is read in order,
has its times in float32, and takes half a gigabyte in every process (benchmarks/frame_store.md).
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np

from surgvlp.files import InputError
from surgvlp.media.images import resize
from surgvlp.media.probe import open_container, probe

T = TypeVar("T")


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


def index_frames(path: str | os.PathLike[str]) -> FrameIndex:
    """List a video's frames from its packets, without decoding; reads the file once.

    Raises:
        InputError: as `probe`, or the packets end before the header says they do (a truncated file).
    """
    info = probe(path)
    with open_container(path) as container:
        stream = container.streams.video[0]
        unit = float(stream.time_base or 0)
        start_s = (container.start_time or 0) / av.time_base
        # packets that the edit list hides are decoded for the sake of later ones, never shown
        packets = [
            (packet.pts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.pts is not None and packet.size and not packet.is_discard
        ]
    if not packets:
        raise InputError("the video has no frames with a time stamp", file=path, remedy="Make an mp4 of it")
    pts, first = np.unique(np.array([packet[0] for packet in packets], np.int64), return_index=True)
    key = np.array([packet[1] for packet in packets])[first]
    times = pts * unit - start_s
    # packets' durations are no help: in mp4 they are gaps in decoding order
    usual_s = float(np.median(np.diff(times))) if len(times) > 1 else 1 / (info.fps or 1)
    end_s = float(times[-1]) + usual_s
    if times[-1] < info.end_s < end_s:
        end_s = info.end_s
    _check_whole(path, end_s, info.end_s)
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
        frames uint8 (T, H, W, 3) RGB, and the times (T,) at which each of them came on screen.

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
        self._stream = self._container.streams.video[0]
        self._stream.thread_count = threads
        self._stream.thread_type = "AUTO" if threads > 1 else "NONE"
        self.size = scaled_size(self._stream.height, self._stream.width, short_side)
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
        _check_whole(self.path, self.index.times[number], self._seconds(pts))
        # One thread: the converter's own do not survive a fork, and a data loader then waits for ever.
        picture = self._now[1].to_ndarray(format="rgb24", threads=1)
        return number, resize(picture, self.size)

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


def _check_whole(path: str | os.PathLike[str], reached_s: float, expected_s: float) -> None:
    # one second and one per cent: headers round, and a last damaged frame is no reason to lose a lecture
    if reached_s < 0.99 * expected_s - 1:
        raise InputError(
            f"the picture breaks off at {reached_s:.1f} s of {expected_s:.1f} s",
            file=path,
            remedy="The file is truncated or damaged; fetch it again",
        )


def in_killable_process(
    function: Callable[..., T], *arguments: Any, timeout_s: float, report: Callable[[Any], None] | None = None
) -> T:
    """Call `function(*arguments)` in a process of its own: decoding a stranger's file can hang or crash.

    The process is spawned, not forked (a fork of a program with decoder threads can stop for ever), so the
    function must be importable and its arguments picklable. It dies with its parent, even a killed one.

    Args:
        function: what to call; with `report` given it also takes a keyword `report`, a function of one value.
        timeout_s: kill it after so long without a result or a report.
        report: receives, here, what the function reports there.

    Raises:
        InputError: no sign of life for `timeout_s`, or the process crashed; and whatever the function raises.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(
        target=_serve, args=(there, function, arguments, report is not None), daemon=True
    )
    process.start()
    there.close()
    try:
        while here.poll(timeout_s):
            kind, value = here.recv()
            if kind == "result":
                return value
            if kind == "input error":
                raise value
            if kind == "error":
                error, trace = value
                raise error from RuntimeError(f"in the decoding process:\n{trace}")
            assert report is not None
            report(value)
    except EOFError:
        process.join()
        raise InputError(
            f"decoding crashed (exit code {process.exitcode})",
            remedy="The file may be damaged; fetch it again",
        ) from None
    finally:
        process.kill()
        process.join()
        here.close()
    raise InputError(
        f"no progress for {timeout_s:g} s, stopped", remedy="The file may be damaged; fetch it again"
    )


def _serve(
    there: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], reports: bool
) -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()
    keywords = {"report": lambda value: there.send(("report", value))} if reports else {}
    try:
        answer = ("result", function(*arguments, **keywords))
    except InputError as error:
        answer = ("input error", error)
    except KeyboardInterrupt:
        return
    except Exception as error:
        answer = ("error", (error, traceback.format_exc()))
    there.send(answer)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
