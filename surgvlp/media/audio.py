"""The sound of a video as mono samples, streamed so that hours of it need no more memory than seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator

import ffmpeg
import numpy as np

from surgvlp.files import InputError
from surgvlp.media.ffmpeg import open_input, running
from surgvlp.media.probe import probe


def stream_audio(
    path: str | os.PathLike[str], rate: int = 16000, block_s: float = 30.0
) -> Iterator[np.ndarray]:
    """Blocks of `block_s` seconds, float32 in [-1, 1] at `rate` Hz, mono; the last one may be shorter.

    Sample 0 is time 0 of the video as a player shows it: sound that starts later than the picture is led by
    silence, and gaps are filled with it, so that narration times and frame times are on one clock.

    Raises:
        InputError: no such file, not a video, no audio track, or sound that breaks off before its end.
    """
    expected_s = _sound_end(path)
    samples = 0
    for block in _decoded(open_input(path).audio, path, rate, round(block_s * rate)):
        samples += len(block)
        yield block
    if samples / rate < 0.99 * expected_s - 1:
        raise InputError(
            f"the sound breaks off at {samples / rate:.1f} s of {expected_s:.1f} s",
            file=path,
            remedy="The file is truncated or damaged; fetch it again",
        )


def read_audio(
    path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None, rate: int = 16000
) -> np.ndarray:
    """Samples of [start_s, end_s), float32 (N,); to the end of the sound where `end_s` is None or later.

    Raises:
        InputError: as `stream_audio`.
    """
    end_s = min(_sound_end(path), end_s if end_s is not None else float("inf"))
    lead_s = min(1.0, start_s)  # a codec needs the packets before the first that it is asked for
    sound = open_input(path, ss=start_s - lead_s).audio
    first, last = round(lead_s * rate), round((lead_s + end_s - start_s) * rate)
    if last <= first:
        return np.empty(0, np.float32)
    blocks = _decoded(sound, path, rate, 30 * rate, atrim={"start_sample": first, "end_sample": last})
    return np.concatenate([np.empty(0, np.float32), *blocks])


def _sound_end(path: str | os.PathLike[str]) -> float:
    info = probe(path)
    if not info.has_audio:
        raise InputError("there is no audio track", file=path, remedy="Narrated lectures need their sound")
    return info.audio_end_s


def _decoded(
    sound: ffmpeg.Stream,
    path: str | os.PathLike[str],
    rate: int,
    block: int,
    atrim: dict[str, int] | None = None,
) -> Iterator[np.ndarray]:
    sound = sound.filter("aresample", rate, **{"async": 1, "first_pts": 0})
    if atrim:
        sound = sound.filter("atrim", **atrim)
    stream = sound.output("pipe:1", format="f32le", acodec="pcm_f32le", ac=1, ar=rate)
    with running(stream, file=path) as process:
        assert process.stdout is not None
        while data := process.stdout.read(4 * block):
            yield np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)
