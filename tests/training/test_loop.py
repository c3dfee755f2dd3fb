"""The loop on a model of one layer: it knows nothing of surgery."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from surgvlp.console import DivergedError
from surgvlp.training.distributed import Ranks
from surgvlp.training.loop import Level, Loop
from surgvlp.training.objective import Batch, Objective
from surgvlp.training.schedules import Duration, Turn, plan_run


class Numbers:
    """A stream whose batches are drawn from its own generator; batch n is poisoned if n is in `poison`."""

    def __init__(self, seed: int, poison: tuple[int, ...] = ()) -> None:
        self.generator, self.taken, self.poison = torch.Generator().manual_seed(seed), 0, poison

    def __next__(self) -> Batch:
        x = torch.randn(4, 3, generator=self.generator)
        if self.taken in self.poison:
            x[2, 1] = float("nan")
        self.taken += 1
        return {"x": x, "sample_index": torch.arange(4) + 4 * (self.taken - 1)}

    def describe(self, batch: Batch) -> list[str]:
        return [f"sample {index}" for index in batch["sample_index"].tolist()]

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state(), "taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"])
        self.taken = state["taken"]


class Reconstruct(Objective):
    """Squares after dropout, with a moving average as an objective's own state."""

    def __init__(self) -> None:
        self.average, self.steps = torch.zeros(3), []

    def embed(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"y": model(batch["x"]), "x": batch["x"]}

    def loss(self, embeddings: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        error = (embeddings["y"] - embeddings["x"] - self.average).square().mean()
        return {"loss": error, "doubled": 2 * error}

    def after_step(self, model: nn.Module, step: int) -> None:
        self.steps.append(step)
        self.average = 0.9 * self.average + 0.1 * model[0].weight.detach().mean(1)

    def state_dict(self) -> dict[str, Any]:
        return {"average": self.average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.average = state["average"]


def make_loop(poison: tuple[int, ...] = (), **options: Any) -> Loop:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.3))
    plan = plan_run([Turn(share=0.7), Turn(share=0.3)], [5, 5], Duration(steps=20), 0.05, warmup_steps=4)
    levels = [Level("often", Numbers(1, poison), Reconstruct()), Level("rarely", Numbers(2), Reconstruct())]
    return Loop(model, levels, torch.optim.AdamW(model.parameters(), fused=True), plan, Ranks(), **options)


class StopAfter:
    def __init__(self, step: int) -> None:
        self.step = step

    def after_step(self, loop: Loop) -> None:
        if loop.step == self.step:
            raise KeyboardInterrupt


def weights(loop: Loop) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in loop.model.parameters()]


@pytest.mark.parametrize("stop", [1, 7, 19])
def test_two_levels_stopped_and_taken_up_in_a_new_loop_end_with_the_same_bits(stop: int) -> None:
    whole = make_loop()
    whole.run()
    first = make_loop(callbacks=[StopAfter(stop)])
    with pytest.raises(KeyboardInterrupt):
        first.run()
    state = first.state_dict()
    torch.rand(100)  # whatever else happened meanwhile
    second = make_loop()
    second.load_state_dict(state)
    second.run()
    for ours, theirs in zip(weights(second), weights(whole), strict=True):
        assert torch.equal(ours, theirs)


def test_each_level_has_the_steps_of_the_plan() -> None:
    loop = make_loop()
    loop.run()
    for index, level in enumerate(loop.levels):
        assert level.objective.steps == [s for s in range(20) if loop.plan.level[s] == index]
    assert set(loop.parts) == {"loss", "doubled", "gradient_norm"}


def test_a_loss_that_is_not_finite_stops_before_the_optimizer_and_names_step_and_samples() -> None:
    loop = make_loop(poison=(5,))
    bad_step = [step for step in range(20) if loop.plan.level[step] == 0][5]
    kept: list[list[Tensor]] = []

    class Keep:
        def after_step(self, loop: Loop) -> None:
            kept.append(weights(loop))

    loop.callbacks.append(Keep())
    with pytest.raises(
        DivergedError, match=rf"step {bad_step + 1} \(often\): the loss is nan.*sample 20, sample 21"
    ):
        loop.run()
    assert loop.step == bad_step
    assert all(torch.equal(a, b) for a, b in zip(weights(loop), kept[-1], strict=True))


def test_where_one_looks_later_nothing_is_learned_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: the flag is not read each step, and the fused optimizer itself withholds the steps."""
    loop = make_loop(poison=(5,))
    bad_step = [step for step in range(20) if loop.plan.level[step] == 0][5]
    monkeypatch.setattr(loop, "check_finite", lambda: None)
    snapshots: dict[int, list[Tensor]] = {}

    class Keep:
        def after_step(self, loop: Loop) -> None:
            snapshots[loop.step] = weights(loop)

    loop.callbacks.append(Keep())
    loop.run()
    assert not torch.equal(snapshots[bad_step - 1][0], snapshots[bad_step][0])
    for later in range(bad_step + 1, 21):
        assert all(torch.equal(a, b) for a, b in zip(snapshots[bad_step], snapshots[later], strict=True))
    monkeypatch.undo()
    with pytest.raises(DivergedError, match=rf"step {bad_step + 1} \(often\)"):
        loop.check_finite()


def test_long_gradients_are_scaled_down_and_their_length_is_reported() -> None:
    loop = make_loop(clip_gradient_norm=1e-3)
    loop.plan.learning_rate[:] = 0
    loop.callbacks.append(StopAfter(1))
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    length = torch.cat([p.grad.flatten() for p in loop.model.parameters()]).norm()
    assert loop.parts["gradient_norm"] > 0.01
    assert abs(float(length) - 1e-3) < 1e-6


@pytest.mark.parametrize("each", [True, False])
def test_gradients_are_clipped_each_alone_or_all_together(each: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    plan = plan_run([Turn()], [1], Duration(steps=1), 0.0)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    limit = 0.05
    loop = Loop(model, [Level("numbers", Numbers(0), Reconstruct())], optimizer, plan, Ranks())
    loop.run()
    free = [p.grad.clone() for p in model.parameters()]
    loop = Loop(
        model,
        [Level("numbers", Numbers(0), Reconstruct())],
        optimizer,
        plan,
        Ranks(),
        clip_gradient_norm=limit,
        clip_each=each,
    )
    loop.run()
    whole = torch.cat([gradient.flatten() for gradient in free]).norm()
    torch.testing.assert_close(loop.parts["gradient_norm"], whole)
    for parameter, gradient in zip(model.parameters(), free, strict=True):
        length = gradient.norm() if each else whole
        torch.testing.assert_close(parameter.grad, gradient * min(1.0, limit / (float(length) + 1e-6)))
