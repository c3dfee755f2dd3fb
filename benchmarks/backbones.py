"""What self-distillation learns on made lectures, with and without neighbours, and what it is good for.

    python benchmarks/backbones.py --seeds 7 8 9 --data /tmp/made --output /tmp/backbones

For every seed: makes the demo's lectures (or takes them, if they are there), trains three backbones on frames
of the training lectures alone, each on as many crops as the others, and scores them on frames of unseen
lectures by k-NN and linear probe, beside the untrained network. Then trains the demo's SurgVLP from random
weights and from each backbone. Writes two Markdown tables; differences are paired by lecture.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from surgvlp import config, console
from surgvlp.evaluation.comparing.bootstrap import LectureSums, interval, paired_interval
from surgvlp.evaluation.folders import open_run
from surgvlp.evaluation.metrics import Interval, score_phases
from surgvlp.files import read_json

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from demo_steps import ROOT, Step, lecture_steps, places, run_steps, training, zero_shot

CONFIG, CLIPS = Path("configs/backbones/demo_dino"), Path("configs/demo")
PLAIN, IN_TIME, BY_MAP = "dino", "neighbours_in_time", "neighbours_by_map"
BACKBONES = {
    PLAIN: "DINO",
    IN_TIME: "with neighbours in time",
    BY_MAP: "with neighbours by a map of DINO's features",
}
STARTS = {"random": "random weights", **BACKBONES}


def steps_of(seed: int, data: Path, output: Path) -> Iterator[Step]:
    """From nothing to all scores of one corpus."""
    yield from lecture_steps(seed, data, output)
    steps = config.read(ROOT / CONFIG / "config.py")["length"]["steps"]
    # a sample with neighbours has twice the crops
    with_neighbours = ("dataset.neighbours=2", f"length.steps={steps // 2}")
    yield Step("Pretrain a backbone on frames", (pretraining(seed, data, output / PLAIN),))
    yield Step(
        "Find frames like it in other lectures, by that backbone",
        (
            [
                *("tools/find_neighbours.py", "--data", str(data), "--split", "train"),
                *("--frames", f"{data}/frame_store", "--backbone", newest(output / PLAIN, steps)),
                *("--every", "0.5", "--out", f"{output}/neighbours.npz"),
            ],
        ),
    )
    yield Step(
        "Pretrain with neighbours, in time and by the map",
        (
            pretraining(seed, data, output / IN_TIME, *with_neighbours),
            pretraining(
                seed,
                data,
                output / BY_MAP,
                *with_neighbours,
                f"dataset.neighbour_map={output}/neighbours.npz",
            ),
        ),
    )
    weights = {name: newest(output / name, steps if name == PLAIN else steps // 2) for name in BACKBONES}
    yield Step("Score the backbones", (probe(data, output, weights),))
    starts = {"random": (), **{n: (f"model_config.backbone_img.pretrained={w}",) for n, w in weights.items()}}
    for some in (("random", PLAIN), (IN_TIME, BY_MAP)):
        yield Step(
            "Learn to match clips with what is said, from "
            + " and from ".join(STARTS[name] for name in some),
            tuple(
                training("train.py", seed, data, CLIPS, output / f"clips_{name}", *starts[name])
                for name in some
            ),
        )
    yield Step(
        "Recognise phases",
        tuple(
            zero_shot(data, f"{output}/clips_{name}/zero-shot", "--checkpoint", f"{output}/clips_{name}")
            for name in STARTS
        ),
    )


def pretraining(seed: int, data: Path, output: Path, *options: str) -> list[str]:
    """The command that pretrains a backbone on a corpus."""
    frames = f"{data}/frame_store"
    return [
        *("tools/pretrain_backbone.py", f"--work_dir={CONFIG}", f"--output_dir={output}", "--resume"),
        *("--cfg-options", f"seed={seed}", f"dataset.root={data}", f"dataset.frames_root={frames}"),
        *(f"probe.labelled.root={data}", f"probe.labelled.frames={frames}", *options),
    ]


def newest(run: Path, steps: int) -> str:
    """The checkpoint of a run's end."""
    return f"{run}/step_{steps:08d}.pt"


