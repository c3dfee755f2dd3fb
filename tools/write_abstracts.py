"""Write abstracts for lectures that have none, out of their narrations.

    python tools/write_abstracts.py --data mine --split train
    python tools/write_abstracts.py --data mine --split train --source aws

Writes abstract_texts/<id>.csv with start,end,text: the sentences that stand for all that is said, in order.

Lectures done already from the same narrations are left alone, and so are abstracts that this did not
write, or that were changed since; --replace writes those anew too. Exit code: 0 all done, 1 some lectures
failed, 2 none has abstracts.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.lectures.tree import DataTree


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
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


def main(arguments: list[str] | None = None) -> int:
    """Write the abstracts."""
    flags = parse_flags(arguments)
    tree = DataTree(flags.data)
    lectures = tree.split(flags.split)
    from surgvlp.transcription.offline_writer import AbstractWriter, SentenceVectors
    from surgvlp.transcription.text_job import write_texts

    writer = AbstractWriter(SentenceVectors())
    summary = write_texts(tree, lectures, f"{flags.source}_narration", writer, flags.replace)
    print(summary)
    return summary.exit_code


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
