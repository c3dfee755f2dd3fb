"""Soft-DTW by its Triton kernels, against the literal form; a test runs it with TRITON_INTERPRET=1.

A program of its own, as Triton decides at its import whether kernels are compiled or interpreted.
"""

from __future__ import annotations

import sys

import torch
from literal_dtw import literal_batch, random_tables

from surgvlp.losses import soft_dtw, soft_dtw_triton

# samples, frames, texts: ordinary, no power of two, one step, text or frame, wide, more lanes than a warp
SHAPES = [(3, 6, 4), (2, 9, 5), (2, 1, 1), (2, 5, 1), (1, 1, 4), (2, 3, 7), (1, 35, 33)]


def check(shape: tuple[int, int, int], dtype: torch.dtype, temperature: float) -> None:
    cost, frame_counts, text_counts = random_tables(*shape, seed=sum(shape), dtype=dtype)
    weights = torch.linspace(-1, 2, shape[0], dtype=dtype)
    expected, slope = literal_batch(cost, frame_counts, text_counts, weights, temperature)
    cost.requires_grad_()
    found = soft_dtw(cost, frame_counts, text_counts, temperature)
    (flow,) = torch.autograd.grad((weights * found).sum(), cost)
    exact = dtype == torch.float64
    torch.testing.assert_close(found.double(), expected, rtol=1e-9 if exact else 1e-5, atol=1e-9)
    torch.testing.assert_close(
        flow.double(), slope, rtol=1e-8 if exact else 1e-3, atol=1e-9 if exact else 1e-4
    )


def check_empty() -> None:
    cost = torch.rand(3, 4, 2, requires_grad=True)
    found = soft_dtw(cost, torch.tensor([0, 4, 0]), torch.tensor([2, 0, 0]))
    (flow,) = torch.autograd.grad(found.sum(), cost)
    assert found.tolist() == [0, 0, 0] and not flow.any(), (found, flow)


if __name__ == "__main__":
    # Only the interpreter takes tensors on the CPU, so that soft_dtw would not choose the kernels here.
    sys.modules["surgvlp.losses.soft_dtw"]._kernels = lambda device: soft_dtw_triton
    for tried in SHAPES:
        for kind in (torch.float32, torch.float64):
            check(tried, kind, temperature=0.3)
    check_empty()
    print(f"{len(SHAPES)} shapes agree")
