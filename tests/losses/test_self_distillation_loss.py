"""DINO's loss in closed form against the double loop over pairs of crops, gradients included."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from surgvlp.losses.self_distillation import assignment_entropies, self_distillation, sharpened


def literal_loss(student: Tensor, teacher: Tensor, centre: Tensor, tau_s: float, tau_t: float) -> Tensor:
    """The sum over the teacher's crops u and the student's crops v other than u, as Caron et al. write it."""
    total, terms = torch.zeros((), dtype=student.dtype), 0
    for u in range(2):
        target = ((teacher[:, u] - centre) / tau_t).softmax(-1)
        for v in range(student.shape[1]):
            if v != u:
                total = total - (target * (student[:, v] / tau_s).log_softmax(-1)).sum(-1).mean()
                terms += 1
    return total / terms


@given(
    samples=st.integers(1, 3),
    large=st.integers(2, 4),
    small=st.integers(0, 12),
    outputs=st.integers(1, 9),
    seed=st.integers(0, 2**31),
)
def test_the_closed_form_is_the_double_loop(
    samples: int, large: int, small: int, outputs: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda crops: torch.randn(samples, crops, outputs, generator=generator, dtype=torch.float64)  # noqa: E731
    student, teacher, centre = draw(large + small).requires_grad_(), draw(2), draw(1)[0, 0]
    expected = literal_loss(student, teacher, centre, 0.1, 0.04)
    (slope,) = torch.autograd.grad(expected, student)

    probabilities, _ = sharpened(teacher, centre, 0.04)
    parts = [student[:, :large], student[:, large:]] if small else [student]
    found = self_distillation(parts, probabilities, 0.1)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.autograd.grad(found, student)[0], slope, rtol=1e-10, atol=1e-12)


def test_surgfm_has_thirty_terms_and_dino_eighteen() -> None:
    """Each term is log K where the student says nothing, so a crop's weight can be counted."""
    teacher = torch.full((1, 2, 4), 0.25, dtype=torch.float64)
    for large, small, terms in ((4, 12, 30), (2, 8, 18)):
        parts = [torch.zeros(1, large, 4, dtype=torch.float64), torch.zeros(1, small, 4, dtype=torch.float64)]
        silent = self_distillation(parts, teacher)
        torch.testing.assert_close(silent, torch.tensor(math.log(4), dtype=torch.float64))
        for part, crop, pairs in ((0, 0, 1), (0, 1, 1), (1, 0, 2), (1, small - 1, 2)):
            loud = [value.clone() for value in parts]
            loud[part][0, crop, 0] = 1.0  # moves its own terms and no others
            own = math.log(math.exp(10) + 3) - 10 * 0.25 - math.log(4)
            moved = float(self_distillation(loud, teacher) - silent)
            assert moved == pytest.approx(pairs / terms * own, rel=1e-9)


def test_in_float32_at_full_width_it_keeps_six_digits() -> None:
    torch.manual_seed(0)
    student, teacher = torch.rand(2, 16, 65536) * 2 - 1, torch.rand(2, 2, 65536) * 2 - 1
    probabilities, _ = sharpened(teacher, torch.zeros(65536), 0.04)
    found = self_distillation([student[:, :4], student[:, 4:]], probabilities)
    expected = literal_loss(student.double(), teacher.double(), torch.zeros(65536), 0.1, 0.04)
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_a_loss_without_the_teachers_crops_first_is_refused() -> None:
    with pytest.raises(ValueError, match="first among"):
        self_distillation([torch.zeros(1, 1, 4), torch.zeros(1, 8, 4)], torch.zeros(1, 2, 4))


@pytest.mark.parametrize(
    ("logits", "each", "mean"),
    [
        (torch.zeros(8, 2, 16), math.log(16), math.log(16)),  # collapsed to the even output
        (torch.zeros(8, 2, 16).index_fill(2, torch.tensor(3), 9.0), 0.0, 0.0),  # to a single one
        (torch.eye(16).view(8, 2, 16) * 9, 0.0, math.log(16)),  # every picture its own
    ],
)
def test_entropies_tell_both_collapses_from_learning(logits: Tensor, each: float, mean: float) -> None:
    found = assignment_entropies(*sharpened(logits, torch.zeros(16), 0.04))
    assert [float(value) for value in found] == pytest.approx([each, mean], abs=1e-4)
