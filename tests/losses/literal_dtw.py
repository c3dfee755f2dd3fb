"""Soft-DTW as its definition reads: a cell at a time, in double precision, nothing padded, no batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def literal_soft_dtw(cost: Tensor, temperature: float) -> Tensor:
    """(T, N) -> scalar D. Border cells are left out of the expectation instead of being infinite."""
    table = {(0, 0): torch.zeros((), dtype=cost.dtype)}
    for i in range(1, cost.shape[0] + 1):
        for j in range(1, cost.shape[1] + 1):
            neighbours = [(i, j - 1), (i - 1, j - 1), (i - 1, j)]
            reachable = torch.stack([table[cell] for cell in neighbours if cell in table])
            chances = torch.softmax(-reachable / temperature, 0)
            table[i, j] = cost[i - 1, j - 1] + (chances * reachable).sum()
    return table[cost.shape[0], cost.shape[1]]


def literal_alignment(frames: Tensor, texts: Tensor, temperature: float, over: str = "frames") -> Tensor:
    """(T, D), (N, D) -> scalar: cosines, softmax among each text's frames (or the other way), soft-DTW."""
    cosines = torch.stack([torch.stack([F.cosine_similarity(v, b, dim=0) for b in texts]) for v in frames])
    cost = -torch.log_softmax(cosines / temperature, dim=0 if over == "frames" else 1)
    return literal_soft_dtw(cost, temperature)


def random_tables(
    samples: int, frames: int, texts: int, seed: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    """Costs (S, T, N) in 0..3, some of them equal, and how many frames and texts a sample has, from 1 on."""
    generator = torch.Generator().manual_seed(seed)
    cost = 3 * torch.rand(samples, frames, texts, generator=generator, dtype=torch.float64)
    cost[::2] = cost[::2].round()
    counts = [torch.randint(1, size + 1, (samples,), generator=generator) for size in (frames, texts)]
    return cost.to(dtype), counts[0], counts[1]


def literal_batch(
    cost: Tensor, frame_counts: Tensor, text_counts: Tensor, weights: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """D (S,) of every sample cut to its size, and the gradient (S, T, N) of their weighted sum."""
    cost = cost.double().clone().requires_grad_()
    sizes = zip(frame_counts.tolist(), text_counts.tolist(), strict=True)
    ends = [literal_soft_dtw(cost[s, :t, :n], temperature) for s, (t, n) in enumerate(sizes)]
    distances = torch.stack(ends)
    (gradient,) = torch.autograd.grad((weights.double() * distances).sum(), cost)
    return distances.detach(), gradient
