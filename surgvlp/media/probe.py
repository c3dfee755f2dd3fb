"""What a video file says about itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av
from av.stream import Disposition

from surgvlp.files import InputError
from surgvlp.media.display import read_display
from surgvlp.media.packets import read_packets

S = TypeVar("S", bound=av.stream.Stream)


@dataclass(frozen=True)
class VideoInfo:
    """A video's header, and where that says nothing of lengths, its packets.

    Attributes:
        width: in pixels, as shown: turned as the file asks for, with square pixels.
        height: in pixels, as shown.
        fps: frames a second, the average where the rate varies.
        frames: number of frames as the header has it, else estimated from duration and rate.
        duration_s: length of the whole file in seconds.
        audio_tracks: how many sound tracks can be decoded.
        audio_stream: the number, among all streams of the file, of the track that a player plays: the first
            that is flagged as default, else the first; None without sound.
        audio_end_s: where that track ends in seconds, as the header has it; 0 without one.
        start_s: when the first frame is shown, in seconds after the file begins to play; not 0 where the
            sound starts earlier than the picture.
        end_s: when the last frame goes, as the header has it.
        variable_rate: are the frames unevenly spaced, as far as the header tells?
    """

    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    audio_tracks: int
    audio_stream: int | None
    audio_end_s: float
    start_s: float
    end_s: float
    variable_rate: bool

    @property
    def has_audio(self) -> bool:
        """Is there a sound track?"""
        return self.audio_stream is not None


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Read a video's header and its first picture; where the header gives no lengths, also its packets once.

    PyAV does it, which faster-whisper brings along: decord tells neither sound nor start time, and the
    imageio-ffmpeg package has no ffprobe.

    Raises:
        InputError: no such file, empty, truncated before its index, or not a video.
    """
    with open_container(path) as container:
        return _describe(container, Path(path))


def open_container(path: str | os.PathLike[str]) -> av.container.InputContainer:
    """Open a local media file; it may name no other files and no network.

    Raises:
        InputError: no such file, empty, or of a kind that ffmpeg does not know.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such file", file=path)
    if path.stat().st_size == 0:
        raise InputError("the file is empty", file=path, remedy="Fetch it again")
    # PyAV's own log callback takes Python's lock: a decoder thread with something to say, and a program that
    # holds the lock while it frees that decoder, wait for each other for ever. ffmpeg's own does not.
    av.logging.restore_default_callback()
    av.logging.set_libav_level(av.logging.PANIC)
    try:
        return av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except av.error.FFmpegError as error:
        raise InputError(
            f"not a video that can be read ({error.strerror})",
            file=path,
            remedy="The file may be truncated or of another kind; fetch it again",
        ) from error


def picture_stream(container: av.container.InputContainer, path: str | os.PathLike[str]) -> av.VideoStream:
    """The picture that a player shows: the first track flagged as default, else the first; no cover image.

    Raises:
        InputError: there is none.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    stream = _preferred(moving)
    if stream is None or not stream.width:
        unknown = " of a kind that ffmpeg knows" if stream or moving else ""
        raise InputError(f"there is no picture{unknown} in this file", file=path)
    return stream


def sound_stream(container: av.container.InputContainer, path: str | os.PathLike[str]) -> av.AudioStream:
    """The sound that a player plays: the first track flagged as default, else the first.

    Raises:
        InputError: there is none.
    """
    stream = _preferred(container.streams.audio)
    if stream is None:
        unknown = " of a kind that ffmpeg knows" if container.streams.audio else ""
        raise InputError(
            f"there is no audio track{unknown}", file=path, remedy="Narrated lectures need their sound"
        )
    return stream


def start_of(container: av.container.InputContainer, stream: av.stream.Stream) -> float:
    """When a stream starts, in seconds after the file begins to play, by its header."""
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base) - (container.start_time or 0) / av.time_base


def end_of(container: av.container.InputContainer, stream: av.stream.Stream) -> float | None:
    """When a stream ends, in seconds after the file begins to play; None where the header does not say."""
    if stream.duration is not None and stream.time_base is not None:
        return start_of(container, stream) + float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _preferred(streams: Sequence[S]) -> S | None:
    known = [stream for stream in streams if stream.codec_context is not None]
    return next((s for s in known if s.disposition & Disposition.default), known[0] if known else None)


def _describe(container: av.container.InputContainer, path: Path) -> VideoInfo:
    stream = picture_stream(container, path)
    sound = _preferred(container.streams.audio)
    fps = float(stream.average_rate or stream.base_rate or 0)
    frames = stream.frames
    end_s, audio_end_s = end_of(container, stream), end_of(container, sound) if sound else 0.0
    if (
        end_s is None or audio_end_s is None
    ):  # written while it was recorded: nobody knew how long it would get
        with open_container(path) as again:
            tracks = read_packets(again)
        frames = tracks[stream.index].count
        end_s, audio_end_s = tracks[stream.index].end_s, tracks[sound.index].end_s if sound else 0.0
    duration_s = container.duration / av.time_base if container.duration else max(end_s, audio_end_s)
    frames = frames or round(duration_s * fps)
    if not frames:
        raise InputError("the video has no frames", file=path, remedy="Fetch it again")
    display = read_display(container, stream)
    return VideoInfo(
        width=display.width,
        height=display.height,
        fps=fps,
        frames=frames,
        duration_s=duration_s,
        audio_tracks=sum(track.codec_context is not None for track in container.streams.audio),
        audio_stream=sound.index if sound else None,
        audio_end_s=audio_end_s,
        start_s=start_of(container, stream),
        end_s=end_s,
        # base_rate is the coarsest grid that all time stamps lie on; an evenly spaced video fills it
        variable_rate=bool(stream.base_rate and fps and abs(float(stream.base_rate) / fps - 1) > 0.01),
    )
