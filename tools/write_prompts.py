"""Write class prompts out of what lecturers say: sentences of training narrations, several files an ensemble.

    python tools/write_prompts.py --checkpoint runs/mine --data mine --split train --dataset cholec80 \\
        --output mine/prompts/narrated
    python tools/write_prompts.py --untrained --config configs/demo --data mine --split train \\
        --classes "trocars are placed" "the duct is clipped" --output mine/prompts/steps --count 5

Writes <output>_1.txt to <output>_<count>.txt in the published format (line i describes class i), and
<output>.json with the lecture and second each sentence comes from. Reads no labels, and no lecture but those
of the split. With --untrained the text encoder is the one that training starts from.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.evaluation.flags import CHECKPOINT
from surgvlp.files import InputError


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    flags.add_argument("--checkpoint", type=Path, help=CHECKPOINT)
    flags.add_argument("--config", type=Path, help="config file, or folder with config.py")
    flags.add_argument("--untrained", action="store_true", help="the text encoder that training starts from")
    flags.add_argument("--data", type=Path, required=True, help="root of the data tree")
    flags.add_argument("--split", default="train", help="lectures to choose from (default: train)")
    classes = flags.add_mutually_exclusive_group(required=True)
    classes.add_argument("--dataset", help="the class names of cholec80, autolaparo, made, or your own")
    classes.add_argument("--classes", nargs="+", help="class names in words")
    flags.add_argument("--describe", type=Path, help="one line a class that says more than its name")
    flags.add_argument("--count", type=int, default=3, help="prompts a class, one a file (default: 3)")
    flags.add_argument("--output", type=Path, required=True, help="path of the files without _1.txt")
    flags.add_argument("--device", help="cpu, cuda, cuda:1 (default: a GPU where there is one)")
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    if flags.count < 1:
        raise InputError(f"{flags.count} prompts make no file", key="--count")
    from surgvlp.evaluation.comparison import spoken
    from surgvlp.evaluation.encoder import open_encoder
    from surgvlp.evaluation.prompt_writing import write_prompts
    from surgvlp.lectures.prompts import read_prompts
    from surgvlp.lectures.tree import DataTree

    tree = DataTree(flags.data)
    names = flags.classes or [spoken(name) for name in tree.downstream(flags.dataset).class_names]
    described = read_prompts(flags.describe, len(names)) if flags.describe else [""] * len(names)
    lectures = tree.split(flags.split)
    encoder = open_encoder(flags.checkpoint, flags.config, flags.untrained, flags.device)
    written, chosen = write_prompts(encoder, tree, lectures, names, described, flags.count, flags.output)
    for name, sentences in zip(names, chosen, strict=True):
        print(name)
        for sentence in sentences:
            print(f"  {sentence.text}  ({sentence.lecture} at {sentence.start:.0f} s)")
    print(f"from {len(lectures)} lectures of {flags.split}: {', '.join(map(str, written))}")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
