"""Score what frozen image backbones know of a labelled data set: k-NN and a linear probe, beside controls.

    python tools/probe_backbone.py --backbone runs/dino --untrained --data data/made --dataset made \\
        --protocol made_frames --output runs/dino/probe
    python tools/probe_backbone.py --backbone ours=runs/dino surgenetxl_caformer_s18 resnet50 ...

Both learn from the labels of --train and are tested on the videos of --test. Backbones are files, runs'
folders or names, as surgvlp.models.load_backbone takes them. Writes probe.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from surgvlp import console
from surgvlp.evaluation.flags import command_line


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    flags.add_argument("--backbone", nargs="+", required=True, metavar="[NAME=]BACKBONE", help="one or more")
    flags.add_argument(
        "--untrained", action="store_true", help="the same with random weights beside, as a control"
    )
    flags.add_argument("--data", required=True, help="root of the data tree")
    flags.add_argument("--dataset", required=True, help="cholec80, autolaparo, made, or one of your own")
    flags.add_argument("--protocol", required=True, help="says which frame a label is of; name or .json file")
    flags.add_argument("--train", default="train", help="split's name, or ids with commas between (train)")
    flags.add_argument("--test", default="test", help="likewise (test)")
    flags.add_argument("--frames", help="folder of frame stores or mp4s instead of image files")
    flags.add_argument("--every", type=int, default=1, help="take one labelled frame of so many (1)")
    flags.add_argument("--k", type=int, default=20, help="neighbours that vote in k-NN (20)")
    flags.add_argument("--size", type=int, help="side of the pictures (default: the network's own)")
    flags.add_argument("--batch-size", type=int, default=64, help="frames in one forward (64)")
    flags.add_argument("--bfloat16", action="store_true", help="compute features in bfloat16")
    flags.add_argument("--device", help="cpu, cuda, cuda:1 (default: a GPU where there is one)")
    flags.add_argument("--output", type=Path, required=True, help="folder for probe.json")
    flags.add_argument("--json", action="store_true", help="print the scores as JSON instead of tables")
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    # Torch and all that comes with it loads after the flags are known to be right.
    from surgvlp.evaluation.backbone_probe import probe_backbones
    from surgvlp.evaluation.labelled_frames import LabelledFrames

    of_set = ("dataset", "protocol", "train", "test", "frames", "every", "k")
    result = probe_backbones(
        backbones=flags.backbone,
        frames=LabelledFrames(root=flags.data, **{name: getattr(flags, name) for name in of_set}),
        output=flags.output,
        untrained=flags.untrained,
        size=flags.size,
        device=flags.device,
        batch_size=flags.batch_size,
        bfloat16=flags.bfloat16,
        command=command_line(__file__, arguments),
    )
    if flags.json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        show(result, flags.output)
    return console.DONE


def show(result: dict[str, Any], output: Path) -> None:
    from surgvlp.evaluation.backbone_probe import PROBES
    from surgvlp.evaluation.metrics import between

    screen = Console()
    for probe, title in PROBES.items():
        table = Table(
            title=title.format(k=result["labelled_frames"]["k"]),
            title_justify="left",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        table.add_column("")
        for heading in ("accuracy", "95 % interval", "macro-F1", "lead", "95 % interval"):
            table.add_column(heading, justify="right")
        for row in result["rows"]:
            scores = row[probe]
            lead = "" if scores["lead"] is None else f"{scores['lead']:+.3f}"
            table.add_row(
                escape(row["name"]),
                f"{scores['accuracy']:.3f}",
                between(scores["accuracy_interval"]),
                f"{scores['macro_f1']:.3f}",
                lead,
                between(scores["lead_interval"], "+.3f"),
            )
        screen.print(table)
    unseen = result["rows"][0]["k-NN"]["unseen"]
    if unseen:
        print(f"{unseen} test frames are of classes without a training frame and count as wrong")
    train, test = result["train"], result["test"]
    print(
        f"{train['frames']} frames of {len(train['videos'])} videos to learn from, {test['frames']} of "
        f"{len(test['videos'])} others to test on; lead: accuracy of the first row less that of this one\n"
        f"everything is in {output / 'probe.json'}"
    )


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
