"""A whole run as arrays indexed by step: whose turn it is, which epoch, learning rate, weight decay.

Steps are the clock; epochs are a way to say how many. Since the arrays cover exactly the steps that really
happen, the cosine ends where the run ends (the released code's schedule counts loaders that do not run).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError

Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Duration:
    """A number of epochs or a number of steps, one of the two."""

    epochs: int | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.epochs, self.steps) if value is not None]
        if len(given) != 1 or given[0] < 1:
            raise InputError(
                f"a duration is epochs or steps, 1 or more, not {self.epochs} and {self.steps}",
                remedy="Write dict(epochs=5) or dict(steps=100); None takes the other one out",
            )


@dataclass(frozen=True)
class Turn:
    """When a level's turn comes.

    Args:
        every_epochs: one pass over the level's data every n-th epoch; for n > 1 not in epoch 0, as published.
        share: instead of passes, this share of the steps, interleaved evenly. Either all levels of a run
            have one (they sum to 1, and an epoch is one pass over the first level) or none has.
    """

    every_epochs: int = 1
    share: float | None = None

    def __post_init__(self) -> None:
        if self.every_epochs < 1 or (self.share is not None and not 0 < self.share <= 1):
            raise InputError(f"a turn needs every_epochs of 1 or more and a share in (0, 1], not {self}")


@dataclass(frozen=True)
class Plan:
    """What happens at each step.

    Attributes:
        level: (steps,) int64, index of the level whose turn it is.
        epoch: (steps,) int64, from 0.
        learning_rate: (steps,) float64.
        weight_decay: (steps,) float64, of what decays: the optimizer's first group of parameters.
    """

    level: NDArray[np.int64]
    epoch: NDArray[np.int64]
    learning_rate: NDArray[np.float64]
    weight_decay: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.level)

    def after(self, every: Duration) -> NDArray[np.bool_]:
        """(steps,) bool: after which steps a thing done every so often is due; always after the last."""
        number = np.arange(1, len(self) + 1)
        if every.steps is not None:
            due = number % every.steps == 0
        else:
            epoch_ends = np.append(np.diff(self.epoch) > 0, True)
            due = epoch_ends & ((self.epoch + 1) % (every.epochs or 1) == 0)
        due[-1] = True
        return due


def plan_run(
    turns: Sequence[Turn],
    batches_per_epoch: Sequence[int],
    length: Duration,
    learning_rate: float,
    warmup_steps: int = 0,
    weight_decay: float = 0.0,
) -> Plan:
    """A run whose learning rate rises, falls to zero, and whose weight decay stays.

    Args:
        turns, batches_per_epoch, length: see `lay_out`, which raises too.
        learning_rate: the highest one, reached after the warm-up.
        warmup_steps: steps of linear rise.
        weight_decay: at every step.
    """
    level, epoch = lay_out(turns, batches_per_epoch, length)
    rate = warmup_cosine(len(level), warmup_steps, learning_rate)
    return Plan(level, epoch, rate, np.full(len(level), weight_decay))


def lay_out(turns: Sequence[Turn], batches_per_epoch: Sequence[int], length: Duration) -> tuple[Steps, Steps]:
    """Whose turn it is at each step, and which epoch.

    Args:
        turns: each level's turn.
        batches_per_epoch: the batches in one pass over each level's data.
        length: how long the run is.

    Returns:
        (steps,) index of the level and (steps,) epoch from 0.

    Raises:
        InputError: shares that are incomplete or do not sum to 1, or a level that never has its turn.
    """
    shares = [turn.share for turn in turns]
    if any(share is not None for share in shares):
        given = [share for share in shares if share is not None]
        if len(given) != len(shares) or abs(sum(given) - 1) > 1e-6:
            raise InputError(
                f"the levels' shares must all be given and sum to 1, not {shares}", key="config.levels"
            )
        level, epoch = _interleave(given, batches_per_epoch[0], length)
    else:
        level, epoch = _take_passes([turn.every_epochs for turn in turns], batches_per_epoch, length)
    idle = sorted(set(range(len(turns))) - set(level.tolist()))
    if idle:
        raise InputError(
            "this level never has its turn in so short a run",
            key=f"config.levels.{idle[0]}",
            remedy="Make `length` longer or its `turn` more frequent",
        )
    return level, epoch


def steps_of(duration: Duration | None, epoch: Steps) -> int:
    """How many of a run's first steps a duration is; `epoch` as `lay_out` gives it, None is 0."""
    if duration is None:
        return 0
    if duration.steps is not None:
        return min(duration.steps, len(epoch))
    return int((epoch < (duration.epochs or 0)).sum())


def warmup_cosine(steps: int, warmup_steps: int, highest: float) -> NDArray[np.float64]:
    """(steps,): linear up to `highest` over the warm-up, then half a cosine that meets zero at the end."""
    step = np.arange(steps)
    warmup = (step + 1) / max(1, warmup_steps)
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return highest * np.where(step < warmup_steps, warmup, 0.5 * (1 + np.cos(np.pi * progress)))


def cosine(steps: int, first: float, last: float, warmup_steps: int = 0) -> NDArray[np.float64]:
    """(steps,): DINO's schedule, from 0 up to `first` over the warm-up, then half a cosine towards `last`.

    As there (Caron et al. 2021, released code), the warm-up meets `first` at its last step, and the cosine
    would meet `last` one step after the end.
    """
    warmup_steps = min(warmup_steps, steps)
    progress = np.arange(steps - warmup_steps) / max(1, steps - warmup_steps)
    falling = last + 0.5 * (first - last) * (1 + np.cos(np.pi * progress))
    return np.concatenate([np.linspace(0, first, warmup_steps), falling])


def _take_passes(every: list[int], batches: Sequence[int], length: Duration) -> tuple[Steps, Steps]:
    levels: list[Steps] = []
    epochs: list[Steps] = []
    epoch = steps = 0
    while steps < length.steps if length.steps is not None else epoch < (length.epochs or 0):
        for index, (n, count) in enumerate(zip(every, batches, strict=True)):
            if epoch % n == 0 and (epoch > 0 or n == 1):
                levels.append(np.full(count, index))
                epochs.append(np.full(count, epoch))
                steps += count
        epoch += 1
        if epoch > max(every) and steps == 0:
            raise InputError("no level has a turn with a batch in it", key="config.levels")
    return np.concatenate(levels)[: length.steps], np.concatenate(epochs)[: length.steps]


def _interleave(shares: list[float], batches: int, length: Duration) -> tuple[Steps, Steps]:
    steps = length.steps or round((length.epochs or 0) * batches / shares[0])
    counts = np.zeros(len(shares))
    level = np.zeros(steps, dtype=np.int64)
    epoch = np.zeros(steps, dtype=np.int64)
    for step in range(steps):
        # Whoever lags furthest behind its share comes next, so that any stretch of steps has the shares.
        level[step] = int(np.argmax(np.array(shares) * (step + 1) - counts))
        epoch[step] = int(step * shares[0] / batches)
        counts[level[step]] += 1
    return level, epoch
