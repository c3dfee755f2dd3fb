"""What self-distillation learns on made lectures, with and without neighbours, and what it is good for.

    python benchmarks/backbones.py --seeds 7 8 9 --data /tmp/made --output /tmp/backbones

For every seed: makes the demo's lectures (or takes them, if they are there), trains three backbones on frames
of the training lectures alone and scores them on frames of unseen lectures by k-NN and linear probe, beside
the untrained network and other controls. A sample with neighbours has 2.4 times the pixels, so these runs
take half the steps: 1.2 times the work. Then trains the demo's SurgVLP from random weights and from each.
Writes four Markdown tables; differences are paired by lecture.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from surgvlp import config, console
from surgvlp.evaluation.backbone_probe import PROBES, probed
from surgvlp.evaluation.comparing.bootstrap import LectureSums, interval, paired_interval
from surgvlp.evaluation.folders import open_run
from surgvlp.evaluation.labelled_frames import LabelledFrames
from surgvlp.evaluation.metrics import Interval, between, score_phases
from surgvlp.files import read_json

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from demo_steps import ROOT, Corpus, Step, lecture_steps, parse_flags, places, run_steps, training, zero_shot

CONFIG, CLIPS = Path("configs/backbones/demo_dino"), Path("configs/demo")
PLAIN, IN_TIME, BY_MAP = "dino", "neighbours_in_time", "neighbours_by_map"
BACKBONES = {
    PLAIN: "DINO",
    IN_TIME: "with neighbours in time",
    BY_MAP: "with neighbours by a map of DINO's features",
}
UNTRAINED, PIXELS = f"{PLAIN}, untrained", "8 x 8 pixels, no network"
Rows = list[dict[str, Any]]  # of each corpus, by network or control
STARTS = {"random": "random weights", **BACKBONES}


def steps_of(seed: int, data: Path, output: Path) -> Iterator[Step]:
    """From nothing to all scores of one corpus; two commands at a time, a core each."""
    yield from lecture_steps(seed, data, output)
    steps = config.read(ROOT / CONFIG / "config.py")["length"]["steps"]
    # a sample with neighbours has 2.4 times the pixels
    with_neighbours = ("dataset.neighbours=2", f"length.steps={steps // 2}")
    ends = {PLAIN: steps, IN_TIME: steps // 2, BY_MAP: steps // 2}
    weights = {name: f"{output}/{name}/step_{end:08d}.pt" for name, end in ends.items()}
    starts = {"random": (), **{n: (f"model_config.backbone_img.pretrained={w}",) for n, w in weights.items()}}

    def pretrained(name: str, *options: str) -> list[str]:
        return pretraining(seed, data, output / name, *options)

    def clips(name: str) -> list[str]:
        return training("train.py", seed, data, CLIPS, output / f"clips_{name}", *starts[name])

    yield Step(
        "Pretrain backbones on frames, alone and with neighbours in time",
        (pretrained(PLAIN), pretrained(IN_TIME, *with_neighbours)),
    )
    yield Step(
        "Find frames like each in other lectures, by the first backbone",
        (similar_frames(data, output, weights[PLAIN]),),
    )
    by_map = f"dataset.neighbour_map={output}/neighbours.npz"
    yield Step(
        "Pretrain with neighbours by the map; beside it, learn to match clips with what is said",
        (pretrained(BY_MAP, *with_neighbours, by_map), clips("random")),
    )
    yield Step("The same from the first two backbones", (clips(PLAIN), clips(IN_TIME)))
    yield Step(
        "From the third; beside it, score the backbones", (clips(BY_MAP), probe(data, output, weights))
    )
    yield Step(
        "Recognise phases",
        tuple(
            zero_shot(data, f"{output}/clips_{name}/zero-shot", "--checkpoint", f"{output}/clips_{name}")
            for name in STARTS
        ),
    )


def similar_frames(data: Path, output: Path, backbone: str) -> list[str]:
    """The command that maps the training lectures' frames."""
    return [
        *("tools/find_neighbours.py", "--data", str(data), "--split", "train", "--every", "0.5"),
        *("--frames", f"{data}/frame_store", "--backbone", backbone, "--size", str(probed_size())),
        *("--out", f"{output}/neighbours.npz"),
    ]


def pretraining(seed: int, data: Path, output: Path, *options: str) -> list[str]:
    """The command that pretrains a backbone on a corpus."""
    frames = f"{data}/frame_store"
    return [
        *("tools/pretrain_backbone.py", f"--work_dir={CONFIG}", f"--output_dir={output}", "--resume"),
        *("--cfg-options", f"seed={seed}", f"dataset.root={data}", f"dataset.frames_root={frames}"),
        *(f"probe.labelled.root={data}", f"probe.labelled.frames={frames}", *options),
    ]


def probed_size() -> int:
    """Side in pixels of the frames that the config's probe sees."""
    return int(config.read(ROOT / CONFIG / "config.py")["probe"]["labelled"]["size"])


