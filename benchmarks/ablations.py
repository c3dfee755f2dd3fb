"""What each part of HecVL and PeskaVLP does on made lectures: the same trainings with one part left out.

    python tools/demo_hierarchy.py --seeds 7 8 9 --data /tmp/made --output /tmp/hierarchy
    python benchmarks/ablations.py --seeds 7 8 9 --data /tmp/made --output /tmp/hierarchy

The second takes the first one's corpora and models, trains the ablations beside them, and writes a Markdown
table; differences are paired by lecture. At the published scale they are configs/ablations.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from surgvlp import console
from surgvlp.evaluation.comparing.expected_order import compare_models
from surgvlp.evaluation.metrics import between

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from demo_hierarchy import CONFIGS, SCRIPT, retrieval
from demo_steps import Step, places, run_steps, training, zero_shot

METRICS = {
    "macro_f1": "macro-F1",
    "keystep_text_to_video_R@5": "keystep, text → video R@5",
    "keystep_video_to_text_R@5": "keystep, video → text R@5",
    "order_agreement": "order agreement",
}


@dataclass(frozen=True)
class Ablation:
    """A training that lacks a part of another.

    Attributes:
        name: in the table.
        folder: of its run.
        config: whose it is, below configs/demo_hierarchy.
        options: over that config.
        whole: folder of the training that has the part.
    """

    name: str
    folder: str
    config: str
    options: tuple[str, ...]
    whole: str


ABLATIONS = (
    Ablation(
        "HecVL's clips alone: 90 of its 150 steps", "clips_alone", "surgvlp", ("length.steps=90",), "hecvl"
    ),
    Ablation(
        "PeskaVLP without views of clips, on as many images",
        "peskavlp_without_views_of_clips",
        "peskavlp",
        (
            "levels.3.loss={'type': 'InfoNCEWithNeighbours', 'temperature': 0.1}",
            "levels.3.batch_size=64",
            "length.steps=150",
        ),
        "peskavlp",
    ),
    Ablation(
        "PeskaVLP without the order",
        "peskavlp_without_the_order",
        "peskavlp",
        ("levels.2.loss={'type': 'ParentChildInfoNCE', 'temperature': 0.1}",),
        "peskavlp",
    ),
    Ablation(
        "PeskaVLP without augmented texts",
        "peskavlp_without_augmented_texts",
        "peskavlp",
        ("levels.1.dataset.text_columns=['step']", "levels.2.dataset.text_columns=['step']"),
        "peskavlp",
    ),
)


def steps_of(seed: int, data: Path, output: Path) -> list[Step]:
    """Training and scores of all ablations on one corpus."""
    runs = {one: output / one.folder for one in ABLATIONS}
    trainings = [
        training(SCRIPT, seed, data, CONFIGS / one.config, folder, *one.options)
        for one, folder in runs.items()
    ]
    models = [(str(folder), ("--checkpoint", str(folder))) for folder in runs.values()]
    return [
        Step("Train without one of the parts", tuple(trainings)),
        Step("Recognise phases", tuple(zero_shot(data, f"{o}/zero-shot", *flags) for o, flags in models)),
        Step("Find texts and videos", tuple(retrieval(data, o, *flags) for o, flags in models)),
    ]


def table(outputs: list[Path]) -> str:
    """One row an ablation: its scores, and what the part adds with the 95 % interval over lectures."""
    rows = ["| | " + " | ".join(METRICS.values()) + " |", "|---|" + "---|" * len(METRICS)]
    for one in ABLATIONS:
        folders = {name: [output / name for output in outputs] for name in (one.folder, one.whole)}
        lines = {line.metric.key: line for line in compare_models(folders).lines}
        cells = []
        for metric in METRICS:
            step = lines[metric].steps[0]
            paired = f" ({between(step.interval, '+.3f')})" if step.interval else ""
            score = lines[metric].scores[one.folder].value
            cells.append(f"{score:.3f}; the part adds {step.difference:+.3f}{paired}")
        rows.append(f"| {one.name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="as given to demo_hierarchy.py")
    parser.add_argument("--data", type=Path, required=True, help="likewise")
    parser.add_argument("--output", type=Path, required=True, help="likewise")
    flags = parser.parse_args()
    corpora = places(flags.seeds, flags.data, flags.output)
    run_steps(corpora, steps_of, Console())
    print(table([output for _, _, output in corpora]))
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
