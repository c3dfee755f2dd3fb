"""What a video file says about itself, read from its header only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import av

from surgvlp.files import InputError


@dataclass(frozen=True)
class VideoInfo:
    """A video's header.

    Attributes:
        width: in pixels, as stored.
        height: in pixels, as stored.
        fps: frames a second, the average where the rate varies.
        frames: number of frames as the header has it, else estimated from duration and rate.
        duration_s: length of the whole file in seconds.
        has_audio: is there a sound track?
        audio_end_s: where the sound track ends in seconds, as the header has it; 0 without one.
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
    has_audio: bool
    audio_end_s: float
    start_s: float
    end_s: float
    variable_rate: bool


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Read a video's header.

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
    try:
        return av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except av.error.FFmpegError as error:
        raise InputError(
            f"not a video that can be read ({error.strerror})",
            file=path,
            remedy="The file may be truncated or of another kind; fetch it again",
        ) from error


def _describe(container: av.container.InputContainer, path: Path) -> VideoInfo:
    if not container.streams.video:
        raise InputError("there is no picture in this file", file=path)
    stream = container.streams.video[0]
    fps = float(stream.average_rate or stream.base_rate or 0)
    begins_s = (container.start_time or 0) / av.time_base
    shown_s, ends_s = _span(stream, container)
    duration_s = container.duration / av.time_base if container.duration else ends_s - begins_s
    frames = stream.frames or round(duration_s * fps)
    if not frames or not stream.width:
        raise InputError("the video has no frames", file=path, remedy="Fetch it again")
    sound = container.streams.audio
    return VideoInfo(
        width=stream.width,
        height=stream.height,
        fps=fps,
        frames=frames,
        duration_s=duration_s,
        has_audio=bool(sound),
        audio_end_s=_span(sound[0], container)[1] - begins_s if sound else 0.0,
        start_s=shown_s - begins_s,
        end_s=ends_s - begins_s,
        # base_rate is the coarsest grid that all time stamps lie on; an evenly spaced video fills it
        variable_rate=bool(stream.base_rate and fps and abs(float(stream.base_rate) / fps - 1) > 0.01),
    )


def _span(stream: av.stream.Stream, container: av.container.InputContainer) -> tuple[float, float]:
    """Start and end of one stream on the file's own clock; the file's where the stream does not say."""
    unit = float(stream.time_base or 0)
    start_s = (container.start_time or 0) / av.time_base
    if stream.start_time is not None:
        start_s = stream.start_time * unit
    length_s = stream.duration * unit if stream.duration else (container.duration or 0) / av.time_base
    return start_s, start_s + length_s
