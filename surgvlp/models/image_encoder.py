"""Frames to embeddings: a convolutional or transformer backbone, global pooling, one linear layer."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models.backbones import build_backbone, width_of
from surgvlp.models.loading import backbone_from, is_weights
from surgvlp.models.released.names import WEIGHTS
from surgvlp.registry import MODELS


@MODELS.register_module(name="img_backbones/ImageEncoder")
class ImageEncoder(nn.Module):
    """(N, 3, H, W) normalised floats -> (N, num_classes).

    Args:
        num_classes: width of the embedding (the published key's name).
        pretrained: `imagenet` (fetched once, needs the network), `random`, or what `load_backbone` reads: the
            name of released weights or the path of a file.
        backbone_name: as `build_backbone` takes it: `resnet_18|34|50|101` (torchvision's, as published), any
            timm model's, ...; None: what the weights are of, without weights `resnet_50`.
        img_norm: L2-normalise the embedding.

    Raises:
        InputError: an unknown backbone, weights that cannot be had or are not of that backbone.
    """

    def __init__(
        self,
        num_classes: int,
        pretrained: str = "random",
        backbone_name: str | None = None,
        img_norm: bool = False,
    ) -> None:
        super().__init__()
        self.model = _backbone(pretrained, backbone_name)
        self.global_embedder = nn.Linear(width_of(self.model), num_classes)
        self.embedding_dim = num_classes
        self.img_norm = img_norm

    def forward(self, frames: Tensor) -> Tensor:
        embedding = self.global_embedder(self.model(frames))
        return F.normalize(embedding, dim=-1) if self.img_norm else embedding


def _backbone(pretrained: str, name: str | None) -> nn.Module:
    if pretrained in ("imagenet", "random"):
        return build_backbone(name or "resnet_50", pretrained == "imagenet")
    if is_weights(pretrained):
        return backbone_from(pretrained, name)
    raise InputError(
        f"{pretrained!r} is neither 'imagenet' nor 'random', nor released weights or a file",
        key="model_config.backbone_img.pretrained",
        remedy=f"Released weights are {', '.join(WEIGHTS)}",
    )
