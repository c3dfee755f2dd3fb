"""Multi-crop of pictures for self-distillation: DINO's crops, and SurgFM's with neighbours, in batches.

Crop, bicubic resize, blur and flip are linear in the pixels and separate into rows and columns; brightness,
contrast, saturation and greyscale are affine in the colours. So a crop is clamp(M (A_y X A_xᵀ) + b), as in
`views`; then come noise and solarizing, which are neither.

On a GPU the matrices A are dense, although nine weights in ten are 0: all crops of a picture are one product
at the device's full speed, without a copy of the picture for each of its crops and without a loop, where
gathered taps would wait for memory. A CPU has no such speed to waste: there they take longer than PIL. It
resizes crop by crop in integers, as PIL does, and blurs only what is to be blurred (benchmarks/crops.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from surgvlp.datasets.resampling import blur_matrices, crop_boxes, cubic_matrices
from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD, LUMA, colour_matrices
from surgvlp.files import InputError

_RATIO = (3 / 4, 4 / 3)
_JITTER = (0.4, 0.4, 0.2)  # brightness, contrast, saturation
_P_FLIP, _P_GREY = 0.5, 0.2
_RADIUS = (0.1, 2.0)  # PIL calls a Gaussian blur's standard deviation its radius
_SOLARIZE_FROM = 128
_DRAWS = (1, 22, 1, 1, 6, 1, 1)  # a crop's: flip, box, blurred?, radius, colours, noisy?, solarized?


@dataclass(frozen=True)
class Role:
    """How often one kind of crop is blurred, gets noise (sigma 1 of 255) and is solarized: probabilities."""

    blur: float
    noise: float = 0.0
    solarize: float = 0.0


LOCAL = Role(blur=0.5)
NEIGHBOUR_LOCAL = (LOCAL, LOCAL)


class MultiCrop:
    """Cuts a picture, and pictures that are to mean the same, into large and small augmented crops.

    Strengths are SurgFM's (Surg-3M, 2025; its code, not its paper, has them), which are DINO's without hue
    (Caron et al. 2021): flip .5; jitter (.4, .4, .2) of brightness, contrast and saturation .8; greyscale .2;
    blur, noise and solarizing by role. Noise is Gaussian around 0, where the released code's is half a level
    darker by truncation. Values are clamped after the colours, where PIL would round and clamp after every
    operation.

    Args:
        global_size, local_size: sides of what comes out, pixels.
        neighbours: W, pictures beside the anchor: 0 for DINO, 2 for SurgFM.
        local_crops: small crops of the anchor; a neighbour gives one large and two small ones.
        global_scale, local_scale: smallest and largest share of the picture's area.
        hue: strength of the jitter of hue: SurgFM has none, DINO .1.
        noise: how often the second large crop and those of neighbours get noise: SurgFM .2, DINO never.
        mean, std: of the normalisation, for colours in 0..1.

    Raises:
        InputError: sizes, counts or shares that make no sense.
    """

    def __init__(
        self,
        global_size: int = 224,
        local_size: int = 96,
        neighbours: int = 2,
        local_crops: int = 8,
        global_scale: tuple[float, float] = (0.4, 1.0),
        local_scale: tuple[float, float] = (0.05, 0.4),
        hue: float = 0.0,
        noise: float = 0.2,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        for key, value, least in (
            ("global_size", global_size, 1),
            ("local_size", local_size, 1),
            ("neighbours", neighbours, 0),
            ("local_crops", local_crops, 1),
        ):
            if value < least:
                raise InputError(f"expected {least} or more, got {value}", key=key)
        for key, (low, high) in (("global_scale", global_scale), ("local_scale", local_scale)):
            if not 0 < low <= high <= 1:
                raise InputError(
                    f"expected rising shares of the area from 0 to 1, got {low}, {high}", key=key
                )
        self.global_size, self.local_size = global_size, local_size
        self.neighbours, self.local_crops = neighbours, local_crops
        self.global_scale, self.local_scale = global_scale, local_scale
        self.hue, self.noise = hue, noise
        # one row each: luma, and scale and offset of the normalisation of 0..255
        scale = 1 / (255 * torch.tensor(std))
        self._constants = torch.stack([torch.tensor(LUMA), scale, -torch.tensor(mean) / torch.tensor(std)])

    def check(self, size: Tensor, describe: Callable[[int], str]) -> None:
        """Refuse pictures that are smaller than a small crop: all of their crops would be mostly made up.

        Args:
            size: (B, 1 + W, 2), on the host.
            describe: names sample b of the batch.

        Raises:
            InputError: naming the first such sample.
        """
        small = (size < self.local_size).flatten(1).any(1).nonzero()
        if len(small):
            sample = int(small[0])
            height, width = size[sample].view(-1, 2)[size[sample].amin(-1).argmin()].tolist()
            raise InputError(
                f"{describe(sample)}: a picture of {height} x {width} pixels is smaller than the crops of "
                f"{self.local_size}",
                key="local_size",
                remedy="Make the crops smaller, or take larger pictures",
            )

    def __call__(self, frames: Tensor, size: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Make the crops.

        Args:
            frames: (B, 1 + W, 3, H, W') uint8 RGB on any device: the anchor, then its neighbours; zero-padded
                right and below.
            size: (B, 1 + W, 2) int64, height and width of the picture in it, on the same device.
            generator: of all draws, on the CPU; the noise's own numbers are drawn on the frames' device from
                a seed that it gives. The host never waits for the device.

        Returns:
            global_crops: (B, G, 3, S, S) float32 normalised: two of the anchor, one of each neighbour.
            local_crops: (B, L, 3, s, s): `local_crops` of the anchor, two of each neighbour.
        """
        if frames.ndim != 5 or frames.shape[1] != 1 + self.neighbours:
            raise ValueError(f"expected (B, {1 + self.neighbours}, 3, H, W), got {tuple(frames.shape)}")
        pictures = _prepared(frames[:, :1]), _prepared(frames[:, 1:])
        anchor = Role(blur=1.0), Role(blur=0.1, noise=self.noise, solarize=0.2)
        neighbour = (Role(blur=0.5, noise=self.noise),)
        globals_ = _Kind(self.global_size, self.global_scale, anchor, neighbour)
        locals_ = _Kind(self.local_size, self.local_scale, (LOCAL,) * self.local_crops, NEIGHBOUR_LOCAL)
        return {
            "global_crops": self._crops(globals_, pictures, size, generator),
            "local_crops": self._crops(locals_, pictures, size, generator),
        }

    def _crops(
        self, kind: _Kind, pictures: tuple[Tensor, Tensor], size: Tensor, generator: torch.Generator
    ) -> Tensor:
        """(B, C, 3, S, S): one kind of crops of anchors (B, 1, 3, H, W') and neighbours (B, W, 3, H, W')."""
        batch, device = len(size), size.device
        roles = kind.roles(self.neighbours)
        draws = torch.rand(batch, len(roles), sum(_DRAWS), generator=generator)
        seed = int(torch.randint(2**62, (), generator=generator))
        flip, box, p_blur, radius, colour, p_noise, p_solarize = draws.split(_DRAWS, dim=-1)
        blur, noise, solarize = torch.tensor([astuple(role) for role in roles]).split(1, dim=-1)
        sigma = torch.where(p_blur < blur, _RADIUS[0] + (_RADIUS[1] - _RADIUS[0]) * radius, 0.0)
        matrices = colours(colour.flatten(0, 1), self.hue).view(batch, len(roles), 12)
        sent = _sent(torch.cat([flip, box, sigma, matrices], dim=-1), device)  # all in one transfer
        own = len(kind.anchor)
        parts = [_cut(pictures[0], size[:, :1], sent[:, :own], kind)]
        parts += [_cut(pictures[1], size[:, 1:], sent[:, own:], kind)] if self.neighbours else []
        luma, to_unit, offset = _sent(self._constants, device)
        seen = coloured(torch.cat(parts, dim=1).flatten(0, 1), sent[..., 24:].view(-1, 3, 4), luma)
        _add_noise(seen, _sent((p_noise < noise).flatten().nonzero()[:, 0], device), seed)
        _solarize(seen, _sent((p_solarize < solarize).flatten().nonzero()[:, 0], device))
        torch.addcmul(offset[:, None, None], seen, to_unit[:, None, None], out=seen)
        return seen.unflatten(0, (batch, len(roles)))


