"""Batches on the device: what the loader gives, moved there and turned into what a network takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from surgvlp import randomness
from surgvlp.datasets import Loader
from surgvlp.files import InputError
from surgvlp.training.distributed import Ranks
from surgvlp.training.objective import Batch

_STREAM_SEED = 1  # sets the augmentation's generator apart from others that are made of the same seed


class LevelStream:
    """Endless batches of a level for one rank; its state is the position and the augmentation's generator.

    Args:
        loader: gives batches of uint8 frames from its sampler's position on.
        prepare: moves a batch to the device and augments it there, with a generator for all draws.
        ranks: every rank draws other numbers.
        seed: of the draws.
        fingerprint: of the data; another one than the checkpoint's is refused.

    Attributes:
        batch_size: samples of a step over all ranks.
    """

    def __init__(
        self,
        loader: Loader,
        prepare: Callable[[dict[str, Any], torch.Generator], Batch],
        ranks: Ranks,
        seed: int,
        fingerprint: str,
    ) -> None:
        self.loader, self.batch_size = loader, loader.sampler.batch_size
        self._prepare, self._fingerprint = prepare, fingerprint
        # On the CPU, as the draws are few: the state is then the same kind of thing on every device.
        self._seed = (seed, ranks.rank, _STREAM_SEED)
        self._generator = randomness.generator(torch.device("cpu"), *self._seed)
        self._batches: Iterator[dict[str, Any]] | None = None

    def __next__(self) -> Batch:
        if self._batches is None:
            self._batches = iter(self.loader)
        return self._prepare(next(self._batches), self._generator)

    def describe(self, batch: Batch) -> list[str]:
        """Lecture and time of the samples."""
        return [self.loader.dataset.describe(index) for index in batch["sample_index"].tolist()]

    def state_dict(self) -> dict[str, Any]:
        return {
            "sampler": self.loader.sampler.state_dict(),
            "fingerprint": self._fingerprint,
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on there; without a generator's state it starts anew from the position.

        Raises:
            InputError: the data are not those of the checkpoint.
        """
        if state.get("fingerprint", state.get("texts")) != self._fingerprint:  # older ones say "texts"
            raise InputError(
                "the split has other texts or frames than those that the checkpoint was trained on",
                remedy="Put them back, or start a new run in another --output_dir",
            )
        self.loader.sampler.load_state_dict(state["sampler"])
        self._batches = None
        if state["generator"] is None:
            seed = (*self._seed, self.loader.sampler.position)
            self._generator = randomness.generator(torch.device("cpu"), *seed)
        else:
            self._generator.set_state(state["generator"])
