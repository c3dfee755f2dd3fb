"""What a level trains for: how a batch becomes embeddings, and embeddings a loss."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from surgvlp.console import progress_bar
from surgvlp.datasets.texts import TextTable
from surgvlp.files import InputError
from surgvlp.models.build import DualEncoder

Batch = dict[str, Any]


class Objective(Protocol):
    """Embedding and loss are apart, so that gathering over ranks and gradient caching happen between them.

    Implementations inherit from this class; the hooks do nothing unless they say otherwise.
    """

    def embed(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Tensors (B, ...), this rank's samples first; all that `loss` needs of a sample is in them."""
        ...

    def loss(self, embeddings: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """{"loss": scalar, ...named scalars to log} from all ranks' samples; `batch` is this rank's own."""
        ...

    def before_step(self, model: nn.Module, step: int) -> None:
        """Before the forward pass of a step of this level."""
        return

    def after_step(self, model: nn.Module, step: int) -> None:
        """After the optimizer's step."""
        return

    def state_dict(self) -> dict[str, Any]:
        """What the objective itself carries from step to step."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        return


class ClipObjective(Objective):
    """A clip, and augmented views of it where the loss wants them, against its narrations (SurgVLP).

    Args:
        loss: called `(video, [texts of source 0, texts of source 1, ...])`, or `(video, view1, view2, [...])`
            where its `views` is 2.
        texts_per_source: how many of a sample's K texts each source has, the anchor's first, e.g. (1, 2).
        pooled: (M, hidden) what a frozen text encoder makes of each text of the data set (`pool_texts`),
            gathered by `text_index`; None runs the encoder on the batch's tokens.

    Attributes:
        views: augmented views that the loss takes.
        reads_tokens: whether `embed` needs `input_ids` and `attention_mask`.

    Raises:
        InputError: a loss that is not called like that.
    """

    def __init__(
        self, loss: nn.Module, texts_per_source: Sequence[int], pooled: Tensor | None = None
    ) -> None:
        if "texts" not in inspect.signature(loss.forward).parameters:
            raise InputError(
                f"{type(loss).__name__} does not compare a clip with several sources of text",
                key="config.levels.loss.type",
                remedy="Take SSL_VL_Loss_new or InfoNCEWithNeighbours",
            )
        self._loss, self.texts_per_source, self._pooled = loss, tuple(texts_per_source), pooled
        self.views = int(cast(int, loss.views))
        self.reads_tokens = pooled is None

    def embed(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """`video`, `view1`, ... (B, D) and `texts` (B, K, D), none of unit length."""
        model = cast(DualEncoder, model)
        names = ["video", *(f"view{number + 1}" for number in range(self.views))]
        # One forward for the clip and its views: their frames share batch statistics, as published.
        clips = torch.cat([batch["frames" if name == "video" else name] for name in names])
        embeddings = dict(zip(names, model.encode_video(clips).chunk(len(names)), strict=True))
        samples, texts = batch["text_index"].shape
        embeddings["texts"] = self._embed_texts(model, batch).view(samples, texts, -1)
        return embeddings

    def loss(self, embeddings: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """`loss`, and `accuracy`: the share of clips whose own anchor is the nearest of the batch."""
        clips = [value for name, value in embeddings.items() if name != "texts"]
        texts = embeddings["texts"].split(self.texts_per_source, dim=1)
        loss = self._loss(*clips, [source.flatten(0, 1) for source in texts])
        with torch.no_grad():
            anchors = nn.functional.normalize(embeddings["texts"][:, 0], dim=-1)
            nearest = (embeddings["video"] @ anchors.T).argmax(1)
            accuracy = (nearest == torch.arange(len(nearest), device=nearest.device)).float().mean()
        return {"loss": loss, "accuracy": accuracy}

    def _embed_texts(self, model: DualEncoder, batch: Batch) -> Tensor:
        if self._pooled is not None:
            return cast(Tensor, model.backbone_text.project(self._pooled[batch["text_index"].flatten()]))
        tokens = {name: batch[name].flatten(0, 1) for name in ("input_ids", "attention_mask")}
        return model.encode_text({**tokens, "padded_length": batch["padded_length"]})


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
