"""From a checkpoint to a model that is ready to embed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from surgvlp import config as configs
from surgvlp.files import InputError, sha256_of
from surgvlp.models.build import DualEncoder, build_model
from surgvlp.models.exported import from_pretrained, is_exported
from surgvlp.models.exported.folder import WEIGHTS
from surgvlp.models.mending import mended
from surgvlp.models.modes import usable_device
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.models.weights import load_weights, read_checkpoint, read_state

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoder:
    """What zero-shot evaluation needs to know of a model.

    Attributes:
        model: on `device`, in evaluation mode.
        tokenizer: of its text encoder.
        size: side in pixels of the frames it was trained on; None where nothing says so.
        name: stands in the prediction files and the report.
        device: where it lives.
        settings: the config of which it was built, a part of which is `model_config`.
    """

    model: DualEncoder
    tokenizer: Tokenizer
    size: int | None
    name: str
    device: torch.device
    settings: Mapping[str, Any]


def open_encoder(
    checkpoint: Path | None, config: Path | None, untrained: bool = False, device: str | None = None
) -> Encoder:
    """Build the model of a checkpoint or config file and load its weights.

    Args:
        checkpoint: a training state, which carries its config, or a run's folder for the newest in it; an
            exported folder; or a released file, which needs `config`.
        config: a config file, or a run's folder that holds `config.py`; wins over a training state's own.
        untrained: the control: random weights, drawn with the config's seed, but for what came pretrained.
        device: torch's name; None: a GPU where there is one.

    Raises:
        InputError: neither is given, a file that cannot be used, or no model section.
    """
    if checkpoint is None and not (untrained and config):
        raise InputError("no model to evaluate", remedy="Give --checkpoint, or --untrained with --config")
    if checkpoint is not None and checkpoint.is_dir():
        checkpoint = newest_checkpoint(checkpoint)
    if checkpoint is not None and exported_folder(checkpoint) and not untrained:
        return _open_exported(checkpoint, config, device)
    settings, where = _settings(checkpoint, config)
    section = settings.get("model_config")
    if not isinstance(section, Mapping):
        raise InputError("holds no model_config", file=where, remedy="Give --config with one that does")
    settings = {**settings, "model_config": (section := mended(section))}
    target = usable_device(device)
    torch.manual_seed(int(settings.get("seed") or 0))
    model = build_model(section, weights_follow=not untrained)
    name = "untrained"
    if not untrained:
        assert checkpoint is not None
        load_weights(model, checkpoint)
        name = f"{checkpoint.name} ({sha256_of(checkpoint)[:12]})"
    text = section.get("backbone_text", {})
    tokenizer = Tokenizer(text.get("name") or text.get("text_bert_type"))
    return Encoder(model.to(target).eval(), tokenizer, _size(settings), name, target, settings)


def newest_checkpoint(folder: Path) -> Path:
    """The weights of an exported folder, or of a run's folder the newest `step_*.pt` that is whole.

    Torn ones are named in a warning.

    Raises:
        InputError: there is none.
    """
    if is_exported(folder):
        return folder / WEIGHTS
    for path in sorted(folder.glob("step_*.pt"), reverse=True):
        record = path.with_name(path.name + ".sha256")
        if not record.is_file() or record.read_text(encoding="utf-8").split()[:1] == [sha256_of(path)]:
            return path
        log.warning("%s is torn or was changed; the checkpoint before it is used", path)
    raise InputError("no whole checkpoint (step_*.pt) in this folder", file=folder)


def exported_folder(checkpoint: Path) -> Path | None:
    """The exported folder that a checkpoint is, or of which it is the weights."""
    folder = checkpoint if checkpoint.is_dir() else checkpoint.parent
    return folder if is_exported(folder) and checkpoint in (folder, folder / WEIGHTS) else None


def training_state(checkpoint: Path) -> Mapping[str, Any]:
    """What stands in a checkpoint beside the weights: config, step, environment; {} in a released file.

    Raises:
        InputError: this is no checkpoint, or a torn one.
    """
    read_state(checkpoint)  # says why where this is no checkpoint
    content = read_checkpoint(checkpoint)
    return {key: value for key, value in content.items() if not isinstance(value, torch.Tensor)}


def config_file(config: Path) -> Path:
    """The config file that `--config` means: itself, or the one in a folder."""
    return config / "config.py" if config.is_dir() else config


def _open_exported(weights: Path, config: Path | None, device: str | None) -> Encoder:
    folder = weights.parent
    if config is not None:
        raise InputError(
            "says itself how it is built", file=folder, key="--config", remedy="Leave --config out"
        )
    exported = from_pretrained(folder, device)
    name = f"{folder.resolve().name} ({sha256_of(weights)[:12]})"
    target = next(exported.model.parameters()).device
    settings = {"model_config": exported.model_config}
    return Encoder(exported.model, exported.tokenizer, exported.preprocessing.crop, name, target, settings)


def _settings(checkpoint: Path | None, config: Path | None) -> tuple[Mapping[str, Any], Path]:
    if config is not None:
        path = config_file(config)
        return configs.read(path), path
    assert checkpoint is not None
    settings = training_state(checkpoint).get("config")
    if not isinstance(settings, Mapping):
        raise InputError(
            "carries no config, as released files do not",
            file=checkpoint,
            remedy="Add --config with the config file it was trained with",
        )
    return settings, checkpoint


def _size(settings: Mapping[str, Any]) -> int | None:
    """The side of training frames, where a config of ours or a published one says it."""
    try:
        if "levels" in settings:
            return int(settings["levels"][0]["views"]["size"])
        return int(settings["trainset_config"][0]["size"])
    except (KeyError, IndexError, TypeError, ValueError):
        return None
