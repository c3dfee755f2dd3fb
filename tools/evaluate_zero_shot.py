"""Recognise surgical phases from text prompts alone, and score that under a named protocol.

    python tools/evaluate_zero_shot.py --checkpoint runs/mine --data data --dataset cholec80 --report \\
        --prompts data/prompts/cholec80_phases.txt --protocol cholec80_frames --output runs/mine/cholec80
    python tools/evaluate_zero_shot.py --checkpoint PeskaVLP.pth --config configs/surgvlp ... --json
    python tools/evaluate_zero_shot.py --untrained --config configs/surgvlp ...        the untrained control

Several prompt files are an ensemble. Writes predictions/<video>.npz and evaluation.json; with --narrations or
--grammar the scores are decoded over time too, into decoded/. --save-plot 60 draws every 60th frame beside
its probabilities, into frame_plots/. The protocols are in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from surgvlp import console
from surgvlp.evaluation.flags import command_line, evaluation_parser


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = evaluation_parser(__doc__)
    flags.add_argument("--dataset", required=True, help="cholec80, autolaparo, made, or one of your own")
    flags.add_argument(
        "--split", default="test", help="split's name, or ids with commas between (default: test)"
    )
    flags.add_argument("--prompts", type=Path, nargs="+", required=True, help="line i describes class i")
    flags.add_argument("--protocol", required=True, help="name, or path of a .json file")
    flags.add_argument("--frames", type=Path, help="folder of frame stores or mp4s instead of image files")
    flags.add_argument(
        "--narrations", metavar="SPLIT", help="decode over time, with what these narrated lectures teach"
    )
    flags.add_argument("--grammar", type=Path, help="decode over time with this phase grammar (.json)")
    flags.add_argument(
        "--save-plot",
        type=int,
        nargs="?",
        const=1,
        metavar="N",
        help="plot every N-th frame beside its probabilities, into frame_plots/ (N: 1, all)",
    )
    flags.add_argument("--output", type=Path, required=True, help="folder for predictions and scores")
    flags.add_argument(
        "--report", action="store_true", help="write report.html, figures/ and summary.json too"
    )
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    # Torch and all that comes with it loads after the flags are known to be right.
    from surgvlp.evaluation.report import report_of
    from surgvlp.evaluation.run import evaluate_zero_shot

    options = {
        name: value
        for name, value in vars(flags).items()
        if name not in ("prompts", "report", "json", "save_plot")
    }
    command = command_line(__file__, arguments)
    result = evaluate_zero_shot(
        **options, prompt_files=flags.prompts, plot_every=flags.save_plot, command=command
    )
    if flags.report:
        report_of({"zero-shot": [flags.output]}, flags.output)
    if flags.json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        show(result, flags.output)
    return console.DONE


def show(result: dict[str, Any], output: Path) -> None:
    from surgvlp.evaluation.metrics import between

    table = Table(title=f"{result['protocol']['name']}  sha256 {result['protocol_sha256'][:12]}")
    for heading in ("", "macro-F1", "95 % interval", "accuracy"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in result["rows"]:
        scores = f"{row['macro_f1']:.3f}", between(row["macro_f1_interval"]), f"{row['accuracy']:.3f}"
        table.add_row(escape(row["name"]), *scores)
    Console().print(table)
    if "decoded" in result:
        from surgvlp.evaluation.decoded import DecodedRow, as_text

        print("\n" + as_text([DecodedRow(**row) for row in result["decoded"]]) + "\n")
    print(f"{len(result['videos'])} videos, {result['frames_per_s']:.0f} frames/s; everything is in {output}")


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
