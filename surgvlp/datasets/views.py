"""Augmented views of clips, batched on the device.

Crop, resize, blur and flip are linear in the pixels and separate into rows and columns; brightness, contrast,
saturation, hue and greyscale are affine in the colours. So a view of a clip X is

    clamp(M · (A_y X A_xᵀ) + b)

with two small matrices for its geometry and blur and one 3 × 4 matrix for its colours and the normalisation.
Values are clamped once, at the end, where PIL would round and clamp after every operation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from surgvlp.datasets.resampling import blur_matrices, crop_boxes, resize_matrices
from surgvlp.files import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

LUMA = (0.299, 0.587, 0.114)
_TO_YIQ = torch.tensor([list(LUMA), [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = torch.linalg.inv(_TO_YIQ)  # here, since on a GPU the inverse would wait for all that runs there
_RATIO = (3 / 4, 4 / 3)
_CROP_SCALE = (0.08, 1.0)
_JITTER = (0.4, 0.4, 0.4, 0.1)
_P_JITTER, _P_GREY, _P_BLUR, _P_FLIP = 0.8, 0.2, 0.5, 0.5
_SIGMA = (0.1, 2.0)


class Views:
    """Turns a batch of clips into network input: the clips themselves and augmented views of them.

    The views' strengths are the published ones: crop of .08 to 1 of the area, jitter (.4, .4, .4, .1) with
    p .8, greyscale p .2, blur of sigma .1 to 2 pixels p .5, flip p .5. One draw a clip, so that a clip stays
    a clip; `compat="released"` draws for every frame alone, as the released code does, and leaves `frames` as
    they are (there the data set has flipped them).

    Args:
        size: S, side of what comes out.
        mean, std: of the normalisation, for colours in 0..1.
        augment: whether `frames` is flipped (and cropped and jittered, if given); False in evaluation.
        views: how many augmented views are made, 0 where the loss wants none.
        frames_crop: smallest area, 0..1, of a random crop of `frames`; None: no crop.
        frames_jitter: factor on the strength of a colour jitter of `frames`, 0: none.
        compat: None or "released".
    """

    def __init__(
        self,
        size: int,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        augment: bool = True,
        views: int = 2,
        frames_crop: float | None = None,
        frames_jitter: float = 0.0,
        compat: Literal["released"] | None = None,
    ) -> None:
        if compat not in (None, "released"):
            raise InputError(f"{compat!r} is neither None nor 'released'", key="compat")
        if frames_crop is not None and not 0 < frames_crop <= 1:
            raise InputError(f"expected an area from 0 to 1, got {frames_crop}", key="frames_crop")
        self.size, self.augment, self.views, self.compat = size, augment, views, compat
        self.frames_crop, self.frames_jitter = frames_crop, frames_jitter
        self.mean, self.std = torch.tensor(mean), torch.tensor(std)

    def __call__(self, frames: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Make the views.

        Args:
            frames: (B, T, 3, H, H) uint8 on any device.
            generator: of all draws; those are made on its device and moved to that of the frames.

        Returns:
            `frames`, `view1`, `view2`, ...: (B, T, 3, S, S) float32, normalised.
        """
        if frames.ndim != 5 or frames.shape[3] != frames.shape[4]:
            raise ValueError(f"expected square frames (B, T, 3, H, H), got {tuple(frames.shape)}")
        pixels = frames.float() if self.views or self._frames_need_work(frames) else frames
        out = {"frames": self._frames(pixels, generator)}
        draws = pixels.flatten(0, 1)[:, None] if self.compat == "released" else pixels
        for number in range(self.views):
            view = self._augmented(draws, generator, True, _CROP_SCALE[0], 1.0, as_view=True)
            out[f"view{number + 1}"] = view.view(*frames.shape[:3], self.size, self.size)
        return out

    def _frames_need_work(self, frames: Tensor) -> bool:
        lively = self.augment and self.compat is None and (self.frames_crop or self.frames_jitter)
        return bool(lively) or frames.shape[-1] != self.size

    def _frames(self, frames: Tensor, generator: torch.Generator) -> Tensor:
        flips = self.augment and self.compat is None
        if self._frames_need_work(frames):
            crop, jitter = (self.frames_crop or 1.0, self.frames_jitter) if flips else (1.0, 0.0)
            return self._augmented(frames, generator, flips, crop, jitter)
        if flips:
            flip = _uniform(len(frames), 1, generator).to(frames.device)[:, 0] < _P_FLIP
            frames = torch.where(flip[:, None, None, None, None], frames.flip(-1), frames)
        scale, offset = 1 / (255 * self.std), -self.mean / self.std
        return frames * scale.to(frames.device)[:, None, None] + offset.to(frames.device)[:, None, None]

    def _augmented(
        self,
        frames: Tensor,
        generator: torch.Generator,
        random: bool,
        crop: float,
        jitter: float,
        as_view: bool = False,
    ) -> Tensor:
        """One view (G, F, 3, S, S) of frames (G, F, 3, H, H) float in 0..255, one draw for each of the G.

        Without `random` it is resized only; `as_view` adds what only views have: greyscale and blur.
        """
        groups, count, _, height, _ = frames.shape
        draws = _uniform(groups, 31, generator).to(frames.device)
        flip = draws[:, 0] < (_P_FLIP if random else 0.0)
        box = crop_boxes(draws[:, 1:23], height, (crop, 1.0), _RATIO)
        if not random or crop == 1.0:
            box = torch.tensor([0, 0, height, height], device=frames.device).expand(groups, 4)
        down = resize_matrices(box[:, 0], box[:, 2], height, self.size)
        across = resize_matrices(box[:, 1], box[:, 3], height, self.size)
        if as_view:
            sigma = _SIGMA[0] + (_SIGMA[1] - _SIGMA[0]) * draws[:, 24]
            blur = blur_matrices(sigma.where(draws[:, 23] < _P_BLUR, sigma.new_zeros(())), self.size)
            down, across = blur @ down, blur @ across
        across = torch.where(flip[:, None, None], across.flip(1), across)
        seen = frames.reshape(groups, -1, height) @ across.mT
        seen = down[:, None] @ seen.view(groups, -1, height, self.size)
        seen = seen.view(groups * count, 3, -1)
        grey = seen.mean(-1).view(groups, count, 3) @ seen.new_tensor(LUMA) / 255
        colour = colour_matrices(draws[:, 25:31] if random else None, grey, jitter, _P_GREY * as_view)
        return self._coloured(seen, colour.flatten(0, 1)).view(groups, count, 3, self.size, self.size)

    def _coloured(self, pixels: Tensor, colour: Tensor) -> Tensor:
        """(N, 3, P) pixels in 0..255 through (N, 3, 4) colour matrices for 0..1, clamped and normalised."""
        mean, std = (value.to(pixels.device)[:, None] for value in (self.mean, self.std))
        matrix, offset = colour[:, :, :3] / (255 * std), (colour[:, :, 3:] - mean) / std
        normalised = torch.baddbmm(offset, matrix, pixels)
        return torch.minimum(torch.maximum(normalised, -mean / std), (1 - mean) / std)


