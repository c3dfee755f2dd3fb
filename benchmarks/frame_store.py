"""How fast clips are read: from the frame store, and from mp4 in the ways that others do it.

    pip install decord2
    python benchmarks/frame_store.py                       # makes a 2 min video in a temporary folder
    python benchmarks/frame_store.py --video lecture.mp4   # on a video of one's own

One process, one thread of Python. A clip is 4 frames, 1 s apart, scaled to a short side of 224 as a loader
would. First clips are read in order from the start, then for some seconds at random places, the same for
every way. Prints markdown, with the share of frames that were the ones on screen at that time: made videos
carry their frame number in their pixels. `frame_store.md` beside this file holds measured tables.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ffmpeg
import numpy as np

from surgvlp.files import InputError
from surgvlp.media.encode import VideoWriter
from surgvlp.media.ffmpeg import executable, open_input, running
from surgvlp.media.images import resize
from surgvlp.media.probe import probe
from surgvlp.media.store import FrameStore, VideoFrames, build

Read = Callable[[np.ndarray], np.ndarray]  # (4,) seconds -> (4, H, W, 3)
SHORT_SIDE, BITS = 224, 12


def main() -> None:
    flags = parse_flags()
    print(
        "| video | way | random clips/s | right | right in order | private memory, MB |\n"
        "|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, video in videos(flags, Path(folder)):
            begin = time.perf_counter()
            info = build(video, Path(folder) / f"{name}.frames")
            seconds = time.perf_counter() - begin
            for way in ("frame store", "VideoFrames (PyAV)", "decord", "ffmpeg a clip"):
                rate, *rest = measured(way, video, info.path, flags.seconds)
                print(f"| {name} | {way} | {rate:.1f} | {' | '.join(rest)} |")
            length = probe(video).end_s
            print(
                f"| {name} | building the store | {length / seconds:.1f} s of video a second, one core | | | "
                f"{info.bytes / 1e6:.1f} MB of JPEG beside {video.stat().st_size / 1e6:.1f} MB of mp4 |",
                flush=True,
            )


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", type=Path, help="one of your own instead of the made ones")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each way (8)")
    parser.add_argument("--length", type=int, default=120, help="of the made videos in seconds (120)")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "STORE"), help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.one:
        child(flags)
        sys.exit(0)
    return flags


def videos(flags: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, file): the given one, or made ones of 240 and 480 lines, and one cut without re-encoding."""
    if flags.video:
        yield flags.video.stem, flags.video
        return
    for height, width in ((240, 426), (480, 854)):
        yield f"{height}p", made(folder / f"{height}.mp4", height, width, flags.length)
    with running(
        open_input(folder / "240.mp4", ss=3.3).output(f"file:{folder}/cut.mp4", c="copy"), file=folder
    ):
        pass
    yield "240p, cut with -c copy", folder / "cut.mp4"


