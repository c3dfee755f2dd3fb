"""Contrastive losses: pure functions of tensors, and the modules that `registry.LOSSES` builds from them."""

from surgvlp.losses.clip_level import InfoNCEWithNeighbours, VideoTextViews
from surgvlp.losses.info_nce import ClipInfoNCE, WeightedInfoNCE, cosine_logits, info_nce
from surgvlp.losses.mil_nce import MilNCE, mil_nce
from surgvlp.losses.simclr import SimCLR, simclr

__all__ = [
    "ClipInfoNCE",
    "InfoNCEWithNeighbours",
    "MilNCE",
    "SimCLR",
    "VideoTextViews",
    "WeightedInfoNCE",
    "cosine_logits",
    "info_nce",
    "mil_nce",
    "simclr",
]
