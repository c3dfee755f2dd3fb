"""Saving checkpoints as training goes, and taking up the newest."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError
from surgvlp.training import checkpoints
from surgvlp.training.distributed import Ranks
from surgvlp.training.log import RunLog
from surgvlp.training.loop import Loop
from surgvlp.training.settings import FREE, WARNED, differences

log = logging.getLogger(__name__)


class Saving:
    """Callback: writes a checkpoint when due and when validation found a new best; deletes old ones.

    Args:
        folder: of the run.
        due: (steps,) bool, after which steps.
        keep: how many of the newest stay; the best stays too.
        about: what stands in a checkpoint beside the loop's state: config, environment.
        run_log: where to write.
    """

    def __init__(
        self, folder: Path, due: NDArray[np.bool_], keep: int, about: dict[str, Any], run_log: RunLog
    ) -> None:
        self._folder, self._due, self._keep = folder, due, keep
        self._about, self._log = about, run_log

    def after_step(self, loop: Loop) -> None:
        is_best = loop.best is not None and loop.best["step"] == loop.step
        if not (self._due[loop.step - 1] or is_best):
            return
        loop.check_finite()
        with self._log.aside():
            state = {**loop.state_dict(), **self._about}
            if loop.ranks.rank == 0:
                path = checkpoints.save(self._folder, loop.step, state)
                if is_best:
                    checkpoints.mark_best(self._folder, loop.step)
                checkpoints.keep_only(self._folder, self._keep, [loop.best["step"]] if loop.best else [])
                self._log.line(
                    f"saved step {loop.step} to {path.name}" + (", the best so far" if is_best else "")
                )


def save_stopped(folder: Path, loop: Loop, about: dict[str, Any], reason: str, run_log: RunLog) -> None:
    """Leave a checkpoint to look at in `stopped/`, where no resumption finds it. Every rank must call it.

    Args:
        folder: of the run.
        loop: after the step that stopped it.
        about: what stands in a checkpoint beside the loop's state.
        reason: why it stopped.
        run_log: where to write.
    """
    state = {**loop.state_dict(), **about, "reason": reason}
    if loop.ranks.rank == 0:
        target = folder / "stopped"
        target.mkdir(exist_ok=True)
        path = checkpoints.save(target, loop.step, state)
        run_log.line(f"stopped: {reason}; what it had come to is in {path.relative_to(folder)}")
        log.warning("what the run had come to is in %s", path)


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the folder for this run; the lock goes with the process, however it ends.

    Raises:
        InputError: another process trains into it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            # lockf: of flock's locks forked data workers have a share, and they outlive a killed training.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise InputError(
                "another training is writing here", file=folder, remedy="Give this one its own --output_dir"
            ) from error
        yield
    finally:
        os.close(descriptor)


def earlier_run(folder: Path, resume: bool, config: dict[str, Any], ranks: Ranks) -> dict[str, Any] | None:
    """The state to go on from, or None for a new run. The first rank looks, all take what it found.

    Args:
        folder: of the run.
        resume: whether going on is wanted.
        config: the plain config of now.
        ranks: those that train together.

    Raises:
        InputError: there is a run and it is not to be resumed, none of its checkpoints can be used, or it was
            made with a config that computes something else.
    """
    found = _look(folder, resume, config) if ranks.rank == 0 else None
    path = ranks.from_first(found[0] if found else None)
    if path is None:
        return None
    state = found[1] if found else checkpoints.load(path)
    before = len(state["ranks"])
    if before != ranks.world_size and ranks.rank == 0:
        log.warning("%d processes go on where %d were: not bit for bit", ranks.world_size, before)
    return state


def _look(folder: Path, resume: bool, config: dict[str, Any]) -> tuple[Path, dict[str, Any]] | None:
    checkpoints.remove_leftovers(folder)
    if not resume:
        if checkpoints.listed(folder):
            raise InputError(
                "an earlier run's checkpoints are here",
                file=folder,
                remedy="Go on with --resume, give another --output_dir, or delete them",
            )
        return None
    found = checkpoints.newest_valid(folder)
    if found is None:
        log.info("nothing to resume in %s, starting anew", folder)
        return None
    path, state = found
    _compare_configs(path, state["config"], config)
    log.info("resuming %s", path)
    return path, state


def _compare_configs(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = differences(before, now)
    refused = {key: values for key, values in changed.items() if key.split(".")[0] not in (*FREE, *WARNED)}
    if refused:
        words = "; ".join(f"{key} was {old!r}, is {new!r}" for key, (old, new) in refused.items())
        raise InputError(
            f"made with another config: {words}",
            file=path,
            remedy="Put the old values back, or start a new run in another --output_dir",
        )
    for key, (old, new) in changed.items():
        if key.split(".")[0] in WARNED:
            log.warning("%s was %r, is %r: the end will not be that of an uninterrupted run", key, old, new)
