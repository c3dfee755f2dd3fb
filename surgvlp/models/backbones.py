"""Image backbones by name: building them, their width, the input they expect, their last map."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import timm
import torch
import torchvision
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.layers import to_2tuple
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models.modes import evaluating
from surgvlp.models.variants import VARIANTS

TORCHVISION = ("resnet_18", "resnet_34", "resnet_50", "resnet_101")


@dataclass(frozen=True)
class ImageInput:
    """What a backbone was trained on: a square's side in pixels, and the statistics that normalise [0, 1]."""

    size: int = 224
    mean: tuple[float, float, float] = IMAGENET_DEFAULT_MEAN
    std: tuple[float, float, float] = IMAGENET_DEFAULT_STD


def build_backbone(name: str, pretrained: bool = False, drop_path_rate: float = 0.0) -> nn.Module:
    """Images (B, 3, H, W) -> (B, width), pooled and without a classifier; transformers take any H and W that
    are multiples of their patch.

    Args:
        name: `resnet_18|34|50|101` (torchvision's, as published), the name of any timm model, or one of
            `variants.VARIANTS` (`caformer_s18_relu`, ...). `<name>@<side>` builds a vision transformer whose
            position embedding is that of `<side>` pixels.
        pretrained: with the ImageNet weights of torchvision or timm (fetched once), else random ones.
        drop_path_rate: stochastic depth, the rate of the last block.

    Raises:
        InputError: an unknown name, no such weights or no network to fetch them, or a backbone without
            stochastic depth.
    """
    architecture, _, side = name.partition("@")
    if side and not (side.isdecimal() and int(side)):
        raise InputError(f"the side in the backbone's name {name!r} is no number of pixels")
    if not is_architecture(architecture):
        raise _unknown(name)
    if architecture in TORCHVISION:
        return _torchvision(name, pretrained, drop_path_rate)
    # the rate is always said, as some networks have another one of their own (swin's is 0.1)
    options: dict[str, Any] = {"num_classes": 0, "drop_path_rate": drop_path_rate}
    if side:
        options["img_size"] = int(side)
    can_do_without = set() if drop_path_rate else {"drop_path_rate"}
    try:
        if architecture in VARIANTS:
            if pretrained:
                raise InputError(f"{name} has no ImageNet weights", remedy="Start it from random ones")
            backbone = VARIANTS[architecture](**options)
        else:
            backbone = _timm(architecture, pretrained, options, can_do_without)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise InputError(f"the backbone {name} cannot be built so ({error})") from error
    if side:
        _check_side(backbone, int(side), name)
    _record_input(backbone, pretrained, int(side or 0))
    return backbone


def is_architecture(name: str) -> bool:
    """Whether `build_backbone` builds it, `@<side>` apart."""
    return name in TORCHVISION or name in VARIANTS or timm.is_model(name)


def width_of(backbone: nn.Module) -> int:
    """Numbers a picture: the width of what comes out before any classifier."""
    if isinstance(backbone, torchvision.models.ResNet):
        return 512 * backbone.layer4[0].expansion
    # Some timm models widen after pooling (mobilenetv3); head_hidden_size is what comes out.
    return getattr(backbone, "head_hidden_size", None) or backbone.num_features  # type: ignore[return-value]


def input_of(backbone: nn.Module, size: int | None = None) -> ImageInput:
    """Size (or the one given) and statistics of its training pictures; ImageNet's where none are noted."""
    record: dict[str, Any] = getattr(backbone, "pretrained_cfg", None) or {}
    if not record.get("input_size"):
        return ImageInput(size or ImageInput.size)
    return ImageInput(size or record["input_size"][-1], tuple(record["mean"]), tuple(record["std"]))


def record_size(backbone: nn.Module, size: int) -> None:
    """Note the side in pixels of the pictures that its weights were trained on, for `input_of`."""
    statistics = {"mean": IMAGENET_DEFAULT_MEAN, "std": IMAGENET_DEFAULT_STD}
    record = getattr(backbone, "pretrained_cfg", None) or statistics
    backbone.pretrained_cfg = {**record, "input_size": (3, size, size)}  # type: ignore[assignment]


