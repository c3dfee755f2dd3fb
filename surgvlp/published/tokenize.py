"""`surgvlp.tokenize`: texts to the tensors that a model takes."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from surgvlp.files import InputError
from surgvlp.models.mending import text_model_name
from surgvlp.models.modes import usable_device
from surgvlp.models.text_encoder import BIO_CLINICAL_BERT
from surgvlp.models.tokenizer import Tokenizer


def tokenize(
    text: str | Sequence[str],
    padding: bool | Literal["max_length", "longest", "do_not_pad"] = "max_length",
    max_length: int = 77,
    truncation: bool | str = True,
    model_name: str | os.PathLike[str] = BIO_CLINICAL_BERT,
    device: str | int | torch.device = "cpu",
) -> dict[str, Any]:
    """Turn texts into tokens for `model(inputs_text=...)`.

        tokens = surgvlp.tokenize(["I use the hook to dissect the gallbladder", "I clip the cystic duct"])
        embeddings = model(inputs_text=tokens, mode="text")["text_emb"]

    The tokenizer is loaded once in a process. The length that texts are padded to is part of what the
    published text encoder computes (it divides by it), so compare embeddings of one length only; their
    directions, and so all cosines, do not depend on it.

    Args:
        text: one text or several.
        padding, truncation: as transformers takes them.
        max_length: tokens that a text is padded or cut to, its first and last marks included.
        model_name: hub name, folder of a text model, `package:<model>`, or an exported folder.
        device: where the tensors go.

    Returns:
        `input_ids`, `attention_mask`, `token_type_ids`, each (N, L) int64, (1, L) for one string, and
        `cap_lens`, a list of the N texts' numbers of tokens.

    Raises:
        InputError: no texts, a text model that cannot be found, texts that make no array unpadded.
    """
    texts = [text] if isinstance(text, str) else list(text)
    if not texts or not all(isinstance(item, str) for item in texts):
        raise InputError("expected a text or a list of texts", key="text")
    try:
        tokens = _tokenizer(_text_model(str(model_name)))(texts, max_length, padding, truncation)
    except InputError:
        raise
    except ValueError as error:
        if "create tensor" not in str(error):
            raise InputError(str(error).splitlines()[0], key="padding or truncation") from error
        raise InputError(
            "texts of different lengths make no array",
            key="padding",
            remedy='Give padding="longest", or "max_length" with truncation=True',
        ) from error
    target = usable_device(device)
    lengths = tokens["attention_mask"].sum(1).tolist()
    return {**{name: value.to(target) for name, value in tokens.items()}, "cap_lens": lengths}


@functools.lru_cache(maxsize=8)
def _tokenizer(name: str) -> Tokenizer:
    return Tokenizer(name)


def _text_model(name: str) -> str:
    if not Path(name).is_dir():
        return text_model_name(name)
    from surgvlp.models.exported.folder import TEXT, is_exported  # slow to import, and seldom needed

    folder = Path(name).absolute()  # the same folder, however it is written
    return str(folder / TEXT if is_exported(folder) else folder)