@dataclass(frozen=True)
class _Kind:
    """Crops of one size: its side, shares of the area, and the roles of an anchor's and a neighbour's."""

    size: int
    scale: tuple[float, float]
    anchor: tuple[Role, ...]
    neighbour: tuple[Role, ...]

    def roles(self, neighbours: int) -> tuple[Role, ...]:
        return self.anchor + self.neighbour * neighbours


def _prepared(frames: Tensor) -> Tensor:
    """(B, P, 3, H, W') uint8 as the device likes to cut it: floats, or colours last in memory."""
    if frames.device.type != "cpu":
        return frames.to(torch.float32, memory_format=torch.contiguous_format)
    return frames.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)


def _cut(pictures: Tensor, size: Tensor, drawn: Tensor, kind: _Kind) -> Tensor:
    """(B, C, 3, S, S) in 0..255: cut, resized, flipped and blurred by `drawn` (B, C, 36).

    Of the C crops of pictures (B, P, 3, H, W') the first C / P are of the first one, and so on.
    """
    batch, count = size.shape[:2]
    each = drawn.shape[1] // count
    drawn, size = drawn.flatten(0, 1), size.repeat_interleave(each, 1).flatten(0, 1)
    boxes = crop_boxes(drawn[:, 1:23], size, kind.scale, _RATIO)
    how = cut_one_by_one if pictures.device.type == "cpu" else cut_by_matrices
    cut = how(pictures.flatten(0, 1), boxes, drawn[:, 0] < _P_FLIP, drawn[:, 23], kind.size)
    return cut.unflatten(0, (batch, count * each))