def probe(data: Path, output: Path, weights: dict[str, str]) -> list[str]:
    """The command that scores backbones on unseen lectures."""
    return [
        *("tools/probe_backbone.py", "--backbone", *(f"{name}={path}" for name, path in weights.items())),
        *("--untrained", "--data", str(data), "--dataset", "made", "--protocol", "made_frames"),
        *("--frames", f"{data}/frame_store", "--size", str(probed_size()), "--output", f"{output}/probe"),
    ]


def probe_table(found: Rows) -> str:
    """A row a backbone or control: every probe's accuracy, and what it gains over the starting weights."""
    heads = [head for probe in PROBES for head in (probe, "over untrained")]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name in found[0]:
        cells = [BACKBONES.get(name, name)]
        for probe in PROBES:
            accuracy = _sums(found, name, probe)
            cells.append(_with_interval(accuracy.value, interval(accuracy)))
            cells.append("" if name == UNTRAINED else _more(accuracy, _sums(found, UNTRAINED, probe)))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def neighbour_table(found: Rows) -> str:
    """What neighbours add to plain DINO."""
    lines = [f"| more than DINO | {' | '.join(PROBES)} |", "|---" * (1 + len(PROBES)) + "|"]
    for name in (IN_TIME, BY_MAP):
        cells = [_more(_sums(found, name, probe), _sums(found, PLAIN, probe)) for probe in PROBES]
        lines.append(f"| {BACKBONES[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def seed_table(found: Rows) -> str:
    """Accuracies by corpus, of the starting weights and of each backbone."""
    names = (UNTRAINED, *BACKBONES)
    lines = [f"| | {' | '.join(f'{probe}, seeds' for probe in PROBES)} |", "|---" * (1 + len(PROBES)) + "|"]
    for name in names:
        cells = [", ".join(f"{rows[name][probe]['accuracy']:.3f}" for rows in found) for probe in PROBES]
        lines.append(f"| {BACKBONES.get(name, name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def read_rows(corpora: list[Corpus]) -> Rows:
    """Scores of each corpus by row's name; the untrained networks are one and the same, and stand once."""
    found = []
    for _, data, output in corpora:
        rows = {row["name"]: row for row in read_json(output / "probe" / "probe.json")["rows"]}
        rows = {name: row for name, row in rows.items() if "untrained" not in name or name == UNTRAINED}
        found.append({**rows, PIXELS: pixels(data)})
    return found


def pixels(data: Path) -> dict[str, Any]:
    """A control without any network: the frame itself, averaged to 8 x 8 pixels."""
    frames = f"{data}/frame_store"
    labelled = LabelledFrames(root=str(data), dataset="made", protocol="made_frames", frames=frames, size=8)
    train, test = labelled.read()
    x, y = (part.pictures.reshape(len(part.label), -1).astype(np.float32) for part in (train, test))
    return {probe: asdict(scores) for probe, scores in probed(x, train, y, test).items()}


def start_table(outputs: list[Path]) -> str:
    """A row a start of the demo's SurgVLP: zero-shot macro-F1, and what it has more than from random."""
    lines = ["| SurgVLP started from | zero-shot macro-F1 | more than from random weights |", "|---|---|---|"]
    scores = {name: _zero_shot([output / f"clips_{name}" for output in outputs]) for name in STARTS}
    for name, what in STARTS.items():
        score = _with_interval(scores[name].value, interval(scores[name]))
        lines.append(f"| {what} | {score} | {_more(scores[name], scores['random'])} |")
    return "\n".join(lines)


def _zero_shot(runs: list[Path]) -> LectureSums:
    found = [score_phases(one.predictions).videos for one in open_run([run / "zero-shot" for run in runs])]
    return _pooled([[video.macro_f1 for video in videos] for videos in found])


def _sums(found: Rows, name: str, probe: str) -> LectureSums:
    """A probe's accuracy on every lecture of every corpus."""
    return _pooled([rows[name][probe]["video_accuracy"] for rows in found])


def _pooled(values: list[list[float]]) -> LectureSums:
    """Lectures' scores, a list for each corpus."""
    corpus = np.repeat(np.arange(len(values)), [len(one) for one in values])
    total = np.concatenate(values)
    return LectureSums(corpus, tuple(map(str, range(len(total)))), total, np.ones(len(total)))


def _more(score: LectureSums, than: LectureSums) -> str:
    return _with_interval(score.value - than.value, paired_interval(score, than), "+")


def _with_interval(value: float, bounds: Interval | None, sign: str = "") -> str:
    form = f"{sign}.3f"
    return f"{value:{form}} ({between(bounds, form)})" if bounds else f"{value:{form}}"


def main() -> int:
    flags = parse_flags(__doc__, Path("runs/backbones"), "models and scores", None)
    corpora = places(flags.seeds, flags.data, flags.output)
    run_steps(corpora, steps_of, Console())
    outputs = [output for _, _, output in corpora]
    found = read_rows(corpora)
    tables = probe_table(found), neighbour_table(found), seed_table(found), start_table(outputs)
    print("", *tables, sep="\n\n")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
