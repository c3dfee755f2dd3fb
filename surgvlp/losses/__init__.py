"""Contrastive losses: pure functions of tensors, and the modules that `registry.LOSSES` builds from them."""

from surgvlp.losses.alignment import align_both_ways, alignment_cost
from surgvlp.losses.clip_level import InfoNCEWithNeighbours, InfoNCEWithViews, VideoTextViews
from surgvlp.losses.info_nce import ClipInfoNCE, WeightedInfoNCE, cosine_logits, info_nce
from surgvlp.losses.mil_nce import MilNCE, mil_nce
from surgvlp.losses.parent_child import (
    ParentChildInfoNCE,
    ParentChildOrder,
    ReleasedParentChild,
    ReleasedParentChildOrder,
    mean_of_children,
    order_contrast,
    released_order_contrast,
)
from surgvlp.losses.simclr import SimCLR, simclr
from surgvlp.losses.soft_dtw import soft_dtw

__all__ = [
    "ClipInfoNCE",
    "InfoNCEWithNeighbours",
    "InfoNCEWithViews",
    "MilNCE",
    "ParentChildInfoNCE",
    "ParentChildOrder",
    "ReleasedParentChild",
    "ReleasedParentChildOrder",
    "SimCLR",
    "VideoTextViews",
    "WeightedInfoNCE",
    "align_both_ways",
    "alignment_cost",
    "cosine_logits",
    "info_nce",
    "mean_of_children",
    "mil_nce",
    "order_contrast",
    "released_order_contrast",
    "simclr",
    "soft_dtw",
]
