"""The one training loop. It knows levels, objectives, callbacks and steps, and nothing of surgery."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from surgvlp import randomness
from surgvlp.console import DivergedError
from surgvlp.training.distributed import Ranks, gather_samples
from surgvlp.training.objective import Batch, Objective
from surgvlp.training.schedules import Plan


class Stream(Protocol):
    """Endless batches on the device; the position in them can be saved and taken up again.

    Attributes:
        batch_size: samples of a step over all ranks.
    """

    batch_size: int

    def __next__(self) -> Batch: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def describe(self, batch: Batch) -> list[str]:
        """What the batch's samples are called, for a person who looks for the bad one."""


@dataclass
class Level:
    """A stream of batches and what to do with one; when its turn comes stands in the plan."""

    name: str
    stream: Stream
    objective: Objective


class Callback(Protocol):
    """Something done beside training, such as logging; it must not draw from the global generators."""

    def after_step(self, loop: Loop) -> None: ...


class Loop:
    """Takes the steps of a plan.

    Args:
        model: on the device already; every rank has the same.
        levels: in the order in which the plan counts them.
        optimizer: a fused one, so that a step can be withheld on the device; see `_Guard`. Its first group of
            parameters is the one that decays.
        plan: whose turn it is at each step, the learning rate and the weight decay.
        ranks: this process among those that train together.
        callbacks: called in this order after each step.
        autocast: compute embeddings in bfloat16 (losses stay in float32).
        clip_gradient_norm: scale longer gradients down to this length.
        clip_each: take the length of each tensor's gradient alone, as DINO does, not of all together.

    Attributes:
        step: steps taken so far.
        parts: what the last step's objective returned, detached and still on the device, and `gradient_norm`.
        best: what validation found best so far: metric, value, step. It is part of the state.
    """

    def __init__(
        self,
        model: nn.Module,
        levels: Sequence[Level],
        optimizer: torch.optim.Optimizer,
        plan: Plan,
        ranks: Ranks,
        callbacks: Sequence[Callback] = (),
        autocast: bool = False,
        clip_gradient_norm: float | None = None,
        clip_each: bool = False,
    ) -> None:
        self.model, self.levels, self.optimizer, self.plan = model, list(levels), optimizer, plan
        self.ranks, self.callbacks = ranks, list(callbacks)
        self.autocast, self.clip_gradient_norm, self.clip_each = autocast, clip_gradient_norm, clip_each
        self.step = 0
        self.parts: dict[str, Tensor] = {}
        self.best: dict[str, Any] | None = None
        self.data_seconds = 0.0
        self._parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._embed = _wrapped(model, ranks)
        self._guard = _Guard(optimizer, ranks)

    @property
    def level(self) -> Level:
        """The level of the last step taken (of the first one before that)."""
        return self.levels[int(self.plan.level[max(0, self.step - 1)])]

    def run(self) -> None:
        """Take the plan's remaining steps.

        Raises:
            DivergedError: a loss or gradient is not finite; all ranks raise it after the same step.
        """
        self.model.train()
        while self.step < len(self.plan):
            self._take_step()
            for callback in self.callbacks:
                callback.after_step(self)

    def check_finite(self) -> None:
        """Raise DivergedError if any step so far was not finite. Waits for the device."""
        self._guard.check()

    def _take_step(self) -> None:
        level = self.levels[int(self.plan.level[self.step])]
        for group in self.optimizer.param_groups:
            group["lr"] = float(self.plan.learning_rate[self.step])
        self.optimizer.param_groups[0]["weight_decay"] = float(self.plan.weight_decay[self.step])
        started = time.perf_counter()
        batch = next(level.stream)
        self.data_seconds += time.perf_counter() - started

        level.objective.before_step(self.model, self.step)
        device = self.ranks.device.type
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.autocast):
            embeddings = self._embed(level.objective, batch)
        embeddings = {name: _at_least_float32(value) for name, value in embeddings.items()}
        if level.objective.gathers:
            embeddings = gather_samples(embeddings, self.ranks)
        parts = level.objective.loss(embeddings, batch)

        self.optimizer.zero_grad(set_to_none=True)
        parts["loss"].backward()
        self.parts = {name: value.detach() for name, value in parts.items()}
        self.parts["gradient_norm"] = self._measure_gradient()
        self._guard.watch(self.step, level, batch, self.parts)
        if device == "cpu":
            self.check_finite()  # nothing to wait for here, so stop at once
        self.optimizer.step()
        level.objective.after_step(self.model, self.step)
        self.step += 1

    def _measure_gradient(self) -> Tensor:
        """The length of the whole gradient, before it is cut."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norms = torch.stack(torch._foreach_norm(gradients))
        norm = torch.linalg.vector_norm(norms)
        if self.clip_gradient_norm is not None:
            factor = (self.clip_gradient_norm / ((norms if self.clip_each else norm) + 1e-6)).clamp(max=1)
            torch._foreach_mul_(gradients, list(factor.unbind()) if self.clip_each else factor)
        return norm

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on, as plain data. Every rank must call it."""
        own = {
            "streams": {level.name: level.stream.state_dict() for level in self.levels},
            "random": randomness.state(self.ranks.device),
        }
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "objectives": {level.name: level.objective.state_dict() for level in self.levels},
            "ranks": self.ranks.collect(own),
            "best": self.best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the run where `state_dict` was called; exact on the same number of ranks.

        On another number of ranks the data go on where they were and the generators start anew.
        """
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        same = len(state["ranks"]) == self.ranks.world_size
        own = state["ranks"][self.ranks.rank if same else 0]
        for level in self.levels:
            level.objective.load_state_dict(state["objectives"][level.name])
            stream = own["streams"][level.name]
            level.stream.load_state_dict(stream if same else {**stream, "generator": None})
        if same:
            randomness.restore(own["random"], self.ranks.device)


class _Guard:
    """Stops a run before the optimizer uses a loss or gradient that is not finite, without a wait each step.

    The flag lives on the device. Fused optimizers take it as `found_inf` (as from torch's GradScaler) and
    then leave weights and moments as they are. Once raised it stays raised, so nothing is learned between the
    bad step and the moment somebody looks: each step on the CPU; at logging, validation and saving on a GPU.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, ranks: Ranks) -> None:
        self._optimizer, self._ranks = optimizer, ranks
        self._flag = torch.zeros((), device=ranks.device)
        self._good = torch.zeros((), device=ranks.device)
        self._unseen: deque[tuple[int, str, list[str], dict[str, Tensor]]] = deque()

    def watch(self, step: int, level: Level, batch: Batch, parts: dict[str, Tensor]) -> None:
        finite = torch.isfinite(parts["loss"]) & torch.isfinite(parts["gradient_norm"])
        bad = (~finite).to(self._flag.dtype).reshape(())
        if self._ranks.world_size > 1:
            torch.distributed.all_reduce(bad, torch.distributed.ReduceOp.MAX)
        self._flag = torch.maximum(self._flag, bad)
        self._good += 1 - self._flag
        self._optimizer.found_inf = self._flag  # type: ignore[attr-defined]
        self._unseen.append((step, level.name, level.stream.describe(batch), parts))

    def check(self) -> None:
        if not self._flag.item():
            self._unseen.clear()
            self._good.zero_()
            return
        step, level, own, parts = self._unseen[int(self._good.item())]
        samples = [name for names in self._ranks.collect(own) for name in names]
        raise DivergedError(
            f"step {step + 1} ({level}): the loss is {parts['loss'].item():g}, its gradient's norm "
            f"{parts['gradient_norm'].item():g}; stopped before the optimizer used them; "
            f"samples: {', '.join(samples)}"
        )


class _Embed(nn.Module):
    """What DistributedDataParallel wraps, since it reduces only what goes through `forward`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, objective: Objective, batch: Batch) -> dict[str, Tensor]:
        return objective.embed(self.model, batch)


def _wrapped(model: nn.Module, ranks: Ranks) -> nn.Module:
    embed = _Embed(model)
    if ranks.world_size == 1:
        return embed
    # find_unused_parameters: a text encoder's pooler gets no gradient; and it keeps DDP from rebuilding its
    # buckets after the first backward, which lets the order of sums depend on when the process started.
    devices = [ranks.device] if ranks.device.type == "cuda" else None
    return DistributedDataParallel(embed, device_ids=devices, find_unused_parameters=True)


def _at_least_float32(value: Tensor) -> Tensor:
    return value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
