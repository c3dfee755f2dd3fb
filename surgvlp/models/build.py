"""From a config's `model_config` to a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgvlp import registry
from surgvlp.models.dual_encoder import DualEncoder
from surgvlp.models.image_encoder import ImageEncoder
from surgvlp.models.text_encoder import BertEncoder, SentenceEncoder

__all__ = ["BertEncoder", "DualEncoder", "ImageEncoder", "SentenceEncoder", "build_model"]


def build_model(config: Mapping[str, Any], weights_follow: bool = False) -> DualEncoder:
    """Build the model of a published or own `model_config`.

    Args:
        config: `type`, `backbone_img`, `backbone_text`, and what else `DualEncoder` takes.
        weights_follow: weights will be loaded into it, so fetch none (no ImageNet, no BERT weights).

    Raises:
        InputError: an unknown type or key (with the nearest known one), weights that cannot be had.
    """
    if weights_follow:
        config = {
            **config,
            "backbone_img": {**config.get("backbone_img", {}), "pretrained": "random"},
            "backbone_text": {**config.get("backbone_text", {}), "pretrained": False},
            "pretrained": None,
        }
    return registry.build(registry.MODELS, config, "model_config")
