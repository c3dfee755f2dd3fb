"""Trained models as folders to hand on: weights, architecture, tokenizer, preprocessing and model card."""

from surgvlp.models.exported.card import ModelCard, Score
from surgvlp.models.exported.folder import Exported, from_pretrained, is_exported, save_pretrained
from surgvlp.models.exported.preprocessing import FramePreprocessing

__all__ = [
    "Exported",
    "FramePreprocessing",
    "ModelCard",
    "Score",
    "from_pretrained",
    "is_exported",
    "save_pretrained",
]
