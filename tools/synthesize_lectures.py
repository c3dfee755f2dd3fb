"""Make narrated operations: videos with a voice, what was spoken, every label, splits and prompts.

Examples:
    python tools/synthesize_lectures.py --count 24 --seed 1 --out data/made
    python tools/synthesize_lectures.py --count 24 --seed 1 --out data/small --height 160 --fps 8
    python tools/synthesize_lectures.py --count 6 --seed 1 --out data/made --labels all --masks-every 250

The same seed gives the same lectures, however many and on however many cores; finished ones are reused.
docs/made_lectures.md shows what is in them and lists the files of every label.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.files import usable_cores
from surgvlp.synthesis.corpus import make_corpus
from surgvlp.synthesis.labels.writing import ALL_BUT_MASKS, KINDS, Labels
from surgvlp.synthesis.lecture import CorpusArguments
from surgvlp.synthesis.preview import check_preview, write_preview


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    defaults, labels = CorpusArguments(), ALL_BUT_MASKS
    parser.add_argument("--count", type=int, default=24, help="number of lectures (default %(default)s)")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="of every random choice")
    parser.add_argument("--out", type=Path, required=True, help="root of the data tree to write")
    parser.add_argument("--height", type=int, default=defaults.height, help="of the pictures, pixels")
    parser.add_argument("--fps", type=float, default=defaults.fps, help="frames a second")
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="mean length of a lecture")
    parser.add_argument(
        "--procedures",
        default=defaults.procedures,
        help="types of operation with commas between, of which each lecture draws one (default %(default)s)",
    )
    parser.add_argument(
        "--difficulty",
        default="default",
        help="easy: the operation by the book; default, hard: ever more of what lectures have besides",
    )
    parser.add_argument(
        "--labels",
        default=",".join(labels.kinds),
        help=f"some of {','.join(KINDS)}, or all (default: all but masks)",
    )
    parser.add_argument(
        "--masks-every", type=int, default=labels.masks_every, help="frames from one mask to the next"
    )
    parser.add_argument("--preview", type=Path, help="write a contact sheet of the first lectures, a .png")
    parser.add_argument("--test-share", type=float, default=1 / 3, help="share of lectures kept for testing")
    parser.add_argument("--jobs", type=int, default=usable_cores(), help="lectures made at a time")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Make the corpus."""
    flags = parse_flags(arguments)
    lectures = CorpusArguments(
        flags.seed, flags.height, flags.fps, flags.seconds, flags.procedures, flags.difficulty
    )
    kinds = KINDS if flags.labels == "all" else tuple(flags.labels.split(","))
    labels = Labels(kinds, flags.masks_every)
    if flags.preview:
        check_preview(flags.preview)
    done = make_corpus(lectures, flags.out, flags.count, flags.test_share, flags.jobs, labels)
    print(f"{len(done['made'])} lectures made, {len(done['reused'])} reused, in {flags.out}")
    if flags.preview:
        write_preview(flags.preview, lectures, flags.out, flags.count)
        print(f"contact sheet: {flags.preview}")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
