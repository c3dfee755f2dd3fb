"""Write frame stores as an LMDB in the form of Surg-3M, so that programs made for that one can read them.

    python tools/write_surg3m_lmdb.py --frames data/frame_store --out data/surg3m_lmdb
    python tools/write_surg3m_lmdb.py --frames data/frame_store --out data/lmdb --short-side 240 --quality 90

Keys are <id>_<n>, n for the frame at n x --every seconds; red and blue of the JPEGs are swapped, as there.
Our own trainings read frame stores too and need no copy. Interrupted, it leaves nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.media.numbered_frames import stores_in
from surgvlp.media.surg3m_lmdb import write_lmdb_of_stores


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=Path, required=True, help="folder of frame stores")
    parser.add_argument("--out", type=Path, required=True, help="the LMDB, a folder that is not there yet")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between frames (1)")
    parser.add_argument("--short-side", type=int, default=None, help="pixels; never scaled up (as stored)")
    parser.add_argument("--quality", type=int, default=100, help="of the JPEGs, 1 to 100 (100)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    stores = stores_in(flags.frames)
    written = write_lmdb_of_stores(stores, flags.out, flags.every, flags.short_side, flags.quality)
    print(f"{flags.out}: {written} frames of {len(stores)} lectures")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
