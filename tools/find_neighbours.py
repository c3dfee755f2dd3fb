"""Find the frames of other lectures that look like a frame: the neighbour map for pretrain_backbone.py.

    python tools/find_neighbours.py --data data --split train --exclude test --frames data/frames \\
        --backbone vit_small_patch16_224.dino --out data/neighbours.npz
    python tools/find_neighbours.py --from-json published.json --out data/neighbours.npz

Neighbours show the same procedure, by surg3m/labels.json of the data tree or by --procedures. Lectures of
which no procedure is known get none; where that is so of all, neighbours may show any. Ends with 1 where
some lectures could not be read, 2 where no map could be made.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from surgvlp import console
from surgvlp.lectures.neighbour_map import (
    NeighbourMap,
    check_writable,
    read_published_map,
    write_neighbour_map,
)

if TYPE_CHECKING:
    from surgvlp.curation.neighbour_job import FoundNeighbours


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, required=True, help="the map, an .npz file")
    parser.add_argument("--from-json", type=Path, help="import a map of the published form instead")
    parser.add_argument("--data", type=Path, help="root of the data tree")
    parser.add_argument("--split", nargs="+", default=[], help="splits whose lectures take part")
    parser.add_argument("--exclude", nargs="+", default=[], help="splits whose lectures do not, as tests")
    parser.add_argument(
        "--frames", type=Path, help="folder of frame stores or videos, or a Surg-3M LMDB (<data>/frame_store)"
    )
    parser.add_argument("--backbone", help="name or file of the backbone that embeds the frames")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between frames (1)")
    parser.add_argument("--neighbours", type=int, default=8, help="of each frame, at most (8)")
    parser.add_argument(
        "--procedures", type=Path, help="Surg-3M's labels.json, or a csv with video_path,procedure"
    )
    parser.add_argument("--any-procedure", action="store_true", help="neighbours may show another procedure")
    parser.add_argument("--size", type=int, help="side in pixels of what the backbone sees (its own)")
    parser.add_argument("--batch-size", type=int, default=64, help="pictures at once (64)")
    parser.add_argument("--bfloat16", action="store_true", help="compute in bfloat16: faster on a GPU")
    parser.add_argument("--device", help="torch's name of it (a GPU where there is one)")
    flags = parser.parse_args(arguments)
    words = sys.argv[1:] if arguments is None else arguments
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    if flags.from_json and (beside := sorted(given - {"--from-json", "--out"})):
        parser.error(f"--from-json takes a published map as it is, without {', '.join(beside)}")
    if not flags.from_json and not (flags.data and flags.split and flags.backbone):
        parser.error("--data, --split and --backbone are required, or --from-json")
    return flags


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    if flags.from_json:
        check_writable(flags.out)
        imported = read_published_map(flags.from_json)
        write_neighbour_map(flags.out, imported)
        print(f"{flags.out}: {shares(imported)}")
        return console.DONE
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it tells which of its variants it does not find
    # Torch and all that comes with it loads after the flags are known to be right.
    from surgvlp.curation.neighbour_job import find_neighbours
    from surgvlp.features.extraction import open_extractor

    extractor = open_extractor(
        flags.backbone, flags.device, flags.size, batch_size=flags.batch_size, bfloat16=flags.bfloat16
    )
    found = find_neighbours(
        data=flags.data,
        splits=flags.split,
        out=flags.out,
        extractor=extractor,
        exclude=flags.exclude,
        frames=flags.frames,
        every_s=flags.every,
        neighbours=flags.neighbours,
        procedures=flags.procedures,
        any_procedure=flags.any_procedure,
    )
    for why in found.failed.values():
        print(f"failed: {why}", file=sys.stderr)
    print("\n".join([*about_lectures(found), f"{flags.out}: {shares(found.map)}"]))
    return console.PARTLY_FAILED if found.failed else console.DONE


def about_lectures(found: FoundNeighbours) -> list[str]:
    """What a person may not have meant."""
    lines = []
    if found.excluded:
        lines.append(f"{len(found.excluded)} lectures excluded")
    if found.any_procedure:
        lines.append("neighbours may show any procedure, as none is known or asked for")
    if found.unknown:
        named = ", ".join(found.unknown[:3]) + (" ..." if len(found.unknown) > 3 else "")
        lines.append(f"{len(found.unknown)} lectures of no known procedure have no neighbours ({named})")
    return lines


def shares(found: NeighbourMap) -> str:
    """How much of the training will draw from the map."""
    frames, near = len(found.number), int(found.with_a_near_one().sum())
    frozen = int((found.adjacent == 0).sum())
    nearest = found.distance[:, :1][np.isfinite(found.distance[:, :1])]
    text = (
        f"{frames} frames of {len(found.lectures)} lectures, {near} ({near / frames:.1%}) with a neighbour "
        f"nearer than 3 x the adjacent frame; the others will use time"
    )
    if len(nearest):
        median = (np.median(found.adjacent), np.median(nearest))
        text += f". Median distance: {median[0]:.3g} to the adjacent frame, {median[1]:.3g} to the nearest"
    return text + (f". {frozen} frames of frozen picture" if frozen else "")


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
