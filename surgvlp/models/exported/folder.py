"""A model as a folder that loads in one line, offline, whatever else is installed or reachable.

    <folder>/
        model.safetensors     every weight, no code
        config.json           architecture, preprocessing, card, and the sha256 of the two above and below
        text_encoder/         configuration and tokenizer of the text encoder
        README.md             the card for people

Such a folder may come from anybody: no pickles, no code, no names that lead out of it; what is
read beside config.json is hashed there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from surgvlp import config as configs
from surgvlp.files import InputError, atomic_path, read_json, sha256_of, write_json
from surgvlp.models.build import DualEncoder, build_model, resolved
from surgvlp.models.exported.card import ModelCard, as_markdown
from surgvlp.models.exported.preprocessing import FramePreprocessing
from surgvlp.models.modes import usable_device
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.models.weights import load_weights

FORMAT = 1
WEIGHTS, DESCRIPTION, TEXT = "model.safetensors", "config.json", "text_encoder"
TEXT_FILE = re.compile(rf"{TEXT}/[A-Za-z0-9_][A-Za-z0-9_.-]*\.(json|txt|model)")

# What transformers notes of where a model was read, and in what precision; weights here are float32.
LOCAL = {"_name_or_path", "name_or_path", "is_local", "local_files_only", "dtype", "torch_dtype"}
LAST_CALL = {"truncation", "padding"}  # in tokenizer.json: how it was called last, not what it is


@dataclass(frozen=True)
class Exported:
    """A model with all that using it takes.

    Attributes:
        model: in evaluation mode.
        tokenizer: of its text encoder.
        model_config: of which `build_model` builds it; its text encoder may be named by a folder.
        preprocessing: PIL image -> (3, H, W).
        max_length: tokens that texts are padded and cut to.
        card: what a person has to know.
    """

    model: DualEncoder
    tokenizer: Tokenizer
    model_config: dict[str, Any]
    preprocessing: FramePreprocessing
    max_length: int
    card: ModelCard


@dataclass(frozen=True)
class Description:
    """What `config.json` holds: `Exported` without weights, and the sha256 of the files beside it."""

    format: int
    model_config: dict[str, Any]
    preprocessing: FramePreprocessing
    max_length: int
    card: ModelCard
    files: dict[str, str]


def from_pretrained(folder: str | Path, device: str | int | torch.device | None = None) -> Exported:
    """Load a folder that `save_pretrained` wrote, without any network.

    Args:
        folder: the exported folder.
        device: torch's name; None: a GPU where there is one.

    Raises:
        InputError: no such folder, a file that is missing, changed or too many, weights that are not
            exactly the model's, a device that cannot be used.
    """
    folder = Path(folder)
    target = usable_device(device)
    description = read_description(folder)
    text = folder / TEXT
    _refuse_code(text)
    model_config = _with_text_encoder(description.model_config, str(text))
    model = build_model(model_config, weights_follow=True).float()
    load_weights(model, folder / WEIGHTS)
    return Exported(
        model=model.to(target).eval(),
        tokenizer=Tokenizer(str(text)),
        model_config=model_config,
        preprocessing=description.preprocessing,
        max_length=description.max_length,
        card=description.card,
    )


def save_pretrained(exported: Exported, folder: str | Path) -> None:
    """Write a model as a folder that `from_pretrained` reads: the whole one or none.

    Equal models give equal bytes. An older export at this place is replaced.

    Raises:
        InputError: the folder holds something else, or the disk is full.
    """
    folder = Path(folder)
    if folder.exists() and not is_exported(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("holds something else", file=folder, remedy="Give a new folder")
    with atomic_path(folder) as new:
        (new / TEXT).mkdir(parents=True)
        _save_text_encoder(exported, new / TEXT)
        state = {key: value.contiguous() for key, value in exported.model.state_dict().items()}
        save_file(state, new / WEIGHTS, metadata={"format": "pt"})
        names = [WEIGHTS, *sorted(path.relative_to(new).as_posix() for path in (new / TEXT).iterdir())]
        description = Description(
            format=FORMAT,
            model_config=_with_text_encoder(resolved(exported.model_config), TEXT),
            preprocessing=exported.preprocessing,
            max_length=exported.max_length,
            card=exported.card,
            files={name: sha256_of(new / name) for name in names},
        )
        write_json(new / DESCRIPTION, asdict(description))
        (new / WEIGHTS).chmod((new / DESCRIPTION).stat().st_mode)  # else nobody but the writer may read them
        frames = exported.preprocessing.in_words()
        readme = as_markdown(exported.card, description.model_config, frames, exported.max_length)
        (new / "README.md").write_text(readme, encoding="utf-8")


def _save_text_encoder(exported: Exported, folder: Path) -> None:
    transformer = exported.model.backbone_text.model
    transformer.config.save_pretrained(folder)
    exported.tokenizer.save(folder)
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            content = read_json(folder / name)
            write_json(folder / name, {key: value for key, value in content.items() if key not in LOCAL})
    if (folder / "tokenizer.json").is_file():
        content = read_json(folder / "tokenizer.json")
        write_json(folder / "tokenizer.json", content | dict.fromkeys(LAST_CALL & set(content)))


def is_exported(folder: str | Path) -> bool:
    """Whether `save_pretrained` wrote this folder, by its names; a text model's has no `text_encoder/`."""
    folder = Path(folder)
    return all((folder / name).is_file() for name in (WEIGHTS, DESCRIPTION)) and (folder / TEXT).is_dir()


