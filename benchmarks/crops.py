"""Crops a second of multi-crop: in batches, beside PIL crop by crop as the published pipeline has it.

    python benchmarks/crops.py
    python benchmarks/crops.py --threads 2
    python benchmarks/crops.py --device cuda --batches 8 32 64

A sample is SurgFM's: three pictures of 640 x 360, four crops of 224 and twelve of 96. "published" draws the
noise as its description says, pixel by pixel in Python; "PIL" does that in numpy, the best that PIL per crop
can do; both in as many processes as there are threads. "matrices" is what a GPU computes, here on the CPU and
without colours, noise and solarizing. Core time is what all threads and processes used; unlike wall time it
says little about what else the machine was doing. Decoding is on neither side.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from torchvision import transforms

from surgvlp import console
from surgvlp.datasets.crops import MultiCrop, cut_by_matrices
from surgvlp.datasets.resampling import crop_boxes
from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD

HEIGHT, WIDTH, CROPS = 360, 640, 16
Cost = tuple[float, float]  # wall and core seconds a sample
RATIO = (3 / 4, 4 / 3)


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="of our crops")
    parser.add_argument("--threads", type=int, default=1, help="of torch, and processes of PIL")
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32], help="samples of a batch")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"), help="table to add to")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    torch.set_num_threads(flags.threads)
    device = torch.device(flags.device)
    rows = {"published: PIL, noise in Python": by_pil(6, flags.threads, noise_by_pixel)}
    rows["PIL, noise in numpy"] = by_pil(40, flags.threads, noise_at_once)
    for batch in flags.batches:
        rows[f"ours, batches of {batch}"] = cost(our_crops(batch, device), batch, device)
    if device.type == "cpu":
        rows[f"matrices, batches of {flags.batches[0]}"] = cost(
            matrices(flags.batches[0]), flags.batches[0], device
        )
    table = report(rows, arguments, device)
    print(table)
    with flags.out.open("a") as stream:
        stream.write(table)
    return console.DONE


def report(rows: dict[str, Cost], arguments: list[str] | None, device: torch.device) -> str:
    command = " ".join(["python benchmarks/crops.py", *(sys.argv[1:] if arguments is None else arguments)])
    best = rows["PIL, noise in numpy"]
    machine = f"{os.cpu_count()}-core CPU"
    if device.type == "cuda":
        machine += f", {torch.cuda.get_device_name(device)}"
    lines = [
        f"\n{date.today()}, {machine}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}:",
        f"`{command}`\n",
        "| | wall ms a sample | core ms a sample | crops/s | wall, times less than PIL | core, times less |",
        "|---|---|---|---|---|---|",
    ]
    for name, (wall, core) in rows.items():
        cells = [f"{1e3 * wall:.1f}", f"{1e3 * core:.1f}", f"{CROPS / wall:.0f}"]
        cells += [f"{best[0] / wall:.2f}", f"{best[1] / core:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cost(make: Callable[[], object], samples: int, device: torch.device, least_s: float = 4.0) -> Cost:
    """Of calls that make so many samples each, for some seconds after one warm-up call."""
    make()
    start, start_core, done = clock(device), time.process_time(), 0
    while done == 0 or clock(device) - start < least_s:
        make()
        done += samples
    return (clock(device) - start) / done, (time.process_time() - start_core) / done


def clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def our_crops(batch: int, device: torch.device) -> Callable[[], object]:
    frames = torch.randint(0, 256, (batch, 3, 3, HEIGHT, WIDTH), dtype=torch.uint8).to(device)
    size = torch.tensor([HEIGHT, WIDTH]).expand(batch, 3, 2).contiguous().to(device)
    crops, generator = MultiCrop(), torch.Generator()
    return lambda: crops(frames, size, generator)


def matrices(batch: int) -> Callable[[], object]:
    """A GPU's way of cutting, for the crops of one size after the other."""
    frames = torch.rand(batch, 3, 3, HEIGHT, WIDTH) * 255
    shares = {(224, (0.4, 1.0)): (2, 1), (96, (0.05, 0.4)): (8, 2)}

    def cut() -> None:
        for (side, scale), counts in shares.items():
            for pictures, each in zip((frames[:, 0], frames[:, 1:].flatten(0, 1)), counts, strict=True):
                draws = torch.rand(len(pictures) * each, 22)
                boxes = crop_boxes(draws, torch.tensor([HEIGHT, WIDTH]).expand(len(draws), 2), scale, RATIO)
                cut_by_matrices(pictures, boxes, draws[:, 0] < 0.5, 2 * draws[:, 1], side)

    return cut


def by_pil(samples: int, processes: int, noise: Callable[[Image.Image], Image.Image]) -> Cost:
    """Crop by crop in PIL, in processes as a loader has them."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(pil_samples, [1] * processes, [noise] * processes))  # starts them
        start = time.perf_counter()
        core = sum(pool.map(pil_samples, [samples] * processes, [noise] * processes))
        wall = time.perf_counter() - start
    return wall / (samples * processes), core / (samples * processes)


def pil_samples(count: int, noise: Callable[[Image.Image], Image.Image]) -> float:
    """Core seconds of `count` samples in the published roles."""
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    pictures = [Image.fromarray(generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)) for _ in range(3)]
    first, second = pil_crop(224, 1.0, noise), pil_crop(224, 0.1, noise, 0.2, 0.2)
    neighbour, local = pil_crop(224, 0.5, noise, 0.2), pil_crop(96, 0.5, noise)
    plan = [(0, first), (0, second), (1, neighbour), (2, neighbour), *[(0, local)] * 8]
    plan += [(1, local), (1, local), (2, local), (2, local)]
    start = time.process_time()
    for _ in range(count):
        for picture, crop in plan:
            crop(pictures[picture])
    return time.process_time() - start


def pil_crop(
    side: int,
    blur: float,
    noise: Callable[[Image.Image], Image.Image],
    p_noise: float = 0.0,
    p_solarize: float = 0.0,
) -> Callable[[Image.Image], torch.Tensor]:
    scale = (0.4, 1.0) if side == 224 else (0.05, 0.4)
    bicubic = transforms.InterpolationMode.BICUBIC
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(side, scale=scale, interpolation=bicubic),
            transforms.RandomHorizontalFlip(),
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2)], p=0.8),
            transforms.RandomGrayscale(0.2),
            transforms.RandomApply([blurred], p=blur),
            transforms.RandomApply([noise], p=p_noise),
            transforms.RandomApply([ImageOps.solarize], p=p_solarize),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )


def blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


def noise_by_pixel(image: Image.Image) -> Image.Image:
    """As described: three Gaussian numbers a pixel, each picked and put in Python."""
    noisy = image.copy()
    for x in range(image.width):
        for y in range(image.height):
            values = [int(value + random.gauss(0, 1)) for value in image.getpixel((x, y))]
            noisy.putpixel((x, y), tuple(min(255, max(0, value)) for value in values))
    return noisy


def noise_at_once(image: Image.Image) -> Image.Image:
    values = np.asarray(image, np.float32)
    noisy = values + np.random.default_rng().standard_normal(values.shape, np.float32)
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
