"""Sentences to embeddings: a BERT-like transformer, pooled as published or as sentence models are.

Both take tokens `{"input_ids", "attention_mask"[, "token_type_ids"]}`, each (N, L), and what is in
`padded_length` where the columns were trimmed (`tokenizer.trimmed`).
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models.packing import packed
from surgvlp.models.tokenizer import from_disk_or_hub, not_found, padded_length, text_model_path, trimmed
from surgvlp.registry import MODELS

Tokens = Mapping[str, Any]

# The published text encoder is BERT-base over BioBERT's cased vocabulary: known here, so that released
# weights load without a model hub.
BIO_CLINICAL_BERT, BIO_CLINICAL_BERT_WORDS = "emilyalsentzer/Bio_ClinicalBERT", 28996


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
        if not self.agg_tokens:
            length = padded_length(tokens)
            return self._embedding(_padded(tokens, length, self.model.config.pad_token_id or 0))
        if self.training or _traced():
            return self._embedding(_trimmed_on_host(tokens))
        if not len(tokens["input_ids"]):
            return torch.zeros(0, self.embedding_dim, device=tokens["input_ids"].device)
        return packed(self._embedding, tokens)

    def _embedding(self, tokens: Tokens) -> Tensor:
        output = self.model(**_inputs(self.model, tokens), output_hidden_states=self.last_n_layers > 1)
        if self.last_n_layers == 1:
            embedding = output.pooler_output
        else:
            mask = tokens["attention_mask"] if self.agg_tokens else torch.ones_like(tokens["input_ids"])
            layers = output.hidden_states[-self.last_n_layers :]
            embedding = summed_tokens(layers, mask) / padded_length(tokens)
            if self.aggregate_method == "mean":
                embedding = embedding / self.last_n_layers
            if not torch.is_autocast_enabled(embedding.device.type):
                embedding = embedding.to(layers[0].dtype)  # of a model that somebody made half
        return F.normalize(embedding, dim=-1) if self.norm else embedding


def summed_tokens(layers: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Sum over layers and over the tokens of each text, in float32 or wider.

    Args:
        layers: (N, L, D) each.
        mask: (N, L), 1 where a token counts.

    Returns:
        (N, D).

    Every layer is read once, by a product with the mask: no stacked and no masked copy is ever written.
    """
    device = layers[0].device.type
    if torch.is_autocast_enabled(device):  # which would round the sums to half precision
        with torch.autocast(device, enabled=False):
            return summed_tokens(layers, mask)
    kind = torch.promote_types(layers[0].dtype, torch.float32)
    weights = mask.to(kind)[:, None]
    return torch.cat([torch.bmm(weights, layer.to(kind)) for layer in layers], dim=1).sum(1)


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
    from transformers import AutoModel

    path = text_model_path(name)
    options = {"dtype": torch.float32, "output_loading_info": True}
    try:
        if not pretrained:
            return AutoModel.from_config(_configuration(path))
        with _without_progress_bar():
            model, report = from_disk_or_hub(AutoModel.from_pretrained, path, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise not_found(name, error) from error
    missing = [key for key in report["missing_keys"] if needs_pooler or "pooler." not in key]
    if missing:
        raise InputError(f"the weights of {name!r} lack {len(missing)} entries, first {min(missing)}")
    return model


def _configuration(path: str) -> Any:
    from transformers import AutoConfig, BertConfig

    if path == BIO_CLINICAL_BERT:
        return BertConfig(vocab_size=BIO_CLINICAL_BERT_WORDS)
    return from_disk_or_hub(AutoConfig.from_pretrained, path)


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
    return trimmed(tokens) if tokens["input_ids"].device.type == "cpu" and not _traced() else tokens


def _traced() -> bool:
    """Whether a program is recorded (torch.export, torch.compile), which cannot depend on what texts say."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


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
