"""Embeddings of many frames, clips or texts, computed batch by batch without gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surgvlp.models.build import DualEncoder
from surgvlp.models.modes import evaluating
from surgvlp.models.tokenizer import Tokenizer, trimmed


def embed_frames(
    model: DualEncoder, batches: Iterable[Tensor], device: torch.device | str
) -> NDArray[np.float32]:
    """Embed normalised frames or clips.

    Args:
        model: on `device`.
        batches: each (n, 3, H, W), or (n, T, 3, H, W) for clips; float, any n.
        device: where to compute; results are collected on the host.

    Returns:
        (N, D), not of unit length, rows in the order of the batches; (0, D) where there are none.
    """
    found = []
    with evaluating(model):
        for batch in batches:
            encode = model.encode_video if batch.ndim == 5 else model.encode_image
            found.append(encode(batch.to(device, non_blocking=True)).float().cpu())
    return _array(found, model)


def embed_texts(
    model: DualEncoder,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    max_length: int,
    device: torch.device | str,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Embed texts, shortest first so that a batch holds little padding.

    Args:
        model: on `device`.
        tokenizer: the tokenizer of the model's text encoder.
        texts: N sentences.
        max_length: tokens a text is cut or padded to; part of what the published pooling computes.
        device: where to compute.
        batch_size: texts at once; it does not change the result beyond rounding.

    Returns:
        (N, D), not of unit length, row i for texts[i]; (0, D) for no texts.
    """
    if not texts:
        return _array([], model)
    tokens = tokenizer(texts, max_length)
    order = tokens["attention_mask"].sum(1).argsort(stable=True)
    found = []
    with evaluating(model):
        for rows in order.split(batch_size):
            batch = trimmed({name: value[rows] for name, value in tokens.items()})
            moved = {
                name: value.to(device) if isinstance(value, Tensor) else value
                for name, value in batch.items()
            }
            found.append(model.encode_text(moved).float().cpu())
    sorted_embeddings = _array(found, model)
    embeddings = np.empty_like(sorted_embeddings)
    embeddings[order.numpy()] = sorted_embeddings
    return embeddings


def unit(vectors: NDArray[Any]) -> NDArray[Any]:
    """(N, D) vectors at unit length; one without length stays as it is."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _array(found: list[Tensor], model: DualEncoder) -> NDArray[np.float32]:
    if not found:
        return np.empty((0, model.embedding_dim), np.float32)
    return torch.cat(found).numpy()
