"""`surgvlp.load`: from a name, a published config or an exported folder to a model that is ready to embed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from surgvlp.datasets.phases import published_preprocess
from surgvlp.files import InputError, did_you_mean
from surgvlp.models.build import DualEncoder, build_model
from surgvlp.models.exported import from_pretrained, is_exported
from surgvlp.models.mending import mended
from surgvlp.models.modes import usable_device
from surgvlp.models.weights import load_weights
from surgvlp.published.released import RELEASED, fetched, model_config_of

Preprocess = Callable[[Image.Image], Tensor]


def load(
    model_config: str | os.PathLike[str] | Mapping[str, Any],
    device: str | int | torch.device | None = None,
    download_root: str | os.PathLike[str] | None = None,
    pretrain: str | os.PathLike[str] | None = None,
    *,
    mirror: str | None = None,
) -> tuple[DualEncoder, Preprocess]:
    """A vision-language model with its weights, and what turns a picture into its input.

    The model is called as `model(inputs_img, inputs_text, mode)`: frames (N, 3, H, W) and tokens of
    `surgvlp.tokenize`; mode `all`, `video` (frames only) or `text` gives a dictionary with `img_emb` (N, D)
    and `text_emb` (M, D), not of unit length. It is in evaluation mode.

        model, preprocess = surgvlp.load("PeskaVLP")                              # downloaded once
        model, preprocess = surgvlp.load("PeskaVLP", pretrain="PeskaVLP.pth")     # without any network
        configs = Config.fromfile("config.py", lazy_import=False)["config"]       # a published config
        model, preprocess = surgvlp.load(configs.model_config, device="cuda")
        model, preprocess = surgvlp.load("exported/my_model")                     # a folder of ours

    Args:
        model_config: a name of `surgvlp.available_models()`; or a published `model_config`, whose `type`
            names the weights; or a folder that `tools/export_model.py` wrote, which holds everything (one
            that has the name of a released model is written `./SurgVLP`). Misspelt encoders are mended, with
            a warning: published configs have some.
        device: torch's name of it; None: a GPU where there is one.
        download_root: folder for downloaded weights, `~/.cache/surgvlp` by default. A `SurgVLP.pth` or
            `SurgVLP.zip` that is there already is used.
        pretrain: file of weights to use instead: released, of a published or of our training (bare, under
            `state_dict`, with or without `module.` and `position_ids`), also inside a zip archive.
        mirror: address of a folder with `SurgVLP.zip` and so on, asked instead of the authors' server.

    Returns:
        The model, and `preprocess`: PIL image -> (3, 224, 224) float32, resized to 360 x 640, the centre cut
        out, normalised, as published (an exported model's own, where it was trained on something else).

    Raises:
        InputError: an unknown name, weights that cannot be had or are not exactly the model's, a device that
            cannot be used.
    """
    if isinstance(model_config, str | os.PathLike) and str(model_config) not in RELEASED:
        return _exported(Path(model_config), device, pretrain)
    if isinstance(model_config, str | os.PathLike):
        model_config = model_config_of(str(model_config))
    target = usable_device(device)
    config = mended(model_config)
    model = build_model(config, weights_follow=True)
    path = pretrain or config.get("pretrained")
    load_weights(model, Path(path) if path else _released(config, download_root, mirror))
    return model.to(target).eval(), published_preprocess()


def _released(config: Mapping[str, Any], root: str | os.PathLike[str] | None, mirror: str | None) -> Path:
    if config["type"] not in RELEASED:
        raise InputError(
            f"no weights were released for {config['type']}",
            key="model_config.type",
            remedy=f"Give their file as `pretrain`, or the type of a released model: {', '.join(RELEASED)}",
        )
    return fetched(config["type"], root, mirror)


def _exported(
    folder: Path, device: str | int | torch.device | None, pretrain: str | os.PathLike[str] | None
) -> tuple[DualEncoder, Preprocess]:
    if not is_exported(folder):
        raise InputError(
            f"{str(folder)!r} is neither a released model nor the folder of an exported one",
            remedy=did_you_mean(str(folder), RELEASED),
        )
    if pretrain:
        raise InputError("an exported folder holds its weights", file=folder, remedy="Leave `pretrain` out")
    exported = from_pretrained(folder, device)
    return exported.model, exported.preprocessing
