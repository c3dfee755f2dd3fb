"""Score which of Cholec80's tools frames show, from text prompts alone.

    python tools/evaluate_tools.py --checkpoint runs/mine --data data --output runs/mine/cholec80_tools \\
        --prompts data/prompts/cholec80_tools.txt
    python tools/evaluate_tools.py --checkpoint PeskaVLP.pth --config configs/peskavlp ... --json
    python tools/evaluate_tools.py --data data/made --dataset made/cholec80 --protocol made_tools \\
        --frames data/made/downstream_datasets/made/cholec80/videos ...

Labels lie in downstream_datasets/<dataset>/tool_annotations, pictures in its frames/ or where --frames says.
Writes predictions/tool/<video>.npz and evaluation.json. What the columns say is in docs/evaluation.md.
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
        "--dataset", default="cholec80", help="folder below downstream_datasets/ (default: cholec80)"
    )
    flags.add_argument("--videos", help="ids with commas between (default: the protocol's, else all)")
    flags.add_argument("--prompts", type=Path, nargs="+", required=True, help="line i describes tool i")
    flags.add_argument("--protocol", default="cholec80_tools", help="name, or path of a .json file")
    flags.add_argument("--frames", type=Path, help="folder of frame stores or mp4s instead of image files")
    flags.add_argument("--output", type=Path, required=True, help="folder for predictions and scores")
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    # Torch and all that comes with it loads after the flags are known to be right.
    from surgvlp.evaluation.presence_run import ModelChoice
    from surgvlp.evaluation.presence_table import show_presence
    from surgvlp.evaluation.tools import evaluate_tools

    result = evaluate_tools(
        data=flags.data,
        dataset=flags.dataset,
        videos=flags.videos,
        protocol=flags.protocol,
        prompt_files=flags.prompts,
        frames=flags.frames,
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
