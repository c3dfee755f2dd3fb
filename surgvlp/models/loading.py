"""Backbones with weights: by a released name, by timm's, or from any file of ours or of those released."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torchvision
from timm.models.metaformer import MetaFormer
from torch import Tensor, nn

from surgvlp.files import InputError, read_json
from surgvlp.models.backbones import build_backbone, is_architecture, record_size, width_of
from surgvlp.models.released.layouts import BackboneWeights, translated
from surgvlp.models.released.names import WEIGHTS, fetched, kept_at
from surgvlp.models.released.nesting import innermost, without_wrappings
from surgvlp.models.weights import check_equal_entries, check_finite, read_checkpoint
from surgvlp.randomness import seeded

log = logging.getLogger(__name__)

SUFFIXES = (".pth", ".pt", ".safetensors", ".bin", ".ckpt", ".tar")


def load_backbone(name_or_path: str | Path, num_classes: int = 0) -> nn.Module:
    """A pretrained backbone: the plain module of timm or torchvision, images (B, 3, H, W) -> (B, width).

    Files are recognised by their keys: SurgeNet's CAFormer, ConvNeXtV2, PVTv2 and DINO transformers, SurgFM's
    ConvNeXt, each as a bare state dict, a teacher's file or a whole DINO checkpoint, of which the teacher is
    taken; and our own checkpoints, of image pretraining (the teacher) or of video-language training (the
    visual backbone). Every entry is accounted for: left out are classifiers and projection heads (`head.*`,
    `classifier.2.*`, `dino_head.*`, `ibot_head.*`) and `mask_token`, of our own checkpoints also the student
    and all that is not the visual backbone; anything else missing or unexpected is an error.
    What is open about a layout (`provisional`) is logged as a warning, a name's licence as information.
    The module is in training mode, as built.

    Args:
        name_or_path: a name in `released.names.WEIGHTS` (downloaded once), the path of a file, or the name of
            a timm or torchvision model, with its own weights.
        num_classes: 0 gives features (B, num_features); else a fresh linear layer gives (B, num_classes).

    Raises:
        InputError: no such name or file, an unknown layout, entries that do not fit, no network.
    """
    if is_weights(name_or_path):
        backbone = backbone_from(name_or_path)
    else:
        name = str(name_or_path)
        near = difflib.get_close_matches(name, WEIGHTS, n=1, cutoff=0.8)
        if near and not is_architecture(name.partition("@")[0]):
            raise InputError(f"no weights are called {name!r}", remedy=f"Did you mean '{near[0]}'?")
        backbone = build_backbone(name, pretrained=True)
    return _with_classifier(backbone, num_classes) if num_classes else backbone


def is_weights(name_or_path: str | Path) -> bool:
    """Whether this names released weights or a file, there or not, rather than an architecture."""
    name = str(name_or_path)
    looks_like_file = name.endswith(SUFFIXES) or "/" in name or isinstance(name_or_path, Path)
    return name in WEIGHTS or looks_like_file or os.path.isfile(name)


def backbone_from(name_or_path: str | Path, architecture: str | None = None) -> nn.Module:
    """The backbone of released weights or of a file.

    Args:
        architecture: as `build_backbone` names it; None: the file's own.
    """
    if released := WEIGHTS.get(str(name_or_path)):
        log.info("%s: licence %s, from %s", name_or_path, released.licence, released.page)
    path = _path_of(name_or_path)
    weights = read_backbone(path)
    if weights.provisional:
        log.warning("%s: provisional: %s", name_or_path, weights.provisional)
    name = architecture or weights.architecture
    backbone = build_backbone(name)
    own = "" if name == weights.architecture else f", while the file looks like {weights.architecture}"
    fill(backbone, weights.state, path, name + own)
    if weights.size is not None:
        record_size(backbone, weights.size)
    return backbone


def untrained_backbone(name_or_path: str | Path) -> nn.Module:
    """The control to a backbone: its architecture with random weights.

    Of a checkpoint of ours they are those that its training drew at its start, before any pretrained ones;
    of what does not say its seed, those of seed 0.

    Raises:
        InputError: as `load_backbone`.
    """
    name, seed = str(name_or_path), 0
    if is_weights(name_or_path):
        weights = read_backbone(_path_of(name_or_path))
        name, seed = weights.architecture, weights.seed or 0
    with seeded(seed):
        return build_backbone(name)


def fill(module: nn.Module, state: Mapping[str, Tensor], path: str | Path, name: str) -> None:
    """Load entries into a module, all or none; axes of length 1 may differ, as between linear and 1x1 layers.

    Args:
        path: of the file, for errors.
        name: what the module is, for errors.

    Raises:
        InputError: entries that are missing, unexpected, of another shape or not finite.
    """
    wanted = module.state_dict()
    fitted = {key: _fitted(value, wanted.get(key)) for key, value in state.items()}
    check_equal_entries(fitted, wanted, path, f"It was taken for {name}")
    check_finite(fitted, path)
    module.load_state_dict(fitted, strict=True)
    log.info("%s: %d entries loaded into %s", path, len(fitted), name)


def _fitted(value: Tensor, wanted: Tensor | None) -> Tensor:
    if wanted is None or [n for n in value.shape if n != 1] != [n for n in wanted.shape if n != 1]:
        return value
    return value.reshape(wanted.shape)


def architecture_of(name_or_path: str | Path) -> str:
    """The architecture, as `build_backbone` names it, of released weights or of a file."""
    return read_backbone(_path_of(name_or_path)).architecture


def architecture_without_fetching(name_or_path: str | Path) -> str:
    """As `architecture_of`, but where the file is not there, the one that is known of the name.

    Raises:
        InputError: no file, and none is known.
    """
    released = WEIGHTS.get(str(name_or_path))
    path = kept_at(str(name_or_path)) if released else Path(name_or_path)
    if os.path.isfile(path):
        return read_backbone(path).architecture
    if released and released.architecture:
        return released.architecture
    raise InputError(
        f"which backbone {name_or_path} is of is not known without its file",
        key="model_config.backbone_img.backbone_name",
        remedy="Name the backbone there",
    )


def read_backbone(path: Path) -> BackboneWeights:
    """A file's weights under our names; they stay on disk until used.

    Raises:
        InputError: as `load_backbone`, for a file.
    """
    content = read_checkpoint(path)
    state = innermost(content, path)
    config = _config(content, path)
    if teacher := _part(state, "teacher.backbone."):
        if not config:  # DINOv2's and DINOv3's own training states
            return translated(without_wrappings(teacher), path)
        size, name = _in(config, "crops", "global_size"), _name_in(config, ("backbone", "name"), path)
        return BackboneWeights(name, teacher, size=_size(size), seed=_seed(config))
    if visual := _part(state, "backbone_img.model."):
        size = _in(config, "levels", 0, "views", "size") or _in(config, "preprocessing", "crop")
        return BackboneWeights(_visual_name(config, path), visual, size=_size(size), seed=_seed(config))
    return translated(without_wrappings(state), path)


def _config(content: Any, path: Path) -> Any:
    """Of a checkpoint of ours the one in it, of an exported model's weights the one beside them."""
    beside = path.with_name("config.json")
    if path.suffix == ".safetensors" and beside.is_file():
        return read_json(beside)
    return content.get("config") if isinstance(content, Mapping) else None


