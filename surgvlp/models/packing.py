"""Texts of like length go through a transformer together, so that little of the work is padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from surgvlp.models.tokenizer import TOKENS, padded_length, trimmed

# Texts at once. A processor is busy with few, which differ little in length; a GPU waits for its next order.
ROWS, ROWS_ON_GPU = 16, 256


def packed(encode: Callable[[Mapping[str, Any]], Tensor], tokens: Mapping[str, Any]) -> Tensor:
    """Run `encode` over texts sorted by length, some at once, and give the rows in their old order.

    Where the tokens lie on a GPU this waits for it, since the lengths decide what is computed.

    Args:
        encode: (n, l) tokens -> (n, D), each row a function of its own tokens and of `padded_length`.
        tokens: `{"input_ids", "attention_mask"[, "token_type_ids"][, "padded_length"]}`, each (N, L).

    Returns:
        (N, D), row i for text i.
    """
    length = padded_length(tokens)
    order = tokens["attention_mask"].sum(1).argsort(stable=True)
    found = []
    for rows in order.split(ROWS if order.device.type == "cpu" else ROWS_ON_GPU):
        texts = {name: tokens[name][rows] for name in TOKENS if name in tokens}
        found.append(encode(trimmed({**texts, "padded_length": length})))
    return torch.cat(found)[order.argsort()]
