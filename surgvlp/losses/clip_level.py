"""What clip-level pretraining minimises: a clip against its narration and the narrations around it.

A loss says with `views` how many augmented views of the clip it takes after the clip itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from surgvlp.losses.info_nce import cosine_logits, info_nce
from surgvlp.losses.mil_nce import dot_product_mil_nce, mil_nce
from surgvlp.losses.simclr import simclr
from surgvlp.registry import LOSSES


@LOSSES.register_module()
class InfoNCEWithNeighbours(nn.Module):
    """InfoNCE on the anchor narration + MIL-NCE on its neighbours (SurgVLP, arXiv 2307.15220, section 3).

    Ours rather than a published name: both terms on cosines over one temperature, so that neither the length
    of a text nor the scale of the encoders weighs them against each other, and positives counted once.

    `(video (B, D), [anchors (B, D), neighbours (B*K, D)]) -> scalar`; the K neighbours of clip i are rows
    i*K .. i*K+K-1. Without neighbours (`[anchors]`) it is InfoNCE alone.
    """

    views = 0

    def __init__(self, temperature: float = 0.1, neighbour_weight: float = 1.0) -> None:
        super().__init__()
        self.temperature, self.neighbour_weight = temperature, neighbour_weight

    def forward(self, video: Tensor, texts: Sequence[Tensor]) -> Tensor:
        anchors, *neighbours = texts
        loss = info_nce(cosine_logits(video, anchors, self.temperature))
        for source in neighbours:
            logits = cosine_logits(video, source, self.temperature)
            loss = loss + self.neighbour_weight / len(neighbours) * mil_nce(logits)
        return loss

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, neighbour_weight={self.neighbour_weight}"


@LOSSES.register_module()
class InfoNCEWithViews(InfoNCEWithNeighbours):
    """`InfoNCEWithNeighbours` of the clip and of two views of it, and SimCLR between the views (PeskaVLP).

    Ours rather than a published name. Texts supervise the views too, as in the released code, so that their
    images are not for SimCLR alone; the paper's section 3.2 has them supervise the clip only.
    `(video, view1, view2, [anchors (B, D), neighbours (B*K, D)]) -> scalar`, the first three (B, D):
    the mean of the three clips' terms plus `view_weight` times SimCLR's.
    """

    views = 2

    def __init__(
        self, temperature: float = 0.1, neighbour_weight: float = 1.0, view_weight: float = 1.0
    ) -> None:
        super().__init__(temperature, neighbour_weight)
        self.view_weight = view_weight

    def forward(  # type: ignore[override]  # it takes the views that the other has no use for
        self, video: Tensor, view1: Tensor, view2: Tensor, texts: Sequence[Tensor]
    ) -> Tensor:
        clips = [super(InfoNCEWithViews, self).forward(clip, texts) for clip in (video, view1, view2)]
        return torch.stack(clips).mean() + self.view_weight * simclr(view1, view2, self.temperature)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, view_weight={self.view_weight}"


@LOSSES.register_module(name="SSL_VL_Loss_new")
class VideoTextViews(nn.Module):
    """The published clip-level loss: texts supervise the clip and both views, SimCLR ties the views.

    `(video, view1, view2, [anchors (B, D), neighbours (B*K, D)]) -> scalar`, the first three (B, D). With
    S = cosines over temperature, l(X) = (ClipInfoNCE(S) + WeightedInfoNCE(S) + MIL-NCE(X, neighbours)) / 3,
    L = (l(video) + l(view1) + l(view2) + SimCLR(view1, view2)) / 4.
    """

    views = 2

    def __init__(self, alpha: float = 0.75, temperature: float = 0.1) -> None:
        super().__init__()
        self.alpha, self.temperature = alpha, temperature

    def forward(
        self,
        video: Tensor,
        view1: Tensor,
        view2: Tensor,
        texts: Sequence[Tensor],
        logit_scale: float | Tensor | None = None,
    ) -> Tensor:
        """`logit_scale` is taken because published engines hand one over, and ignored as there."""
        supervised = sum(self._from_texts(clip, *texts) for clip in (video, view1, view2))
        return (supervised + simclr(view1, view2, self.temperature)) / 4

    def _from_texts(self, clip: Tensor, anchors: Tensor, neighbours: Tensor) -> Tensor:
        logits = cosine_logits(clip, anchors, self.temperature)
        # ClipInfoNCE and WeightedInfoNCE share their logits: 1/2 and alpha on the rows are one InfoNCE.
        both = 2 * info_nce(logits, (0.5 + self.alpha) / 2)
        return (both + dot_product_mil_nce(clip, neighbours)) / 3

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, temperature={self.temperature}"
