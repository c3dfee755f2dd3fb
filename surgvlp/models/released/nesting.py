"""From what a checkpoint file holds to the entries of one network, named as its authors named them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from surgvlp.models.weights import named_tensors

log = logging.getLogger(__name__)

# The teacher is what DINO's papers evaluate; a training checkpoint holds both networks and the optimizer.
NESTS = ("teacher", "student", "model", "state_dict", "net")
PREFIXES = ("module.", "backbone.", "model.", "encoder.")
LEFT_OUT = ("head.", "dino_head.", "ibot_head.", "classifier.2.", "mask_token")


def innermost(content: Any, path: str | Path) -> dict[str, Tensor]:
    """The state dict in a file: bare, or under any of NESTS, the teacher's before the student's.

    Where there is no teacher, or an empty one, the student is taken and a warning logged.

    Raises:
        InputError: no tensors by name in it.
    """
    for _ in range(len(NESTS)):
        inner = {nest: content[nest] for nest in NESTS if isinstance(content, Mapping) and nest in content}
        filled = [nest for nest, value in inner.items() if isinstance(value, Mapping) and value]
        if not filled:
            break
        if filled[0] == "student":
            log.warning("%s: there is no teacher in it, so the student is taken", path)
        content = inner[filled[0]]
    return named_tensors(content, path)


def without_wrappings(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip the PREFIXES that all entries share, and leave out classifiers, projection heads and mask tokens.

    A prefix is stripped at the front of a key only, never within it: `mlp.encoder.weight` stays.
    """
    kept = dict(state)
    stripping = True
    while stripping:
        stripping = False
        kept = {key: value for key, value in kept.items() if not key.startswith(LEFT_OUT)}
        for prefix in PREFIXES:
            if kept and all(key.startswith(prefix) for key in kept):
                kept = {key.removeprefix(prefix): value for key, value in kept.items()}
                stripping = True
    return kept
