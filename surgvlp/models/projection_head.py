"""DINO's projection head (Caron et al. 2021): what turns a backbone's vector into logits over prototypes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ProjectionHead(nn.Module):
    """(N, width) -> (N, outputs): three layers, unit length, then a linear layer of unit rows without bias.

    Parameters have the published names: `mlp.0|2|4`, `last_layer.weight_g (K, 1)` and `weight_v (K, b)`.

    Args:
        width: of the backbone.
        outputs: K.
        hidden: width of the two hidden layers.
        bottleneck: b, width before the last layer.
        norm_last_layer: the rows of the last layer keep length 1.
        batch_norm: after each hidden layer (published as `use_bn_in_head`; keys are then `mlp.0|1|3|4|6`).

    Attributes:
        freeze_last_layer: while true, the last layer gets no gradient.
    """

    def __init__(
        self,
        width: int,
        outputs: int,
        hidden: int,
        bottleneck: int,
        norm_last_layer: bool = True,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before in (width, hidden):
            layers.append(nn.Linear(before, hidden))
            if batch_norm:
                layers.append(nn.BatchNorm1d(hidden))
            layers.append(nn.GELU())
        self.mlp = nn.Sequential(*layers, nn.Linear(hidden, bottleneck))
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.last_layer = _UnitRows(bottleneck, outputs, norm_last_layer)
        self.freeze_last_layer = False

    def forward(self, features: Tensor) -> Tensor:
        weight = self.last_layer()
        if self.freeze_last_layer:
            weight = weight.detach()
        return F.linear(F.normalize(self.mlp(features), dim=-1), weight)


class _UnitRows(nn.Module):
    """A matrix g v / |v| by rows, as torch's weight norm names and computes it."""

    def __init__(self, width: int, rows: int, unit: bool) -> None:
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(rows, 1), requires_grad=not unit)
        self.weight_v = nn.Parameter(nn.Linear(width, rows, bias=False).weight.detach())

    def forward(self) -> Tensor:
        return self.weight_v * (self.weight_g / self.weight_v.norm(dim=1, keepdim=True))