def made(path: Path, height: int, width: int, length: int) -> Path:
    """Drifting noise with the frame number along the lower edge, 29.97 frames a second."""
    noise = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3)).astype(np.uint8)
    texture = resize(noise, (2 * height, 2 * width))
    bit = np.arange(width) * BITS // width
    with VideoWriter(path, width, height, 29.97) as writer:
        for number in range(round(length * 29.97)):
            y, x = int(height / 2 * (1 + np.sin(number / 90))), int(width / 2 * (1 + np.cos(number / 130)))
            frame = texture[y : y + height, x : x + width].copy()
            frame[-height // 6 :] = (number >> bit & 1)[None, :, None] * 255
            writer.write(frame)
    return path


def measured(way: str, video: Path, store: Path, seconds: float) -> tuple[float, str, str, str]:
    """Each way in a process of its own, so that memory is its own; clips a second, right ones, MB."""
    command = [sys.executable, __file__, "--video", video, "--seconds", str(seconds), "--one", way, store]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    rate, right, in_order, memory = done.stdout.split()
    return float(rate), right, in_order, memory


def child(flags: argparse.Namespace) -> None:
    way, store = flags.one
    length = probe(flags.video).end_s
    read = {
        "frame store": from_store,
        "VideoFrames (PyAV)": from_video,
        "decord": from_decord,
        "ffmpeg a clip": from_ffmpeg,
    }[way](flags.video, Path(store))
    numbered = flags.video.parent == Path(store).parent
    offset = first_number(flags.video) if numbered else 0
    random = np.random.default_rng(1)

    def right(wanted: np.ndarray, frames: np.ndarray) -> int:
        shown = np.floor(wanted * 30000 / 1001 + 1e-6).astype(int) + offset
        return sum(number_in(frame) == number for frame, number in zip(frames, shown, strict=False))

    in_order = [second + np.arange(4.0) for second in range(0, 40, 4)]
    ordered = [right(wanted, read(wanted)) for wanted in in_order]
    hits = []
    spent = 0.0
    while spent < flags.seconds:
        wanted = random.integers(0, int(4 * (length - 4))) / 4 + np.arange(4.0)
        begin = time.perf_counter()
        frames = read(wanted)
        spent += time.perf_counter() - begin
        hits.append(right(wanted, frames))
    shares = [f"{25 * np.mean(found):.0f}%" if numbered else "-" for found in (hits, ordered)]
    print(len(hits) / spent, *shares, private_mb())


def from_store(video: Path, store: Path) -> Read:
    frames = FrameStore(store)
    return lambda wanted: scaled(frames.read_at(wanted))


def from_video(video: Path, store: Path) -> Read:
    frames = VideoFrames(video, short_side=SHORT_SIDE)
    return frames.read_at


def from_decord(video: Path, store: Path) -> Read:
    import decord

    info = probe(video)
    scale = SHORT_SIDE / min(info.height, info.width)
    reader = decord.VideoReader(
        str(video), width=round(info.width * scale), height=round(info.height * scale), num_threads=1
    )
    times = reader.get_frame_timestamp(range(len(reader)))[:, 0]
    return lambda wanted: reader.get_batch(
        np.maximum(0, np.searchsorted(times, wanted + 2e-5, side="right") - 1)
    ).asnumpy()


def from_ffmpeg(video: Path, store: Path) -> Read:
    """As the published loaders: one probing call and one decoding call of ffmpeg a clip."""
    info = probe(video)
    height, width = (
        round(side * SHORT_SIDE / min(info.height, info.width)) for side in (info.height, info.width)
    )

    def read(wanted: np.ndarray) -> np.ndarray:
        subprocess.run([executable(), "-hide_banner", "-i", str(video)], capture_output=True, check=False)
        clip = open_input(video, ss=float(wanted[0]), t=4).filter("fps", 1)
        clip = clip.filter("scale", width, height)
        with running(
            ffmpeg.output(clip, "pipe:1", format="rawvideo", pix_fmt="rgb24"), file=video
        ) as process:
            assert process.stdout is not None
            data = process.stdout.read()
        return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)[:4]

    return read


def scaled(frames: np.ndarray) -> np.ndarray:
    height, width = frames.shape[1:3]
    scale = SHORT_SIDE / min(height, width)
    return np.stack([resize(frame, (round(height * scale), round(width * scale))) for frame in frames])


def number_in(frame: np.ndarray) -> int:
    centres = ((np.arange(BITS) + 0.5) * frame.shape[1] / BITS).astype(int)
    return int(((frame[-frame.shape[0] // 12, centres, 0] > 127) << np.arange(BITS)).sum())


def first_number(video: Path) -> int:
    """The number of the first frame that the ffmpeg program shows."""
    info = probe(video)
    stream = open_input(video).output("pipe:1", format="rawvideo", pix_fmt="rgb24", vframes=1)
    with running(stream, file=video) as process:
        assert process.stdout is not None
        data = process.stdout.read()
    return number_in(np.frombuffer(data, np.uint8).reshape(info.height, info.width, 3))


def private_mb() -> str:
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return "-"
    return f"{sum(int(line.split()[1]) for line in lines if line.startswith('Private')) / 1024:.0f}"


if __name__ == "__main__":
    if shutil.which("ffmpeg") is None:
        executable()
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
