"""What keystep and video level minimise: a video, the text that sums it up, and the texts that it is made of.

At keystep level the parent is the keystep and its children are narrations, at video level the parent is the
abstract and its children are keysteps (HecVL, MICCAI 2024; PeskaVLP, NeurIPS 2024). The paper's alignment
regulariser is at both levels, the released configuration has it at video level only.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surgvlp.losses.alignment import Choices, align_both_ways
from surgvlp.losses.info_nce import cosine_logits, info_nce
from surgvlp.losses.precision import in_full_precision
from surgvlp.registry import LOSSES


@in_full_precision
def mean_of_children(children: Tensor, child_mask: Tensor | None = None) -> Tensor:
    """(B, K, D) -> (B, D): the mean of the children that are there, at unit length so that they weigh alike.

    `child_mask` (B, K) bool; None: all. What is not there may hold anything. 0 where none is there.
    """
    if child_mask is None:
        return F.normalize(children, dim=-1).mean(1)
    there = child_mask[..., None]
    units = F.normalize(children.masked_fill(~there, 0), dim=-1)
    return units.sum(1) / there.sum(1).clamp_min(1)


@in_full_precision
def order_contrast(
    frames: Tensor,
    children: Tensor,
    frame_mask: Tensor | None = None,
    child_mask: Tensor | None = None,
    margin: float = 0.0,
    ratio: float = 0.5,
    temperature: float = 0.1,
    over: Choices = "frames",
) -> Tensor:
    """Soft-DTW a frame, and by how much it fails to beat the children in reversed order.

    With a and r the alignment costs in order and reversed, divided by the sample's number of frames so that
    long and short videos weigh alike: L = mean(a) + ratio * mean(max(0, a - r + margin)), the first over
    samples that have frames and children, the second over those that have an order (two frames and two
    children). It compares nothing across samples, so each rank can compute it on its own.

    Args:
        frames: (B, T, D).
        children: (B, K, D), in time.
        frame_mask: (B, T) bool; None: all are there.
        child_mask: (B, K) bool, likewise.
        margin: how much better the right order must be, in cost a frame.
        ratio: weight of the hinge.
        temperature: of the cost and of the soft-DTW.
        over: "frames" as released, "texts" as the paper's equation 2; see `alignment_cost`.

    Returns:
        scalar; 0 with zero gradient where no sample has anything to align.
    """
    both = align_both_ways(frames, children, frame_mask, child_mask, temperature, over)
    lengths, texts = _counts(frames, frame_mask), _counts(children, child_mask)
    aligned, reverse = both / lengths.clamp_min(1)
    hinge = torch.relu(aligned - reverse + margin)
    return _mean(aligned, (lengths > 0) & (texts > 0)) + ratio * _mean(hinge, (lengths > 1) & (texts > 1))


def _counts(sequence: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        return mask.sum(1)
    return torch.full((len(sequence),), sequence.shape[1], device=sequence.device)


def _mean(values: Tensor, which: Tensor) -> Tensor:
    return torch.where(which, values, 0).sum() / which.sum().clamp_min(1)


@in_full_precision
def released_order_contrast(
    frames: Tensor, children: Tensor, child_mask: Tensor | None, beta: float, ratio: float, scale: float
) -> Tensor:
    """The alignment term as PeskaVLP released it, from two alignments a sample (there: three).

    a = scale * D(frames, children), r = scale * D(frames, children reversed);
    L = mean(a) + ratio * mean(max(0, a - r + beta)). A sample with one child has r = a and adds beta. The
    paper's equation 3 has max(a - r, phi) alone instead.
    """
    aligned, reverse = scale * align_both_ways(frames, children, text_mask=child_mask)
    return aligned.mean() + ratio * torch.relu(aligned - reverse + beta).mean()


@in_full_precision
def _released_pairs(video: Tensor, parent: Tensor, children: Tensor, alpha: float, tau: float) -> Tensor:
    """The sum of the four terms that both published losses share."""
    average = children.mean(1)  # padding included, and a text of large norm weighs more: as released
    # ClipInfoNCE and WeightedInfoNCE share their logits: 1/2 and alpha on the rows are one InfoNCE.
    to_parent = 2 * info_nce(cosine_logits(video, parent, tau), (0.5 + alpha) / 2)
    to_children = info_nce(cosine_logits(video, average, tau))
    return to_parent + to_children + info_nce(cosine_logits(parent, average, tau))


@LOSSES.register_module(name="hier_infonce")
class ReleasedParentChild(nn.Module):
    """HecVL's keystep and video loss: `(video (B, D), [parent (B, D), children (B, K, D)]) -> scalar`.

    With A the plain mean of the children: (ClipInfoNCE(V, P) + WeightedInfoNCE(V, P) + ClipInfoNCE(V, A) +
    ClipInfoNCE(P, A)) / 4. Published as `hier_infonce`, `alpha` 0.75 in the published configurations. Padded
    children count in A, as there; `ParentChildInfoNCE` leaves them out.
    """

    views = 0

    def __init__(self, alpha: float = 0.5, temperature: float = 0.1) -> None:
        super().__init__()
        self.alpha, self.temperature = alpha, temperature

    def forward(self, video: Tensor, parent_and_children: Sequence[Tensor]) -> Tensor:
        parent, children = _checked(video, parent_and_children)
        return _released_pairs(video, parent, children, self.alpha, self.temperature) / 4

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, temperature={self.temperature}"


@LOSSES.register_module(name="hier_infonce_dtw")
class ReleasedParentChildOrder(nn.Module):
    """PeskaVLP's video loss, published as `hier_infonce_dtw`.

    `(video (B, D), [parent (B, D), children (B, K, D)], frames (B, T, D), pos_step=(B, K)) -> scalar`: the
    four terms of `hier_infonce` and `reg_weight` times `released_order_contrast`, over 5. Children with
    `pos_step` -1 are padding: they take no part in the alignment, but count in the children's mean. Without
    `pos_step` there is no padding. The defaults of the `dtw_` keys are the published configuration's.
    """

    views = 0

    def __init__(
        self,
        alpha: float = 0.5,
        temperature: float = 0.1,
        dtw_beta: float = 0.0,
        dtw_ratio: float = 0.5,
        dtw_scale_factor: float = 0.01,
        reg_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.alpha, self.temperature, self.reg_weight = alpha, temperature, reg_weight
        self.dtw_beta, self.dtw_ratio, self.dtw_scale_factor = dtw_beta, dtw_ratio, dtw_scale_factor

    def forward(
        self,
        video: Tensor,
        parent_and_children: Sequence[Tensor],
        frames: Tensor,
        pos_step: Tensor | None = None,
    ) -> Tensor:
        parent, children = _checked(video, parent_and_children)
        pairs = _released_pairs(video, parent, children, self.alpha, self.temperature)
        there = None if pos_step is None else pos_step != -1
        order = released_order_contrast(
            frames, children, there, self.dtw_beta, self.dtw_ratio, self.dtw_scale_factor
        )
        return (pairs + self.reg_weight * order) / 5

    def extra_repr(self) -> str:
        return (
            f"alpha={self.alpha}, temperature={self.temperature}, dtw_beta={self.dtw_beta}, "
            f"dtw_ratio={self.dtw_ratio}, dtw_scale_factor={self.dtw_scale_factor}, "
            f"reg_weight={self.reg_weight}"
        )


@LOSSES.register_module()
class ParentChildInfoNCE(nn.Module):
    """Video, parent and the children's mean, each against each: the mean of three symmetric InfoNCE.

    Ours rather than a published name: padded children do not count, and each child weighs alike whatever its
    norm. `(video (B, D), [parent (B, D), children (B, K, D)], step_mask=(B, K) bool) -> scalar`; children are
    there where the mask is true, without it all are. Every sample needs one child at least.
    """

    views = 0

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(
        self, video: Tensor, parent_and_children: Sequence[Tensor], step_mask: Tensor | None = None
    ) -> Tensor:
        parent, children = _checked(video, parent_and_children)
        average = mean_of_children(children, step_mask)
        pairs = ((video, parent), (video, average), (parent, average))
        terms = [info_nce(cosine_logits(one, other, self.temperature)) for one, other in pairs]
        return torch.stack(terms).mean()

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}"


@LOSSES.register_module()
class ParentChildOrder(ParentChildInfoNCE):
    """`ParentChildInfoNCE` and, `order_weight` times, `order_contrast` of the frames with the children.

    Ours rather than a published name. `(video, [parent, children], frames (B, T, D), step_mask=(B, K) bool,
    frame_mask=(B, T) bool) -> scalar`.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        order_weight: float = 0.0125,  # about what the published sum gives it at 64 frames
        margin: float = 0.0,
        ratio: float = 0.5,
        over: Choices = "frames",
    ) -> None:
        super().__init__(temperature)
        self.order_weight, self.margin, self.ratio, self.over = order_weight, margin, ratio, over

    def forward(  # type: ignore[override]  # it takes the frames that the other has no use for
        self,
        video: Tensor,
        parent_and_children: Sequence[Tensor],
        frames: Tensor,
        step_mask: Tensor | None = None,
        frame_mask: Tensor | None = None,
    ) -> Tensor:
        pairs = super().forward(video, parent_and_children, step_mask)
        return pairs + self.order(frames, parent_and_children[1], step_mask, frame_mask)

    def order(
        self,
        frames: Tensor,
        children: Tensor,
        step_mask: Tensor | None = None,
        frame_mask: Tensor | None = None,
    ) -> Tensor:
        """The weighted second part, which compares nothing across samples."""
        contrast = order_contrast(
            frames, children, frame_mask, step_mask, self.margin, self.ratio, self.temperature, self.over
        )
        return self.order_weight * contrast

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, order_weight={self.order_weight}, margin={self.margin}, "
            f"ratio={self.ratio}, over={self.over!r}"
        )


def _checked(video: Tensor, parent_and_children: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    parent, children = parent_and_children
    if parent.shape != video.shape or children.dim() != 3 or children.shape[::2] != video.shape:
        raise ValueError(
            "expected video (B, D), parent (B, D) and children (B, K, D), got "
            f"{tuple(video.shape)}, {tuple(parent.shape)} and {tuple(children.shape)}"
        )
    return parent, children
