"""What a run leaves to read: log.txt to grep, metrics.jsonl for reports, TensorBoard, a progress bar."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surgvlp.console import Bar
from surgvlp.files import write_text
from surgvlp.training.loop import Loop


class RunLog:
    """The files of one run, on the first rank; on others (folder None) it writes nothing.

        log.txt         one line an event, e.g.
                        2026-03-01 12:00:00 train step 100 epoch 9 level clip loss 3.291 ... time_left 0:12:10
        metrics.jsonl   the same numbers, one object a line, with "split": "train", "validation" or "probe"
        tensorlog/      TensorBoard, by step

    Args:
        folder: of the run.
        step: where the run goes on: lines of metrics beyond it are from a run that was killed, and dropped.
        tensorboard: write that too.
    """

    def __init__(self, folder: Path | None, step: int = 0, tensorboard: bool = True) -> None:
        self._folder = folder
        self._tensorboard: Any = None
        self._aside = 0.0
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        _drop_after(folder / "metrics.jsonl", step or -1)  # a run that begins looks at step 0 itself
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(
                str(folder / "tensorlog"), purge_step=step + 1 if step else None
            )

    def line(self, text: str) -> None:
        """Append a line to log.txt."""
        if self._folder is not None:
            with open(self._folder / "log.txt", "a", encoding="utf-8") as stream:
                stream.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {text}\n")

    def record(self, split: str, step: int, values: dict[str, Any], **shown: object) -> None:
        """Write a level's numbers to all three; `level` is among them, `shown` goes into log.txt alone."""
        if self._folder is None:
            return
        words = [f"{name} {_short(value)}" for name, value in {**values, **shown}.items()]
        self.line(f"{split} step {step} " + " ".join(words))
        with open(self._folder / "metrics.jsonl", "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"split": split, "step": step, **values}) + "\n")
        if self._tensorboard is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._tensorboard.add_scalar(f"{split}/{values['level']}/{name}", value, step)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Time spent in here (validation, saving) does not count as training."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._aside += time.perf_counter() - started

    def take_aside(self) -> float:
        """Seconds spent aside since the last call."""
        seconds, self._aside = self._aside, 0.0
        return seconds

    def close(self) -> None:
        """Flush TensorBoard."""
        if self._tensorboard is not None:
            self._tensorboard.close()


class Progress:
    """Callback: means of losses since the last time, rates and time left, every so many steps.

    Sums stay on the device between times, so that no step waits for it.

    Args:
        log: where to write.
        due: (steps,) bool, after which steps.
        bar: advanced every step.
    """

    def __init__(self, log: RunLog, due: NDArray[np.bool_], bar: Bar | None) -> None:
        self._log, self._due, self._bar = log, due, bar
        self._sums: dict[str, tuple[int, list[str], Tensor]] = {}
        self._started, self._data_seconds = time.perf_counter(), 0.0

    def after_step(self, loop: Loop) -> None:
        name, parts = loop.level.name, loop.parts
        values = torch.stack([value.float().reshape(()) for value in parts.values()])
        count, _, sums = self._sums.get(name, (0, [], torch.zeros_like(values)))
        self._sums[name] = (count + 1, list(parts), sums + values)
        if self._bar is not None:
            self._bar.advance()
        if self._due[loop.step - 1]:
            loop.check_finite()
            self._write(loop)

    def _write(self, loop: Loop) -> None:
        now = time.perf_counter()
        seconds = max(1e-9, now - self._started - self._log.take_aside())
        waited, self._data_seconds = loop.data_seconds - self._data_seconds, loop.data_seconds
        steps = sum(count for count, _, _ in self._sums.values())
        sizes = {level.name: level.stream.batch_size for level in loop.levels}
        samples = sum(count * sizes[name] for name, (count, _, _) in self._sums.items())
        left = timedelta(seconds=round(seconds / steps * (len(loop.plan) - loop.step)))
        common = {
            "learning_rate": float(loop.plan.learning_rate[loop.step - 1]),
            "samples_per_s": samples / seconds,
            "ms_per_step": 1000 * seconds / steps,
            "data_wait": waited / seconds,
        }
        for name, (count, parts, sums) in self._sums.items():
            means = dict(zip(parts, (sums / count).tolist(), strict=True))
            place = {"epoch": int(loop.plan.epoch[loop.step - 1]) + 1, "level": name}
            self._log.record("train", loop.step, {**place, **means, **common}, time_left=left)
            if self._bar is not None:
                self._bar.advance(0, loss=f"{means['loss']:.4f}")
        self._sums.clear()
        self._started = now


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _drop_after(path: Path, step: int) -> None:
    """Keep the whole lines up to a step."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when the run was killed
    write_text(path, "".join(kept))
