"""Batches on the device: what the loader gives, moved there and turned into normalised views."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch

from surgvlp.datasets import Loader, Views
from surgvlp.files import InputError
from surgvlp.training import randomness
from surgvlp.training.distributed import Ranks
from surgvlp.training.objectives import Batch

_STREAM_SEED = 1  # sets the views' generator apart from others that are made of the same seed


class LevelStream:
    """Endless batches of a level for one rank; its state is the position and the views' generator.

    Args:
        loader: gives uint8 clips from its sampler's position on.
        views: turns them into `frames`, `view1`, ... (B, T, 3, S, S) float32.
        ranks: where to put them; every rank draws other views.
        seed: of the views.
        wanted: the tensors of a batch that the objective reads beside the frames; no others are moved.
    """

    def __init__(
        self, loader: Loader, views: Views, ranks: Ranks, seed: int, wanted: tuple[str, ...]
    ) -> None:
        self.loader, self.views, self.device = loader, views, ranks.device
        self._wanted = wanted
        # On the CPU, as the draws are few: the state is then the same kind of thing on every device.
        self._seed = (seed, ranks.rank, _STREAM_SEED)
        self._generator = randomness.generator(torch.device("cpu"), *self._seed)
        self._texts = hashlib.sha256("\n".join(loader.dataset.texts.texts).encode()).hexdigest()
        self._batches: Iterator[dict[str, Any]] | None = None

    def __next__(self) -> Batch:
        if self._batches is None:
            self._batches = iter(self.loader)
        return on_device(next(self._batches), self.views, self._generator, self.device, self._wanted)

    def describe(self, batch: Batch) -> list[str]:
        """Lecture and time of the samples."""
        return [self.loader.dataset.describe(index) for index in batch["sample_index"].tolist()]

    def state_dict(self) -> dict[str, Any]:
        return {
            "sampler": self.loader.sampler.state_dict(),
            "texts": self._texts,
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on there; without a generator's state it starts anew from the position.

        Raises:
            InputError: the data are not those of the checkpoint.
        """
        if state["texts"] != self._texts:
            raise InputError(
                "the split has other texts than those that the checkpoint was trained on",
                remedy="Put them back, or start a new run in another --output_dir",
            )
        self.loader.sampler.load_state_dict(state["sampler"])
        self._batches = None
        if state["generator"] is None:
            seed = (*self._seed, self.loader.sampler.position)
            self._generator = randomness.generator(torch.device("cpu"), *seed)
        else:
            self._generator.set_state(state["generator"])


def on_device(
    batch: dict[str, Any],
    views: Views,
    generator: torch.Generator,
    device: torch.device,
    wanted: tuple[str, ...],
) -> Batch:
    """A loader's batch with its frames as normalised views on the device."""
    frames = batch["frames"].to(device, non_blocking=True)
    moved = {name: batch[name].to(device, non_blocking=True) for name in wanted}
    rest = {"padded_length": batch["padded_length"], "sample_index": batch["sample_index"]}
    return {**views(frames, generator), **moved, **rest}
