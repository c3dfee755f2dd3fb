"""Sentences to embeddings: a BERT-like transformer, pooled as published or as sentence models are.

Both take tokens `{"input_ids", "attention_mask"[, "token_type_ids"]}`, each (N, L), and what is in
`padded_length` where the columns were trimmed (`tokenizer.trimmed`).
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models.tokenizer import not_found, padded_length, text_model_path, trimmed
from surgvlp.registry import MODELS

Tokens = Mapping[str, Any]


@MODELS.register_module(name="text_backbones/BertEncoder")
class BertEncoder(nn.Module):
    """The published text encoder: (N, L) tokens -> (N, hidden size).

    The published code merges word pieces token by token, zero-fills after [SEP] and averages over all L
    positions. Word pieces merge by summing, so that is, for each sentence and whatever its words,

        (1 / L) sum over tokens with attention_mask = 1 of (h_9 + h_10 + h_11 + h_12),

    one masked sum. 1 / L is the padded length, also where trimming spares the transformer the padding.

    Args:
        text_bert_type: hub name, folder, or `package:<model>`.
        text_last_n_layers: how many layers to aggregate; 1 takes the pooler's output instead.
        text_aggregate_method: `sum` or `mean` over those layers.
        text_norm: L2-normalise the embedding.
        text_embedding_dim: the hidden size (there is no projection to another one).
        text_freeze_bert: no gradients for the transformer; as published its dropout stays on in training.
        text_agg_tokens: False averages over all L positions, padding included.
        pretrained: False makes random weights from the model's configuration alone.

    Raises:
        InputError: a model that cannot be found, an unusable value.
    """

    def __init__(
        self,
        text_bert_type: str,
        text_last_n_layers: int = 4,
        text_aggregate_method: str = "sum",
        text_norm: bool = False,
        text_embedding_dim: int = 768,
        text_freeze_bert: bool = False,
        text_agg_tokens: bool = True,
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        self.model = _transformer(text_bert_type, pretrained, needs_pooler=text_last_n_layers == 1)
        layers, hidden = self.model.config.num_hidden_layers, self.model.config.hidden_size
        _check(text_aggregate_method in ("sum", "mean"), "text_aggregate_method", "neither 'sum' nor 'mean'")
        _check(1 <= text_last_n_layers <= layers, "text_last_n_layers", f"not between 1 and {layers}")
        _check(text_embedding_dim == hidden, "text_embedding_dim", f"not {hidden}, the model's hidden size")
        self.embedding_dim = hidden
        self.last_n_layers, self.aggregate_method = text_last_n_layers, text_aggregate_method
        self.norm, self.agg_tokens = text_norm, text_agg_tokens
        if text_freeze_bert:
            self.model.requires_grad_(False)

    def forward(self, tokens: Tokens) -> Tensor:
        length = padded_length(tokens)
        if self.agg_tokens:
            tokens = _trimmed_on_host(tokens)
        else:
            tokens = _padded(tokens, length, self.model.config.pad_token_id or 0)
        output = self.model(**_inputs(self.model, tokens), output_hidden_states=self.last_n_layers > 1)
        if self.last_n_layers == 1:
            embedding = output.pooler_output
        else:
            summed = torch.stack(output.hidden_states[-self.last_n_layers :]).sum(0).float()
            if self.agg_tokens:
                summed = summed * tokens["attention_mask"][:, :, None]
            embedding = summed.sum(1) / length
            if self.aggregate_method == "mean":
                embedding = embedding / self.last_n_layers
        return F.normalize(embedding, dim=-1) if self.norm else embedding


@MODELS.register_module(name="text_backbones/SentenceEncoder")
class SentenceEncoder(nn.Module):
    """A sentence model, with or without a trainable linear map: (N, L) tokens -> (N, D).

    Pooled is the mean over a sentence's own tokens of the last layer, as sentence transformers pool. A frozen
    sentence model already puts paraphrases side by side. Without a map the image encoder learns that very
    space (locked-text tuning, Zhai et al. 2022), so prompts in words that no narration used keep their place
    beside the narrations that mean the same; a map fitted to a few hundred captions bends the space between.

    Args:
        name: hub name, folder, or `package:all-MiniLM-L6-v2`.
        embedding_dim: D of the linear map; None: no map, D is the sentence model's hidden size.
        freeze: no gradients and no dropout in the sentence model, so that its `pooled` output is a constant
            of each text and may be computed once.
        pretrained: False makes random weights from the model's configuration alone.
    """

    def __init__(
        self, name: str, embedding_dim: int | None = None, freeze: bool = True, pretrained: bool = True
    ) -> None:
        super().__init__()
        self.model = _transformer(name, pretrained)
        hidden: int = self.model.config.hidden_size
        self.projection = nn.Linear(hidden, embedding_dim) if embedding_dim else nn.Identity()
        self.embedding_dim, self.freeze = embedding_dim or hidden, freeze
        if freeze:
            self.model.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> SentenceEncoder:
        super().train(mode)
        if self.freeze:
            self.model.eval()
        return self

    def forward(self, tokens: Tokens) -> Tensor:
        return self.project(self.pooled(tokens))

    def pooled(self, tokens: Tokens) -> Tensor:
        """(N, hidden size): what the projection reads; without gradient where the model is frozen."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze):
            tokens = _trimmed_on_host(tokens)
            hidden = self.model(**_inputs(self.model, tokens)).last_hidden_state.float()
            mask = tokens["attention_mask"][:, :, None]
            return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)

    def project(self, pooled: Tensor) -> Tensor:
        """(N, hidden size) -> (N, embedding_dim)."""
        projected: Tensor = self.projection(pooled)
        return projected


def _transformer(name: str, pretrained: bool, needs_pooler: bool = False) -> Any:
    """The model in float32, its weights loaded whole (an unused pooler may lack) or made at random."""
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel

    path = text_model_path(name)
    local = Path(path).is_dir()
    try:
        if not pretrained:
            return AutoModel.from_config(AutoConfig.from_pretrained(path, local_files_only=local))
        with _without_progress_bar():
            model, report = AutoModel.from_pretrained(
                path, local_files_only=local, dtype=torch.float32, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise not_found(name, error) from error
    missing = [key for key in report["missing_keys"] if needs_pooler or "pooler." not in key]
    if missing:
        raise InputError(f"the weights of {name!r} lack {len(missing)} entries, first {min(missing)}")
    return model


@contextlib.contextmanager
def _without_progress_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _inputs(model: nn.Module, tokens: Tokens) -> dict[str, Tensor]:
    """What the model takes of the tokens: DistilBERT and MPNet know no token types."""
    known = inspect.signature(model.forward).parameters
    names = ("input_ids", "attention_mask", "token_type_ids")
    return {name: tokens[name] for name in names if name in tokens and name in known}


def _trimmed_on_host(tokens: Tokens) -> Tokens:
    """Trim where reading the mask is free; on a GPU it would wait for everything queued before."""
    return trimmed(tokens) if tokens["input_ids"].device.type == "cpu" else tokens


def _padded(tokens: Tokens, length: int, pad_id: int) -> dict[str, Tensor]:
    fill = {"input_ids": pad_id, "attention_mask": 0, "token_type_ids": 0}
    return {
        name: F.pad(tokens[name], (0, length - tokens[name].shape[1]), value=value)
        for name, value in fill.items()
        if name in tokens
    }


def _check(good: bool, key: str, complaint: str) -> None:
    if not good:
        raise InputError(complaint, key=f"model_config.backbone_text.{key}")
