"""The three published systems side by side on made lectures, minutes on two CPU cores.

    python tools/demo_hierarchy.py        what `make demo-hierarchy` runs; with --seeds 7 8 9 three corpora

SurgVLP learns from clips and narrations, HecVL from keysteps and abstracts too, PeskaVLP also from views of
clips, augmented texts and the order of keysteps. Each has the same number of images to learn from. Every step
is one of the commands that one runs on one's own lectures, and keeps what is still valid from an earlier run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from demo_steps import Step, lecture_steps, parse_flags, run_demo, show_end, training, zero_shot
from rich.console import Console

from surgvlp import console

SCRIPT = "train_hierarchy_ssl.py"
CONFIGS = Path("configs/demo_hierarchy")
UNTRAINED = "untrained"

# In the order of the papers' tables; the folder is that of the config and of what the run leaves.
MODELS = (("SurgVLP", "surgvlp"), ("HecVL", "hecvl"), ("PeskaVLP", "peskavlp"))
NOTES = (
    "SurgVLP=clips and narrations",
    "HecVL=and the titles of keysteps, and abstracts",
    "PeskaVLP=and views of clips, descriptions of keysteps, their order",
    "untrained=random weights, the text encoder pretrained",
)


def steps_of(seed: int, data: Path, output: Path) -> Iterator[Step]:
    """From nothing to scores on unseen lectures, for one corpus."""
    yield from lecture_steps(seed, data, output)
    trainings = tuple(training(SCRIPT, seed, data, CONFIGS / folder, output / folder) for _, folder in MODELS)
    yield Step("Train all three, each on as many images as the others", trainings)
    models = [(folder, ["--checkpoint", f"{output}/{folder}"]) for _, folder in MODELS]
    models.append((UNTRAINED, ["--untrained", "--checkpoint", f"{output}/{MODELS[-1][1]}"]))
    yield Step(
        "Recognise phases in unseen lectures, and the control: an untrained network",
        tuple(zero_shot(data, f"{output}/{folder}/zero-shot", *flags) for folder, flags in models),
    )
    yield Step(
        "Find clips, keysteps and lectures by their texts and texts by them; put frames in order",
        tuple(retrieval(data, f"{output}/{folder}", *flags) for folder, flags in models),
    )


def retrieval(data: Path, output: str, *model: str) -> list[str]:
    """The command that scores retrieval and alignment in unseen lectures."""
    # What the lecturers of unseen lectures really said; nobody transcribes those.
    said = ("--data", str(data), "--narrations", "script")
    return ["tools/evaluate_retrieval.py", *model, *said, "--output", output]


def comparison_of(outputs: list[Path], report: Path) -> Step:
    """The table over one corpus, or over several pooled."""
    command = ["tools/compare_models.py", "--output", str(report)]
    command += [flag for note in NOTES for flag in ("--note", note)]
    for name, folder in (*MODELS, (UNTRAINED, UNTRAINED)):
        for output in outputs:
            command += ["--control" if name == UNTRAINED else "--model", f"{name}={output / folder}"]
    return Step("Compare them", (command,))


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(__doc__, Path("runs/demo-hierarchy"), "models and scores", arguments)
    screen, started = Console(), time.monotonic()
    corpora = run_demo(flags, steps_of, comparison_of, screen)
    show_end(screen, corpora, started, report=flags.output / "report" / "comparison.html")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
