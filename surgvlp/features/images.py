"""Features of many pictures from any image backbone, batch by batch without gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from surgvlp.models.backbones import ImageInput, input_of, width_of
from surgvlp.models.modes import evaluating


def image_features(
    backbone: nn.Module,
    pictures: Iterable[NDArray[np.uint8]],
    device: torch.device | str,
    batch_size: int = 64,
    bfloat16: bool = False,
    image_input: ImageInput | None = None,
) -> NDArray[np.float32]:
    """Features of pictures, which are read one batch ahead in a thread while the device computes.

    Args:
        backbone: on `device`; normalised float images (B, 3, S, S) -> (B, D). Its mode is kept.
        pictures: N of (H, W, 3) uint8 RGB, of any sizes; each is taken once and in order, so a generator that
            decodes will do. At most two batches of them exist at a time.
        device: where to compute; results are collected on the host.
        batch_size: pictures at once; it does not change the result beyond rounding.
        bfloat16: compute in bfloat16 where autocast does.
        image_input: size and colour statistics; None: those of the backbone, `models.backbones.input_of`.

    Returns:
        (N, D), not of unit length, rows in the order of the pictures; (0, D) where there are none.
    """
    image_input = image_input or input_of(backbone)
    device = torch.device(device)
    found = []
    with evaluating(backbone), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        for batch in _batches(pictures, image_input.size, batch_size, pinned=device.type == "cuda"):
            images = _normalised(batch.to(device, non_blocking=True), image_input)
            found.append(backbone(images).float().cpu())
    return torch.cat(found).numpy() if found else np.empty((0, width_of(backbone)), np.float32)


def squashed(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(H, W, 3) as (size, size, 3), whatever its aspect ratio: nothing is cut off.

    SurgFM's downstream tasks read their pictures so. PIL's bilinear filter, which averages on the way down,
    because the published backbones were evaluated with it.
    """
    if picture.shape[:2] == (size, size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR))


def _batches(
    pictures: Iterable[NDArray[np.uint8]], size: int, batch_size: int, pinned: bool
) -> Iterator[Tensor]:
    """(B, size, size, 3) uint8, the next one being read while the last one is in use."""
    source = iter(pictures)

    def take() -> Tensor | None:
        taken = [squashed(picture, size) for picture in itertools.islice(source, batch_size)]
        if not taken:
            return None
        batch = torch.from_numpy(np.stack(taken))
        return batch.pin_memory() if pinned else batch

    with ThreadPoolExecutor(1) as thread:
        ahead = thread.submit(take)
        while (batch := ahead.result()) is not None:
            ahead = thread.submit(take)
            yield batch


def _normalised(batch: Tensor, image_input: ImageInput) -> Tensor:
    """(B, S, S, 3) uint8 -> (B, 3, S, S) float32, channels last in memory, as convolutions like it."""
    mean, std = (
        torch.tensor(values, device=batch.device) * 255 for values in (image_input.mean, image_input.std)
    )
    return ((batch - mean) / std).permute(0, 3, 1, 2)
