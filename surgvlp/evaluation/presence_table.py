"""The table of a presence evaluation for the terminal, as both tools show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from surgvlp.evaluation.metrics import between


def show_presence(result: dict[str, Any], output: Path) -> None:
    """Print what `evaluate_presence` returned."""
    # Seven columns in a terminal of 80 letters leave no room for lines between them.
    title = f"{result['protocol']['name']}  sha256 {result['protocol_sha256'][:12]}"
    table = Table(title=title, box=None, padding=(0, 0, 0, 1), pad_edge=False)
    for heading in ("", "mAP", "95 % interval", "permuted", "chance", "pooled", "absent 0"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, row in result["rows"].items():
        values = (row["permuted"], row["chance"], row["all_frames"], row["absent_as_zero"])
        table.add_row(
            escape(name),
            f"{row['mean']:.3f}",
            between(row["interval"]),
            *(f"{value:.3f}" for value in values),
        )
    screen = Console()
    screen.print(table)
    left_out = result["frames_not_scored"]
    print(
        f"{len(result['videos'])} videos, {result['frames']} frames"
        + (f", {left_out} not scored" if left_out else "")
        + f", {result['frames_per_s']:.0f} frames/s; everything is in {output}"
    )
