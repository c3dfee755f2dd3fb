"""Loading weights strictly: every entry accounted for, or one error that says which are not."""

from __future__ import annotations

import argparse
import os
import pickle
import re
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models.released.archive import is_archive, take_out

FOREIGN = "Give a checkpoint of this model: a training state, {'state_dict': ...}, or a bare state dict"


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load a file's weights into `model`, whole or not at all.

    Read are our training states (`{"model": ...}`), published training checkpoints (`{"state_dict": ...}`)
    and released files (a bare state dict), each also inside a zip archive. A `module.` in front of every key
    is stripped; the buffer `position_ids`, which older transformers stored, and a pooler that the model does
    not have are left out.

    Raises:
        InputError: no file, not a checkpoint, truncated, or one whose entries are not exactly the model's;
            the model is then untouched.
    """
    state = read_state(path)
    wanted = model.state_dict()
    has_pooler = any(".pooler." in key for key in wanted)
    state = {
        key: value
        for key, value in state.items()
        if not key.endswith("embeddings.position_ids") and (has_pooler or ".pooler." not in key)
    }
    check_equal_entries(state, wanted, path, "Use the model_config that the weights were made with")
    check_finite(state, path)
    model.load_state_dict(state, strict=True)


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint file, on the CPU, without the `module.` of DataParallel.

    Raises:
        InputError: no file, truncated, not a checkpoint.
    """
    content = read_checkpoint(path)
    for key in ("model", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    return named_tensors(content, path)


def named_tensors(content: Any, path: str | Path) -> dict[str, Tensor]:
    """`content` if it is a state dict, without the `module.` of DataParallel; else an InputError."""
    if not isinstance(content, Mapping) or not content:
        raise InputError("holds no weights", file=path, remedy=FOREIGN)
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise InputError(f"entry {key!r} is not a named tensor", file=path, remedy=FOREIGN)
        if value.is_meta:
            raise InputError(f"entry {key!r} has a shape but no numbers", file=path, remedy=FOREIGN)
    if all(key.startswith("module.") for key in content):
        return {key.removeprefix("module."): value for key, value in content.items()}
    return dict(content)


def read_checkpoint(path: str | Path) -> Any:
    """What a checkpoint file holds, on the CPU: tensors, plain containers and `argparse.Namespace` only.

    The Namespace holds the flags in DINO's training checkpoints; reading one runs no code.

    Raises:
        InputError: no file, truncated, not a checkpoint, anything else pickled into it.
    """
    path = Path(path)
    if not os.path.isfile(path):  # which answers for names that no file can have, too
        raise InputError("there is no such checkpoint", file=path)
    if not is_archive(path):
        return _content(path, path)
    with tempfile.TemporaryDirectory() as folder:  # a mapped file stays readable after its removal
        take_out(path, Path(folder) / "weights.pth")
        return _content(Path(folder) / "weights.pth", path)


def _content(file: Path, path: Path) -> Any:
    """As `read_checkpoint`; `path` is what errors name, where the file is out of an archive."""
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        _refuse_compressed(file, path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch guesses about a broken file; ours is the one line
            # mapped, not read: what nobody asks for, an optimizer's moments say, is then never loaded
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(file, map_location="cpu", mmap=zipfile.is_zipfile(file), weights_only=True)
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise _foreign_object(path, error) or _unreadable(path, error) from error
    except Exception as error:  # an untrusted file: a pickle can be broken in any way there is
        raise _unreadable(path, error) from error


def _foreign_object(path: Path, error: pickle.UnpicklingError) -> InputError | None:
    """For a file that is whole, but holds an object of some class, which would run that class's code."""
    name = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))
    if name is None:
        return None
    return InputError(
        f"cannot be read as a checkpoint: it holds {name[1][:100]} besides tensors, which could run any code",
        file=path,
        remedy="Save the state dict alone, where it was made: torch.save(model.state_dict(), file)",
    )


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"cannot be read as a checkpoint ({type(error).__name__}): truncated, or no file of weights",
        file=path,
        remedy="Copy or download it again, or use the checkpoint before it",
    )


def _refuse_compressed(file: Path, path: Path) -> None:
    """torch writes zip files without compression; a compressed one may unpack to more than the memory."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise InputError("is a compressed archive", file=path, remedy=f"Unpack it first. {FOREIGN}")


def check_equal_entries(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: str | Path, remedy: str
) -> None:
    """InputError with what is missing, unexpected or of another shape, unless the entries are the same."""
    complaints = []
    if missing := [key for key in wanted if key not in state]:
        complaints.append(f"{len(missing)} missing ({_some(missing)})")
    if unexpected := [key for key in state if key not in wanted]:
        complaints.append(f"{len(unexpected)} unexpected ({_some(unexpected)})")
    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state
        and (
            state[key].shape != wanted[key].shape
            or state[key].is_floating_point() != wanted[key].is_floating_point()
        )
    ]
    if shapes:
        complaints.append(f"{len(shapes)} of another shape or kind ({_some(shapes)})")
    if complaints:
        raise InputError(
            f"these are not weights of this model: of {len(wanted)} entries, {'; '.join(complaints)}",
            file=path,
            remedy=remedy,
        )


def check_finite(state: Mapping[str, Tensor], path: str | Path) -> None:
    """InputError naming the first entry with NaN or infinity in it."""
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise InputError(
                f"entry '{key}' holds numbers that are not finite",
                file=path,
                remedy="Use a checkpoint from before the training broke",
            )


def _some(names: list[str], shown: int = 3) -> str:
    return ", ".join(sorted(names)[:shown]) + (", ..." if len(names) > shown else "")
