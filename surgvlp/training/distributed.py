"""Several processes as one training: torchrun's environment, and gathering rows with exact gradients."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from surgvlp.files import InputError

# The others wait while the first rank validates or reads a checkpoint; torch's ten minutes may be too few.
LONGEST_WAIT = timedelta(hours=2)


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def collect(self, value: Any) -> list[Any]:
        """Every rank's value, in the order of ranks."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values

    def on_first(self, work: Callable[[], Any]) -> Any:
        """What the first rank's `work` gives, on every rank; an InputError there is raised on all of them."""
        if self.world_size == 1:
            return work()
        value = complaint = None
        if self.rank == 0:
            try:
                value = work()
            except InputError as error:
                complaint = str(error)
        value, complaint = self.from_first((value, complaint))
        if complaint is not None:
            raise InputError(complaint)
        return value

    def from_first(self, value: Any) -> Any:
        """The first rank's value."""
        if self.world_size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]


@contextmanager
def processes(device: str = "auto") -> Iterator[Ranks]:
    """Join the processes that torchrun started (its env:// variables), or be the only one.

    Args:
        device: "cpu", "cuda" or "auto": CUDA where there is one.

    Raises:
        InputError: CUDA is asked for and missing, or there are more processes on this node than GPUs.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    place = torch.device(device)
    if place.type == "cuda":
        local_rank = int(os.environ.get("LOCAL_RANK", 0))
        if local_rank >= torch.cuda.device_count():
            raise InputError(
                f"process {local_rank} of this node has no GPU; there are {torch.cuda.device_count()}",
                key="config.device",
                remedy="Start fewer processes, or set device='cpu'",
            )
        place = torch.device("cuda", local_rank)
        torch.cuda.set_device(place)
    if "WORLD_SIZE" not in os.environ:
        yield Ranks(device=place)
        return
    if place.type == "cuda":
        dist.init_process_group("nccl", device_id=place, timeout=LONGEST_WAIT)
    else:
        dist.init_process_group("gloo", timeout=LONGEST_WAIT)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), place)
    finally:
        dist.destroy_process_group()


def gather_samples(embeddings: dict[str, Tensor], ranks: Ranks) -> dict[str, Tensor]:
    """All ranks' embeddings in the order of ranks, with exact gradients; one collective for all of them.

    Each tensor is (B, ...) with the rank's own samples first; returned are (world_size × B, ...). Every rank
    computes the same global loss from these. The backward pass sums what all ranks' losses say about a
    row: world_size × the gradient of that one loss; DDP's mean over ranks takes the factor out again.
    """
    if ranks.world_size == 1:
        return embeddings
    flat = [value.flatten(1) if value.dim() > 1 else value[:, None] for value in embeddings.values()]
    rows = _GatherRows.apply(torch.cat(flat, dim=1))
    parts = rows.split([value.shape[1] for value in flat], dim=1)
    return {
        name: part.reshape(-1, *value.shape[1:])
        for (name, value), part in zip(embeddings.items(), parts, strict=True)
    }


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        gathered = rows.new_empty(dist.get_world_size() * len(rows), *rows.shape[1:])
        dist.all_gather_into_tensor(gathered, rows.contiguous())
        ctx.first, ctx.count = dist.get_rank() * len(rows), len(rows)
        return gathered

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        return summed[ctx.first : ctx.first + ctx.count]
