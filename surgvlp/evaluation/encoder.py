"""From a checkpoint to a model that is ready to embed."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from surgvlp import config as configs
from surgvlp.files import InputError, sha256_of
from surgvlp.models.build import DualEncoder, build_model
from surgvlp.models.modes import usable_device
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.models.weights import load_weights, read_state

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
    """

    model: DualEncoder
    tokenizer: Tokenizer
    size: int | None
    name: str
    device: torch.device


def open_encoder(
    checkpoint: Path | None, config: Path | None, untrained: bool = False, device: str | None = None
) -> Encoder:
    """Build the model of a checkpoint or config file and load its weights.

    Args:
        checkpoint: a training state, which carries its config, or a run's folder for the newest in it; or a
            released file, which needs `config`.
        config: a config file, or a run's folder that holds `config.py`; wins over the checkpoint's own.
        untrained: the control: the weights that training started from, drawn with the config's seed.
        device: torch's name; None: a GPU where there is one.

    Raises:
        InputError: neither is given, a file that cannot be used, or no model section.
    """
    if checkpoint is None and not (untrained and config):
        raise InputError("no model to evaluate", remedy="Give --checkpoint, or --untrained with --config")
    if checkpoint is not None and checkpoint.is_dir():
        checkpoint = newest_checkpoint(checkpoint)
    settings, where = _settings(checkpoint, config)
    section = settings.get("model_config")
    if not isinstance(section, Mapping):
        raise InputError("holds no model_config", file=where, remedy="Give --config with one that does")
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
    return Encoder(model.to(target).eval(), tokenizer, _size(settings), name, target)


def newest_checkpoint(folder: Path) -> Path:
    """The newest `step_*.pt` of a run's folder that is whole; torn ones are named in a warning.

    Raises:
        InputError: there is none.
    """
    for path in sorted(folder.glob("step_*.pt"), reverse=True):
        record = path.with_name(path.name + ".sha256")
        if not record.is_file() or record.read_text(encoding="utf-8").split()[:1] == [sha256_of(path)]:
            return path
        log.warning("%s is torn or was changed; the checkpoint before it is used", path)
    raise InputError("no whole checkpoint (step_*.pt) in this folder", file=folder)


def config_file(config: Path) -> Path:
    """The config file that `--config` means: itself, or the one in a folder."""
    return config / "config.py" if config.is_dir() else config


def _settings(checkpoint: Path | None, config: Path | None) -> tuple[Mapping[str, Any], Path]:
    if config is not None:
        path = config_file(config)
        return configs.read(path), path
    assert checkpoint is not None
    settings = _config_in(checkpoint)
    if not isinstance(settings, Mapping):
        raise InputError(
            "carries no config, as released files do not",
            file=checkpoint,
            remedy="Add --config with the config file it was trained with",
        )
    return settings, checkpoint


def _config_in(checkpoint: Path) -> Any:
    read_state(checkpoint)  # names the reason where this is no checkpoint, or a torn one
    if not zipfile.is_zipfile(checkpoint):
        return None
    content = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)
    return content.get("config")


def _size(settings: Mapping[str, Any]) -> int | None:
    """The side of training frames, where a config of ours or a published one says it."""
    try:
        if "levels" in settings:
            return int(settings["levels"][0]["views"]["size"])
        return int(settings["trainset_config"][0]["size"])
    except (KeyError, IndexError, TypeError, ValueError):
        return None
