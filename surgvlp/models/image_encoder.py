"""Frames to embeddings: a convolutional or transformer backbone, global pooling, one linear layer."""

from __future__ import annotations

import difflib

import timm
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.registry import MODELS

TORCHVISION = ("resnet_18", "resnet_34", "resnet_50", "resnet_101")


@MODELS.register_module(name="img_backbones/ImageEncoder")
class ImageEncoder(nn.Module):
    """(N, 3, H, W) normalised floats -> (N, num_classes).

    Args:
        num_classes: width of the embedding (the published key's name).
        pretrained: `imagenet` (fetched once, needs the network) or `random`.
        backbone_name: `resnet_18|34|50|101` (torchvision's, as published), or the name of any timm model.
        img_norm: L2-normalise the embedding.

    Raises:
        InputError: an unknown backbone, or ImageNet weights that cannot be had.
    """

    def __init__(
        self,
        num_classes: int,
        pretrained: str = "random",
        backbone_name: str = "resnet_50",
        img_norm: bool = False,
    ) -> None:
        super().__init__()
        if pretrained not in ("imagenet", "random"):
            raise InputError(
                f"{pretrained!r} is neither 'imagenet' nor 'random'",
                key="model_config.backbone_img.pretrained",
            )
        self.model, width = _backbone(backbone_name, pretrained == "imagenet")
        self.global_embedder = nn.Linear(width, num_classes)
        self.embedding_dim = num_classes
        self.img_norm = img_norm

    def forward(self, frames: Tensor) -> Tensor:
        embedding = self.global_embedder(self.model(frames))
        return F.normalize(embedding, dim=-1) if self.img_norm else embedding


def _backbone(name: str, pretrained: bool) -> tuple[nn.Module, int]:
    """The module (N, 3, H, W) -> (N, width), pooled and without a classifier, and its width."""
    if name not in TORCHVISION and not timm.is_model(name):
        raise _unknown(name)
    try:
        if name in TORCHVISION:
            # The papers start from the first ImageNet weights, not from torchvision's later recipe.
            resnet = torchvision.models.get_model(
                name.replace("_", ""), weights="IMAGENET1K_V1" if pretrained else None
            )
            width = resnet.fc.in_features
            resnet.fc = nn.Identity()
            return resnet, width
        model = timm.create_model(name, pretrained=pretrained, num_classes=0)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise InputError(
            f"cannot fetch ImageNet weights of {name} ({str(error).splitlines()[0][:200]})",
            key="model_config.backbone_img.pretrained",
            remedy="Connect to the network once, or set it to 'random'",
        ) from error
    # Some timm models widen after pooling (mobilenetv3); head_hidden_size is what comes out.
    return model, getattr(model, "head_hidden_size", None) or model.num_features  # type: ignore[return-value]


def _unknown(name: str) -> InputError:
    known = f"Use {', '.join(TORCHVISION)} or a timm model's name"
    near = difflib.get_close_matches(name, [*TORCHVISION, *timm.list_models()], n=1, cutoff=0.5)
    return InputError(
        f"no backbone is called {name!r}",
        key="model_config.backbone_img.backbone_name",
        remedy=f"Did you mean '{near[0]}'?" if near else known,
    )
