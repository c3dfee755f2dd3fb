"""Which models are on this disk, so that they need no network. Runs in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from huggingface_hub import constants, try_to_load_from_cache

from surgvlp.doctor.finding import Finding, pip_install
from surgvlp.files import InputError
from surgvlp.models.released.names import WEIGHTS, kept_at
from surgvlp.models.text_encoder import BIO_CLINICAL_BERT
from surgvlp.models.tokenizer import PACKAGED as TEXT_MODELS
from surgvlp.models.tokenizer import text_model_path
from surgvlp.published.released import CACHE, RELEASED
from surgvlp.transcription.recogniser import PACKAGED as RECOGNISERS
from surgvlp.transcription.recogniser import packaged_folder

MEBIBYTE = 1 << 20


def findings() -> Iterator[Finding]:
    """The text model of published configs, weights by name, models that come as packages."""
    yield _text_model()
    own = Path(CACHE).expanduser()
    yield _kept("vision-language models", own, [own / f"{name}.pth" for name in RELEASED])
    hub = Path(torch.hub.get_dir(), "checkpoints")
    yield _kept("image backbones", hub, [kept_at(name) for name in WEIGHTS])
    for name, (package, *_) in TEXT_MODELS.items():
        yield _packaged(f"package:{name}", package, text_model_path)
    for name, (package, *_) in RECOGNISERS.items():
        yield _packaged(name, package, packaged_folder)


def _text_model() -> Finding:
    cached = [try_to_load_from_cache(BIO_CLINICAL_BERT, file) for file in ("config.json", "vocab.txt")]
    if isinstance(cached[0], str) and isinstance(cached[1], str):
        return Finding(BIO_CLINICAL_BERT, "ok", str(Path(cached[0]).parent))
    forbidden = ", and HF_HUB_OFFLINE forbids fetching it" if constants.HF_HUB_OFFLINE else ""
    remedy = "Fetched once where there is a network; without one give a copied folder as text_bert_type"
    return Finding(BIO_CLINICAL_BERT, "note", f"not in {constants.HF_HUB_CACHE}{forbidden}", remedy)


def _kept(name: str, folder: Path, files: list[Path]) -> Finding:
    there = [f"{path.name} ({path.stat().st_size / MEBIBYTE:.0f} MiB)" for path in files if path.is_file()]
    if there:
        return Finding(name, "ok", f"{folder}: {', '.join(there)}")
    remedy = "They are fetched when they are named; to work offline copy them there first"
    return Finding(name, "note", f"none of {len(files)} in {folder}", remedy)


def _packaged(name: str, package: str, folder_of: Callable[[str], str]) -> Finding:
    try:
        return Finding(name, "ok", folder_of(name))
    except InputError as error:
        remedy = f"For work without a hub. {pip_install('--no-deps', package)}"  # only its files are needed
        return Finding(name, "note", str(error).split(". ")[0], remedy)
