"""A training from its config to its last checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from surgvlp import config
from surgvlp.console import progress_bar
from surgvlp.files import write_json
from surgvlp.models.build import DualEncoder
from surgvlp.models.cost import sample_cost
from surgvlp.training import build, checkpoints, randomness
from surgvlp.training.distributed import Ranks, processes
from surgvlp.training.environment import environment
from surgvlp.training.log import Progress, RunLog
from surgvlp.training.loop import Callback, Level, Loop
from surgvlp.training.saving import Saving, earlier_run, only_run
from surgvlp.training.schedules import plan_run
from surgvlp.training.settings import LevelSettings, Settings
from surgvlp.training.streams import LevelStream

log = logging.getLogger(__name__)


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
    work_dir: Path, output_dir: Path | None = None, resume: bool = False, options: Sequence[str] = ()
) -> Finished:
    """Train as `work_dir/config.py` says, in this process or as one of those that torchrun started.

    Args:
        work_dir: folder with config.py.
        output_dir: where everything goes; None: work_dir, as published.
        resume: go on from the newest whole checkpoint, or start where there is none.
        options: `a.b=value` over the config.

    Raises:
        InputError: a config, data or checkpoints that cannot be used, a full disk.
        DivergedError: the loss is not finite.
    """
    settings = config.build(Settings, config.read(work_dir / "config.py", options))
    output = output_dir or work_dir
    with processes(settings.device) as ranks, only_run(output) if ranks.rank == 0 else nullcontext():
        state = earlier_run(output, resume, settings.plain(), ranks)
        return _train(settings, output, state, ranks)


def _train(settings: Settings, output: Path, state: dict[str, Any] | None, ranks: Ranks) -> Finished:
    if ranks.rank > 0:  # the first one says what all of them found in the data
        logging.getLogger("surgvlp").setLevel(logging.ERROR)
    _set_up_torch(settings, ranks.device)
    randomness.seed_everything(settings.seed)  # the same weights on every rank
    model = build.make_model(settings, ranks, state["model"] if state else None)
    parts = [build.make_level(level, settings, model, ranks) for level in settings.levels]
    plan = plan_run(
        [level.turn for level in settings.levels],
        [stream.loader.sampler.batches_per_epoch for stream, _ in parts],
        settings.length,
        settings.optimizer.learning_rate,
        settings.optimizer.warmup_steps,
    )
    loop = Loop(
        model,
        [Level(level.name, *part) for level, part in zip(settings.levels, parts, strict=True)],
        build.make_optimizer(settings.optimizer, model),
        plan,
        ranks,
        autocast=settings.precision == "bfloat16" and ranks.device.type == "cuda",
        clip_gradient_norm=settings.optimizer.clip_gradient_norm,
    )
    randomness.seed_everything(settings.seed, ranks.rank)  # dropout differs between ranks
    if state is not None:
        loop.load_state_dict(state)
    _run(loop, settings, output, ranks)
    return Finished(checkpoints.path_of(output, len(plan)), loop.best)


def _run(loop: Loop, settings: Settings, output: Path, ranks: Ranks) -> None:
    about = {"config": settings.plain(), "environment": environment(ranks.device, ranks.world_size)}
    first = ranks.rank == 0
    run_log = RunLog(output if first else None, loop.step, settings.logging.tensorboard)
    if first:
        write_json(output / "config.json", about["config"])
        write_json(output / "environment.json", about["environment"])
    _describe(loop, settings.levels, run_log)
    if settings.compile:  # after the counting of FLOPs, which cannot trace what is compiled
        cast(DualEncoder, loop.model).backbone_img.compile()
    plan, sizes = loop.plan, {level.name: level.batch_size for level in settings.levels}
    callbacks: list[Callback] = []
    if settings.validation is not None:
        due = plan.after(settings.validation.every)
        callbacks.append(
            build.make_validation(settings.validation, settings, loop.model, ranks, due, run_log)
        )
    due = plan.after(settings.checkpoints.every)
    callbacks.append(Saving(output, due, settings.checkpoints.keep, about, run_log))
    bar = progress_bar("training", len(plan), unit="steps", done=loop.step) if first else nullcontext()
    try:
        with bar as shown:
            progress = Progress(run_log, plan.after(settings.logging.every), shown, sizes)
            loop.callbacks = [progress, *callbacks]
            loop.run()
    finally:
        run_log.close()


def _describe(loop: Loop, levels: Sequence[LevelSettings], run_log: RunLog) -> None:
    """Say at the start what is trained, what a sample costs, and how long it goes on."""
    model, images, lines = cast(DualEncoder, loop.model), 0, [_beginning(loop)]
    for number, (settings, level) in enumerate(zip(levels, loop.levels, strict=True)):
        stream = cast(LevelStream, level.stream)
        sample, texts = stream.loader.dataset[(0, 0)], stream.loader.dataset.texts
        frames, count = len(sample["frames"]) * (1 + stream.views.views), len(sample["text_index"])
        cost = sample_cost(model, frames, settings.views.size, count, texts.tokens["input_ids"].shape[1])
        steps = int((loop.plan.level == number).sum())
        images += steps * settings.batch_size * frames
        lines.append(
            f"level {level.name}: {steps} steps of {settings.batch_size} out of "
            f"{len(stream.loader.dataset)} samples; a sample: {frames} frames of {settings.views.size} "
            f"pixels, {count} texts; {cost.flops}"
        )
    lines.append(cost.parameters)
    lines.append(
        f"{len(loop.plan)} steps, {int(loop.plan.epoch[-1]) + 1} epochs, {images} images; "
        f"{loop.ranks.world_size} process(es) on {loop.ranks.device}, "
        f"{'bfloat16' if loop.autocast else 'float32'}"
    )
    for line in lines:
        run_log.line(line)
        if loop.ranks.rank == 0:
            log.info(line)


def _set_up_torch(settings: Settings, device: torch.device) -> None:
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
