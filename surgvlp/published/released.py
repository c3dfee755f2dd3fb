"""The released vision-language models by name: what they are, where they are, and fetching them once."""

from __future__ import annotations

import copy
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvlp.files import InputError, locked, sha256_of, write_text
from surgvlp.models.released.archive import is_archive, take_out
from surgvlp.models.released.download import download

log = logging.getLogger(__name__)

CACHE = "~/.cache/surgvlp"  # the published package's, whose files are used where they are


@dataclass(frozen=True)
class ReleasedModel:
    """One released file of weights.

    Attributes:
        url: of the zip archive that holds it.
        licence: what its owners say.
        sha256: of the weights; None where unknown, as for all so far: no file could be had to compute one.
    """

    url: str
    licence: str = "CC BY-NC-SA 4.0: no commercial use"
    sha256: str | None = None


RELEASED: dict[str, ReleasedModel] = {
    "SurgVLP": ReleasedModel("https://seafile.unistra.fr/f/93757ace1bfc47248e1e/?dl=1"),
    "HecVL": ReleasedModel("https://seafile.unistra.fr/f/3b9b9207068a4b03bc2a/?dl=1"),
    "PeskaVLP": ReleasedModel("https://seafile.unistra.fr/f/65a2b1bf113e428280d0/?dl=1"),
}

# All three are this architecture and differ in their weights alone.
_ARCHITECTURE: dict[str, Any] = {
    "backbone_img": {
        "type": "img_backbones/ImageEncoder",
        "num_classes": 768,
        "pretrained": "random",
        "backbone_name": "resnet_50",
        "img_norm": False,
    },
    "backbone_text": {
        "type": "text_backbones/BertEncoder",
        "text_bert_type": "emilyalsentzer/Bio_ClinicalBERT",
        "text_last_n_layers": 4,
        "text_aggregate_method": "sum",
        "text_norm": False,
        "text_embedding_dim": 768,
        "text_freeze_bert": False,
        "text_agg_tokens": True,
    },
}


def available_models() -> list[str]:
    """The names of the released models, which `load` takes.

    >>> available_models()
    ['SurgVLP', 'HecVL', 'PeskaVLP']
    """
    return list(RELEASED)


def model_config_of(name: str) -> dict[str, Any]:
    """The published `model_config` of a released model: a fresh copy, to be changed at will."""
    return {"type": name, **copy.deepcopy(_ARCHITECTURE)}


def fetched(name: str, root: str | os.PathLike[str] | None = None, mirror: str | None = None) -> Path:
    """The file of a released model's weights: where it is already, or downloaded and unpacked there once.

    Args:
        name: of `available_models()`.
        root: folder that holds, or will hold, `<name>.pth` and its sha256 beside it; a `<name>.zip` there is
            unpacked instead of fetched. None: `~/.cache/surgvlp`.
        mirror: address of a folder that has `<name>.zip`, asked instead of the authors' server.

    Raises:
        InputError: no network, an archive without exactly one file of weights, another sha256 than known.
    """
    released, folder = RELEASED[name], Path(root or CACHE).expanduser()
    weights, archive = folder / f"{name}.pth", folder / f"{name}.zip"
    log.info("%s: licence %s", name, released.licence)
    with locked(folder / f".{name}.lock"):
        if not weights.is_file():
            was_there = archive.is_file()
            if not was_there:
                download(f"{mirror.rstrip('/')}/{name}.zip" if mirror else released.url, archive, None)
            if is_archive(archive):
                take_out(archive, weights)
                if not was_there:
                    archive.unlink()
            else:  # the weights themselves, whatever the name says
                os.replace(archive, weights)
            # the link has no version: this says later which of its files it was, and `sha256sum -c` reads it
            write_text(folder / f"{name}.pth.sha256", f"{sha256_of(weights)}  {name}.pth\n")
    if released.sha256 and (found := sha256_of(weights)) != released.sha256:
        raise InputError(
            f"sha256 is {found}, expected {released.sha256}",
            file=weights,
            remedy="Delete it, and it will be fetched again",
        )
    return weights
