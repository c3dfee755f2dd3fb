"""A training from its config to its last checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from surgvlp import config, randomness
from surgvlp.console import DivergedError, progress_bar
from surgvlp.files import InputError, write_json
from surgvlp.training import checkpoints
from surgvlp.training.distributed import Ranks, processes
from surgvlp.training.environment import environment
from surgvlp.training.log import Progress, RunLog
from surgvlp.training.loop import Callback, Level, Loop
from surgvlp.training.saving import Saving, earlier_run, only_run, save_stopped
from surgvlp.training.schedules import Plan
from surgvlp.training.settings import RunSettings

log = logging.getLogger(__name__)


class Task(Protocol):
    """One kind of training: what its config says, as the parts of a run. Implementations inherit from it.

    Attributes:
        settings_type: of its config.
        settings: of the run.
        ranks: those that train together.
    """

    settings_type: type[RunSettings]
    settings: RunSettings
    ranks: Ranks

    def __init__(self, settings: Any, ranks: Ranks) -> None: ...

    @classmethod
    def resolved(cls, settings: Any) -> Any:
        """The settings with what files that they name say, as checkpoints hold them."""
        return settings

    def make_model(self, weights: dict[str, Any] | None) -> nn.Module:
        """The model, with a checkpoint's weights if they are given; no others are fetched then."""
        ...

    def make_levels(self, model: nn.Module) -> tuple[list[Level], Plan]:
        """What is trained on, and when."""
        ...

    def make_loop(self, model: nn.Module, levels: list[Level], plan: Plan) -> Loop:
        """The loop over them with its optimizer."""
        ...

    def make_callbacks(self, loop: Loop, run_log: RunLog) -> list[Callback]:
        """What is looked at beside training, before each checkpoint."""
        ...

    def describe(self, loop: Loop) -> list[str]:
        """Lines for the start of the log: what is trained and what a sample costs."""
        ...

    def compile(self, model: nn.Module) -> None:
        """Compile what pays."""
        ...


@dataclass(frozen=True)
class Finished:
    """What a run left.

    Attributes:
        checkpoint: of the last step.
        best: step and mean recall of the best validation, None without validation.
    """

    checkpoint: Path
    best: dict[str, Any] | None


def train(
    task: type[Task],
    work_dir: Path,
    output_dir: Path | None = None,
    resume: bool = False,
    options: Sequence[str] = (),
) -> Finished:
    """Train as `work_dir/config.py` says, in this process or as one of those that torchrun started.

    Args:
        task: the kind of training.
        work_dir: folder with config.py.
        output_dir: where everything goes; None: work_dir, as published.
        resume: go on from the newest whole checkpoint, or start where there is none.
        options: `a.b=value` over the config.

    Raises:
        InputError: a config, data or checkpoints that cannot be used, a full disk.
        DivergedError: the loss is not finite, or the run collapsed; a checkpoint to look at is left.
    """
    read = config.build(task.settings_type, config.read(work_dir / "config.py", options))
    settings = task.resolved(read)
    output = output_dir or work_dir
    with processes(settings.device) as ranks, only_run(output) if ranks.rank == 0 else nullcontext():
        state = earlier_run(output, resume, settings.plain(), ranks)
        return _train(task(settings, ranks), output, state)


def load_checkpoint_weights(model: nn.Module, weights: dict[str, Any]) -> None:
    """Load what a checkpoint of this kind of training has under `model`.

    Raises:
        InputError: weights of another model.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            f"the checkpoint's weights are not this model's: {str(error).splitlines()[-1].strip()}",
            remedy="Resume with the version of surgvlp that wrote it (see environment.json)",
        ) from error


def _train(task: Task, output: Path, state: dict[str, Any] | None) -> Finished:
    settings, ranks = task.settings, task.ranks
    if ranks.rank > 0:  # the first one says what all of them found in the data
        logging.getLogger("surgvlp").setLevel(logging.ERROR)
    _set_up_torch(settings, ranks.device)
    randomness.seed_everything(settings.seed)  # the same weights on every rank
    model = task.make_model(state["model"] if state else None)
    memory = torch.channels_last if settings.channels_last else torch.contiguous_format
    model = model.to(ranks.device).to(memory_format=memory)
    loop = task.make_loop(model, *task.make_levels(model))
    randomness.seed_everything(settings.seed, ranks.rank)  # dropout differs between ranks
    if state is not None:
        loop.load_state_dict(state)
    _run(loop, task, output)
    return Finished(checkpoints.path_of(output, len(loop.plan)), loop.best)


def _run(loop: Loop, task: Task, output: Path) -> None:
    settings, ranks, plan = task.settings, task.ranks, loop.plan
    about = {"config": settings.plain(), "environment": environment(ranks.device, ranks.world_size)}
    first = ranks.rank == 0
    run_log = RunLog(output if first else None, loop.step, settings.logging.tensorboard)
    if first:
        write_json(output / "config.json", about["config"])
        write_json(output / "environment.json", about["environment"])
    _describe(loop, task, run_log)
    if settings.compile:  # after the counting of FLOPs, which cannot trace what is compiled
        task.compile(loop.model)
    due = plan.after(settings.checkpoints.every)
    saving = Saving(output, due, settings.checkpoints.keep, about, run_log)
    bar = progress_bar("training", len(plan), unit="steps", done=loop.step) if first else nullcontext()
    try:
        with bar as shown:
            progress = Progress(run_log, plan.after(settings.logging.every), shown)
            loop.callbacks = [progress, *task.make_callbacks(loop, run_log), saving]
            loop.run()
    except DivergedError as error:
        save_stopped(output, loop, about, str(error), run_log)
        raise
    finally:
        run_log.close()


def _describe(loop: Loop, task: Task, run_log: RunLog) -> None:
    lines = [_beginning(loop), *task.describe(loop)]
    lines.append(
        f"{len(loop.plan)} steps, {int(loop.plan.epoch[-1]) + 1} epochs; "
        f"{loop.ranks.world_size} process(es) on {loop.ranks.device}, "
        f"{'bfloat16' if loop.autocast else 'float32'}"
    )
    for line in lines:
        run_log.line(line)
        if loop.ranks.rank == 0:
            log.info(line)


def _set_up_torch(settings: RunSettings, device: torch.device) -> None:
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        if settings.precision == "bfloat16":
            torch.set_float32_matmul_precision("high")
        return
    if settings.precision == "bfloat16":
        log.info("precision bfloat16 is for GPUs; float32 here")
    # Costs nothing on the CPU, and lets "the same run" mean the same bits. Filling fresh memory would cost.
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _beginning(loop: Loop) -> str:
    if loop.step == len(loop.plan):
        return f"reused: all {loop.step} steps were taken before, nothing is left to do"
    return f"resumed at step {loop.step}" if loop.step else "started"
