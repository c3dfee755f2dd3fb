"""Crop, resize and blur of one axis as small matrices, one a sample: output rows = matrix @ input rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_ATTEMPTS = 10


def crop_boxes(
    draws: Tensor, height: int | Tensor, scale: tuple[float, float], ratio: tuple[float, float]
) -> Tensor:
    """Boxes of random resized crops, drawn as torchvision draws them but batched.

    Ten tries of an area and an aspect ratio (log-uniform); the first that fits is taken, else the largest
    central part that has an aspect ratio in the range.

    Args:
        draws: (G, 22) uniform in 0..1.
        height: side of square images; or (G, 2), height and width of each.
        scale: smallest and largest share of the area.
        ratio: smallest and largest width / height.

    Returns:
        (G, 4) int64: top, left, height, width.
    """
    sides = height if isinstance(height, Tensor) else draws.new_full((1, 2), height, dtype=torch.int64)
    tries = draws[:, : 2 * _ATTEMPTS].view(-1, 2, _ATTEMPTS)
    area = sides.prod(1, keepdim=True) * (scale[0] + (scale[1] - scale[0]) * tries[:, 0])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (low + (high - low) * tries[:, 1]).exp()
    tried = torch.stack([(area / aspect).sqrt().round(), (area * aspect).sqrt().round()], dim=-1)
    fits = ((tried > 0) & (tried <= sides[:, None])).all(-1)
    first = fits.int().argmax(1)  # the first of several maxima
    chosen = tried[torch.arange(len(tried), device=tried.device), first].long()
    # width / ratio = height: the most that the range of aspect ratios leaves of the whole
    most = torch.stack([sides[:, 1] / ratio[0], sides[:, 0] * ratio[1]], dim=-1).round().long()
    whole = torch.minimum(sides, most)
    fitted = fits.any(1)[:, None]
    chosen = torch.where(fitted, chosen, whole)
    corner = (draws[:, 2 * _ATTEMPTS :] * (sides - chosen + 1)).long()
    corner = torch.where(fitted, torch.minimum(corner, sides - chosen), (sides - chosen) // 2)
    return torch.cat([corner, chosen], dim=1)


def resize_matrices(first: Tensor, length: Tensor, height: int, size: int) -> Tensor:
    """(G, S, H): pixels first .. first + length - 1 of H, resized to S by an antialiased triangle filter.

    The same weights as torchvision's bilinear resize with antialias.
    """
    scale = (length / size)[:, None, None]
    rows = torch.arange(size, device=first.device)[:, None]
    columns = torch.arange(height, device=first.device)
    centre = first[:, None, None] + (rows + 0.5) * scale
    weight = (1 - (columns + 0.5 - centre).abs() / scale.clamp(min=1.0)).clamp(min=0.0)
    inside = (columns >= first[:, None]) & (columns < (first + length)[:, None])
    weight = weight * inside[:, None]
    return weight / weight.sum(-1, keepdim=True)


def cubic_matrices(
    first: Tensor, length: Tensor, height: int, size: int, flip: Tensor | None = None
) -> Tensor:
    """(G, S, H): pixels first .. first + length - 1 of H, resized to S by an antialiased cubic filter.

    The same weights as torch's `interpolate(mode="bicubic", antialias=True)` and PIL's bicubic: Keys' cubic
    with a = -1/2, on the way down stretched over the output's pixels. Only the weights that can differ from
    0 are computed and then put in their places; from 640 columns to 96 these are a twentieth.

    Args:
        first, length: (G,) int64.
        height, size: H and S.
        flip: (G,) bool: whether the result comes in reverse.
    """
    scale = (length / size)[:, None, None]
    stretch = scale.clamp(min=1.0)
    count = min(height, math.ceil(4 * max(1.0, height / size)) + 1)
    rows = torch.arange(size, device=first.device)[:, None]
    if flip is not None:
        rows = torch.where(flip[:, None, None], size - 1 - rows, rows)
    centre = first[:, None, None] + (rows + 0.5) * scale
    start = (centre - 2 * stretch).floor().long().clamp(min=0, max=height - count)
    columns = start + torch.arange(count, device=first.device)
    distance = (columns + 0.5 - centre).abs() / stretch
    outer, inner = (2 - distance).clamp(min=0.0), (1 - distance).clamp(min=0.0)
    weight = 0.5 * outer.square() * (outer - 1) + inner.square() * (1 - 2 * inner)
    inside = (columns >= first[:, None, None]) & (columns < (first + length)[:, None, None])
    weight = weight * inside
    matrices = weight.new_zeros(len(first), size, height)
    return matrices.scatter_(2, columns, weight / weight.sum(-1, keepdim=True))


def blur_matrices(sigma: Tensor, size: int) -> Tensor:
    """(G, S, S): Gaussian blur of standard deviation `sigma` (G,) pixels; 0 gives the identity.

    At the borders the weights that are left are scaled to sum 1.
    """
    place = torch.arange(size, device=sigma.device)
    squared = (place[:, None] - place).square()
    # below this, exp(-1 / 2 sigma^2) is 0 in float32, and no division by 0 happens
    weight = (-squared / (2 * sigma.clamp(min=0.05).square())[:, None, None]).exp()
    return weight / weight.sum(-1, keepdim=True)
