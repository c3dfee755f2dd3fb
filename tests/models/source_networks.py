"""The released networks in the arithmetic and under the names of their authors: slow, plain, for comparison.

Written from the description of the files, not from anybody's code. Each takes images (B, 3, H, W) and gives
pooled features (B, D); `stage_maps` gives the four maps (B, C, h, w) that a segmentation network reads.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter drawn, none at a value (0, 1) that would hide a swapped or forgotten one."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim > 1 and not name.endswith(("gamma", "beta", "layer_scale")):
            drawn = noise / max(1, parameter[0].numel()) ** 0.5
        elif name.endswith(("bias", "beta")):
            drawn = 0.3 * noise
        else:
            drawn = 0.8 + 0.3 * noise
        parameter.data.copy_(drawn)
    return module.eval()


def layer_norm(width: int, eps: float, bias: bool = True) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=eps, bias=bias)


def attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(B, heads, N, d) each -> (B, N, heads * d)."""
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    return (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)


def heads(tokens: Tensor, number: int) -> Tensor:
    """(B, N, D) -> (B, heads, N, D / heads)."""
    return tokens.unflatten(2, (number, -1)).transpose(1, 2)


# CAFormer-S18: pictures are (B, H, W, C) inside.


class StarReLU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.bias = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * F.relu(x) ** 2 + self.bias


class SeparableConvolution(nn.Module):
    def __init__(self, width: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.pwconv1 = nn.Linear(width, 2 * width, bias=False)
        self.act1 = activation()
        self.dwconv = nn.Conv2d(2 * width, 2 * width, 7, padding=3, groups=2 * width, bias=False)
        self.pwconv2 = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act1(self.pwconv1(x))
        return self.pwconv2(self.dwconv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


class MapAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            heads(part, x.shape[-1] // 32) for part in self.qkv(x.flatten(1, 2)).chunk(3, -1)
        )
        return self.proj(attended(query, key, value)).view(x.shape)


class Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


class Feed(nn.Module):
    def __init__(self, width: int, activation: type[nn.Module], bias: bool = False) -> None:
        super().__init__()
        self.fc1, self.act = nn.Linear(width, 4 * width, bias=bias), activation()
        self.fc2 = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class MetaFormerBlock(nn.Module):
    def __init__(self, width: int, stage: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.norm1 = layer_norm(width, 1e-6, bias=False)
        self.token_mixer = MapAttention(width) if stage >= 2 else SeparableConvolution(width, activation)
        self.res_scale1 = Scale(width) if stage >= 2 else nn.Identity()
        self.norm2 = layer_norm(width, 1e-6, bias=False)
        self.mlp = Feed(width, activation)
        self.res_scale2 = Scale(width) if stage >= 2 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.res_scale1(x) + self.token_mixer(self.norm1(x))
        return self.res_scale2(x) + self.mlp(self.norm2(x))


class Downsampling(nn.Module):
    def __init__(self, into: int, out: int, first: bool) -> None:
        super().__init__()
        self.pre_norm = nn.Identity() if first else layer_norm(into, 1e-6, bias=False)
        self.conv = nn.Conv2d(into, out, 7, 4, 2) if first else nn.Conv2d(into, out, 3, 2, 1)
        self.post_norm = layer_norm(out, 1e-6, bias=False) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.pre_norm(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.post_norm(x)


class CAFormer(nn.Module):
    def __init__(self, activation: type[nn.Module], classes: int = 0) -> None:
        super().__init__()
        widths, depths = (3, 64, 128, 320, 512), (3, 3, 9, 3)
        self.downsample_layers = nn.ModuleList(
            Downsampling(widths[stage], widths[stage + 1], first=stage == 0) for stage in range(4)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(MetaFormerBlock(widths[stage + 1], stage, activation) for _ in range(depths[stage]))
            )
            for stage in range(4)
        )
        self.norm = layer_norm(512, 1e-6)
        if classes:
            self.head = nn.ModuleDict(
                {
                    "fc1": nn.Linear(512, 2048),
                    "norm": layer_norm(2048, 1e-5),
                    "fc2": nn.Linear(2048, classes),
                }
            )

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        x, maps = images.permute(0, 2, 3, 1), []
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))
            maps.append(x.permute(0, 3, 1, 2))
        return maps

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.stage_maps(images)[-1].mean((2, 3)))


# ConvNeXtV2-Tiny