def probe(data: Path, output: Path, weights: dict[str, str]) -> list[str]:
    """The command that scores backbones on unseen lectures."""
    size = config.read(ROOT / CONFIG / "config.py")["probe"]["labelled"]["size"]
    return [
        *("tools/probe_backbone.py", "--backbone", *(f"{name}={path}" for name, path in weights.items())),
        *("--untrained", "--data", str(data), "--dataset", "made", "--protocol", "made_frames"),
        *("--frames", f"{data}/frame_store", "--size", str(size), "--output", f"{output}/probe"),
    ]


def probe_table(outputs: list[Path]) -> str:
    """A row a backbone or control: both probes; what k-NN has more than the untrained one and than DINO."""
    found = [read_json(output / "probe" / "probe.json")["rows"] for output in outputs]
    lines = [
        "| | k-NN accuracy | macro-F1 | linear accuracy | k-NN over untrained | k-NN over DINO |",
        "|---|---|---|---|---|---|",
    ]
    names = [row["name"] for row in found[0]]
    untrained = _sums(found, next(name for name in names if "untrained" in name), "k-NN", "accuracy")
    plain = _sums(found, PLAIN, "k-NN", "accuracy")
    for name in names:
        scores = [
            _sums(found, name, *which)
            for which in (("k-NN", "accuracy"), ("k-NN", "macro_f1"), ("linear", "accuracy"))
        ]
        cells = [BACKBONES.get(name, name), *(_with_interval(one.value, interval(one)) for one in scores)]
        for other in (untrained, plain):
            difference = scores[0].value - other.value
            cells.append(_with_interval(difference, paired_interval(scores[0], other), "+"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def start_table(outputs: list[Path]) -> str:
    """A row a start of the demo's SurgVLP: zero-shot macro-F1, and what it has more than from random."""
    lines = ["| SurgVLP started from | zero-shot macro-F1 | more than from random weights |", "|---|---|---|"]
    scores = {name: _zero_shot([output / f"clips_{name}" for output in outputs]) for name in STARTS}
    for name, what in STARTS.items():
        more = scores[name].value - scores["random"].value
        between = paired_interval(scores[name], scores["random"])
        lines.append(
            f"| {what} | {_with_interval(scores[name].value, interval(scores[name]))} | "
            f"{_with_interval(more, between, '+')} |"
        )
    return "\n".join(lines)


def _zero_shot(runs: list[Path]) -> LectureSums:
    found = [score_phases(one.predictions).videos for one in open_run([run / "zero-shot" for run in runs])]
    return _pooled([[video.macro_f1 for video in videos] for videos in found])


def _sums(found: list[list[dict[str, Any]]], name: str, kind: str, metric: str) -> LectureSums:
    """A probe's score of every lecture of every corpus."""
    rows = [next(row for row in rows if row["name"] == name) for rows in found]
    return _pooled([row[kind][f"video_{metric}"] for row in rows])


def _pooled(values: list[list[float]]) -> LectureSums:
    """Lectures' scores, a list for each corpus."""
    corpus = np.repeat(np.arange(len(values)), [len(one) for one in values])
    total = np.concatenate(values)
    return LectureSums(corpus, tuple(map(str, range(len(total)))), total, np.ones(len(total)))


def _with_interval(value: float, between: Interval | None, sign: str = "") -> str:
    if between is None:
        return f"{value:{sign}.3f}"
    return f"{value:{sign}.3f} ({between[0]:{sign}.3f} to {between[1]:{sign}.3f})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="one corpus and training each")
    parser.add_argument("--data", type=Path, required=True, help="the made lectures")
    parser.add_argument("--output", type=Path, required=True, help="models and scores")
    flags = parser.parse_args()
    corpora = places(flags.seeds, flags.data, flags.output)
    run_steps(corpora, steps_of, Console())
    outputs = [output for _, _, output in corpora]
    print(f"\n{probe_table(outputs)}\n\n{start_table(outputs)}")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
