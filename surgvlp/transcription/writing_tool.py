"""The command line of tools/write_keysteps.py, tools/write_abstracts.py and tools/correct_narrations.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from surgvlp.lectures.tree import DataTree

if TYPE_CHECKING:
    from surgvlp.transcription.language_model.asking import Asker
    from surgvlp.transcription.text_job import TextWriter

Kind = Literal["keystep", "abstract", "narration"]


def run(kind: Kind, description: str | None, arguments: list[str] | None) -> int:
    """Read the flags, write the texts of that kind, print what was done, and return the exit code.

    Raises:
        InputError: no such split, a config block that is none, or what `write_texts` raises.
    """
    flags = _parse_flags(kind, description, arguments)
    tree = DataTree(flags.data)
    lectures = tree.split(flags.split)
    source = f"{flags.source}_narration"
    if kind == "narration":
        from surgvlp.transcription.correcting import correct_narrations
        from surgvlp.transcription.language_model.writer import NarrationCorrector

        corrector = NarrationCorrector(_asker(flags.language_model, tree), source)
        summary = correct_narrations(tree, lectures, corrector, flags.replace, report=print)
    else:
        from surgvlp.transcription.text_job import write_texts

        writer = _writer(kind, flags.language_model, tree)
        summary = write_texts(tree, lectures, source, writer, flags.replace, report=print)
    return summary.exit_code


def _writer(kind: Kind, language_model: Path | None, tree: DataTree) -> TextWriter:
    if language_model is None:
        from surgvlp.transcription import offline_writer as offline

        vectors = offline.SentenceVectors()
        return offline.KeystepWriter(vectors) if kind == "keystep" else offline.AbstractWriter(vectors)
    from surgvlp.transcription.language_model import writer as by_model

    asker = _asker(language_model, tree)
    return by_model.KeystepWriter(asker) if kind == "keystep" else by_model.AbstractWriter(asker)


def _asker(language_model: Path, tree: DataTree) -> Asker:
    from surgvlp.transcription.language_model.asking import Asker
    from surgvlp.transcription.language_model.cache import AnswerCache
    from surgvlp.transcription.language_model.protocol import build_language_model, read_language_model_config

    config = read_language_model_config(language_model)
    return Asker(build_language_model(config), AnswerCache(tree.language_model_answers()), config)


def _parse_flags(kind: Kind, description: str | None, arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--data", type=Path, required=True, help="root of the data tree")
    parser.add_argument("--split", default="train", help="lectures to write for (default: train)")
    parser.add_argument(
        "--source", choices=("whisper", "aws"), default="whisper", help="which narrations to read (whisper)"
    )
    parser.add_argument(
        "--language-model",
        type=Path,
        metavar="FILE",
        required=kind == "narration",
        help="config block of a language model that writes (see docs/transcription.md)",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="write anew what came from elsewhere, was changed, or is by another writer or model, too",
    )
    return parser.parse_args(arguments)
