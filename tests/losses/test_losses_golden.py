"""The published losses against values computed once with the released code in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from surgvlp.registry import LOSSES, build


def waves(*shape: int, a: float, phase: float) -> Tensor:
    """sin(a (k + 1) + phase), k the row-major index: numbers that any implementation can make for itself."""
    k = torch.arange(1, math.prod(shape) + 1, dtype=torch.float64)
    return torch.sin(a * k + phase).view(shape)


@pytest.fixture
def inputs() -> dict[str, Tensor]:
    made = {
        "v": waves(4, 8, a=0.7, phase=0),
        "v1": waves(4, 8, a=0.7, phase=0.3),
        "v2": waves(4, 8, a=0.7, phase=-0.4),
        "t0": waves(4, 8, a=1.1, phase=0.2),
        "t1": waves(8, 8, a=1.3, phase=0.5),
    }
    return {name: value.requires_grad_() for name, value in made.items()}


CASES = {
    "clip_infonce": ({}, ("v", "t0"), 4.1505444782, (2.28430312, 1.78595379)),
    "NTXentLoss": ({"alpha": 0.75}, ("v", "t0"), 4.6864069784, (2.44424257, 2.09582572)),
    "milnce": ({}, ("v", "t1"), 2.0997751010, (0.61427025, 0.56495337)),
    "SIMCLRLoss": ({}, ("v1", "v2"), 2.2406153822, (1.49097007, 1.51016035)),
    "SSL_VL_Loss_new": (
        {"alpha": 0.75},
        ("v", "v1", "v2", "t0", "t1"),
        3.2910600425,
        (0.41101682, 0.58346112, 0.55718630, 0.94552762, 0.13200202),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_published_value_and_gradient_norms(name: str, inputs: dict[str, Tensor]) -> None:
    options, names, value, norms = CASES[name]
    loss = build(LOSSES, {"type": name, **options})
    arguments = [inputs[key] for key in names]
    result = loss(*arguments[:3], arguments[3:]) if len(arguments) == 5 else loss(*arguments)
    result.backward()
    assert result.item() == pytest.approx(value, rel=1e-8)
    for argument, norm in zip(arguments, norms, strict=True):
        assert argument.grad.norm().item() == pytest.approx(norm, rel=1e-7)


def test_published_logit_scale(inputs: dict[str, Tensor]) -> None:
    result = build(LOSSES, {"type": "clip_infonce"})(inputs["v"], inputs["t0"], logit_scale=20)
    result.backward()
    assert result.item() == pytest.approx(8.1681905276, rel=1e-8)
    assert inputs["v"].grad.norm().item() == pytest.approx(4.59115927, rel=1e-7)
    assert inputs["t0"].grad.norm().item() == pytest.approx(3.57993110, rel=1e-7)
