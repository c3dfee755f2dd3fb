"""From samples to batches, in workers or in this process, resumable with any number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from surgvlp.datasets.sampler import Key, ResumableSampler
from surgvlp.datasets.texts import TextTable
from surgvlp.files import InputError

Item = dict[str, Any]
Batch = dict[str, Any]


class LevelDataset(Protocol):
    """What the loader needs of a data set.

    Attributes:
        texts: its table of texts.
        texts_per_source: how many texts of each source a sample has, the anchor's first, e.g. (1, 2).
    """

    texts: TextTable
    texts_per_source: tuple[int, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, key: Key | int) -> Item:
        """One sample: `frames (T,3,S,S) uint8`, `text_index (K,) int64`, `sample_index` int.

        And `step_mask (C,) bool` where the last C of the texts are children, which of them are there.
        """

    def describe(self, index: int) -> str:
        """Which lecture, and where in it, for a person who looks for a bad sample."""


class Loader:
    """Batches from the sampler's position on, without end; each one handed out moves the position.

    A batch is a dict:
        frames: (B, T, 3, S, S) uint8.
        text_index: (B, K) int64, rows of the data set's text table, the anchor's first.
        input_ids, attention_mask: (B, K, l) int64, cut to the longest text of the batch.
        padded_length: L, the length that texts are padded to in published models.
        step_mask: (B, C) bool, at keystep and video level only: which of the last C texts are there.
        sample_index: (B,) int64.

    An InputError in a worker is raised here as it is.
    """

    def __init__(self, dataset: LevelDataset, sampler: ResumableSampler, workers: int) -> None:
        self.dataset, self.sampler = dataset, sampler
        self._loader: DataLoader[Any] = DataLoader(
            _Fetch(dataset),
            sampler=sampler,  # gives the keys of a whole batch at a time
            batch_size=None,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=2 if workers else None,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_start_worker,
            # its own generator, or every start of iteration would draw from torch's global one
            generator=torch.Generator(),
        )

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._loader:
            if isinstance(batch, _Failure):
                raise InputError(batch.message)
            self.sampler.position += 1
            yield batch


def make_loader(dataset: LevelDataset, sampler: ResumableSampler, workers: int = 0) -> Loader:
    """A loader over `dataset` in the order of `sampler`; what it yields does not depend on `workers`."""
    return Loader(dataset, sampler, workers)


def collate(items: Sequence[Item], texts: TextTable) -> Batch:
    """Stack samples and look their tokens up; see `Loader` for what is in a batch."""
    rows = np.stack([item["text_index"] for item in items])
    tokens = {name: torch.from_numpy(table) for name, table in texts.gather(rows).items()}
    masks = [item["step_mask"] for item in items if "step_mask" in item]
    return {
        "frames": torch.from_numpy(np.stack([item["frames"] for item in items])),
        "text_index": torch.from_numpy(rows),
        **tokens,
        "padded_length": texts.tokens["input_ids"].shape[1],
        **({"step_mask": torch.from_numpy(np.stack(masks))} if masks else {}),
        "sample_index": torch.tensor([item["sample_index"] for item in items]),
    }


@dataclass(frozen=True)
class _Failure:
    """An InputError on its way out of a worker; torch would wrap it into a traceback of two processes."""

    message: str


class _Fetch(Dataset[Any]):
    """The data set as one of whole batches: a list of keys gives a batch."""

    def __init__(self, dataset: LevelDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, keys: Sequence[Key]) -> Batch | _Failure:
        try:
            return collate([self.dataset[key] for key in keys], self.dataset.texts)
        except InputError as error:
            return _Failure(str(error))


def _start_worker(number: int) -> None:
    cv2.setNumThreads(0)  # many workers with many threads each would fight over the cores
