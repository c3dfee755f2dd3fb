"""The main job, end to end on a CPU: from narrated lectures to zero-shot phase recognition and a report.

    python tools/demo.py                                           what `make demo` runs
    python tools/demo.py --seeds 7 8 9 --output runs/demo-seeds    what `make demo-seeds` runs

Every step is one of the commands that one runs on one's own lectures. Each is shown before it starts, and
each keeps what is still valid from an earlier run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo_steps import Step, lecture_steps, parse_flags, run_demo, show_end, training, zero_shot
from rich.console import Console
from rich.table import Table

from surgvlp import console
from surgvlp.files import read_json

CONFIG = Path("configs/demo")

# The rows of the report's table: its name, the folder below zero-shot/, what it is.
ROWS = (
    ("this training", "trained", "clips and what was said during them; no labels"),
    (
        "texts permuted between clips",
        "permuted-texts",
        "the same training, each clip with another clip's text",
    ),
    ("untrained network", "untrained", "random weights, the text encoder pretrained"),
)


def steps_of(seed: int, data: Path, output: Path) -> Iterator[Step]:
    """From nothing to predictions on unseen lectures, for one corpus."""
    yield from lecture_steps(seed, data, output)
    corpus = ("train.py", seed, data, CONFIG)
    # Two processes with a core each take five sixths of the time of one after the other with two.
    yield Step(
        "Learn to match clips with what is said; beside it, the control: the same with permuted texts",
        (
            training(*corpus, output / "pretraining"),
            training(*corpus, output / "pretraining-permuted-texts", "levels.0.dataset.shuffle_texts=True"),
        ),
    )
    checkpoint = ["--checkpoint", f"{output}/pretraining"]
    trained, permuted, untrained = (f"{output}/zero-shot/{folder}" for _, folder, _ in ROWS)
    yield Step(
        "Recognise phases in unseen lectures, frame by frame and over time",
        (zero_shot(data, trained, *checkpoint, "--narrations", "train"),),
    )
    yield Step(
        "The same with both controls: what permuted texts taught, and the untrained network",
        (
            zero_shot(data, permuted, "--checkpoint", f"{output}/pretraining-permuted-texts"),
            zero_shot(data, untrained, "--untrained", *checkpoint),
        ),
    )


def report_of(outputs: list[Path], report: Path) -> Step:
    """The report over one corpus, or over several pooled."""
    command = ["tools/write_report.py", "--output", str(report), "--colour-baseline", "train"]
    command += ["--subject", "unseen made lectures"]
    command += ["--curves", f"{outputs[0]}/pretraining/metrics.jsonl", "--wer", f"{outputs[0]}/wer.json"]
    for name, folder, note in ROWS:
        command += ["--note", f"{name}={note}"]
        for output in outputs:
            command += ["--run", f"{name}={output}/zero-shot/{folder}"]
    return Step("Write the report", (command,))


def show_scores(summary: dict[str, Any], screen: Console) -> None:
    """What was learned, beside its controls."""
    first, *controls = summary["rows"]
    strongest = max(controls, key=lambda row: row["macro_f1"])
    title = f"Phases of {first['videos']} unseen lectures, recognised from sentences; no label was trained on"
    table = Table(title=title, title_justify="left")
    for heading in ("", "macro-F1", "95 % interval", "accuracy"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in summary["rows"]:
        low, high = row["macro_f1_interval"] or (float("nan"), float("nan"))
        style = "bold" if row is first else ""
        between = f"{low:.3f} to {high:.3f}"
        table.add_row(row["name"], f"{row['macro_f1']:.3f}", between, f"{row['accuracy']:.3f}", style=style)
    screen.print("\n", table)
    lead = first["macro_f1"] - strongest["macro_f1"]
    screen.print(f"{lead:+.3f} macro-F1 over the strongest control, {strongest['name']}", highlight=False)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(__doc__, Path("runs/demo"), "models, scores, report", arguments)
    screen, started = Console(), time.monotonic()
    corpora = run_demo(flags, steps_of, report_of, screen)
    report, outputs = flags.output / "report", [output for _, _, output in corpora]
    show_scores(read_json(report / "summary.json"), screen)
    trainings = [output / "pretraining" for output in outputs]
    show_end(
        screen,
        corpora,
        started,
        word_errors=", ".join(f"{read_json(output / 'wer.json')['wer']:.1%}" for output in outputs),
        report=report / "report.html",
        checkpoint=", ".join(str(max(folder.glob("step_*.pt"))) for folder in trainings),
    )
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