def read_description(folder: Path) -> Description:
    """The folder's `config.json`, and every file it names checked.

    Raises:
        InputError: as `from_pretrained`.
    """
    if not is_exported(folder):
        raise InputError(
            f"is no exported model: {WEIGHTS}, {DESCRIPTION} and {TEXT}/ are not all there",
            file=folder,
            remedy="Give a folder that tools/export_model.py wrote",
        )
    where = folder / DESCRIPTION
    content = read_json(where)
    found = content.get("format") if isinstance(content, Mapping) else None
    if found != FORMAT:
        raise InputError(
            f"has format {found!r}, known is {FORMAT}",
            file=where,
            remedy="Use the newest surgvlp, or export again",
        )
    description = configs.build(Description, content, where=str(where))
    _check_files(folder, description.files)
    if not 2 <= description.max_length <= 100_000:
        raise InputError(f"{description.max_length} is no number of tokens", file=where, key="max_length")
    return description


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    for name in files:
        if name != WEIGHTS and not TEXT_FILE.fullmatch(name):
            raise InputError(
                f"{name!r} is no file of an exported model", file=folder / DESCRIPTION, key="files"
            )
    there = {path.relative_to(folder).as_posix() for path in (folder / TEXT).rglob("*")}
    for name in sorted({WEIGHTS, *there} - set(files)):
        raise InputError(
            "is not among the files that config.json lists", file=folder / name, remedy="Remove it"
        )
    for name, sha256 in files.items():
        if not (folder / name).is_file():
            raise InputError(
                "there is no such file", file=folder / name, remedy="Copy the whole folder again"
            )
        if sha256_of(folder / name) != sha256:
            raise InputError(
                "is torn or was changed: its sha256 is not the one in config.json",
                file=folder / name,
                remedy="Copy the folder again",
            )


# What makes transformers fetch and run code: another's model class, or kernels from a hub.
CODE = ("auto_map", "attn_implementation", "_attn_implementation", "quantization_config")


def _refuse_code(text: Path) -> None:
    for path in sorted(text.glob("*config.json")):
        content = read_json(path)
        if not isinstance(content, Mapping):
            raise InputError("is no configuration", file=path)
        for key in CODE:
            if content.get(key) is not None:
                raise InputError("names code to run", file=path, key=key, remedy="Use another model")


def _with_text_encoder(model_config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """`model_config` with random image weights and the text encoder of this name, for weights that follow."""
    sections = {}
    for key in ("backbone_img", "backbone_text"):
        section = model_config.get(key)
        if not isinstance(section, Mapping):
            raise InputError("this part is missing", key=f"model_config.{key}")
        sections[key] = dict(section)
    sections["backbone_img"]["pretrained"] = "random"
    text = sections["backbone_text"]
    text["name" if "name" in text else "text_bert_type"] = name
    return {**model_config, **sections, "pretrained": None}