def check_takes(backbone: nn.Module, size: int, name: str, key: str = "size") -> None:
    """See that a backbone takes pictures of `size` pixels a side, on the device where it is.

    Args:
        name, key: what to call the backbone and the setting, for the error.

    Raises:
        InputError: it does not; transformers are particular, and small maps may vanish under a convolution.
    """
    device = next(backbone.parameters()).device
    try:
        with evaluating(backbone):
            backbone(torch.zeros(1, 3, size, size, device=device))
    except (AssertionError, RuntimeError) as error:
        raise InputError(
            f"{name} takes no pictures of {size} pixels ({str(error).splitlines()[0]})",
            key=key,
            remedy=f"Its own are of {input_of(backbone).size}",
        ) from error


def feature_map(backbone: nn.Module, images: Tensor) -> Tensor:
    """(B, 3, H, W) normalised -> (B, C, h, w): the last stage before pooling, patch tokens as a grid.

    Raises:
        InputError: a backbone that keeps no map.
    """
    if isinstance(backbone, torchvision.models.ResNet):
        maps = backbone.maxpool(backbone.relu(backbone.bn1(backbone.conv1(images))))
        for stage in (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4):
            maps = stage(maps)
        return maps
    if hasattr(backbone, "num_prefix_tokens"):  # a vision transformer: normalised tokens, class token first
        tokens = backbone.forward_features(images)[:, backbone.num_prefix_tokens :]  # type: ignore[operator]
        height, width = backbone.patch_embed.dynamic_feat_size(images.shape[-2:])  # type: ignore[operator, union-attr]
        return tokens.transpose(1, 2).unflatten(2, (height, width))
    if not hasattr(backbone, "forward_intermediates"):
        raise InputError(f"{type(backbone).__name__} keeps no map of features")
    maps = backbone.forward_intermediates(images, indices=1, intermediates_only=True)  # type: ignore[operator]
    return maps[-1]


def _torchvision(name: str, pretrained: bool, drop_path_rate: float) -> nn.Module:
    if drop_path_rate or "@" in name:
        raise InputError(f"{name} has neither stochastic depth nor a size of its own")
    # The papers start from the first ImageNet weights, not from torchvision's later recipe.
    weights = "IMAGENET1K_V1" if pretrained else None
    try:
        resnet = torchvision.models.get_model(name.replace("_", ""), weights=weights)
    except (OSError, RuntimeError) as error:
        raise _not_fetched(name, error) from error
    resnet.fc = nn.Identity()
    return resnet


def _timm(name: str, pretrained: bool, options: dict[str, Any], can_do_without: set[str]) -> nn.Module:
    # A transformer's position embedding then follows the picture, as DINO's small crops need it.
    options, can_do_without = {**options, "dynamic_img_size": True}, can_do_without | {"dynamic_img_size"}
    try:
        while True:
            try:
                return timm.create_model(name, pretrained=pretrained, **options)
            except TypeError as error:  # timm hands every option to the class, which names what it has not
                unknown = [option for option in can_do_without.intersection(options) if option in str(error)]
                if "unexpected keyword" not in str(error) or not unknown:
                    raise
                options = {option: value for option, value in options.items() if option not in unknown}
    except (OSError, RuntimeError) as error:
        if "Invalid pretrained tag" in str(error):
            raise _unknown(name) from error
        if not pretrained:
            raise
        raise _not_fetched(name, error) from error


def _record_input(backbone: nn.Module, pretrained: bool, side: int) -> None:
    """timm notes the statistics of its own weights; random ones have none, so ours are ImageNet's."""
    record = dict(getattr(backbone, "pretrained_cfg", None) or {})
    if not pretrained:
        record.update(mean=IMAGENET_DEFAULT_MEAN, std=IMAGENET_DEFAULT_STD)
    if side:
        record["input_size"] = (3, side, side)
    backbone.pretrained_cfg = record  # type: ignore[assignment]


def _check_side(backbone: nn.Module, side: int, name: str) -> None:
    patch = to_2tuple(getattr(getattr(backbone, "patch_embed", None), "patch_size", 1))[0]
    if side % patch:
        raise InputError(
            f"the side in the backbone's name {name!r} is no multiple of its patches of {patch} pixels"
        )


def _not_fetched(name: str, error: Exception) -> InputError:
    return InputError(
        f"cannot fetch ImageNet weights of {name} ({str(error).splitlines()[0][:200]})",
        remedy="Connect to the network once, or where a config asks for them, set it to 'random'",
    )


def _unknown(name: str) -> InputError:
    known = [*TORCHVISION, *VARIANTS, *timm.list_models()]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    otherwise = f"Use {', '.join(TORCHVISION)} or a timm model's name"
    return InputError(
        f"no backbone is called {name!r}", remedy=f"Did you mean '{near[0]}'?" if near else otherwise
    )
