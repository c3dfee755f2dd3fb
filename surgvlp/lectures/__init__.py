"""The data tree as typed objects: videos, texts, metadata, splits, labels, prompts."""

from __future__ import annotations

from surgvlp.lectures.labels import FrameLabels, PhaseDataset, phase_dataset
from surgvlp.lectures.prompts import read_prompts
from surgvlp.lectures.texts import Caption, read_captions, write_captions
from surgvlp.lectures.tree import DataTree, read_split

__all__ = [
    "Caption",
    "DataTree",
    "FrameLabels",
    "PhaseDataset",
    "phase_dataset",
    "read_captions",
    "read_prompts",
    "read_split",
    "write_captions",
]
