"""Soft-DTW by anti-diagonals against a cell at a time, over frames, texts and batch; and the objective.

    python benchmarks/dtw.py --write benchmarks/dtw.md

Forward and backward. The alternative fills one sample's table in a Python loop of tensor operations with
autograd through it, as the published code does (which also copies the table for every cell); it is run on one
sample, since its samples follow each other. The objective is `hier_infonce_dtw`, from embeddings of 768
numbers to their gradients: two alignments a sample, four InfoNCE.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from surgvlp import console
from surgvlp.files import write_text
from surgvlp.losses import ReleasedParentChildOrder, soft_dtw

FRAMES, TEXTS, SAMPLES, WIDTH = 64, 8, 32, 768
# One of the three grows at a time.
SIZES = [
    *((frames, TEXTS, SAMPLES) for frames in (16, 64, 256, 1024)),
    *((FRAMES, texts, SAMPLES) for texts in (2, 32, 128)),
    *((FRAMES, TEXTS, samples) for samples in (1, 8, 128, 512)),
]


def cell_by_cell(cost: Tensor, temperature: float = 0.1) -> Tensor:
    """(T, N) -> D, each cell from its neighbours, the border infinite for all that matters."""
    far, zero = cost.new_tensor(1e30), cost.new_zeros(())
    above = [zero] + [far] * cost.shape[1]
    for row in cost.unbind():
        current = [far]
        for j, cell in enumerate(row.unbind()):
            before = torch.stack((current[j], above[j], above[j + 1]))
            current.append(cell + (torch.softmax(before / -temperature, 0) * before).sum())
        above = current
    return above[-1]


def forward_and_backward(distance: Callable[[Tensor], Tensor], cost: Tensor) -> Callable[[], object]:
    return lambda: torch.autograd.grad(distance(cost).sum(), cost)


def times(function: Callable[[], object], repeats: int, synchronise: Callable[[], object]) -> list[float]:
    """Seconds of each run, sorted, after one that warms up."""
    function()
    found = []
    for _ in range(repeats):
        synchronise()
        begin = time.perf_counter()
        function()
        synchronise()
        found.append(time.perf_counter() - begin)
    return sorted(found)


def kept_numbers(cost: Tensor) -> int:
    """How many numbers the backward pass keeps."""
    kept: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        soft_dtw(cost)
    return sum(kept)


def table_rows(device: torch.device, synchronise: Callable[[], object]) -> list[str]:
    """A line for each size; both implementations must agree."""
    rows = []
    with console.progress_bar("sizes", len(SIZES), unit="sizes") as bar:
        for frames, texts, samples in SIZES:
            generator = torch.Generator().manual_seed(0)
            cost = (5 * torch.rand(samples, frames, texts, generator=generator)).to(device).requires_grad_()
            one = cost.detach()[0].requires_grad_()
            torch.testing.assert_close(cell_by_cell(one), soft_dtw(cost)[0], rtol=1e-4, atol=1e-4)
            ours = times(forward_and_backward(soft_dtw, cost), 20, synchronise)[0]
            slow = times(forward_and_backward(cell_by_cell, one), 2, synchronise)[0]
            cells = frames * texts
            rows.append(
                f"| {frames} | {texts} | {samples} | {1e3 * ours:.2f} | {1e9 * ours / cells / samples:.0f} | "
                f"{1e9 * slow / cells:,.0f} | {slow * samples / ours:,.0f} | "
                f"{kept_numbers(cost) / cells / samples:.2f} |"
            )
            bar.advance()
    return rows


def objective_times(device: torch.device, synchronise: Callable[[], object]) -> list[float]:
    """Seconds of the whole objective, from embeddings to their gradients, as training calls it."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((SAMPLES, FRAMES, WIDTH), (SAMPLES, WIDTH), (SAMPLES, TEXTS, WIDTH))
    made = [torch.randn(shape, generator=generator).to(device).requires_grad_() for shape in shapes]
    counts = torch.randint(1, TEXTS + 1, (SAMPLES, 1), generator=generator)
    steps = torch.arange(TEXTS).expand(SAMPLES, -1)
    steps = torch.where(steps < counts, steps, -1).to(device)
    loss = ReleasedParentChildOrder(alpha=0.75)

    def step() -> object:
        frames, parent, children = made
        return torch.autograd.grad(loss(frames.mean(1), [parent, children], frames, pos_step=steps), made)

    return times(step, 50, synchronise)


def report(device: torch.device) -> str:
    """Markdown with what was measured, where and when."""
    synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    place = torch.cuda.get_device_name() if device.type == "cuda" else f"{platform.machine()} CPU"
    rows = table_rows(device, synchronise)
    objective = objective_times(device, synchronise)
    lines = [
        "# Soft-DTW",
        "",
        f"`python benchmarks/dtw.py`, {datetime.date.today()}, {place}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__.split('+')[0]}. Forward and backward, float32, best of several runs; the "
        f"load average was {os.getloadavg()[1]:.1f}. By anti-diagonals: `surgvlp.losses.soft_dtw`. Cell by "
        "cell: one sample's table in a Python loop with autograd through it; its cost a cell is independent "
        "of the batch.",
        "",
        "| frames | texts | samples | ms, by anti-diagonals | ns a cell | ns a cell, cell by cell "
        "| times as fast | numbers kept a cell |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        "A diagonal costs about the same however few cells it has, so that small tables of few samples cost "
        "more a cell; with the number of frames the cost a cell stays, with texts and samples it falls.",
        "",
        f"The whole objective (`hier_infonce_dtw`, {FRAMES} frames, up to {TEXTS} texts, {SAMPLES} samples, "
        f"embeddings of {WIDTH}), forward and backward: best {1e3 * objective[0]:.1f} ms, median "
        f"{1e3 * objective[len(objective) // 2]:.1f} ms.",
    ]
    return "\n".join(lines) + "\n"


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu or cuda")
    parser.add_argument("--write", type=Path, help="markdown file to write the table to")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    torch.set_num_threads(flags.threads)
    text = report(flags.device)
    print(text, end="")
    if flags.write:
        write_text(flags.write, text)
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
