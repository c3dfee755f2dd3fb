"""InfoNCE between two sets of embeddings whose rows belong together."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surgvlp.losses.precision import in_full_precision
from surgvlp.registry import LOSSES


@in_full_precision
def cosine_logits(rows: Tensor, columns: Tensor, temperature: float = 0.1) -> Tensor:
    """Cosine similarities over temperature: (A, D) and (B, D) -> (A, B)."""
    return F.normalize(rows, dim=-1) @ F.normalize(columns, dim=-1).T / temperature


@in_full_precision
def info_nce(logits: Tensor, row_weight: float = 0.5) -> Tensor:
    """Cross entropy of picking column i for row i, and row i for column i: w CE(S) + (1 - w) CE(S^T).

    Args:
        logits: (B, B), its diagonal holds the pairs. For a batch spread over ranks, the embeddings are
            gathered (with a gather whose backward sums over ranks) before, so that B is the global batch.
        row_weight: w. 0.5 is CLIP's symmetric loss.

    Returns:
        scalar; 0 with zero gradient at B = 1, which has no negatives.
    """
    target = torch.arange(len(logits), device=logits.device)
    return row_weight * F.cross_entropy(logits, target) + (1 - row_weight) * F.cross_entropy(logits.T, target)


@LOSSES.register_module(name="clip_infonce")
class ClipInfoNCE(nn.Module):
    """Symmetric InfoNCE on cosines: `(video (B, D), text (B, D)) -> scalar`; published as `clip_infonce`."""

    views = 0

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, video: Tensor, text: Tensor, logit_scale: float | Tensor | None = None) -> Tensor:
        """`logit_scale`, where given, multiplies the cosines in place of 1 / temperature."""
        if logit_scale is None:
            return info_nce(cosine_logits(video, text, self.temperature))
        return info_nce(logit_scale * cosine_logits(video, text, 1.0))

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}"


@LOSSES.register_module(name="NTXentLoss")
class WeightedInfoNCE(nn.Module):
    """InfoNCE with weight `alpha` on video-to-text: `(video, text) -> scalar`; published as `NTXentLoss`.

    Despite that name it has no negatives within a modality, as SimCLR's NT-Xent has. 0.75 is what the
    published configurations say.
    """

    views = 0

    def __init__(self, temperature: float = 0.1, alpha: float = 0.75) -> None:
        super().__init__()
        self.temperature, self.alpha = temperature, alpha

    def forward(self, video: Tensor, text: Tensor) -> Tensor:
        return info_nce(cosine_logits(video, text, self.temperature), self.alpha)

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, alpha={self.alpha}"
