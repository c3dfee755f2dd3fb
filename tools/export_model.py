"""Write a trained model as a folder that loads in one line, offline, with a card that says what it is.

    python tools/export_model.py --checkpoint runs/mine --output exported/mine --licence CC-BY-4.0 \\
        --trained-on "40 lectures of our own" --scores runs/mine/cholec80/evaluation.json
    python tools/export_model.py --checkpoint SurgVLP.pth --config configs/surgvlp \\
        --output exported/surgvlp --protocol cholec80_frames --onnx --program

`surgvlp.load("exported/mine")` loads it; so does every --checkpoint. docs/export.md says what is in it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.evaluation.flags import CHECKPOINT
from surgvlp.files import InputError


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    flags.add_argument("--checkpoint", type=Path, required=True, help=CHECKPOINT)
    flags.add_argument("--config", type=Path, help="config file, or folder with it; for released files")
    flags.add_argument("--output", type=Path, required=True, help="folder; its name is the model's")
    flags.add_argument("--protocol", help="prepare frames and texts as this protocol (default: as trained)")
    flags.add_argument("--trained-on", metavar="WORDS", help="for the card: the data")
    flags.add_argument("--licence", help="for the card: of the weights, such as CC-BY-4.0")
    flags.add_argument(
        "--scores", type=Path, nargs="+", default=[], help="for the card: evaluation.json of these weights"
    )
    flags.add_argument("--published", type=Path, metavar="FILE.pth", help="also in the released layout")
    flags.add_argument("--onnx", action="store_true", help="also both encoders for ONNX, into the folder")
    flags.add_argument("--program", action="store_true", help="also both encoders as torch programs, there")
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging(logging.WARNING)  # ONNX's optimizer reports every number that it folds
    if not flags.checkpoint.exists():
        raise InputError("there is no such checkpoint", file=flags.checkpoint)
    from surgvlp.evaluation.export import export_model
    from surgvlp.models.exported.card import NOT_STATED
    from surgvlp.models.exported.programs import save_onnx, save_programs

    exported = export_model(
        flags.checkpoint,
        flags.output,
        flags.config,
        flags.protocol,
        flags.scores,
        flags.trained_on,
        flags.licence,
        flags.published,
    )
    for wanted, save in ((flags.program, save_programs), (flags.onnx, save_onnx)):
        for name, difference in save(exported, flags.output).items() if wanted else ():
            print(f"{flags.output / name}: differs from the model by {difference:.0e} of its largest number")
    if NOT_STATED in (exported.card.data, exported.card.licence):
        print("the card does not say what everybody asks first: give --trained-on and --licence")
    print(f"{flags.output} is whole: surgvlp.load({str(flags.output)!r})")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