class ChannelNorm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma, self.beta = (nn.Parameter(torch.zeros(1, 1, 1, width)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        strength = (x**2).sum((1, 2), keepdim=True).sqrt()
        share = strength / (strength.mean(-1, keepdim=True) + 1e-6)
        return x + self.gamma * (x * share) + self.beta


class ConvNeXtBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = layer_norm(width, 1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.grn = ResponseNorm(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        return x + self.pwconv2(self.grn(F.gelu(self.pwconv1(y)))).permute(0, 3, 1, 2)


class ConvNeXtV2(nn.Module):
    def __init__(self, classes: int = 0) -> None:
        super().__init__()
        widths, depths = (96, 192, 384, 768), (3, 3, 9, 3)
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0], eps=1e-6))
        between = (
            nn.Sequential(ChannelNorm(into, eps=1e-6), nn.Conv2d(into, out, 2, 2))
            for into, out in itertools.pairwise(widths)
        )
        self.downsample_layers = nn.ModuleList([stem, *between])
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNeXtBlock(width) for _ in range(depth)))
            for width, depth in zip(widths, depths, strict=True)
        )
        self.norm = layer_norm(widths[-1], 1e-6)
        if classes:
            self.head = nn.Linear(widths[-1], classes)

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            maps.append(stage(downsample(maps[-1])))
        return maps[1:]

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.stage_maps(images)[-1].mean((2, 3)))


# PVTv2-B2: tokens (B, h * w, C) inside.


class OverlappingPatches(nn.Module):
    def __init__(self, into: int, out: int, first: bool) -> None:
        super().__init__()
        self.proj = nn.Conv2d(into, out, 7, 4, 3) if first else nn.Conv2d(into, out, 3, 2, 1)
        self.norm = layer_norm(out, 1e-5)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        x = self.proj(x)
        return self.norm(x.flatten(2).transpose(1, 2)), (x.shape[2], x.shape[3])


class ReducingAttention(nn.Module):
    def __init__(self, width: int, number: int, reduction: int) -> None:
        super().__init__()
        self.number, self.reduction = number, reduction
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        if reduction > 1:
            self.sr, self.norm = nn.Conv2d(width, width, reduction, reduction), layer_norm(width, 1e-5)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        source = x
        if self.reduction > 1:
            source = self.norm(self.sr(x.transpose(1, 2).unflatten(2, size)).flatten(2).transpose(1, 2))
        key, value = (heads(part, self.number) for part in self.kv(source).chunk(2, -1))
        return self.proj(attended(heads(self.q(x), self.number), key, value))


class ConvolutionalFeed(nn.Module):
    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        inner = ratio * width
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dwconv = nn.ModuleDict({"dwconv": nn.Conv2d(inner, inner, 3, padding=1, groups=inner)})

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        maps = self.fc1(x).transpose(1, 2).unflatten(2, size)
        return self.fc2(F.gelu(self.dwconv["dwconv"](maps).flatten(2).transpose(1, 2)))


class PyramidBlock(nn.Module):
    def __init__(self, width: int, number: int, ratio: int, reduction: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = layer_norm(width, 1e-6), layer_norm(width, 1e-6)
        self.attn = ReducingAttention(width, number, reduction)
        self.mlp = ConvolutionalFeed(width, ratio)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = x + self.attn(self.norm1(x), size)
        return x + self.mlp(self.norm2(x), size)


class PVTv2(nn.Module):
    def __init__(self, classes: int = 0) -> None:
        super().__init__()
        widths, numbers, depths = (3, 64, 128, 320, 512), (1, 2, 5, 8), (3, 4, 6, 3)
        ratios, reductions = (8, 8, 4, 4), (8, 4, 2, 1)
        for stage in range(4):
            into, width = widths[stage : stage + 2]
            patches = OverlappingPatches(into, width, first=stage == 0)
            blocks = (
                PyramidBlock(width, numbers[stage], ratios[stage], reductions[stage])
                for _ in range(depths[stage])
            )
            self.add_module(f"patch_embed{stage + 1}", patches)
            self.add_module(f"block{stage + 1}", nn.ModuleList(blocks))
            self.add_module(f"norm{stage + 1}", layer_norm(width, 1e-6))
        if classes:
            self.head = nn.Linear(512, classes)

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for stage in "1234":
            x, size = self.get_submodule(f"patch_embed{stage}")(maps[-1])
            for block in self.get_submodule(f"block{stage}"):
                x = block(x, size)
            maps.append(self.get_submodule(f"norm{stage}")(x).transpose(1, 2).unflatten(2, size))
        return maps[1:]

    def forward(self, images: Tensor) -> Tensor:
        return self.stage_maps(images)[-1].mean((2, 3))
