"""How a network is run: on which device, and in evaluation mode for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from surgvlp.files import InputError


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; afterwards every submodule is in the mode it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def usable_device(name: str | int | torch.device | None) -> torch.device:
    """A device by torch's name or a GPU's number; None: a GPU where there is one.

    Raises:
        InputError: one that cannot be used here.
    """
    try:
        if name is None:
            name = "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"cannot use the device {name!r} ({reason})", remedy="Leave --device out") from error
    return device
