"""Write H.264 mp4 files from frames in memory, of every kind that lectures come in."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np

from surgvlp.files import DiskFullError, InputError, atomic_path
from surgvlp.media.images import resize
from surgvlp.media.probe import open_container, sound_stream

# x264's presets trade time for size at equal quality. "superfast" with the macroblock tree of the slower ones
# takes half the time of "veryfast", for pictures as good in files half as large again. Without
# "cpu-independent" the tree's sums depend on where memory happens to lie: one file in thirty has other bytes.
X264 = {
    "preset": "superfast",
    "mbtree": "1",
    "rc-lookahead": "10",
    "bf": "0",
    "weightp": "0",
    "x264-params": "cpu-independent=1",
}
VARIABLE_UNIT = Fraction(1, 90000)  # of times given with each frame; exact for 24, 25, 29.97 and 30 a second
SMPTE_170M, LIMITED_RANGE = 6, 1  # ffmpeg's numbers: BT.601's matrix, black at 16 and white at 235
# BT.601, limited range: U and V over R, G, B, 1. The third row is there because OpenCV is quicker with three.
CHROMA = np.array(
    [[-0.14822, -0.29099, 0.43922, 128], [0.43922, -0.36779, -0.07143, 128], [0, 0, 0, 0]], np.float32
)


@dataclass(frozen=True)
class Encoding:
    """How a video is stored. None of it changes what a player shows, but for losses by compression.

    Attributes:
        crf: x264's constant rate factor, 0 (lossless) to 51.
        gop: frames from one key frame to the next at most; None for x264's own choice (250).
        rotation: degrees clockwise by which players turn the stored picture: 0, 90, 180 or 270. The pictures
            are stored turned the other way, as a phone held upright does it.
        pixel_aspect: width of a stored pixel divided by its height, e.g. Fraction(16, 15) for DV. The
            pictures are stored so much narrower (to the next even number, and the flag says the exact ratio).
        audio_start_s: the second at which the sound begins.
        faststart: the table of frames in front, for files that play while they load, instead of at the end.
    """

    crf: int = 23
    gop: int | None = None
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)
    audio_start_s: float = 0.0
    faststart: bool = False

    def __post_init__(self) -> None:
        if self.rotation not in (0, 90, 180, 270):
            raise InputError(f"a rotation by {self.rotation} degrees", remedy="Use 0, 90, 180 or 270")
        if not Fraction(1, 4) <= self.pixel_aspect <= 4:
            raise InputError(f"a pixel aspect of {self.pixel_aspect}", remedy="Use 1/4 to 4")
        if self.audio_start_s < 0:
            raise InputError("the sound cannot begin before the file", remedy="Start the pictures later")


class VideoWriter:
    """A context manager that writes an mp4 (H.264, yuv420p, AAC sound); it appears only when it is whole.

        with VideoWriter("x.mp4", 854, 480, Fraction(30000, 1001), audio="voice.wav") as writer:
            for frame in frames:
                writer.write(frame)

        with VideoWriter("x.mp4", 854, 480, None, encoding=Encoding(rotation=90, gop=12)) as writer:
            for frame, second in slides:
                writer.write(frame, second)

    Equal frames give equal bytes on one version of PyAV: one encoder thread and no dates in the file. Encode
    several videos in several processes instead.

    Args:
        path: the mp4 to write.
        width: of the frames, that is of the picture as shown, in pixels, even.
        height: of the frames in pixels, even.
        fps: frames a second; 29.97 is taken as 30000/1001. None where each frame comes with its time.
        audio: a sound file to lay under the pictures.
        encoding: how to store it.

    Raises:
        InputError: odd sizes, a sound file that cannot be read, a full disk.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        width: int,
        height: int,
        fps: float | Fraction | None,
        audio: str | os.PathLike[str] | None = None,
        encoding: Encoding = Encoding(),
    ) -> None:
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise InputError(f"cannot encode {width}x{height}", file=path, remedy="Use even sizes")
        if audio is not None and not Path(audio).is_file():
            raise InputError("there is no such sound file", file=audio)
        self.path, self._shape, self._audio, self._encoding = Path(path), (height, width, 3), audio, encoding
        self._rate = None if fps is None else _exact_rate(fps)
        self._unit = VARIABLE_UNIT if self._rate is None else 1 / self._rate
        turned = (width, height) if encoding.rotation in (90, 270) else (height, width)
        self._aspect_width = turned[1]
        self._stored = turned[0], max(2, 2 * round(turned[1] / encoding.pixel_aspect / 2))
        self._pts = -1
        self._open: AbstractContextManager[None]
        self._container: av.container.OutputContainer
        self._picture: av.VideoStream
        self._sound: Iterator[tuple[float, list[av.Packet]]]
        self._sound_s = 0.0

    def __enter__(self) -> VideoWriter:
        self._open = self._writing()
        self._open.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def write(self, frame: np.ndarray, at_s: float | Fraction | None = None) -> None:
        """Append one frame.

        Args:
            frame: uint8, as it is to be shown: (H, W, 3) RGB, or what is stored in the end, (H x 3/2, W)
                planes of luma, Cb and Cr below each other (I420: BT.601, limited range), which is faster.
            at_s: when it comes on screen in seconds, later than the one before, rounded to 1/90000 s; given
                exactly where the writer has no `fps`. The last frame stays as long as the one before it.
        """
        planes = (self._shape[0] * 3 // 2, self._shape[1])
        if frame.shape not in (self._shape, planes) or frame.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._shape} or {planes}, got {frame.dtype} {frame.shape}")
        if (at_s is None) != (self._rate is not None):
            raise ValueError("give the times of frames where there is no fps, and only there")
        pts = self._pts + 1 if at_s is None else round(at_s / self._unit)
        if pts <= self._pts:
            raise ValueError(f"a frame at {at_s} s comes after one at {float(self._pts * self._unit)} s")
        picture = av.VideoFrame.from_numpy_buffer(self._as_stored(frame), format="yuv420p")
        picture.pts, picture.time_base, picture.duration = pts, self._unit, pts - max(0, self._pts) or 1
        self._pts = pts
        self._container.mux(self._picture.encode(picture))
        self._write_sound(float(pts * self._unit))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        layout = {"movflags": "+faststart"} if self._encoding.faststart else {}
        with (
            atomic_path(self.path) as partial,
            _full_disk_said(self.path),
            av.open(f"file:{partial}", "w", format="mp4", options=layout) as self._container,
        ):
            self._picture = self._picture_stream()
            self._sound = iter(()) if self._audio is None else self._encoded_sound(self._audio)
            self._write_sound(0.0)  # all streams must be there when the first packet is written
            yield
            if self._pts < 0:
                raise ValueError(f"no frames were written to {self.path}")
            self._container.mux(self._picture.encode())
            self._write_sound(float("inf"))

    def _picture_stream(self) -> av.VideoStream:
        options = {**X264, "crf": str(self._encoding.crf), "threads": "1"}  # x264's output depends on threads
        if self._encoding.gop is not None:
            options["g"] = str(self._encoding.gop)
        stream = self._container.add_stream("libx264", rate=self._rate or 30, options=options)
        stream.height, stream.width = self._stored
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._unit
        context.sample_aspect_ratio = Fraction(self._aspect_width, self._stored[1])
        context.colorspace, context.color_range = SMPTE_170M, LIMITED_RANGE
        if self._encoding.rotation:
            stream.set_display_rotation(-self._encoding.rotation)
        return stream

    def _as_stored(self, frame: np.ndarray) -> np.ndarray:
        """Planes of the picture, turned and made narrower where that is how it is stored."""
        turns = self._encoding.rotation // 90  # to the left, so that turning it to the right shows it upright
        if frame.ndim == 2:
            if turns == 0 and self._stored == self._shape[:2]:
                return frame
            frame = cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_I420)
        return _i420(resize(np.ascontiguousarray(np.rot90(frame, turns)), self._stored))

    def _write_sound(self, until_s: float) -> None:
        """Mux what is to be heard before `until_s`: a file's sound lies beside its pictures."""
        while self._sound_s <= until_s:
            after = next(self._sound, None)
            if after is None:
                return
            self._sound_s, packets = after
            self._container.mux(packets)

    def _encoded_sound(self, path: str | os.PathLike[str]) -> Iterator[tuple[float, list[av.Packet]]]:
        """(second reached, packets) of a sound file as AAC."""
        with open_container(path) as source:
            sound = sound_stream(source, path)
            layout = {1: "mono", 2: "stereo"}.get(sound.channels, sound.layout.name)  # wav names none
            # "fast" takes a quarter of the default coder's time, which was more than that of the pictures
            coder = {"aac_coder": "fast"}
            stream = self._container.add_stream("aac", rate=sound.rate, options=coder, layout=layout)
            resampler = av.AudioResampler("fltp", layout, sound.rate, 1024)
            samples = round(self._encoding.audio_start_s * sound.rate)
            for decoded in itertools.chain(source.decode(sound), [None]):
                for frame in resampler.resample(decoded):
                    frame.pts, frame.time_base = samples, Fraction(1, sound.rate)
                    samples += frame.samples
                    yield samples / sound.rate, stream.encode(frame)
            yield float("inf"), stream.encode()


def _exact_rate(fps: float | Fraction) -> Fraction:
    """29.97 is short for 30000/1001, as 23.976 and 59.94 are for theirs; other rates are what they say."""
    ntsc = Fraction(1000 * round(fps * 1.001), 1001)
    if isinstance(fps, float) and abs(fps / float(ntsc or 1) - 1) < 2e-4:
        return ntsc
    return Fraction(fps).limit_denominator(1001)


@contextmanager
def _full_disk_said(path: Path) -> Iterator[None]:
    try:
        yield
    except av.error.FFmpegError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(f"cannot be encoded ({error.strerror})", file=path) from error
        raise DiskFullError("the disk is full", file=path, remedy="Free some space and run again") from error


def _i420(picture: np.ndarray) -> np.ndarray:
    """Planes Y, U, V of BT.601 below each other: uint8 (H x 3/2, W), from RGB (H, W, 3) of even sizes.

    OpenCV takes the chroma of one pixel in four, which makes fine colours flicker; here it is their mean.
    """
    height, width = picture.shape[:2]
    planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
    half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    chroma = planes.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
    chroma[:] = cv2.transform(half, CHROMA).transpose(2, 0, 1)[:2]
    return planes