def cut_by_matrices(pictures: Tensor, boxes: Tensor, flip: Tensor, sigma: Tensor, side: int) -> Tensor:
    """The same number of crops of every picture, all at once; values may go beyond 0..255.

    Args:
        pictures: (N, 3, H, W) float in 0..255.
        boxes: (M, 4) int64 top, left, height, width, the first M / N of them in the first picture.
        flip: (M,) bool.
        sigma: (M,) standard deviation of the blur in pixels of the result, 0: none.
        side: S.

    Returns:
        (M, 3, S, S) float32, colours last in memory.
    """
    height, width = pictures.shape[2:]
    blur = blur_matrices(sigma, side)
    down = blur @ cubic_matrices(boxes[:, 0], boxes[:, 2], height, side)
    across = blur @ cubic_matrices(boxes[:, 1], boxes[:, 3], width, side, flip)
    columns = across.view(len(pictures), -1, width) @ pictures.flatten(1, 2).mT  # (N, M / N · S, 3H)
    cut = down @ columns.view(-1, 3 * side, height).mT  # (M, S, S · 3)
    return cut.view(-1, side, side, 3).permute(0, 3, 1, 2)


def cut_one_by_one(pictures: Tensor, boxes: Tensor, flip: Tensor, sigma: Tensor, side: int) -> Tensor:
    """As `cut_by_matrices`, of uint8 pictures: resized in integers, as PIL does it, then blurred."""
    each = len(boxes) // len(pictures)
    blurred = sigma.nonzero()[:, 0]
    blur = dict(zip(blurred.tolist(), blur_matrices(sigma[blurred], side), strict=True))
    cut = torch.empty(len(boxes), 3, side, side)
    for row, (top, left, height, width) in enumerate(boxes.tolist()):
        region = pictures[row // each, :, top : top + height, left : left + width]
        crop = F.interpolate(region[None], (side, side), mode="bicubic", antialias=True)[0]
        crop = crop.flip(-1) if flip[row] else crop
        cut[row] = blur[row] @ crop.float() @ blur[row].mT if row in blur else crop
    return cut


def colours(draws: Tensor, hue: float = 0.0) -> Tensor:
    """(N, 3, 4) colour matrices for a mean grey of 1; the device multiplies the offset by what it is."""
    return colour_matrices(draws, draws.new_ones(len(draws), 1), 1.0, _P_GREY, (*_JITTER, hue))[:, 0]


def coloured(pixels: Tensor, colour: Tensor, luma: Tensor) -> Tensor:
    """(N, 3, S, S) in 0..255 through (N, 3, 4) matrices whose offsets are for a mean grey of 1; clamped."""
    flat = pixels.flatten(2)
    grey = flat.mean(-1) @ luma
    offset = colour[:, :, 3:] * grey[:, None, None]
    return torch.baddbmm(offset, colour[:, :, :3], flat).clamp_(0, 255).view(pixels.shape)


def _add_noise(pixels: Tensor, chosen: Tensor, seed: int) -> None:
    """Gaussian noise of one grey level on the `chosen` (M,) of (N, 3, S, S), in place."""
    generator = torch.Generator(pixels.device).manual_seed(seed)
    noise = torch.randn(len(chosen), *pixels.shape[1:], generator=generator, device=pixels.device)
    pixels[chosen] = (pixels[chosen] + noise).clamp_(0, 255)


def _solarize(pixels: Tensor, chosen: Tensor) -> None:
    """Invert what is light, in the `chosen` (M,) of (N, 3, S, S), in place."""
    picked = pixels[chosen]
    pixels[chosen] = torch.where(picked < _SOLARIZE_FROM, picked, 255 - picked)


def _sent(values: Tensor, device: torch.device) -> Tensor:
    """On the device, in the queue behind what it has to do; from memory that is not pinned we would wait."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)
