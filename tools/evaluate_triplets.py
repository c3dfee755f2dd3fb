"""Score CholecT50's instrument-verb-target triplets and their components from text prompts alone.

    python tools/evaluate_triplets.py --checkpoint runs/mine --data data --output runs/mine/cholect50 \\
        --prompts data/prompts/cholect50_triplets.txt
    python tools/evaluate_triplets.py --checkpoint PeskaVLP.pth --config configs/peskavlp ... \\
        --protocol cholect50_frames_released --prompts cholec_triplet.txt
    python tools/evaluate_triplets.py --data data/made --dataset made/cholect50 --protocol made_triplets ...

The data lies in downstream_datasets/<dataset>/{data,triplet,instrument,verb,target}. Writes
predictions/<kind>/<video>.npz and evaluation.json. What the columns say is in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.evaluation.flags import command_line, evaluation_parser


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = evaluation_parser(__doc__)
    flags.add_argument(
        "--dataset",
        default="CholecT50-challenge-train",
        help="folder below downstream_datasets/ (default: CholecT50-challenge-train, as published)",
    )
    flags.add_argument("--videos", help="ids with commas between (default: the protocol's, else all)")
    flags.add_argument(
        "--prompts", type=Path, nargs="+", required=True, help="100 lines <id>:<sentence>; several: ensemble"
    )
    for kind in ("instrument", "verb", "target"):
        flags.add_argument(
            f"--{kind}-prompts", type=Path, nargs="+", default=(), help="line i: class i (default: its name)"
        )
    flags.add_argument("--protocol", default="cholect50_frames", help="name, or path of a .json file")
    flags.add_argument("--output", type=Path, required=True, help="folder for predictions and scores")
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    # Torch and all that comes with it loads after the flags are known to be right.
    from surgvlp.evaluation.presence_run import ModelChoice
    from surgvlp.evaluation.presence_table import show_presence
    from surgvlp.evaluation.triplets import evaluate_triplets

    result = evaluate_triplets(
        data=flags.data,
        dataset=flags.dataset,
        videos=flags.videos,
        protocol=flags.protocol,
        triplet_prompts=flags.prompts,
        component_prompts={
            "instrument": flags.instrument_prompts,
            "verb": flags.verb_prompts,
            "target": flags.target_prompts,
        },
        output=flags.output,
        model=ModelChoice(flags.checkpoint, flags.config, flags.untrained, flags.device, flags.batch_size),
        command=command_line(__file__, arguments),
    )
    if flags.json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        show_presence(result, flags.output)
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
