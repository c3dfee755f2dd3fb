"""DINO's three vision transformers and the published pyramid head, slow, under their authors' names."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from source_networks import Feed, attended, heads, layer_norm
from torch import Tensor, nn


class PatchEmbedding(nn.Module):
    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)


class LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))


class SelfAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)


class RotaryPositions(nn.Module):
    """Periods of the rotation, as trained: base 100, rounded to bfloat16."""

    def __init__(self, per_axis: int) -> None:
        super().__init__()
        periods = 100.0 ** (torch.arange(per_axis) / per_axis)
        self.register_buffer("periods", periods.bfloat16().float())


class TransformerBlock(nn.Module):
    def __init__(self, width: int, eps: float, scaled: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = layer_norm(width, eps), layer_norm(width, eps)
        self.attn, self.mlp = SelfAttention(width), Feed(width, nn.GELU, bias=True)
        self.ls1, self.ls2 = (LayerScale(width) if scaled else None for _ in range(2))

    def forward(self, x: Tensor, number: int, angles: Tensor | None) -> Tensor:
        query, key, value = (heads(part, number) for part in self.attn.qkv(self.norm1(x)).chunk(3, -1))
        if angles is not None:
            query, key = turned(query, angles), turned(key, angles)
        y = self.attn.proj(attended(query, key, value))
        x = x + (self.ls1.gamma * y if self.ls1 is not None else y)
        y = self.mlp(self.norm2(x))
        return x + (self.ls2.gamma * y if self.ls2 is not None else y)


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """(B, heads, 1 + N, d): entries k and k + d/2 of a patch turn by its angles (N, d/2)."""
    x = x.clone()
    half = x.shape[-1] // 2
    for patch, row in enumerate(angles, start=1):
        for k, angle in enumerate(row.tolist()):
            one, other = x[:, :, patch, k].clone(), x[:, :, patch, k + half].clone()
            x[:, :, patch, k] = one * math.cos(angle) - other * math.sin(angle)
            x[:, :, patch, k + half] = other * math.cos(angle) + one * math.sin(angle)
    return x


class DinoTransformer(nn.Module):
    """`version` 1, 2 or 3; the last has rotary positions instead of a position embedding."""

    def __init__(
        self, version: int, width: int, depth: int, patch: int, grid: int, registers: int = 0
    ) -> None:
        super().__init__()
        self.number = width // 64
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        if version < 3:
            self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid**2, width))
        else:
            self.rope_embed = RotaryPositions(width // self.number // 4)
        if version > 1:
            self.mask_token = nn.Parameter(torch.zeros(1, width))
        if registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, registers, width))
        self.patch_embed = PatchEmbedding(width, patch)
        eps = 1e-5 if version == 3 else 1e-6
        self.blocks = nn.ModuleList(TransformerBlock(width, eps, version > 1) for _ in range(depth))
        self.norm = layer_norm(width, eps)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.patch_embed.proj(images)
        x = torch.cat((self.cls_token.expand(len(images), -1, -1), maps.flatten(2).transpose(1, 2)), 1)
        if hasattr(self, "pos_embed"):
            x = x + self.pos_embed
        if hasattr(self, "register_tokens"):
            x = torch.cat((x[:, :1], self.register_tokens.expand(len(images), -1, -1), x[:, 1:]), 1)
        angles = self._angles(*maps.shape[-2:]) if hasattr(self, "rope_embed") else None
        for block in self.blocks:
            x = block(x, self.number, angles)
        return self.norm(x)[:, 0]

    def _angles(self, height: int, width: int) -> Tensor:
        """(h * w, d/2): rows first, then columns, each from -1 to 1 between the centres of outer edges."""
        rows = []
        for row in range(height):
            for column in range(width):
                places = ((row + 0.5) / height * 2 - 1, (column + 0.5) / width * 2 - 1)
                rows.append(torch.cat([2 * math.pi * place / self.rope_embed.periods for place in places]))
        return torch.stack(rows)


class PublishedPyramid(nn.Module):
    """The published head: every step doubles a map, so sides have to be multiples of 32."""

    def __init__(self, widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.p5 = nn.Conv2d(widths[3], 256, 1)
        self.p4, self.p3, self.p2 = (
            nn.ModuleDict({"skip_conv": nn.Conv2d(width, 256, 1)}) for width in widths[2::-1]
        )
        self.seg_blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "block": nn.ModuleList(
                        nn.ModuleDict(
                            {
                                "block": nn.ModuleList(
                                    [
                                        nn.Conv2d(256 if block == 0 else 128, 128, 3, padding=1, bias=False),
                                        nn.GroupNorm(32, 128),
                                    ]
                                )
                            }
                        )
                        for block in range(max(1, steps))
                    )
                }
            )
            for steps in (3, 2, 1, 0)
        )
        self.segmentation_head = nn.ModuleList([nn.Conv2d(512, classes, 3, padding=1)])

    def forward(self, maps: list[Tensor]) -> Tensor:
        levels = [self.p5(maps[3])]
        for lateral, finer in zip((self.p4, self.p3, self.p2), maps[2::-1], strict=True):
            levels.append(F.interpolate(levels[-1], scale_factor=2) + lateral["skip_conv"](finer))
        outputs = []
        for steps, branch, x in zip((3, 2, 1, 0), self.seg_blocks, levels, strict=True):
            for block in branch["block"]:
                convolution, norm = block["block"]
                x = F.relu(norm(convolution(x)))
                if steps:
                    x = doubled(x, 2)
            outputs.append(x)
        return doubled(self.segmentation_head[0](torch.cat(outputs, 1)), 4)


def doubled(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=True)
