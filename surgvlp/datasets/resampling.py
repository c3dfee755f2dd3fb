"""Crop, resize and blur of one axis as small matrices, one a sample: output rows = matrix @ input rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_ATTEMPTS = 10


def crop_boxes(draws: Tensor, height: int, scale: tuple[float, float], ratio: tuple[float, float]) -> Tensor:
    """Boxes of random resized crops of a square image, drawn as torchvision draws them but batched.

    Ten tries of an area and an aspect ratio (log-uniform); the first that fits is taken, else the whole.

    Args:
        draws: (G, 22) uniform in 0..1.
        height: H, side of the image.
        scale: smallest and largest share of the area.
        ratio: smallest and largest width / height.

    Returns:
        (G, 4) int64: top, left, height, width.
    """
    tries = draws[:, : 2 * _ATTEMPTS].view(-1, 2, _ATTEMPTS)
    area = height**2 * (scale[0] + (scale[1] - scale[0]) * tries[:, 0])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (low + (high - low) * tries[:, 1]).exp()
    sides = torch.stack([(area / aspect).sqrt().round(), (area * aspect).sqrt().round()], dim=-1)
    fits = ((sides > 0) & (sides <= height)).all(-1)
    first = fits.int().argmax(1)  # the first of several maxima
    chosen = sides[torch.arange(len(sides), device=sides.device), first].long()
    chosen = torch.where(fits.any(1)[:, None], chosen, height)
    corner = (draws[:, 2 * _ATTEMPTS :] * (height - chosen + 1)).long().clamp(max=height)
    return torch.cat([torch.minimum(corner, height - chosen), chosen], dim=1)


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


def blur_matrices(sigma: Tensor, size: int) -> Tensor:
    """(G, S, S): Gaussian blur of standard deviation `sigma` (G,) pixels; 0 gives the identity.

    At the borders the weights that are left are scaled to sum 1.
    """
    place = torch.arange(size, device=sigma.device)
    squared = (place[:, None] - place).square()
    # below this, exp(-1 / 2 sigma^2) is 0 in float32, and no division by 0 happens
    weight = (-squared / (2 * sigma.clamp(min=0.05).square())[:, None, None]).exp()
    return weight / weight.sum(-1, keepdim=True)
