"""Soft-DTW as two Triton kernels, one launch a direction: a program for each sample, a lane for each text.

The lanes of a program hold one anti-diagonal. What a lane needs of the one before lies in its own register
or in its left neighbour's, so the recurrence never goes through memory; the table is written for the backward
pass only. Same numbers and same contract as the tensor operations of `soft_dtw`, which calls these on a GPU.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

UNREACHABLE = tl.constexpr(-1e30)


def fill(cost: Tensor, rows: Tensor, columns: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The forward pass in q = -R / temperature.

    Args:
        cost: (S, T, N) float32 or float64, T >= N for speed.
        rows: (S,) int64 frames of each sample.
        columns: (S,) int64 texts of each sample.

    Returns:
        ends (S,): q(rows, columns), 0 where either is 0. table (S, T, N): q of every cell.
    """
    # Scaled here and filled in place: a float argument of a kernel would be rounded to float32.
    table = cost.contiguous() * (-1 / temperature)
    ends = cost.new_empty(len(cost))
    with torch.cuda.device_of(table):  # Triton launches on the current GPU, which need not be the tensor's
        _fill[(len(table),)](table, ends, rows, columns, *table.shape[1:], **_lanes(table))
    return ends, table


def drain(gradient: Tensor, table: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The backward pass: (S,) gradient of the ends, and `fill`'s table -> (S, T, N) gradient of each cell."""
    flow, gradient = torch.empty_like(table), gradient.contiguous()
    with torch.cuda.device_of(table):
        _drain[(len(table),)](gradient, table, flow, rows, columns, *table.shape[1:], **_lanes(table))
    return flow


def _lanes(table: Tensor) -> dict[str, int]:
    lanes = triton.next_power_of_2(table.shape[2])
    return {"LANES": lanes, "num_warps": max(1, min(8, lanes // 32))}


@triton.jit
def _weights(left, corner, above):  # type: ignore[no-untyped-def]  # the compiler infers blocks of any type
    """softmax over the three neighbours of each lane."""
    top = tl.maximum(tl.maximum(left, corner), above)
    left, corner, above = tl.exp(left - top), tl.exp(corner - top), tl.exp(above - top)
    total = left + corner + above
    return left / total, corner / total, above / total


@triton.jit
def _fill(table, ends, rows, columns, height, width, LANES: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803
    sample = tl.program_id(0).to(tl.int64)
    first = sample * height * width
    last_row, last_column = tl.load(rows + sample) - 1, tl.load(columns + sample) - 1
    lane = tl.arange(0, LANES)
    before = tl.maximum(lane - 1, 0)
    latest = tl.full((LANES,), UNREACHABLE, table.dtype.element_ty)  # the diagonal before this one
    corner = tl.where(lane == 0, 0.0, latest)  # (0, 0), before the first cell
    found = tl.zeros((LANES,), table.dtype.element_ty)
    for diagonal in range(height + width - 1):
        row = diagonal - lane
        inside = (row >= 0) & (row < height) & (lane < width)
        place = first + row * width + lane
        left = tl.where(lane == 0, UNREACHABLE, tl.gather(latest, before, 0))
        to_left, to_corner, to_above = _weights(left, corner, latest)
        expected = to_left * left + to_corner * corner + to_above * latest
        value = tl.load(table + place, mask=inside, other=0.0) + expected
        # A slot that is no cell is border to its neighbours.
        latest = tl.where(inside, value, UNREACHABLE)
        tl.store(table + place, latest, mask=inside)
        found = tl.where(inside & (row == last_row) & (lane == last_column), value, found)
        corner = left  # what lies to the left now lies across the corner in the next diagonal
    tl.store(ends + sample, tl.sum(found, 0))


@triton.jit
def _drain(  # type: ignore[no-untyped-def]
    gradient,
    table,
    flow,
    rows,
    columns,
    height,
    width,
    LANES: tl.constexpr,  # noqa: N803
):
    sample = tl.program_id(0).to(tl.int64)
    first = sample * height * width
    last_row, last_column = tl.load(rows + sample) - 1, tl.load(columns + sample) - 1
    seed = tl.load(gradient + sample)
    lane = tl.arange(0, LANES)
    after = tl.minimum(lane + 1, LANES - 1)
    coming = tl.zeros((LANES,), table.dtype.element_ty)  # what has been passed to this diagonal
    coming_later = coming  # and to the one after it
    for step in range(height + width - 1):
        row = height + width - 2 - step - lane
        inside = (row >= 0) & (row < height) & (lane < width)
        place = first + row * width + lane
        left = tl.load(table + place - 1, mask=inside & (lane > 0), other=UNREACHABLE)
        above = tl.load(table + place - width, mask=inside & (row > 0), other=UNREACHABLE)
        inner = inside & (row > 0) & (lane > 0)
        corner = tl.load(table + place - width - 1, mask=inner, other=UNREACHABLE)
        arrived = coming + tl.where((row == last_row) & (lane == last_column), seed, 0.0)
        arrived = tl.where(inside, arrived, 0.0)
        tl.store(flow + place, arrived, mask=inside)
        to_left, to_corner, to_above = _weights(left, corner, above)
        expected = to_left * left + to_corner * corner + to_above * above
        passed_left = arrived * to_left * (1 + left - expected)
        passed_corner = arrived * to_corner * (1 + corner - expected)
        passed_above = arrived * to_above * (1 + above - expected)
        rightmost = lane == LANES - 1
        coming = coming_later + passed_above + tl.where(rightmost, 0.0, tl.gather(passed_left, after, 0))
        coming_later = tl.where(rightmost, 0.0, tl.gather(passed_corner, after, 0))
