"""Take transcripts of Amazon Transcribe, or Transcribe Medical, into a data tree as its second narrations.

    python tools/import_transcripts.py --results results/ --out data
    python tools/import_transcripts.py --results results/ --out data --spelling surgical --lemmas

A result is the JSON file that a job wrote, named <id>.json by the lecture's id. It becomes
aws_narration_texts/<id>.csv, with raw/<id>.csv and words/<id>.json beside. Exit code: 0 all done, 1 some
failed, 2 none could be used.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.cleaning import Cleaning
from surgvlp.transcription.importing import import_transcripts
from surgvlp.transcription.spelling import Speller
from surgvlp.transcription.vocabulary import glossary


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--results", nargs="+", type=Path, required=True, help="JSON files, or folders of them"
    )
    parser.add_argument("--out", type=Path, required=True, help="root of the data tree")
    parser.add_argument("--language", default="en", help="what is spoken (en)")
    parser.add_argument(
        "--spelling",
        help="correct unknown English words towards a glossary: surgical, or a file, a term a line",
    )
    parser.add_argument("--lemmas", action="store_true", help="write English words in their dictionary form")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Import the transcripts."""
    flags = parse_flags(arguments)
    cleaning = Cleaning(Speller(glossary(flags.spelling)) if flags.spelling else None, flags.lemmas)
    summary = import_transcripts(flags.results, DataTree(flags.out), flags.language, cleaning)
    print(summary)
    if not summary.failed:
        return console.DONE
    return console.PARTLY_FAILED if summary.done or summary.silent else console.BAD_INPUT


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
