"""Losses in full precision, whatever autocast does around them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


def in_full_precision(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Run `function` outside autocast, with half-precision tensor arguments cast up to float32.

    float16 has a spacing of 0.25 at 256, where un-normalised dot products of text embeddings lie; softmax
    over such logits is noise. Batches are a few hundred rows, so full precision here costs nothing.
    float64 stays float64. Tensors inside list arguments are cast too.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        with torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            lifted: Any = function
            return lifted(*map(_lift, args), **{name: _lift(value) for name, value in kwargs.items()})

    return wrapped


def _lift(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16):
        return value.float()
    if isinstance(value, list | tuple):
        return [_lift(item) for item in value]
    return value
