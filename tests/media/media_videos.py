"""Videos for the tests: every frame carries its own number in black and white, which H.264 cannot blur."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg
import numpy as np

from surgvlp.media.ffmpeg import open_input, running

BITS, BLOCK = 12, 16
HEIGHT, WIDTH = 32, BITS * BLOCK
NTSC = Fraction(30000, 1001)
READING = ("ss", "display_rotation", "display_hflip", "stream_loop")  # ffmpeg takes these before -i


def picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """uint8 (height, width, 3): `number` in binary, one vertical stripe a bit."""
    bits = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8)
    columns = bits[np.arange(width) * BITS // width]
    return np.broadcast_to(columns[None, :, None] * np.uint8(255), (height, width, 3)).copy()


def number_in(frame: np.ndarray) -> int:
    """What `picture` was given, from a decoded frame of any size."""
    centres = (np.arange(BITS) + 0.5) * frame.shape[1] / BITS
    bits = frame[frame.shape[0] // 2, centres.astype(int), 0] > 127
    return int((bits << np.arange(BITS)).sum())


def numbers_in(frames: np.ndarray) -> list[int]:
    return [number_in(frame) for frame in frames]


def write_video(
    path: Path, pts: Sequence[int], unit: Fraction, gop: int = 12, size: tuple[int, int] = (HEIGHT, WIDTH)
) -> Path:
    """A video whose frame i has number i and time stamp pts[i] x unit, with B-frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=30, options={"g": str(gop), "preset": "ultrafast", "bf": "2"}
        )
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = unit
        stream.time_base = unit
        for number, stamp in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
            frame.pts, frame.time_base = stamp, unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def even_video(path: Path, frames: int, fps: Fraction = NTSC, gop: int = 12, **options: object) -> Path:
    """Frames evenly spaced from 0."""
    return write_video(path, range(frames), 1 / fps, gop, **options)  # type: ignore[arg-type]


def write_wav(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (samples * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def joined(
    path: Path, video: Path, sound: Path, video_later_s: float = 0.0, sound_later_s: float = 0.0
) -> Path:
    """Picture and sound in one file, either of them starting later."""
    stream = open_input(video, itsoffset=video_later_s).video.output(
        open_input(sound, itsoffset=sound_later_s).audio, f"file:{path}", vcodec="copy", acodec="aac"
    )
    with running(stream, file=path):
        pass
    return path


def copied(path: Path, video: Path, **options: object) -> Path:
    """The same packets again: with `ss` cut into an edit list, with another ending in another container."""
    return converted(path, video, **{"c": "copy", **options})


def converted(path: Path, video: Path, **options: object) -> Path:
    """What the ffmpeg program makes of a file; options about reading are told from those about writing."""
    reading = {name: options.pop(name) for name in list(options) if name in READING}
    with running(open_input(video, **reading).output(f"file:{path}", **options), file=path):
        pass
    return path


def quadrants(height: int, width: int) -> np.ndarray:
    """uint8 (height, width, 3): red and green above, blue and white below."""
    colours = np.array([[[200, 30, 40], [30, 180, 60]], [[40, 60, 210], [230, 230, 230]]], np.uint8)
    rows, columns = np.arange(height) * 2 // height, np.arange(width) * 2 // width
    return colours[rows[:, None], columns]


def quadrant_colours(frame: np.ndarray) -> np.ndarray:
    """int (2, 2, 3): the colours in the middle of the quadrants."""
    height, width = frame.shape[:2]
    return frame[height // 4 :: height // 2, width // 4 :: width // 2][:2, :2].astype(int)


def still_video(path: Path, image: np.ndarray, frames: int = 5, **options: object) -> Path:
    """An image for some frames at 25 a second, encoded by the ffmpeg program with its own options."""
    height, width = image.shape[:2]
    pixels = ffmpeg.input("pipe:0", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=25)
    with running(pixels.output(f"file:{path}", **options), file=path, stdin=True) as process:
        assert process.stdin is not None
        process.stdin.write(np.broadcast_to(image, (frames, *image.shape)).tobytes())
    return path


def frames_by_ffmpeg(path: Path, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """All frames as the ffmpeg program shows them, for comparison: uint8 (N, H, W, 3)."""
    with running(open_input(path).output("pipe:1", format="rawvideo", pix_fmt="rgb24"), file=path) as process:
        assert process.stdout is not None
        data = process.stdout.read()
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)


def slow_but_steady(report: Callable[[int], None]) -> str:
    """Work of five seconds that says twice a second that it gets on."""
    for step in range(10):
        time.sleep(0.5)
        report(step)
    return "done"
