"""From samples to batches, in workers or in this process, resumable with any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
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


class Samples(Protocol):
    """What the loader needs of a data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: Key | int) -> Item:
        """One sample, with `sample_index` int in it."""

    def describe(self, index: int) -> str:
        """Which lecture, and where in it, for a person who looks for a bad sample."""


class LevelDataset(Samples, Protocol):
    """Videos with texts. A sample has `frames (T,3,S,S) uint8`, `text_index (K,) int64`, `sample_index` int.

    And `step_mask (C,) bool` where the last C of the texts are children, which of them are there.

    Attributes:
        texts: its table of texts.
        texts_per_source: how many texts of each source a sample has, the anchor's first, e.g. (1, 2).
    """

    texts: TextTable
    texts_per_source: tuple[int, ...]


class Loader:
    """Batches from the sampler's position on, without end; each one handed out moves the position.

    What it yields does not depend on `workers`. An InputError in a worker is raised here as it is.

    Args:
        dataset: of samples.
        sampler: says which samples make a batch.
        collate: makes the batch of them, a dict with `sample_index (B,) int64`.
        workers: processes; 0 loads in this one.
    """

    def __init__(
        self,
        dataset: Samples,
        sampler: ResumableSampler,
        collate: Callable[[Sequence[Item]], Batch],
        workers: int = 0,
    ) -> None:
        self.dataset, self.sampler = dataset, sampler
        self._loader: DataLoader[Any] = DataLoader(
            _Fetch(dataset, collate),
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


def text_loader(dataset: LevelDataset, sampler: ResumableSampler, workers: int = 0) -> Loader:
    """A loader over videos with texts; its batches are those of `collate`."""
    return Loader(dataset, sampler, partial(collate, texts=dataset.texts), workers)


def collate(items: Sequence[Item], texts: TextTable) -> Batch:
    """Stack samples of videos with texts, and look their tokens up.

    Returns:
        frames: (B, T, 3, S, S) uint8.
        text_index: (B, K) int64, rows of the data set's text table, the anchor's first.
        input_ids, attention_mask: (B, K, l) int64, cut to the longest text of the batch.
        padded_length: L, the length that texts are padded to in published models.
        step_mask: (B, C) bool, at keystep and video level only: which of the last C texts are there.
        sample_index: (B,) int64.
    """
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

    def __init__(self, dataset: Samples, collate: Callable[[Sequence[Item]], Batch]) -> None:
        self.dataset, self.collate = dataset, collate

    def __getitem__(self, keys: Sequence[Key]) -> Batch | _Failure:
        try:
            return self.collate([self.dataset[key] for key in keys])
        except InputError as error:
            return _Failure(str(error))


def _start_worker(number: int) -> None:
    cv2.setNumThreads(0)  # many workers with many threads each would fight over the cores
