"""The order of samples: endless, a function of (seed, epoch), and resumable at any batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from surgvlp.files import InputError

Key = tuple[int, int]


class ResumableSampler(Sampler[list[Key]]):
    """Yields batches of `(epoch, index)` without end, from a position on.

    The samples of an epoch are shuffled by (seed, epoch) alone and cut into global batches; what is left over
    (fewer than a batch) is dropped, since contrastive losses compare within full batches. Rank r takes the
    r-th equal part of every global batch, so the samples of a step do not depend on the number of ranks.

    Args:
        length: samples in the data set.
        batch_size: samples of a step over all ranks together.
        seed: of the order.
        rank, world_size: which part of every batch is this process's.

    Attributes:
        position: batches already used, where iteration starts. Who uses batches moves it (`Loader` does).

    Raises:
        InputError: the data set is smaller than a batch, or a batch does not divide over the ranks.
    """

    def __init__(self, length: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        if batch_size < 1 or length < batch_size:
            raise InputError(
                f"the data set has {length} samples, a batch takes {batch_size}",
                key="batch_size",
                remedy="Lower the batch size or add lectures",
            )
        if batch_size % world_size:
            raise InputError(
                f"a batch of {batch_size} does not divide over {world_size} ranks",
                key="batch_size",
                remedy=f"Take a multiple of {world_size}",
            )
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.rank, self.world_size = rank, world_size
        self.position = 0

    @property
    def batches_per_epoch(self) -> int:
        """Full batches in one pass over the data set."""
        return self.length // self.batch_size

    def __iter__(self) -> Iterator[list[Key]]:
        share = self.batch_size // self.world_size
        epoch, batch = divmod(self.position, self.batches_per_epoch)
        while True:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.length)
            for number in range(batch, self.batches_per_epoch):
                first = number * self.batch_size + self.rank * share
                yield [(epoch, int(index)) for index in order[first : first + share]]
            epoch, batch = epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers for a checkpoint."""
        return {
            "position": self.position,
            "length": self.length,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; iterators made before are not moved.

        Raises:
            InputError: the checkpoint's order is another one (data, batch size or seed differ).
        """
        for name in ("length", "batch_size", "seed"):
            if state[name] != getattr(self, name):
                raise InputError(
                    f"the checkpoint was made with {name} {state[name]}, now it is {getattr(self, name)}",
                    key=name,
                    remedy="Resume with the same data and config, or start a new run",
                )
        self.position = int(state["position"])
