"""One file in the layout of the released weights, for the published inference package."""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from torch import Tensor

from surgvlp.files import InputError, atomic_path
from surgvlp.models.build import BertEncoder, DualEncoder

POSITIONS = "backbone_text.model.embeddings.position_ids"


def save_published(model: DualEncoder, path: str | Path) -> None:
    """Write what `published_state` gives as a bare state dict.

    Raises:
        InputError: as `published_state`, or the disk is full.
    """
    state = published_state(model)
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def published_state(model: DualEncoder) -> dict[str, Tensor]:
    """The weights under the published names, on the CPU.

    The package loads strictly and runs transformers 4.30, whose BERT has a buffer `position_ids`; it is
    there too, and `load_weights` leaves it out again.

    Raises:
        InputError: a model of which the published code has no equal.
    """
    text = model.backbone_text
    if not isinstance(text, BertEncoder) or text.model.config.model_type != "bert":
        raise _no_equal("the text encoder is no BertEncoder over a BERT")
    if not isinstance(model.backbone_img.model, torchvision.models.ResNet):
        raise _no_equal("the image encoder is no ResNet of torchvision")
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    state[POSITIONS] = torch.arange(text.model.config.max_position_embeddings)[None]
    return state


def _no_equal(reason: str) -> InputError:
    return InputError(
        f"the published package cannot load this model: {reason}",
        key="--published",
        remedy="Leave it out; the exported folder loads with surgvlp.load",
    )
