"""Soft dynamic time warping that takes the expected predecessor: how dearly one sequence aligns with another.

A table R over frames i and texts j, with costs C and a temperature g:

    R(i, j) = C(i, j) + sum_k p_k r_k,    p = softmax(-r / g),    r = R(i, j-1), R(i-1, j-1), R(i-1, j)

from R(0, 0) = 0 and an unreachable border to D = R(T, N). It is the alignment of PeskaVLP (NeurIPS 2024) as
released, and differs from the soft-DTW of Cuturi and Blondel (ICML 2017), whose minimum is a log-sum-exp.

A cell waits for its neighbours only, so a whole anti-diagonal i + j of all samples is computed at once:
T + N - 1 steps instead of S T N. On a GPU the steps are one Triton kernel (`soft_dtw_triton`), elsewhere a
few tensor operations each.
"""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from surgvlp.losses.precision import in_full_precision

log = logging.getLogger(__name__)

# In the units of the table below. Finite, because a path of probability 0 times it must be 0 and not NaN.
UNREACHABLE = -1e30


@in_full_precision
def soft_dtw(
    cost: Tensor,
    frame_counts: Tensor | None = None,
    text_counts: Tensor | None = None,
    temperature: float = 0.1,
) -> Tensor:
    """The alignment cost D of every sample; once differentiable, with gradients for the cost.

    Memory is linear in the cells: the backward pass keeps about (T + N) min(T, N) numbers a sample. Half
    precision is computed in float32, float64 stays as it is.

    Args:
        cost: (S, T, N), finite within the counts; what lies outside may be anything, NaN too.
        frame_counts: (S,) whole numbers in 0..T, the frames that a sample has. None: all T.
        text_counts: (S,) whole numbers in 0..N, likewise. None: all N.
        temperature: g > 0, in units of the cost. Towards 0 it is ordinary dynamic time warping.

    Returns:
        (S,). 0, with zero gradient, where a sample has no frame or no text.

    Raises:
        ValueError: shapes, temperature or counts out of range (counts are looked at on the CPU only, where
            looking does not wait for anything).
    """
    if cost.dim() != 3:
        raise ValueError(f"cost must be (samples, frames, texts), not of shape {tuple(cost.shape)}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    frames = _checked(frame_counts, cost, axis=1)
    texts = _checked(text_counts, cost, axis=2)
    if cost.numel() == 0:
        return cost.sum((1, 2))
    if frame_counts is not None or text_counts is not None:
        cost = cost.masked_fill(~_within(cost, frames, texts), 0)
    if cost.shape[1] < cost.shape[2]:  # R is symmetric in its axes; diagonals are as wide as the last one
        cost, frames, texts = cost.transpose(1, 2), texts, frames
    distance: Tensor = _SoftDTW.apply(cost, frames, texts, temperature)
    return distance


def _checked(counts: Tensor | None, cost: Tensor, axis: int) -> Tensor:
    samples, size = cost.shape[0], cost.shape[axis]
    if counts is None:
        return torch.full((samples,), size, device=cost.device)
    name = ("frame_counts", "text_counts")[axis - 1]
    if counts.shape != (samples,) or counts.is_floating_point() or counts.dtype == torch.bool:
        raise ValueError(
            f"{name} must be {samples} whole numbers, not {counts.dtype} of shape {tuple(counts.shape)}"
        )
    if counts.device.type == "cpu" and ((counts < 0) | (counts > size)).any():
        raise ValueError(f"{name} must lie in 0..{size}, not {counts.tolist()}")
    return counts.to(cost.device, torch.long)


def _within(cost: Tensor, frames: Tensor, texts: Tensor) -> Tensor:
    """(S, T, N) bool: the cells that a sample has."""
    rows = torch.arange(cost.shape[1], device=cost.device) < frames[:, None]
    columns = torch.arange(cost.shape[2], device=cost.device) < texts[:, None]
    return rows[:, :, None] & columns[:, None, :]


class _SoftDTW(torch.autograd.Function):
    """(S, T, N) costs -> (S,). Both passes compute in q = -R / g, so that p = softmax(q)."""

    @staticmethod
    def forward(ctx: Any, cost: Tensor, rows: Tensor, columns: Tensor, temperature: float) -> Tensor:
        kernels = _kernels(cost.device.type)
        if kernels is not None:
            ends, table = kernels.fill(cost, rows, columns, temperature)
        else:
            table = _fill(cost, temperature)
            ends = table[rows + columns, torch.arange(len(cost), device=cost.device), columns]
            ends = torch.where((rows > 0) & (columns > 0), ends, 0)
        ctx.save_for_backward(table, rows, columns)
        ctx.kernels = kernels
        return ends * -temperature

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        table, rows, columns = ctx.saved_tensors
        drain = _drain if ctx.kernels is None else ctx.kernels.drain
        # From D to R the factor is -g, from q to C it is -1 / g: the temperature takes itself out.
        return drain(gradient, table, rows, columns), None, None, None


@cache
def _kernels(device: str) -> ModuleType | None:
    """The Triton kernels on a GPU, but for systems that torch brings no Triton to."""
    if device != "cuda":
        return None
    try:
        from surgvlp.losses import soft_dtw_triton
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "triton":
            raise
        log.warning("Triton is not installed: soft-DTW takes one step a diagonal on the GPU, not one kernel")
        return None
    return soft_dtw_triton


def _fill(cost: Tensor, temperature: float) -> Tensor:
    """(T + N + 1, S, N + 1): q of cell (i, j) at [i + j, sample, j], border included.

    A diagonal is contiguous, and its neighbours are two slices of the diagonals before. Slots that are no
    cell hold `UNREACHABLE` or a small multiple of it.
    """
    samples, rows, columns = cost.shape
    table = cost.new_full((rows + columns + 1, samples, columns + 1), UNREACHABLE)
    table[0, :, 0] = 0
    torch.mul(cost, -1 / temperature, out=_cells(table, rows))
    # Slices are made once: making them costs as much as computing with them.
    shifted, straight = table[:, :, :-1].unbind(), table[:, :, 1:].unbind()
    before = cost.new_empty(3, samples, columns)
    weights = torch.empty_like(before)
    for diagonal in range(2, len(straight)):
        neighbours = (shifted[diagonal - 1], shifted[diagonal - 2], straight[diagonal - 1])
        torch.stack(neighbours, out=before)
        torch.softmax(before, 0, out=weights)
        straight[diagonal].add_(weights.mul_(before).sum(0))
    return table


def _drain(gradient: Tensor, table: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(S, T, N): the gradient that arrives at each cell, passed from the end back to the neighbours."""
    left, corner, above = _slopes(table)
    flow = torch.zeros_like(table)
    seed = torch.where((rows > 0) & (columns > 0), gradient, 0)
    flow[rows + columns, torch.arange(len(seed), device=seed.device), columns] = seed
    shifted, straight = flow[:, :, :-1].unbind(), flow[:, :, 1:].unbind()
    for diagonal in range(len(straight) - 1, 1, -1):
        arrived = straight[diagonal]
        shifted[diagonal - 1].addcmul_(arrived, left[diagonal - 2])
        straight[diagonal - 1].addcmul_(arrived, above[diagonal - 2])
        shifted[diagonal - 2].addcmul_(arrived, corner[diagonal - 2])
    return _cells(flow, len(table) - table.shape[2]).contiguous()


def _slopes(table: Tensor) -> list[tuple[Tensor, ...]]:
    """dq / dq_k = p_k (1 + q_k - sum_m p_m q_m), for k = left, corner, above; by diagonal from the third on.

    All cells at once, as the filled table holds all that they need.
    """
    before = torch.stack((table[1:-1, :, :-1], table[:-2, :, :-1], table[1:-1, :, 1:]))
    weights = torch.softmax(before, 0)
    expected = (weights * before).sum(0)
    slopes = before.sub_(expected).add_(1).mul_(weights)
    return [slope.unbind() for slope in slopes]


def _cells(table: Tensor, rows: int) -> Tensor:
    """(S, T, N): the cells of a table that is laid out by diagonals, without a copy."""
    diagonals, samples, columns = table.stride()
    first = 2 * diagonals + columns  # cell (1, 1)
    shape = (table.shape[1], rows, table.shape[2] - 1)
    return table.as_strided(shape, (samples, diagonals, diagonals + columns), first)
