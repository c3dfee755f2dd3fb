"""The texts of a batch as embeddings: through the encoder, or, where that is frozen, looked up."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from surgvlp.console import progress_bar
from surgvlp.datasets.texts import TextTable
from surgvlp.models.build import DualEncoder


class TextEmbedding:
    """(B, K) texts of a batch to (B, K, D), not of unit length.

    Args:
        pooled: (M, hidden) what a frozen text encoder makes of each text of the data set (`pool_texts`),
            gathered by `text_index`; None runs the encoder on the batch's tokens.

    Attributes:
        reads: which tensors of a batch are read.
    """

    def __init__(self, pooled: Tensor | None = None) -> None:
        self._pooled = pooled
        tokens = ("input_ids", "attention_mask") if pooled is None else ()
        self.reads = ("text_index", *tokens)

    def __call__(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        model = cast(DualEncoder, model)
        if self._pooled is not None:
            rows = self._pooled[batch["text_index"].flatten()]
            embeddings = cast(Tensor, model.backbone_text.project(rows))
        else:
            tokens = {name: batch[name].flatten(0, 1) for name in ("input_ids", "attention_mask")}
            embeddings = model.encode_text({**tokens, "padded_length": batch["padded_length"]})
        return embeddings.view(*batch["text_index"].shape, -1)


@torch.no_grad()
def pool_texts(
    model: nn.Module, texts: TextTable, device: torch.device, batch_size: int = 128
) -> Tensor | None:
    """(M, hidden): each text through the frozen part of the text encoder, once; None where nothing is frozen.

    Sorted by length, so that a batch has little padding. Draws nothing: a frozen encoder has no dropout.
    """
    encoder = cast(DualEncoder, model).backbone_text
    if not getattr(encoder, "freeze", False):
        return None
    lengths = texts.tokens["attention_mask"].sum(1)
    order = lengths.argsort(kind="stable")
    pooled: list[Tensor] = []
    with progress_bar("embedding texts", len(order), unit="texts") as bar:
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            tokens = {name: torch.from_numpy(table).to(device) for name, table in texts.gather(rows).items()}
            pooled.append(encoder.pooled(tokens))
            bar.advance(len(rows))
    everything = torch.cat(pooled)
    table = torch.empty_like(everything)
    table[torch.from_numpy(order).to(device)] = everything
    return table
