"""Compare trained models on unseen lectures: do they come in the order that was expected?

    python tools/compare_models.py --model SurgVLP=runs/surgvlp --model HecVL=runs/hecvl \\
        --model PeskaVLP=runs/peskavlp --control "untrained network=runs/untrained" --output runs/comparison
    python tools/compare_models.py --model SurgVLP=runs/seed_7/surgvlp --model SurgVLP=runs/seed_8/surgvlp ...

Names come in the expected order, the weakest first; several runs of a name are one a corpus, in the same
order for every name. A run's folder holds zero-shot/ (tools/evaluate_zero_shot.py) and retrieval.json
(tools/evaluate_retrieval.py). Writes comparison.json, comparison.md and comparison.html.
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from surgvlp import console
from surgvlp.evaluation.flags import command_line
from surgvlp.files import InputError

if TYPE_CHECKING:
    from surgvlp.evaluation.comparing.expected_order import Comparison

MARKS = {
    "holds": "[green]{} ✓[/green]",
    "does not hold": "[red]{} ✗[/red]",
    "within chance": "{} ~",
    "says nothing": "[dim]{}  [/dim]",
}


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    flags.add_argument(
        "--model", action="append", required=True, metavar="NAME=FOLDER", help="repeat, weakest first"
    )
    flags.add_argument(
        "--control",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="stands beside, not in the order",
    )
    flags.add_argument("--note", action="append", default=[], metavar="NAME=TEXT", help="what a run is")
    flags.add_argument("--output", type=Path, required=True)
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    models, controls = by_name(flags.model), by_name(flags.control)
    notes = dict(map(split_pair, flags.note))
    # Model libraries load after the flags are known to be right.
    from surgvlp.evaluation.comparing.report import compare_runs, order_in_words

    command = command_line(__file__, arguments)
    comparison = compare_runs(models, flags.output, controls, notes, [command])
    screen = Console()
    show(comparison, screen)
    for sentence in order_in_words(comparison):
        screen.print(sentence, highlight=False, markup=False)
    print(f"report: {flags.output / 'comparison.html'}")
    return console.DONE


def show(comparison: Comparison, screen: Console) -> None:
    runs = [*comparison.controls, *comparison.order]
    for group, lines in groupby(comparison.lines, key=lambda line: line.metric.group):
        table = Table(
            title=group, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
        )
        table.add_column("")
        # Numbers stay whole in a narrow terminal: names wrap before they do.
        for heading in ("chance", *runs):
            table.add_column(escape(heading), justify="right", min_width=5)
        for name in comparison.order[1:]:
            table.add_column(escape(f"+ {name}"), justify="right", min_width=8)
        for line in lines:
            steps = [MARKS[step.verdict].format(f"{step.difference:+.3f}") for step in line.steps]
            scores = [f"{line.scores[name].value:.3f}" for name in runs]
            table.add_row(line.metric.name, f"{line.chance:.3f}", *scores, *steps)
        screen.print(table)
    screen.print("✓ the order holds, ✗ it does not, ~ lectures differ by more than the models do")


def by_name(pairs: list[str]) -> dict[str, list[Path]]:
    """`NAME=FOLDER`s -> {NAME: [FOLDER, ...]} in the order given."""
    found: dict[str, list[Path]] = {}
    for name, folder in map(split_pair, pairs):
        found.setdefault(name, []).append(Path(folder))
    return found


def split_pair(text: str) -> tuple[str, str]:
    """`NAME=VALUE` -> (NAME, VALUE)."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InputError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
