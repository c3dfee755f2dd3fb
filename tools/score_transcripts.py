"""Word error rate of narrations against what was really said, for lectures whose script is known.

    python tools/score_transcripts.py --data data/made --split train --output runs/wer.json

Prints the rate over all words, and writes it with each lecture's own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.files import write_json
from surgvlp.lectures.tree import DataTree


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="root of the data tree")
    parser.add_argument("--split", default="train", help="lectures to score (train)")
    parser.add_argument("--source", choices=("whisper", "aws"), default="whisper", help="which narrations")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Score the narrations."""
    flags = parse_flags(arguments)
    from surgvlp.transcription.score import score_against_scripts

    tree = DataTree(flags.data)
    scores = score_against_scripts(tree, tree.split(flags.split), f"{flags.source}_narration")
    write_json(flags.output, scores)
    print(f"word error rate {scores['wer']:.1%} over {scores['words']} words; written to {flags.output}")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
