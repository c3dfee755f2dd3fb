"""Write one report out of several evaluations: a run beside its controls, its pictures, its training.

    python tools/write_report.py --run trained=runs/a/trained --run "untrained network=runs/a/untrained" \\
        --run "texts permuted between clips=runs/a/shuffled" --colour-baseline train \\
        --curves runs/a/metrics.jsonl --wer runs/a/wer.json --output runs/a/report
    python tools/write_report.py --run trained=runs/seed_1/trained --run trained=runs/seed_2/trained ...

Folders of equal name are pooled. A run's folder is what tools/evaluate_zero_shot.py wrote, or any folder of
prediction files. The first run is reported in full. Writes report.html, figures/ and summary.json.
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
    flags.add_argument(
        "--run", action="append", required=True, metavar="NAME=FOLDER", help="repeat for each run"
    )
    flags.add_argument("--note", action="append", default=[], metavar="NAME=TEXT", help="what a run is")
    flags.add_argument(
        "--colour-baseline", metavar="SPLIT", help="add it, trained with the labels of this split"
    )
    flags.add_argument("--curves", type=Path, help="metrics.jsonl of the training")
    flags.add_argument("--wer", type=Path, help='JSON file with the word error rate: {"wer": 0.08, ...}')
    flags.add_argument("--title", default="Zero-shot phase recognition")
    flags.add_argument("--subject", default="videos", help='what the videos are, e.g. "unseen lectures"')
    flags.add_argument("--command", action="append", default=[], help="a command to list; repeat for more")
    flags.add_argument("--output", type=Path, required=True)
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    runs: dict[str, list[Path]] = {}
    for name, folder in map(split_pair, flags.run):
        runs.setdefault(name, []).append(Path(folder))
    # Plotting and model libraries load after the flags are known to be right.
    from surgvlp.evaluation.report import report_of

    summary = report_of(
        runs,
        flags.output,
        colour_split=flags.colour_baseline,
        curves=flags.curves,
        narrations=flags.wer,
        commands=flags.command,
        notes=dict(map(split_pair, flags.note)),
        title=flags.title,
        subject=flags.subject,
    )
    for row in summary["rows"]:
        print(f"{row['macro_f1']:.3f}  {row['name']}")
    print(f"report: {flags.output / 'report.html'}")
    return console.DONE


def split_pair(text: str) -> tuple[str, str]:
    """`NAME=VALUE` -> (NAME, VALUE)."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InputError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
