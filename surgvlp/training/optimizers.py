"""The optimizer of a run."""

from __future__ import annotations

import torch
from torch import nn


def make_optimizer(
    model: nn.Module,
    learning_rate: float,
    weight_decay: float,
    betas: tuple[float, float] = (0.9, 0.999),
    name: str = "adamw",
) -> torch.optim.Optimizer:
    """Adam over what is trained, fused: one pass over memory, and it can withhold a step on the device.

    The first group of parameters decays, the second, biases and norms, does not.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind(groups, lr=learning_rate, betas=betas, fused=True)
