"""The released layouts, recognised by their keys, renamed into those of a module that computes the same.

What rests on others' reports of the files, instead of on the code that made or reads them, is `provisional`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

from timm.models import is_model_pretrained
from torch import Tensor

from surgvlp.files import InputError
from surgvlp.models.backbones import is_architecture

State = Mapping[str, Tensor]
WIDTHS = {192: "tiny", 384: "small", 768: "base", 1024: "large"}


@dataclass(frozen=True)
class BackboneWeights:
    """A file's weights under our names.

    Attributes:
        architecture: what `build_backbone` builds for them.
        state: entries of that module.
        provisional: what nobody verified on the released files themselves; empty where nothing is open.
        size: side in pixels of the pictures it was trained on; None: the architecture's own.
        seed: of its training, where the file says it.
    """

    architecture: str
    state: dict[str, Tensor]
    provisional: str = ""
    size: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Layout:
    """How one family of files names its entries.

    Attributes:
        name: in words.
        matches: whether a state dict, stripped of wrappings, is of this family.
        architecture: the backbone's name, read off keys and shapes.
        rules: regular expressions and replacements, applied to each key one after the other.
        provisional: as in `BackboneWeights`.
    """

    name: str
    matches: Callable[[State], bool]
    architecture: Callable[[State], str]
    rules: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]
    provisional: str = ""

    def renamed(self, key: str) -> str:
        """The module's name of an entry."""
        for pattern, replacement in self.rules:
            key = re.sub(pattern, replacement, key)
        return key


def translated(state: State, path: str | Path) -> BackboneWeights:
    """Recognise the layout of a state dict and rename its entries.

    Raises:
        InputError: no known layout, or one whose shapes say no known size, or a size that cannot be built.
    """
    layout = next((layout for layout in LAYOUTS if layout.matches(state)), None)
    if layout is None:
        raise InputError(
            f"no known layout of a backbone has entries such as {', '.join(sorted(state)[:3]) or '(none)'}",
            file=path,
            remedy=f"Known are {', '.join(layout.name for layout in LAYOUTS)}",
        )
    try:
        architecture = layout.architecture(state)
        entries = _without_register_positions(state) if "register_tokens" in state else dict(state)
    except KeyError as error:
        raise InputError(f"looks like {layout.name}, but has no entry {error}", file=path) from error
    except (IndexError, ValueError, RuntimeError) as error:  # shapes that no such network has
        raise InputError(f"looks like {layout.name}, but {error}", file=path) from error
    if not is_architecture(architecture.partition("@")[0]):
        raise InputError(f"looks like {layout.name}, but there is no {architecture} to build", file=path)
    renamed = {layout.renamed(key): value for key, value in entries.items()}
    if len(renamed) < len(entries):
        raise InputError(f"looks like {layout.name}, but names an entry twice", file=path)
    return BackboneWeights(architecture, renamed, layout.provisional)


def _transformer_size(state: State) -> str:
    width = state["cls_token"].shape[-1]
    if width not in WIDTHS:
        raise ValueError(f"no vision transformer of width {width} is known")
    return WIDTHS[width]


def _positions(state: State) -> tuple[int, int]:
    """Patch and side in pixels, as the position embedding (1, 1 + patches, D) tells."""
    patch, patches = state["patch_embed.proj.weight"].shape[-1], state["pos_embed"].shape[1] - 1
    if patches < 1 or isqrt(patches) ** 2 != patches:
        raise ValueError(f"its {patches} position embeddings are of no square picture")
    return patch, isqrt(patches) * patch


def _first_dino(state: State) -> str:
    patch, side = _positions(state)
    name = f"vit_{_transformer_size(state)}_patch{patch}_224"
    return f"{name}.dino@{side}" if is_model_pretrained(f"{name}.dino") else f"{name}@{side}"


def _second_dino(state: State) -> str:
    patch, side = _positions(state)
    registers = "reg4_" if "register_tokens" in state else ""
    return f"vit_{_transformer_size(state)}_patch{patch}_{registers}dinov2@{side}"


def _without_register_positions(state: State) -> dict[str, Tensor]:
    """With registers, timm adds positions to patches only: the class token's goes into the token."""
    positions = state["pos_embed"]
    return {**state, "cls_token": state["cls_token"] + positions[:, :1], "pos_embed": positions[:, 1:]}


