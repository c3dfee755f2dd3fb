"""The command line that tools/write_keysteps.py and tools/write_abstracts.py share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from surgvlp.lectures.tree import DataTree


def run(kind: Literal["keystep", "abstract"], description: str | None, arguments: list[str] | None) -> int:
    """Read the flags, write the texts of that kind, print what was done, and return the exit code.

    Raises:
        InputError: no such split, or what `write_texts` raises.
    """
    flags = _parse_flags(description, arguments)
    tree = DataTree(flags.data)
    lectures = tree.split(flags.split)
    from surgvlp.transcription.offline_writer import AbstractWriter, KeystepWriter, SentenceVectors
    from surgvlp.transcription.text_job import write_texts

    writer = (KeystepWriter if kind == "keystep" else AbstractWriter)(SentenceVectors())
    summary = write_texts(tree, lectures, f"{flags.source}_narration", writer, flags.replace)
    print(summary)
    return summary.exit_code


def _parse_flags(description: str | None, arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--data", type=Path, required=True, help="root of the data tree")
    parser.add_argument("--split", default="train", help="lectures to write for (default: train)")
    parser.add_argument(
        "--source", choices=("whisper", "aws"), default="whisper", help="which narrations to read (whisper)"
    )
    parser.add_argument(
        "--replace", action="store_true", help="write anew what came from elsewhere or was changed, too"
    )
    return parser.parse_args(arguments)
