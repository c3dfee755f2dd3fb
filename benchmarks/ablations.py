"""What each part of PeskaVLP does on made lectures: the same training with one part left out.

    python tools/demo_hierarchy.py --seeds 7 8 9 --data /tmp/made --output /tmp/hierarchy
    python benchmarks/ablations.py --seeds 7 8 9 --data /tmp/made --output /tmp/hierarchy

The second takes the first one's corpora and its PeskaVLP, trains the ablations beside it on as many images,
and writes a Markdown table; differences are paired by lecture. At the published scale they are
configs/ablations.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from surgvlp import console
from surgvlp.evaluation.comparing.comparison import compare_models

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from demo_hierarchy import CONFIGS, retrieval, training
from demo_steps import Step, places, run, zero_shot

WHOLE = "PeskaVLP"
PARTS = {
    "views of clips": (
        "levels.3.loss={'type': 'InfoNCEWithNeighbours', 'temperature': 0.1}",
        "levels.3.batch_size=64",
        "length.steps=150",  # as many images
    ),
    "the order": ("levels.2.loss={'type': 'ParentChildInfoNCE', 'temperature': 0.1}",),
    "augmented texts": (
        "levels.1.dataset.text_columns=['step']",
        "levels.2.dataset.text_columns=['step']",
    ),
}
METRICS = ("macro_f1", "keystep_text_to_video_R@5", "keystep_video_to_text_R@5", "order_agreement")


def steps_of(seed: int, data: Path, output: Path) -> list[Step]:
    """Training and scores of all ablations on one corpus."""
    runs = {name: output / folder_of(name) for name in PARTS}
    trainings = [
        training(seed, data, CONFIGS / "peskavlp", runs[name], *options) for name, options in PARTS.items()
    ]
    checkpoints = [(str(folder), ("--checkpoint", str(folder))) for folder in runs.values()]
    return [
        Step(f"Train {WHOLE} without one of its parts", tuple(trainings)),
        Step(
            "Recognise phases", tuple(zero_shot(data, f"{o}/zero-shot", *flags) for o, flags in checkpoints)
        ),
        Step("Find texts and videos", tuple(retrieval(data, o, *flags) for o, flags in checkpoints)),
    ]


def folder_of(part: str) -> str:
    """Where the training without that part lies."""
    return f"peskavlp_without_{part.replace(' ', '_')}"


def table(outputs: list[Path]) -> str:
    """One row an ablation: scores, and what the part adds, with its 95 % interval over lectures."""
    rows = ["| | " + " | ".join(METRICS) + " |", "|---|" + "---|" * len(METRICS)]
    for part in PARTS:
        without = f"without {part}"
        folders = {without: [o / folder_of(part) for o in outputs], WHOLE: [o / "peskavlp" for o in outputs]}
        lines = {line.metric.key: line for line in compare_models(folders).lines}
        cells = []
        for metric in METRICS:
            step = lines[metric].steps[0]
            between = f" ({step.interval[0]:+.3f} to {step.interval[1]:+.3f})" if step.interval else ""
            cells.append(
                f"{lines[metric].scores[without].value:.3f}, the part adds {step.difference:+.3f}{between}"
            )
        rows.append(f"| {without} | " + " | ".join(cells) + " |")
    scores = [f"{lines[metric].scores[WHOLE].value:.3f}" for metric in METRICS]
    return "\n".join([*rows, f"| {WHOLE} | " + " | ".join(scores) + " |"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="as given to demo_hierarchy.py")
    parser.add_argument("--data", type=Path, required=True, help="likewise")
    parser.add_argument("--output", type=Path, required=True, help="likewise")
    flags = parser.parse_args()
    screen, number = Console(), 0
    corpora = places(flags.seeds, flags.data, flags.output)
    for corpus in corpora:
        for step in steps_of(*corpus):
            number += 1
            run(step, number, screen)
    print(table([output for _, _, output in corpora]))
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
