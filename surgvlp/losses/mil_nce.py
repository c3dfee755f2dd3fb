"""MIL-NCE: several texts a clip, of which any may be the one that fits (Miech et al., CVPR 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgvlp.losses.precision import in_full_precision
from surgvlp.registry import LOSSES


@in_full_precision
def mil_nce(logits: Tensor, count_positives_twice: bool = False) -> Tensor:
    """-log of the positives' share among clip i with all texts, and all clips with the texts of clip i.

    With P_i = {x_iik}, the negatives N_i = {x_ijk, x_jik : j != i}:
    L = mean_i [ logsumexp(P_i + N_i) - logsumexp(P_i) ], both directions in one denominator.

    Args:
        logits: (B, B*K), clips by texts, the texts of clip i in columns i*K .. i*K+K-1.
        count_positives_twice: put the positives into the denominator from both directions, as Miech et al.
            and the published code do. The loss then never falls below log 2 and a perfect fit still pulls.

    Returns:
        scalar.
    """
    batch = len(logits)
    logits = logits.view(batch, batch, -1)
    positive = logits.diagonal().logsumexp(0)  # diagonal: (K, B)
    of_clip = logits.flatten(1).logsumexp(1)
    if not count_positives_twice:
        own = torch.eye(batch, dtype=torch.bool, device=logits.device)[:, :, None]
        logits = logits.masked_fill(own, torch.finfo(logits.dtype).min)
    of_texts = logits.transpose(0, 1).flatten(1).logsumexp(1)
    return (torch.logaddexp(of_clip, of_texts) - positive).mean()


@LOSSES.register_module(name="milnce")
class MilNCE(nn.Module):
    """MIL-NCE on raw dot products: `(video (B, D), captions (B*K, D)) -> scalar`; published as `milnce`.

    No normalisation, no temperature, positives counted twice.
    """

    views = 0

    def forward(self, video: Tensor, captions: Tensor) -> Tensor:
        return dot_product_mil_nce(video, captions)


@in_full_precision
def dot_product_mil_nce(video: Tensor, texts: Tensor) -> Tensor:
    """MIL-NCE as published, on un-normalised embeddings: (B, D) and (B*K, D) -> scalar."""
    return mil_nce(video @ texts.T, count_positives_twice=True)
