"""Make narrated cholecystectomies: videos with a voice, what was spoken, phase labels, splits and prompts.

Examples:
    python tools/synthesize_lectures.py --count 24 --seed 1 --out data/made
    python tools/synthesize_lectures.py --count 24 --seed 1 --out data/small --height 160 --fps 8

The same seed gives the same lectures, however many and on however many cores; finished ones are reused.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.synthesis.corpus import CorpusArguments, make_corpus


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    defaults = CorpusArguments()
    parser.add_argument("--count", type=int, default=24, help="number of lectures (default %(default)s)")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="of every random choice")
    parser.add_argument("--out", type=Path, required=True, help="root of the data tree to write")
    parser.add_argument("--height", type=int, default=defaults.height, help="of the 16:9 pictures, pixels")
    parser.add_argument("--fps", type=float, default=defaults.fps, help="frames a second")
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="mean length of a lecture")
    parser.add_argument("--test-share", type=float, default=1 / 3, help="share of lectures kept for testing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="lectures made at a time")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Make the corpus."""
    flags = parse_flags(arguments)
    lectures = CorpusArguments(flags.seed, flags.height, flags.fps, flags.seconds)
    done = make_corpus(lectures, flags.out, flags.count, flags.test_share, flags.jobs)
    print(f"{len(done['made'])} lectures made, {len(done['reused'])} reused, in {flags.out}")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
