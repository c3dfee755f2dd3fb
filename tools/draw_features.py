"""Draw what image backbones see: feature maps as colours beside the frames, and t-SNE maps of data sets.

    python tools/draw_features.py --backbone runs/dino --untrained --data data/made --dataset made \\
        --protocol made_frames --output runs/dino/pictures
    python tools/draw_features.py --backbone ours=runs/dino resnet50 --data data \\
        --dataset cholec80 autolaparo --protocol cholec80_frames autolaparo_frames --output pictures

Writes components.png (a row a frame, a column a network), tsne_<dataset>.png (a panel a network, coloured
by class) and, for several data sets, tsne_data_sets.png. Backbones are as in probe_backbone.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.files import InputError


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    flags.add_argument("--backbone", nargs="+", required=True, metavar="[NAME=]BACKBONE", help="one or more")
    flags.add_argument("--untrained", action="store_true", help="the same with random weights beside")
    flags.add_argument("--data", required=True, help="root of the data tree")
    flags.add_argument("--dataset", nargs="+", required=True, help="names of labelled data sets")
    flags.add_argument("--protocol", nargs="+", required=True, help="one for each data set, or one for all")
    flags.add_argument("--split", nargs="+", default=["test"], help="likewise: what is drawn (test)")
    flags.add_argument("--frames", help="folder of frame stores or mp4s instead of image files")
    flags.add_argument(
        "--pictures", type=int, default=6, help="frames of each data set in components.png (6)"
    )
    flags.add_argument("--points", type=int, default=1500, help="frames of each in the t-SNE maps (1500)")
    flags.add_argument("--side", type=int, default=448, help="pixels of frames for components.png (448)")
    flags.add_argument("--batch-size", type=int, default=64, help="frames in one forward (64)")
    flags.add_argument("--device", help="cpu, cuda, cuda:1 (default: a GPU where there is one)")
    flags.add_argument("--output", type=Path, required=True, help="folder for the PNGs")
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    # Torch and all that comes with it loads after the flags are known to be right.
    from surgvlp.evaluation.feature_drawing import draw_features
    from surgvlp.evaluation.labelled_frames import LabelledFrames

    count = len(flags.dataset)
    protocols, splits = each(flags.protocol, count, "--protocol"), each(flags.split, count, "--split")
    written = draw_features(
        backbones=flags.backbone,
        labelled=[
            LabelledFrames(
                root=flags.data, dataset=dataset, protocol=protocol, test=split, frames=flags.frames
            )
            for dataset, protocol, split in zip(flags.dataset, protocols, splits, strict=True)
        ],
        output=flags.output,
        untrained=flags.untrained,
        pictures=flags.pictures,
        points=flags.points,
        side=flags.side,
        device=flags.device,
        batch_size=flags.batch_size,
    )
    for path in written:
        print(path)
    return console.DONE


def each(values: list[str], count: int, flag: str) -> list[str]:
    """One value a data set; a single one is for all."""
    if len(values) not in (1, count):
        raise InputError(
            f"{len(values)} values for {count} data sets", key=flag, remedy="Give one, or one each"
        )
    return values * count if len(values) == 1 else values


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
