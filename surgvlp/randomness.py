"""Every global random generator of a process: seeding, saving, restoring."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int, rank: int = 0) -> None:
    """Seed python, numpy and torch (all devices) from (seed, rank): no two ranks share a stream."""
    for_python, for_numpy, for_torch = (
        int(part) for part in np.random.SeedSequence((seed, rank)).generate_state(3)
    )
    random.seed(for_python)
    np.random.seed(for_numpy)
    torch.manual_seed(for_torch)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw as a run of this seed does from its start on; afterwards all is as if nothing had been drawn."""
    before = state(torch.device("cpu"))
    seed_everything(seed)
    try:
        yield
    finally:
        restore(before, torch.device("cpu"))


def generator(device: torch.device, *seed: int) -> torch.Generator:
    """A generator on a device, seeded by several numbers together."""
    number = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator(device).manual_seed(number)


def state(device: torch.device) -> dict[str, Any]:
    """The state of all global generators as plain data, loadable with weights_only=True."""
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def restore(saved: dict[str, Any], device: torch.device) -> None:
    """Put the generators back where `state` found them."""
    version, internal, gauss = saved["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = saved["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(saved["torch"])
    if device.type == "cuda" and saved["cuda"] is not None:
        torch.cuda.set_rng_state(saved["cuda"], device)
