"""Clips a second for training: the frame store and batched views, beside the published way.

    python benchmarks/clip_loading.py
    python benchmarks/clip_loading.py --size 112 --frames 2

The published way, from its description: for every clip one process that probes the video, one ffmpeg
process that decodes, crops and scales 3 to 5 s at 2 frames a second, then two PIL augmentations of each
frame. The video is made here: 720p, 25 fps, H.264. Core time is what all processes and threads together
used; unlike wall time it says little about what else the machine was doing. torch has one thread, as in the
workers of a loader; ffmpeg has as many as it takes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from torchvision import transforms

from surgvlp import console
from surgvlp.config import Gaussian
from surgvlp.datasets import ResumableSampler, Views, build_clips, text_loader
from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD
from surgvlp.lectures import Caption, write_captions
from surgvlp.media import store
from surgvlp.media.encode import VideoWriter
from surgvlp.media.ffmpeg import executable

HEIGHT, WIDTH, FPS, SECONDS = 720, 1280, 25, 30


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=336, help="side of the frames in pixels")
    parser.add_argument("--frames", type=int, default=4, help="frames of a clip")
    parser.add_argument("--batch", type=int, default=8, help="clips of a batch")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"), help="table to add to")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = make_tree(Path(folder))
        rows = {
            "published way": cost(published_clips(root, flags), 6),
            "of which: PIL views": cost(published_views(flags), 12),
            "mp4 + batched views": cost(our_clips(root, None, flags), flags.batch),
            "frame store + batched views": cost(our_clips(root, root / "frames", flags), 4 * flags.batch),
            "of which: batched views": cost(views_alone(flags), 4 * flags.batch),
        }
    slowest = rows["published way"][1]
    command = " ".join(["python benchmarks/clip_loading.py", *(arguments or sys.argv[1:])])
    lines = [
        f"\n{date.today()}, {os.cpu_count()}-core CPU, torch {torch.__version__}: `{command}`",
        f"\n{flags.frames} frames of {flags.size} x {flags.size} and two augmented views of each, "
        f"batches of {flags.batch}\n",
        "| | wall ms a clip | core ms a clip | core time, times less |",
        "|---|---|---|---|",
        *(
            f"| {name} | {1e3 * wall:.1f} | {1e3 * core:.1f} | {slowest / core:.1f} |"
            for name, (wall, core) in rows.items()
        ),
    ]
    print("\n".join(lines))
    with flags.out.open("a") as stream:
        stream.write("\n".join(lines) + "\n")
    return console.DONE


def make_tree(root: Path) -> Path:
    """A data tree of one lecture: a texture that drifts, with noise, so that it costs what video costs."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(40, 200, (HEIGHT // 16, 2 * WIDTH // 16, 3), dtype=np.uint8)
    texture = np.kron(coarse, np.ones((16, 16, 1), np.uint8))
    noise = generator.integers(0, 24, (8, HEIGHT, WIDTH, 3), dtype=np.uint8)
    video = root / "videos" / "a.mp4"
    video.parent.mkdir()
    with (
        console.progress_bar("making a video", SECONDS * FPS, unit="frames") as bar,
        VideoWriter(video, WIDTH, HEIGHT, fps=FPS) as writer,
    ):
        for number in range(SECONDS * FPS):
            shift = number % WIDTH
            writer.write(texture[:, shift : shift + WIDTH] + noise[number % 8])
            bar.advance()
    store.build(video, root / "frames" / "a.frames")
    (root / "splits").mkdir()
    (root / "splits" / "train.csv").write_text("video_path\na.mp4\n")
    captions = [Caption(k / 4, k / 4 + 6, f"sentence {k}") for k in range(4 * (SECONDS - 6))]
    write_captions(root / "whisper_narration_texts" / "a.csv", captions)
    return root


def cost(make_clips: Callable[[], int], count: int) -> tuple[float, float]:
    """Wall and core seconds a clip over at least `count` clips, after one warm-up call."""
    make_clips()
    start, start_core, done = time.perf_counter(), core_seconds(), 0
    while done < count:
        done += make_clips()
    return (time.perf_counter() - start) / done, (core_seconds() - start_core) / done


def core_seconds() -> float:
    """Processor seconds of this process and the children it waited for."""
    return sum(os.times()[:4])


def our_clips(root: Path, frames_root: Path | None, flags: argparse.Namespace) -> Callable[[], int]:
    """One batch from the loader in this process, and its views."""
    keys = {"root": str(root), "split": "train", "size": flags.size, "num_frames": flags.frames}
    dataset = build_clips(tokenizer, frames_root=str(frames_root) if frames_root else None, **keys)
    batches = iter(text_loader(dataset, ResumableSampler(len(dataset), flags.batch, seed=0), workers=0))
    views, generator = Views(flags.size), torch.Generator()
    return lambda: len(views(next(batches)["frames"], generator)["view2"])


def views_alone(flags: argparse.Namespace) -> Callable[[], int]:
    """The batched views of one batch."""
    shape = (flags.batch, flags.frames, 3, flags.size, flags.size)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8)
    views, generator = Views(flags.size), torch.Generator()
    return lambda: len(views(frames, generator)["view2"])


def published_clips(root: Path, flags: argparse.Namespace) -> Callable[[], int]:
    """One clip by two processes and 2 x `frames` PIL augmentations."""
    video, size, generator = root / "videos" / "a.mp4", flags.size, np.random.default_rng(0)
    normalise, augment = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD), published_augmentation(size)

    def clip() -> int:
        subprocess.run([executable(), "-nostdin", "-i", str(video)], stderr=subprocess.PIPE, check=False)
        length, seek = generator.integers(3, 6), generator.integers(0, SECONDS - 6)
        command = [executable(), "-nostdin", "-loglevel", "error", "-ss", str(seek), "-t", str(length)]
        command += ["-i", str(video), "-vf", f"fps=2,crop=720:720,scale={size}:{size}"]
        command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:"]
        raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        frames = np.frombuffer(raw, np.uint8).reshape(-1, size, size, 3)
        stride = len(frames) // flags.frames
        kept = torch.from_numpy(frames[::stride][: flags.frames].copy()).permute(0, 3, 1, 2)
        normalise(kept.float() / 255)
        for _ in range(2):
            torch.stack([augment(frame) for frame in kept])
        return 1

    return clip


def published_views(flags: argparse.Namespace) -> Callable[[], int]:
    """The PIL augmentations of one clip."""
    augment = published_augmentation(flags.size)
    frames = torch.randint(0, 256, (2 * flags.frames, 3, flags.size, flags.size), dtype=torch.uint8)
    return lambda: len([augment(frame) for frame in frames]) // (2 * flags.frames)


def published_augmentation(size: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """One published view of one frame (3, H, W) uint8."""
    return transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.RandomResizedCrop(size, scale=(0.08, 1.0)),
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            transforms.RandomGrayscale(p=0.2),
            transforms.RandomApply([Gaussian((0.1, 2.0))], p=0.5),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )


def tokenizer(texts: list[str], max_length: int) -> dict[str, torch.Tensor]:
    """Words as numbers; tokens cost nothing on either side."""
    ids = torch.ones(len(texts), max_length, dtype=torch.int64)
    return {"input_ids": ids, "attention_mask": ids}


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