_STAGE_BLOCKS = (r"^stages\.(\d)\.(\d+)\.", r"stages.\1.blocks.\2.")

LAYOUTS = (
    Layout(
        "CAFormer-S18 of SurgeNet (ReLU) or ImageNet (StarReLU)",
        lambda state: "downsample_layers.0.conv.weight" in state,
        lambda state: "caformer_s18" if any(".act" in key for key in state) else "caformer_s18_relu",
        (
            (r"^downsample_layers\.0\.(?:post_)?(conv|norm)\.", r"stem.\1."),
            (r"^downsample_layers\.(\d)\.(?:pre_)?(conv|norm)\.", r"stages.\1.downsample.\2."),
            _STAGE_BLOCKS,
            (r"^norm\.", "head.norm."),
        ),
    ),
    Layout(
        "ConvNeXtV2-Tiny of SurgeNet",
        lambda state: "downsample_layers.0.0.weight" in state and any(".grn." in key for key in state),
        lambda state: "convnextv2_tiny",
        (
            (r"^downsample_layers\.0\.([01])\.", r"stem.\1."),
            (r"^downsample_layers\.(\d)\.([01])\.", r"stages.\1.downsample.\2."),
            _STAGE_BLOCKS,
            (r"\.dwconv\.", ".conv_dw."),
            (r"\.pwconv([12])\.", r".mlp.fc\1."),
            (r"\.grn\.gamma$", ".mlp.grn.weight"),
            (r"\.grn\.beta$", ".mlp.grn.bias"),
            (r"^norm\.", "head.norm."),
        ),
        "whether the released file's keys carry a prefix is not known; any usual one is read",
    ),
    Layout(
        "PVTv2-B2 of SurgeNet",
        lambda state: "patch_embed1.proj.weight" in state,
        lambda state: "pvt_v2_b2",
        (
            (r"^patch_embed1\.", "patch_embed."),
            (r"^patch_embed([234])\.", lambda m: f"stages.{int(m[1]) - 1}.downsample."),
            (r"^block([1-4])\.(\d+)\.", lambda m: f"stages.{int(m[1]) - 1}.blocks.{m[2]}."),
            (r"^norm([1-4])\.", lambda m: f"stages.{int(m[1]) - 1}.norm."),
            (r"\.mlp\.dwconv\.dwconv\.", ".mlp.dwconv."),
        ),
        "whether the released file's keys carry a prefix is not known; any usual one is read",
    ),
    Layout(
        "torchvision's ConvNeXt-Large (SurgFM, LemonFM)",
        lambda state: "features.0.0.weight" in state,
        lambda state: "convnext_large",
        (
            (r"^features\.0\.([01])\.", r"stem.\1."),
            (r"^features\.([246])\.([01])\.", lambda m: f"stages.{int(m[1]) // 2}.downsample.{m[2]}."),
            (r"^features\.([1357])\.(\d+)\.", lambda m: f"stages.{int(m[1]) // 2}.blocks.{m[2]}."),
            (r"\.layer_scale$", ".gamma"),
            (r"\.block\.0\.", ".conv_dw."),
            (r"\.block\.2\.", ".norm."),
            (r"\.block\.3\.", ".mlp.fc1."),
            (r"\.block\.5\.", ".mlp.fc2."),
            (r"^classifier\.0\.", "head.norm."),
        ),
    ),
    Layout(
        "DINOv3 ViT of SurgeNet",
        lambda state: "cls_token" in state and "pos_embed" not in state,
        lambda state: f"vit_{_transformer_size(state)}_patch16_dinov3_surgenet",
        (
            (r"^rope_embed\.periods$", "rope.periods"),
            (r"^(blocks\.\d+)\.ls([12])\.gamma$", r"\1.gamma_\2"),
        ),
        "the layer norms' epsilon (1e-5), angles computed in float32, and the class token as the output "
        "follow the published configuration and others' reports",
    ),
    Layout(
        "DINOv2 ViT of SurgeNet",
        lambda state: "cls_token" in state and "blocks.0.ls1.gamma" in state,
        _second_dino,
        ((r"^register_tokens$", "reg_token"),),
        "whether the released file holds register tokens is not known; both kinds are read",
    ),
    Layout("DINO ViT (DINOv1)", lambda state: "cls_token" in state, _first_dino, ()),
)
