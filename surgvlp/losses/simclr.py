"""SimCLR's NT-Xent between two views of the same clips (Chen et al., ICML 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surgvlp.losses.precision import in_full_precision
from surgvlp.registry import LOSSES


@in_full_precision
def simclr(view1: Tensor, view2: Tensor, temperature: float = 0.1) -> Tensor:
    """Find each view's other half among all 2B - 1 other embeddings: (B, D), (B, D) -> scalar."""
    both = F.normalize(torch.cat([view1, view2]), dim=-1)
    logits = both @ both.T / temperature
    # -1e9 and not -inf: at B = 1 nothing but the positive is left, and its gradient must be 0, not NaN.
    logits = logits.masked_fill(torch.eye(len(both), dtype=torch.bool, device=both.device), -1e9)
    target = torch.arange(len(both), device=both.device).roll(len(view1))
    return F.cross_entropy(logits, target)


@LOSSES.register_module(name="SIMCLRLoss")
class SimCLR(nn.Module):
    """`(view1 (B, D), view2 (B, D)) -> scalar`; published as `SIMCLRLoss`."""

    views = 2

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, view1: Tensor, view2: Tensor) -> Tensor:
        return simclr(view1, view2, self.temperature)

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}"
