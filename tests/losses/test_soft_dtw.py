"""Soft-DTW by diagonals, and by Triton kernels, against the cell-by-cell form, gradients included."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from literal_dtw import literal_batch, random_tables
from torch import Tensor

import surgvlp.losses
from surgvlp.losses import soft_dtw
from surgvlp.losses.soft_dtw import _kernels

HERE = Path(__file__).parent
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
shapes = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))


def compare(
    shape: tuple[int, int, int], seed: int, temperature: float, dtype: torch.dtype, device: str = "cpu"
) -> None:
    cost, frame_counts, text_counts = random_tables(*shape, seed=seed, dtype=dtype)
    weights = torch.linspace(-1, 2, shape[0], dtype=dtype)
    expected, slope = literal_batch(cost, frame_counts, text_counts, weights, temperature)
    moved = cost.to(device).requires_grad_()
    found = soft_dtw(moved, frame_counts.to(device), text_counts.to(device), temperature)
    (found * weights.to(device)).sum().backward()
    exact = dtype == torch.float64
    assert found.dtype == dtype
    torch.testing.assert_close(found.double().cpu(), expected, rtol=1e-9 if exact else 1e-5, atol=1e-9)
    torch.testing.assert_close(
        gradient(moved).double().cpu(), slope, rtol=1e-7 if exact else 1e-3, atol=1e-8 if exact else 1e-3
    )


def gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


@settings(max_examples=25)
@given(shapes, st.integers(0, 10_000), st.floats(0.05, 3))
def test_it_is_its_definition(shape: tuple[int, int, int], seed: int, temperature: float) -> None:
    compare(shape, seed, temperature, torch.float64)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(3, 12, 5), (2, 4, 11), (2, 7, 1), (2, 1, 7), (1, 1, 1)])
def test_single_precision_long_wide_and_one_step(
    shape: tuple[int, int, int], dtype: torch.dtype, device: str
) -> None:
    compare(shape, 5, 0.1, dtype, device)


def test_gradcheck() -> None:
    cost, frame_counts, text_counts = random_tables(4, 6, 4, seed=3)
    assert torch.autograd.gradcheck(
        lambda table: soft_dtw(table, frame_counts, text_counts, 0.4), cost.requires_grad_()
    )


def test_one_cell_costs_what_it_says_and_one_row_its_sum() -> None:
    cost = torch.rand(3, 5, 4, dtype=torch.float64)
    ones = torch.ones(3, dtype=torch.long)
    torch.testing.assert_close(soft_dtw(cost, ones, ones), cost[:, 0, 0])
    torch.testing.assert_close(soft_dtw(cost, None, ones), cost[:, :, 0].sum(1))
    torch.testing.assert_close(soft_dtw(cost, ones, None), cost[:, 0].sum(1))


def test_towards_temperature_zero_it_is_the_cheapest_path() -> None:
    """Cost 0 along the staircase (0,0) (1,0) (2,1) (3,2) (3,3) and 1 elsewhere."""
    cost = torch.ones(1, 4, 4, dtype=torch.float64)
    for cell in ((0, 0), (1, 0), (2, 1), (3, 2), (3, 3)):
        cost[(0, *cell)] = 0
    cost.requires_grad_()
    distance = soft_dtw(cost, temperature=0.01)
    distance.sum().backward()
    assert distance.item() == pytest.approx(0, abs=1e-12)
    used = gradient(cost)[0].round().nonzero().tolist()
    assert used == [[0, 0], [1, 0], [2, 1], [3, 2], [3, 3]]


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, 1e30])
def test_padding_may_hold_anything(garbage: float) -> None:
    cost, frame_counts, text_counts = random_tables(4, 7, 5, seed=8)
    padded = cost.clone()
    for sample, (t, n) in enumerate(zip(frame_counts.tolist(), text_counts.tolist(), strict=True)):
        padded[sample, t:], padded[sample, :, n:] = garbage, garbage
    cost, padded = cost.requires_grad_(), padded.requires_grad_()
    for table in (cost, padded):
        soft_dtw(table, frame_counts, text_counts).sum().backward()
    assert torch.equal(gradient(cost), gradient(padded))
    assert not gradient(padded)[0, frame_counts[0] :].any()


def test_a_sample_does_not_feel_its_batch() -> None:
    cost, frame_counts, text_counts = random_tables(5, 6, 6, seed=2)
    together = soft_dtw(cost, frame_counts, text_counts)
    for s in range(5):
        alone = soft_dtw(cost[s : s + 1, : frame_counts[s], : text_counts[s]])
        torch.testing.assert_close(alone[0], together[s])


@pytest.mark.parametrize("shape", [(3, 0, 4), (3, 4, 0), (0, 4, 4)])
def test_nothing_to_align_costs_nothing(shape: tuple[int, int, int]) -> None:
    cost = torch.zeros(shape, requires_grad=True)
    found = soft_dtw(cost)
    found.sum().backward()
    assert found.tolist() == [0.0] * shape[0]


def test_samples_without_frames_or_texts_have_no_gradient() -> None:
    cost = torch.rand(4, 5, 3, requires_grad=True)
    found = soft_dtw(cost, torch.tensor([0, 5, 0, 2]), torch.tensor([3, 0, 0, 2]))
    found.sum().backward()
    assert found[:3].tolist() == [0, 0, 0] and found[3] > 0
    assert not gradient(cost)[:3].any() and gradient(cost)[3, 0, 0].item() == pytest.approx(1)


def test_long_sequences_and_large_costs_stay_finite() -> None:
    cost = (1e4 * torch.rand(1, 600, 40)).requires_grad_()
    found = soft_dtw(cost)
    found.backward()
    assert found.isfinite() and gradient(cost).isfinite().all()


def test_half_precision_and_autocast_are_computed_in_float32() -> None:
    cost = random_tables(2, 8, 4, seed=1)[0].bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = soft_dtw(cost)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, soft_dtw(cost.detach().float()))
    found.sum().backward()
    assert gradient(cost).dtype == torch.bfloat16


def test_what_the_backward_pass_keeps_is_linear_in_the_cells() -> None:
    def kept(frames: int, texts: int) -> int:
        numbers = []

        def pack(tensor: Tensor) -> Tensor:
            numbers.append(tensor.numel())
            return tensor

        cost = torch.rand(4, frames, texts, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            soft_dtw(cost)
        return sum(numbers)

    for frames, texts in ((64, 8), (256, 8), (8, 256), (256, 64), (64, 64)):
        assert kept(frames, texts) <= 2.2 * 4 * frames * texts, (frames, texts)


def test_what_does_not_fit_is_refused() -> None:
    cost = torch.zeros(2, 3, 4)
    for wrong, message in (
        (lambda: soft_dtw(cost[0]), r"not of shape \(3, 4\)"),
        (lambda: soft_dtw(cost, temperature=0), "temperature must be above 0, not 0"),
        (lambda: soft_dtw(cost, torch.tensor([3, 4])), r"frame_counts must lie in 0..3, not \[3, 4\]"),
        (lambda: soft_dtw(cost, None, torch.tensor([-1, 4])), r"text_counts must lie in 0..4, not \[-1, 4\]"),
        (lambda: soft_dtw(cost, torch.tensor([3])), r"frame_counts must be 2 whole numbers"),
        (lambda: soft_dtw(cost, torch.tensor([3.0, 1.0])), r"2 whole numbers, not torch.float32"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()


def test_the_triton_kernels_in_the_interpreter() -> None:
    pytest.importorskip("triton", reason="Triton comes with torch for Linux only")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    program = [sys.executable, str(HERE / "interpreted_soft_dtw.py")]
    result = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout == "7 shapes agree\n"


@pytest.mark.parametrize("kind", ["fp32", "fp64"])
@pytest.mark.parametrize("lanes", [1, 8, 256])
def test_the_triton_kernels_compile_without_a_gpu(
    kind: str, lanes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the interpreter does not tell: that the compiler takes them too, here for an H100."""
    triton = pytest.importorskip("triton", reason="Triton comes with torch for Linux only")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from surgvlp.losses import soft_dtw_triton

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "1")  # the default; Triton 3.9 warns where nobody says so
    others = {"rows": "*i64", "columns": "*i64", "height": "i32", "width": "i32", "LANES": "constexpr"}
    for kernel, tables in (
        (soft_dtw_triton._fill, ("table", "ends")),
        (soft_dtw_triton._drain, ("gradient", "table", "flow")),
    ):
        signature = {**dict.fromkeys(tables, f"*{kind}"), **others}
        source = ASTSource(fn=kernel, signature=signature, constexprs={"LANES": lanes})
        binary = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 1})
        assert binary.asm["cubin"]


def test_a_gpu_without_triton_takes_tensor_operations_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "surgvlp.losses.soft_dtw_triton", raising=False)
    monkeypatch.delattr(surgvlp.losses, "soft_dtw_triton", raising=False)
    assert _kernels.__wrapped__("cuda") is None
    assert "Triton is not installed" in caplog.text
    assert _kernels.__wrapped__("cpu") is None