def colour_matrices(
    draws: Tensor | None,
    grey: Tensor,
    strength: float,
    p_grey: float,
    jitter: tuple[float, float, float, float] = _JITTER,
) -> Tensor:
    """Colour jitter and greyscale as one affine map a frame.

    Brightness scales by b; contrast by c about the frame's mean grey; saturation scales the colour
    differences (I − P) by s, where P = 1 wᵀ projects on the luma w; hue turns them in the IQ plane of YIQ;
    greyscale is s = 0. All of these commute, so their order, which torchvision draws at random, does not
    matter.

    Args:
        draws: (G, 6) uniform in 0..1; None: the identity.
        grey: (G, F) mean luma of each frame in 0..1.
        strength: factor on `jitter`; 0: no jitter.
        p_grey: probability of greyscale.
        jitter: strengths of brightness, contrast, saturation and hue.

    Returns:
        (G, F, 3, 4).
    """
    eye = torch.eye(3, device=grey.device)
    if draws is None:
        return torch.cat([eye, eye.new_zeros(3, 1)], 1).expand(*grey.shape, 3, 4)
    jittered = draws[:, 0] < _P_JITTER * (strength > 0)
    brightness, contrast, saturation = (
        torch.where(jittered, 1 + strength * jitter[n] * (2 * draws[:, 1 + n] - 1), 1.0) for n in range(3)
    )
    hue = torch.where(jittered, strength * jitter[3] * (2 * draws[:, 4] - 1), 0.0)
    saturation = torch.where(draws[:, 5] < p_grey, 0.0, saturation)
    luma = torch.tensor(LUMA, device=grey.device).expand(3, 3)
    chroma = hue_rotations(hue) @ (eye - luma)
    scale = (brightness * contrast)[:, None, None]
    linear = scale * (luma + saturation[:, None, None] * chroma)
    offset = ((1 - contrast) * brightness)[:, None] * grey
    shape = (*grey.shape, 3)
    return torch.cat([linear[:, None].expand(*shape, 3), offset[..., None, None].expand(*shape, 1)], dim=-1)


def hue_rotations(turn: Tensor) -> Tensor:
    """(G, 3, 3): rotation of RGB about the grey axis by `turn` (G,) of a full turn, in YIQ."""
    angle = -2 * math.pi * turn  # from red to yellow, where hue rises, the IQ angle falls
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [one, zero, zero, zero, cos, -sin, zero, sin, cos]
    rotation = torch.stack(rows, dim=-1).view(-1, 3, 3)
    return _FROM_YIQ.to(turn.device) @ rotation @ _TO_YIQ.to(turn.device)


def _uniform(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    return torch.rand(rows, columns, generator=generator, device=generator.device)
