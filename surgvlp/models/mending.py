"""Names as published configs misspell them, put right, with a warning for each."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from surgvlp.config import plain
from surgvlp.files import InputError
from surgvlp.models.text_encoder import BIO_CLINICAL_BERT

log = logging.getLogger(__name__)

TEXT_MODEL_KEYS = ("text_bert_type", "bert_type")  # in a model's section, in a data set's
LIKENESS = 0.8  # of difflib; `milyalsentzer/Bio_ClinicalBERT` has 0.98, another owner's copy of it 0.7


def mended(config: Mapping[str, Any]) -> dict[str, Any]:
    """A published config as plain data, in which encoders that nobody knows have the nearest known name.

    Mended are text models, `type` and `backbone_name` of both encoders. A name that is like no known one
    stays, for the error that building it raises. Harmless where weights follow: they fit one model alone.

    Args:
        config: a `model_config` or the config of a data set; mmengine's ConfigDict too.

    Raises:
        InputError: no dictionary.
    """
    if not isinstance(config, Mapping):
        raise InputError(f"expected a dictionary, got {config!r}", key="config")
    result = _with_text_model(plain(config))
    for part, prefix in (("backbone_img", "img_backbones/"), ("backbone_text", "text_backbones/")):
        if isinstance(section := result.get(part), Mapping):
            result[part] = _with_encoder(_with_text_model(section), prefix)
    return result


def text_model_name(name: str) -> str:
    """The published text model where `name` is nearly its name: `milyalsentzer/Bio_ClinicalBERT`, say."""
    return name if Path(name).is_dir() else _nearest(name, (BIO_CLINICAL_BERT,))


def _with_text_model(section: Mapping[str, Any]) -> dict[str, Any]:
    mended_section = dict(section)
    for key in TEXT_MODEL_KEYS:
        name = section.get(key)
        if isinstance(name, str):
            elsewhere = Path(name).is_absolute() and not Path(name).is_dir()  # on the disk of a cluster
            # weights show whether it is the right one; the tokens of a data set do not
            elsewhere &= key == "text_bert_type" or "clinical" in Path(name).name.lower()
            mended_section[key] = _said(name, BIO_CLINICAL_BERT) if elsewhere else text_model_name(name)
    return mended_section


def _with_encoder(section: dict[str, Any], prefix: str) -> dict[str, Any]:
    from surgvlp.models import build  # noqa: F401  its import registers the encoders
    from surgvlp.models.backbones import TORCHVISION, is_architecture
    from surgvlp.registry import MODELS

    kind, backbone = section.get("type"), section.get("backbone_name")
    if isinstance(kind, str):
        section["type"] = _nearest(kind, [name for name in MODELS.module_dict if name.startswith(prefix)])
    if isinstance(backbone, str) and not is_architecture(backbone.partition("@")[0]):
        section["backbone_name"] = _nearest(backbone, TORCHVISION)
    return section


def _nearest(name: str, known: Collection[str]) -> str:
    """The known name that is like `name`.

    With the same digits, as `resnet_51` is not meant to be any; and none that `name` goes on from, as
    `ImageEncoder_CLIP` is another published encoder than `ImageEncoder`.
    """
    names = [
        other
        for other in known
        if re.sub(r"\D", "", other) == re.sub(r"\D", "", name) and not name.startswith(other)
    ]
    near = difflib.get_close_matches(name, names, n=1, cutoff=LIKENESS)
    return _said(name, near[0]) if near and name not in known else name


def _said(name: str, right: str) -> str:
    log.warning("%r is taken for %r", name, right)
    return right
