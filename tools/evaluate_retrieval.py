"""Score how videos and texts of unseen lectures find each other, and frames their place among the keysteps.

    python tools/evaluate_retrieval.py --checkpoint runs/mine --data data --output runs/mine
    python tools/evaluate_retrieval.py --checkpoint runs/mine --data data/made --narrations script ...
    python tools/evaluate_retrieval.py --untrained --checkpoint runs/mine ...          the untrained control

Needs narrations, keysteps and abstracts of the split. Writes retrieval.json; one that was made of the same
inputs is kept. What the scores mean is in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from surgvlp import console
from surgvlp.evaluation.flags import command_line, evaluation_parser


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = evaluation_parser(__doc__)
    flags.add_argument("--split", default="test", help="split's name (default: test)")
    flags.add_argument(
        "--narrations",
        choices=("whisper_narration", "aws_narration", "script"),
        default="whisper_narration",
        help="texts of the clips; script: what was really said in made lectures (default: whisper_narration)",
    )
    flags.add_argument(
        "--frames", type=Path, help="folder of frame stores or mp4s (default: frame_store/, else videos/)"
    )
    flags.add_argument("--output", type=Path, required=True, help="folder for retrieval.json")
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    # Torch and all that comes with it loads after the flags are known to be right.
    from surgvlp.evaluation.retrieval.run import evaluate_retrieval

    options = {name: value for name, value in vars(flags).items() if name != "json"}
    command = command_line(__file__, arguments)
    result = evaluate_retrieval(**options, command=command)
    if flags.json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        show(result, flags.output)
    return console.DONE


def show(result: dict[str, Any], output: Path) -> None:
    table = Table(title=f"{result['protocol']['name']}  sha256 {result['protocol_sha256'][:12]}")
    for heading in ("R@1, 5, 10", "pairs", "text → video", "video → text", "random order"):
        table.add_column(heading, justify="right" if heading != "R@1, 5, 10" else "left")
    for level, found in result["levels"].items():
        cells = [
            " ".join(f"{values[f'{prefix}R@{k}']:.3f}" for k in (1, 5, 10))
            for values, prefix in (
                (found["scores"], "text_to_video_"),
                (found["scores"], "video_to_text_"),
                (found["chance"], ""),
            )
        ]
        table.add_row(level, str(found["pairs"]), *cells)
    screen = Console()
    screen.print(table)
    alignment = result["alignment"]
    if scores := alignment["scores"]:
        lines = (
            ("order agreement", scores["order_agreement"], "random places", 0.5),
            ("nearest keystep right", scores["nearest_accuracy"], "random", scores["nearest_chance"]),
            ("aligned", scores["aligned_accuracy"], "an even split", scores["uniform_accuracy"]),
        )
        for name, value, control, beside in lines:
            screen.print(f"{name:<22} {value:.3f}   {control} {beside:.3f}", highlight=False)
    print(f"{len(result['lectures'])} lectures, {result['model']}: {output / 'retrieval.json'}")


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
