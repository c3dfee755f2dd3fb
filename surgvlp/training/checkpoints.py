"""Training state on disk, such that a run killed at any moment goes on.

    <output>/
        step_00001000.pt           plain data: model, optimizer, positions, random generators, config
        step_00001000.pt.sha256    its hash, in the format of sha256sum
        best.pt -> step_00000800.pt

A checkpoint is written under a temporary name, synced and renamed; its hash is in place before it. So a file
whose hash does not match was torn or changed afterwards: it is named in a warning and the one before is used.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, cast

import torch

from surgvlp.files import InputError, atomic_path, sha256_of, write_text

log = logging.getLogger(__name__)

NAME = re.compile(r"step_(\d{8})\.pt")


def path_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return folder / f"step_{step:08d}.pt"


def listed(folder: Path) -> list[Path]:
    """The folder's checkpoints, newest first; whether they are whole is not looked at."""
    found = [path for path in folder.glob("step_*.pt") if NAME.fullmatch(path.name)]
    return sorted(found, reverse=True)


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write a checkpoint; there is the whole one or none, whatever happens meanwhile.

    Raises:
        InputError: the disk is full; the checkpoints of before stay.
    """
    path = path_of(folder, step)
    with atomic_path(path) as temporary:
        with open(temporary, "wb") as stream:
            writer = _HashingWriter(stream)
            try:
                torch.save(state, cast(IO[bytes], writer))
            except RuntimeError:
                # torch reports what its zip writer sees; what the disk said is the thing to act on.
                if writer.error is not None:
                    raise writer.error from None
                raise
        write_text(_hash_path(path), f"{writer.digest.hexdigest()}  {path.name}\n")
    return path


def load(path: Path) -> dict[str, Any]:
    """Read one checkpoint onto the CPU after checking its hash.

    Raises:
        InputError: there is none, it has no hash beside it, it is torn or changed, or not one of ours.
    """
    try:
        expected = _hash_path(path).read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise InputError("has no readable .sha256 beside it", file=path) from error
    if not path.is_file():
        raise InputError("there is no such checkpoint", file=path)
    if sha256_of(path) != expected:
        raise InputError("is torn or was changed: its sha256 is not the one written beside it", file=path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", file=path) from error
    if not isinstance(state, dict) or not {"step", "model", "optimizer", "ranks", "config"} <= set(state):
        raise InputError("is no training state of surgvlp", file=path)
    return state


def newest_valid(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is whole, or None where there is none at all.

    Raises:
        InputError: there are checkpoints and not one can be used: starting anew is not ours to decide then.
    """
    paths = listed(folder)
    for path in paths:
        try:
            return path, load(path)
        except InputError as error:
            log.warning("checkpoint not used, trying the one before: %s", error)
    if paths:
        raise InputError(
            f"none of the {len(paths)} checkpoints here can be used",
            file=folder,
            remedy="Delete them to start anew, or restore one of them with its .sha256",
        )
    return None


def keep_only(folder: Path, newest: int, also: Iterable[int] = ()) -> None:
    """Delete all but the newest n checkpoints and those of the steps in `also`."""
    kept = {path_of(folder, step) for step in also}
    for path in listed(folder)[newest:]:
        if path not in kept:
            path.unlink(missing_ok=True)
            _hash_path(path).unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed save left: half-written files and hashes without their checkpoint."""
    for path in [*folder.glob(".step_*.partial"), *folder.glob(".best.pt.*.partial")]:
        path.unlink(missing_ok=True)
    for path in folder.glob("step_*.pt.sha256"):
        if not path.with_suffix("").exists():
            path.unlink(missing_ok=True)


def mark_best(folder: Path, step: int) -> None:
    """Let `best.pt` be a link to the checkpoint of a step."""
    temporary = folder / f".best.pt.{os.getpid()}.partial"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(path_of(folder, step).name)
    os.replace(temporary, folder / "best.pt")


def _hash_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


class _HashingWriter:
    """A stream that hashes what goes through, so that a checkpoint is not read again for its hash."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        self.digest.update(data)
        try:
            return self._stream.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self.error = error
            raise
