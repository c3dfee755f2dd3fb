"""Images a second of a training step of SurgFM's augmented distillation, ours beside the published way.

    python benchmarks/self_distillation.py --backbone resnet10t --sizes 64 32 --outputs 1024 --batches 8 32
    python benchmarks/self_distillation.py --backbone vit_small_patch16_224.dino --batches 16 64 --compile

The published step (facts of its code, written anew): crops of both sizes interleaved, so four calls of the
student's backbone; the loss in a double loop over 30 pairs, each with a log-softmax of its own; gradients
clipped with a host sync for every tensor; the teacher's average parameter by parameter; fp16 with a scaler on
a GPU. Both take the same crops; what making them costs is in benchmarks/crops.py. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from surgvlp.models.cost import image_flops
from surgvlp.training.distributed import Ranks
from surgvlp.training.loop import Level, Loop
from surgvlp.training.objective import Batch
from surgvlp.training.optimizers import make_optimizer
from surgvlp.training.schedules import Duration, Turn, plan_run
from surgvlp.training.self_distillation.objective import DistillationSchedule, SelfDistillationObjective
from surgvlp.training.self_distillation.settings import BackboneSettings, HeadSettings
from surgvlp.training.self_distillation.task import make_networks

STEPS = 1000  # of schedules; more than are taken
LARGE, SMALL = 4, 12


class OneBatch:
    """The same crops again and again."""

    def __init__(self, batch: Batch, batch_size: int) -> None:
        self.batch, self.batch_size = batch, batch_size

    def __next__(self) -> Batch:
        return self.batch

    def describe(self, batch: Batch) -> list[str]:
        return []


def our_step(flags: argparse.Namespace, batch: Batch, ranks: Ranks) -> Callable[[], None]:
    model = make_networks(BackboneSettings(flags.backbone), HeadSettings(flags.outputs))
    model.to(ranks.device).to(memory_format=torch.channels_last).train()
    if flags.compile:
        model.student.backbone.compile()
        model.teacher.backbone.compile()
    schedule = DistillationSchedule(np.full(STEPS, 0.996), np.full(STEPS, 0.04), 0)
    objective = SelfDistillationObjective(flags.outputs, schedule, 0.1, 0.9, ranks)
    stream = OneBatch(batch, len(batch["global_crops"]))
    plan = plan_run([Turn()], [1], Duration(steps=STEPS), 1e-4)
    optimizer = make_optimizer(model, 1e-4, 0.04)
    loop = Loop(
        model,
        [Level("frames", stream, objective)],  # type: ignore[arg-type]
        optimizer,
        plan,
        ranks,
        autocast=ranks.device.type == "cuda",
        clip_gradient_norm=3.0,
        clip_each=True,
    )
    return loop._take_step


def published_step(flags: argparse.Namespace, batch: Batch, ranks: Ranks) -> Callable[[], None]:
    model = make_networks(BackboneSettings(flags.backbone), HeadSettings(flags.outputs)).to(ranks.device)
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.student.parameters() if p.requires_grad], lr=1e-4)
    on_gpu = ranks.device.type == "cuda"
    scaler = torch.amp.GradScaler(enabled=on_gpu)
    centre = torch.zeros(1, flags.outputs, device=ranks.device)
    crops = _published_order(batch)

    def step() -> None:
        nonlocal centre
        with torch.autocast(ranks.device.type, dtype=torch.float16, enabled=on_gpu):
            teacher = model.teacher(torch.cat(crops[:2]))
            student = _by_resolution(model.student, crops)
            loss = _double_loop(student, teacher, centre, len(crops))
        if not np.isfinite(loss.item()):
            raise SystemExit(1)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        for parameter in model.student.parameters():
            if parameter.grad is not None:
                factor = 3.0 / (parameter.grad.data.norm(2).item() + 1e-6)
                if factor < 1:
                    parameter.grad.data.mul_(factor)
        scaler.step(optimizer)
        scaler.update()
        with torch.no_grad():
            centre = centre * 0.9 + teacher.float().mean(0, keepdim=True) * 0.1
            for old, new in zip(model.teacher.parameters(), model.student.parameters(), strict=True):
                old.data.mul_(0.996).add_(0.004 * new.detach().data)

    return step


def _published_order(batch: Batch) -> list[Tensor]:
    """Two large crops of the anchor; for each neighbour a large and two small ones; eight small ones."""
    large, small = batch["global_crops"].unbind(1), batch["local_crops"].unbind(1)
    of_neighbours = [crop for n in range(2) for crop in (large[2 + n], *small[8 + 2 * n : 10 + 2 * n])]
    return [*large[:2], *of_neighbours, *small[:8]]


def _by_resolution(network: nn.Module, crops: list[Tensor]) -> Tensor:
    """One backbone call for each run of crops of one size, then one of the head."""
    sides = torch.tensor([crop.shape[-1] for crop in crops])
    ends = torch.unique_consecutive(sides, return_counts=True)[1].cumsum(0).tolist()
    features = [
        network.backbone(torch.cat(crops[start:end]))  # type: ignore[operator]
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    return network.head(torch.cat(features))  # type: ignore[operator]


def _double_loop(student: Tensor, teacher: Tensor, centre: Tensor, crops: int) -> Tensor:
    parts = (student.float() / 0.1).chunk(crops)
    targets = ((teacher.float() - centre) / 0.04).softmax(-1).detach().chunk(2)
    terms = [
        (-target * part.log_softmax(-1)).sum(-1).mean()
        for u, target in enumerate(targets)
        for v, part in enumerate(parts)
        if v != u
    ]
    return sum(terms) / len(terms)  # type: ignore[return-value]


def seconds(step: Callable[[], None], repeats: int, device: torch.device) -> float:
    """Median of a step."""
    taken = []
    for number in range(repeats + 2):
        started = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number >= 2:
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="resnet10t")
    parser.add_argument("--sizes", type=int, nargs=2, default=[224, 96], help="of large and small crops")
    parser.add_argument("--outputs", type=int, default=65536)
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--compile", action="store_true", help="our backbones")
    flags = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print("| samples a step | published, crops/s | ours, crops/s | ours/published | ours, TFLOP/s |")
    print("|---|---|---|---|---|")
    for size in flags.batches:
        torch.manual_seed(0)
        large, small = (
            torch.randn(size, count, 3, side, side, device=device)
            for count, side in zip((LARGE, SMALL), flags.sizes, strict=True)
        )
        batch = {"global_crops": large, "local_crops": small, "sample_index": torch.arange(size)}
        steps = [make(flags, batch, Ranks(device=device)) for make in (published_step, our_step)]
        before, ours = (seconds(step, flags.repeats, device) for step in steps)
        crops = size * (LARGE + SMALL)
        flops = size * _flops_of_a_sample(flags)
        print(
            f"| {size} | {crops / before:.1f} | {crops / ours:.1f} | {before / ours:.2f} | "
            f"{flops / ours / 1e12:.3f} |"
        )
    return 0


def _flops_of_a_sample(flags: argparse.Namespace) -> float:
    student = make_networks(BackboneSettings(flags.backbone), HeadSettings(flags.outputs)).student
    large, small = (image_flops(student, side) for side in flags.sizes)
    return 2 * large + 3 * (LARGE * large + SMALL * small)


if __name__ == "__main__":
    sys.exit(main())