def _path_of(name_or_path: str | Path) -> Path:
    return fetched(str(name_or_path)) if str(name_or_path) in WEIGHTS else Path(name_or_path)


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _visual_name(config: Any, path: Path) -> str:
    """As the configs of train.py mean it, and of published checkpoints, which hold none."""
    place = ("model_config", "backbone_img")
    name, pretrained = (_in(config, *place, key) for key in ("backbone_name", "pretrained"))
    if not config or (name is None and pretrained in (None, "random", "imagenet")):
        return "resnet_50"
    return _name_in(config, (*place, "backbone_name"), path)


def _name_in(config: Any, place: tuple[str, ...], path: Path) -> str:
    name = _in(config, *place)
    if not isinstance(name, str):
        raise InputError("its config does not name the backbone", file=path, key=".".join(place))
    return name


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _seed(config: Any) -> int | None:
    seed = _in(config, "seed")
    return seed if isinstance(seed, int) and seed >= 0 else None


def _in(config: Any, *place: str | int) -> Any:
    """What stands at a place in plain data; None where nothing does."""
    for key in place:
        try:
            config = config[key]
        except (TypeError, KeyError, IndexError):
            return None
    return config


def _with_classifier(backbone: nn.Module, num_classes: int) -> nn.Module:
    linear = nn.Linear(width_of(backbone), num_classes)
    if isinstance(backbone, torchvision.models.ResNet):
        backbone.fc = linear
        return backbone
    backbone.reset_classifier(num_classes)  # type: ignore[operator]
    if isinstance(backbone, MetaFormer):  # timm's own classifier for it is a network of two layers
        backbone.head.fc = linear
    return backbone
