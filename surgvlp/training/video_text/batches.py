"""A loader's batch of videos with texts, as the model takes it."""

from __future__ import annotations

from typing import Any

import torch

from surgvlp.datasets import Views
from surgvlp.training.objective import Batch


def on_device(
    batch: dict[str, Any],
    generator: torch.Generator,
    views: Views,
    device: torch.device,
    wanted: tuple[str, ...],
) -> Batch:
    """The batch with its frames as normalised views on the device.

    Args:
        batch: see `surgvlp.datasets.loader.collate`.
        generator: of the views' draws.
        views: turns frames into `frames`, `view1`, ... (B, T, 3, S, S) float32.
        device: where to put them.
        wanted: the tensors of a batch that the objective reads beside the frames; no others are moved.
    """
    frames = batch["frames"].to(device, non_blocking=True)
    moved = {name: batch[name].to(device, non_blocking=True) for name in wanted}
    rest = {"padded_length": batch["padded_length"], "sample_index": batch["sample_index"]}
    return {**views(frames, generator), **moved, **rest}
