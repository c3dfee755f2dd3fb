"""The sound of a video as mono samples, streamed so that hours of it need no more memory than seconds.

Of several tracks it is the one that a player plays: the first that is flagged as default, else the first.
Channels are mixed with ffmpeg's weights (in 5.1 the voice in the middle is the loudest), scaled so that all
of them at full level just do not clip. One channel stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np

from surgvlp.media.ffmpeg import open_input, running
from surgvlp.media.packets import check_complete, check_reached, read_packets
from surgvlp.media.probe import end_of, open_container, sound_stream, start_of


def stream_audio(
    path: str | os.PathLike[str], rate: int = 16000, block_s: float = 30.0
) -> Iterator[np.ndarray]:
    """Blocks of `block_s` seconds, float32 in [-1, 1] at `rate` Hz, mono; the last one may be shorter.

    Sample 0 is time 0 of the video as a player shows it: sound that starts later than the picture is led by
    silence, and gaps are filled with it, so that narration times and frame times are on one clock.

    Raises:
        InputError: no such file, not a video, no audio track, or sound that breaks off before its end.
    """
    track = _find(path)
    samples = 0
    for block in _decoded(path, track, 0.0, rate, round(block_s * rate)):
        samples += len(block)
        yield block
    if track.end_s is not None and samples / rate < 0.99 * track.end_s - 1:
        _check_breaks(path, track, samples / rate)


def read_audio(
    path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None, rate: int = 16000
) -> np.ndarray:
    """Samples of [start_s, end_s), float32 (N,); to the end of the sound where `end_s` is None or later.

    Raises:
        InputError: as `stream_audio`.
    """
    track = _find(path)
    lead_s = min(1.0, start_s)  # a codec needs the packets before the first that it is asked for
    window = {"start_sample": round(lead_s * rate)}
    if end_s is not None:
        window["end_sample"] = round((lead_s + end_s - start_s) * rate)
        if window["end_sample"] <= window["start_sample"]:
            return np.empty(0, np.float32)
    blocks = _decoded(path, track, start_s - lead_s, rate, 30 * rate, window)
    return np.concatenate([np.empty(0, np.float32), *blocks])


@dataclass(frozen=True)
class _Track:
    """The track to play.

    Attributes:
        stream: its number among all streams of the file.
        begins_s: when the file begins to play, on its own clock.
        end_s: when the sound ends, after that, as the header has it; None where it does not say.
        seekable_s: the first time, after that, to which ffmpeg can seek: it goes by the picture.
        duration_s: of the file, as the header has it.
    """

    stream: int
    begins_s: float
    end_s: float | None
    seekable_s: float
    duration_s: float | None


def _find(path: str | os.PathLike[str]) -> _Track:
    with open_container(path) as container:
        sound = sound_stream(container, path)
        return _Track(
            sound.index,
            (container.start_time or 0) / av.time_base,
            end_of(container, sound),
            max([0.0, *(start_of(container, picture) for picture in container.streams.video)]),
            container.duration / av.time_base if container.duration else None,
        )


def _check_breaks(path: str | os.PathLike[str], track: _Track, reached_s: float) -> None:
    """The sound is shorter than its header says: raise InputError unless the packets agree with the sound."""
    with open_container(path) as container:
        tracks = read_packets(container)
    check_complete(path, "sound", tracks, track.stream, track.duration_s)
    check_reached(path, "sound", reached_s, tracks[track.stream].end_s)


def _decoded(
    path: str | os.PathLike[str],
    track: _Track,
    start_s: float,
    rate: int,
    block: int,
    window: dict[str, int] | None = None,
) -> Iterator[np.ndarray]:
    seek = {"ss": start_s} if start_s > track.seekable_s else {}
    # ffmpeg may move the beginning of what it plays (in mpeg-ts to that of the sound): keep the file's clock
    sound = open_input(path, **seek)[str(track.stream)].filter(
        "asetpts", f"PTS-{track.begins_s + start_s}/TB"
    )
    sound = sound.filter("aresample", rate, **{"async": 1, "first_pts": 0, "rematrix_maxval": 1})
    if window:
        sound = sound.filter("atrim", **window)
    stream = sound.output("pipe:1", format="f32le", acodec="pcm_f32le", ac=1, ar=rate)
    with running(stream.global_args("-copyts"), file=path) as process:
        assert process.stdout is not None
        while data := process.stdout.read(4 * block):
            # codecs and resamplers overshoot full level by a hair
            yield np.clip(np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False), -1, 1)
