"""Stopping a run that has collapsed: the teacher says the same of every picture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surgvlp.console import DivergedError
from surgvlp.training.loop import Loop


class CollapseWatch:
    """Callback: what the teacher's output tells of a picture, in the mean since the last look.

    That is H(mean output) - mean H(output), the information between pictures and outputs. It is 0 where all
    pictures get one output (its entropy is 0) and where all get the even one (log K), the two ways in which
    self-distillation fails (Caron et al. 2021, section 5.3); centring alone leads to the second, sharpening
    alone to the first. The entropies themselves are in the log at every line. A resumed run judges its first
    stretch by the steps since it was resumed.

    Args:
        due: (steps,) bool, after which steps to look; those at which the device is waited for anyway.
        first_step: looks before it are not judged.
        least: nats.
    """

    def __init__(self, due: NDArray[np.bool_], first_step: int, least: float) -> None:
        self._due, self._first_step, self._least = due, first_step, least
        self._sum: Tensor | None = None
        self._count = 0

    def after_step(self, loop: Loop) -> None:
        entropies = torch.stack([loop.parts["teacher_entropy"], loop.parts["mean_entropy"]])
        self._sum = entropies if self._sum is None else self._sum + entropies
        self._count += 1
        if not self._due[loop.step - 1]:
            return
        found = (self._sum / self._count).tolist()
        self._sum, self._count = None, 0
        # every rank judges the same numbers: the mean over ranks
        each, mean = np.mean(loop.ranks.collect(found), axis=0)
        if loop.step > self._first_step and mean - each < self._least:
            raise DivergedError(
                f"step {loop.step}: collapsed: the teacher's output tells {mean - each:.2g} nats of a "
                f"picture, below {self._least:g} (entropy of one output {each:.3f}, of the mean {mean:.3f}); "
                "a smaller learning rate or teacher temperature, or more pictures a step, may help"
            )
