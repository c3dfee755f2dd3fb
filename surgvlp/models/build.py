"""From a config's `model_config` to a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from surgvlp import registry
from surgvlp.models.dual_encoder import DualEncoder
from surgvlp.models.image_encoder import ImageEncoder
from surgvlp.models.loading import architecture_of, architecture_without_fetching, is_weights
from surgvlp.models.text_encoder import BertEncoder, SentenceEncoder

__all__ = ["BertEncoder", "DualEncoder", "ImageEncoder", "SentenceEncoder", "build_model", "resolved"]


def build_model(config: Mapping[str, Any], weights_follow: bool = False) -> DualEncoder:
    """Build the model of a published or own `model_config`.

    Args:
        config: `type`, `backbone_img`, `backbone_text`, and what else `DualEncoder` takes.
        weights_follow: weights will be loaded into it, so fetch none (no ImageNet, no BERT weights).

    Raises:
        InputError: an unknown type or key (with the nearest known one), weights that cannot be had; where
            weights follow, a backbone that only a file which is not there would tell.
    """
    if weights_follow:
        config = _with_architecture(config, architecture_without_fetching)
        config = {
            **config,
            "backbone_img": {**config.get("backbone_img", {}), "pretrained": "random"},
            "backbone_text": {**config.get("backbone_text", {}), "pretrained": False},
            "pretrained": None,
        }
    return registry.build(registry.MODELS, config, "model_config")


def resolved(config: Mapping[str, Any]) -> dict[str, Any]:
    """A `model_config` that says the architecture of its image encoder, where only the weights' file said it.

    A checkpoint that stores this builds again without the file.

    Raises:
        InputError: released weights or a file that cannot be read.
    """
    return _with_architecture(config, architecture_of)


def _with_architecture(config: Mapping[str, Any], architecture: Callable[[str], str]) -> dict[str, Any]:
    section = config.get("backbone_img")
    if not isinstance(section, Mapping) or section.get("backbone_name") or not section.get("pretrained"):
        return dict(config)
    pretrained = section["pretrained"]
    if pretrained in ("imagenet", "random") or not is_weights(pretrained):
        return dict(config)
    return {**config, "backbone_img": {**section, "backbone_name": architecture(pretrained)}}
