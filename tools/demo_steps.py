"""What both demos share: steps that are commands, and the way from nothing to lectures one can train on."""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from surgvlp import config
from surgvlp.files import usable_cores

ROOT = Path(__file__).resolve().parent.parent
CORPUS = "--count 36 --test-share 0.28 --height 160 --fps 6 --seconds 110 --difficulty easy"

# Three ways to describe each phase; none shares a sentence with what the narrators say.
PROMPTS = ("made_phases", "made_phases_2", "made_phases_3")


@dataclass(frozen=True)
class Step:
    """Commands that run at the same time, and what they are for; the first one's progress is shown."""

    title: str
    commands: tuple[list[str], ...]


def lecture_steps(seed: int, data: Path, output: Path) -> Iterator[Step]:
    """Lectures with a voice, what is heard of it, and frames that training can read."""
    videos, texts = ["--videos", f"{data}/videos"], ["--split", "train", "--out", str(data)]
    heard = ["--model", "package:tiny.en", "--language", "en", "--vocabulary", "surgical"]
    yield Step(
        "Make lectures: pictures, a voice, and phase labels that training never sees",
        (["tools/synthesize_lectures.py", *CORPUS.split(), "--seed", str(seed), "--out", str(data)],),
    )
    yield Step("Write down what the lecturers say", (["tools/transcribe.py", *videos, *texts, *heard],))
    yield Step(
        "Compare that with what they said",
        (["tools/score_transcripts.py", "--data", str(data), "--output", f"{output}/wer.json"],),
    )
    yield Step(
        "Decode the videos once",
        (["tools/build_frame_store.py", *videos, "--out", f"{data}/frame_store"],),
    )


def training(script: str, seed: int, data: Path, work_dir: Path, output: Path, *options: str) -> list[str]:
    """The command that trains as `work_dir` says, on a corpus; `options` go over the config."""
    roots = [
        f"levels.{number}.dataset.{option}"
        for number in range(len(config.read(ROOT / work_dir / "config.py")["levels"]))
        for option in (f"root={data}", f"frames_root={data}/frame_store")
    ]
    return [
        *(script, f"--work_dir={work_dir}", f"--output_dir={output}", "--resume"),
        *("--cfg-options", f"seed={seed}", *roots, *options),
    ]


def zero_shot(data: Path, output: str, *model: str) -> list[str]:
    """The command that recognises phases in unseen lectures."""
    return [
        *("tools/evaluate_zero_shot.py", *model, "--data", str(data), "--dataset", "made"),
        *("--prompts", *(f"{data}/prompts/{name}.txt" for name in PROMPTS)),
        *("--protocol", "made_frames", "--output", output),
    ]


Corpus = tuple[int, Path, Path]  # seed, data, output


def run_demo(
    flags: argparse.Namespace,
    steps_of: Callable[[int, Path, Path], Iterable[Step]],
    report_of: Callable[[list[Path], Path], Step],
    screen: Console,
) -> list[Corpus]:
    """Run a demo's steps on every corpus and its report over all of them, into `<output>/report`."""
    corpora = places(flags.seeds, flags.data, flags.output)
    number = run_steps(corpora, steps_of, screen)
    run(report_of([output for _, _, output in corpora], flags.output / "report"), number + 1, screen)
    return corpora


def run_steps(
    corpora: Iterable[Corpus], steps_of: Callable[[int, Path, Path], Iterable[Step]], screen: Console
) -> int:
    """Run the steps of one corpus after another, numbered from 1; returns how many there were."""
    number = 0
    for corpus in corpora:
        for step in steps_of(*corpus):
            number += 1
            run(step, number, screen)
    return number


def run(step: Step, number: int, screen: Console) -> None:
    """Show a step and run it; a step that fails ends the demo with its exit code."""
    screen.print(f"\n[bold]{number}. {step.title}[/bold]")
    for command in step.commands:
        line = f"   python {shlex.join(command)}"
        screen.print(line, style="dim", soft_wrap=True, highlight=False, markup=False)
    threads = str(max(1, usable_cores() // len(step.commands)))
    environment = {**os.environ, "OMP_NUM_THREADS": threads} if len(step.commands) > 1 else None
    shown, *others = ([sys.executable, *command] for command in step.commands)
    with tempfile.TemporaryFile() as said:
        beside = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
            for command in others
        ]
        try:
            codes = [subprocess.run(shown, cwd=ROOT, env=environment).returncode]
            codes += [process.wait() for process in beside]
        finally:
            for process in beside:
                process.terminate()
        if any(codes[1:]):
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace"))
    if any(codes):
        raise SystemExit(max(map(abs, codes)))


def parse_flags(
    description: str | None, output: Path, what: str, arguments: list[str] | None
) -> argparse.Namespace:
    """The flags of a demo: seeds, data, and `--output`, by default `output`, which holds `what`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[7], help="one corpus and training each (7)")
    parser.add_argument("--output", type=Path, default=output, help=what)
    parser.add_argument("--data", type=Path, default=Path("data/made"), help="the made lectures")
    return parser.parse_args(arguments)


def places(seeds: list[int], data: Path, output: Path) -> list[Corpus]:
    """(seed, data, output) of each corpus: as given for one, with the seed in the names for several."""
    if len(seeds) == 1:
        return [(seeds[0], data, output)]
    return [(seed, data.with_name(f"{data.name}_{seed}"), output / f"seed_{seed}") for seed in seeds]


def show_end(screen: Console, corpora: Iterable[Corpus], started: float, **values: object) -> None:
    """A demo's last lines: its own values, where the data are, and what it took since `started`."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    minutes = (time.monotonic() - started) / 60
    values["data"] = ", ".join(str(data) for _, data, _ in corpora)
    values["time"] = f"{minutes:.1f} minutes; the largest process took {peak:.1f} GB"
    for name, value in values.items():
        screen.print(f"{name.replace('_', ' '):<12} {value}", highlight=False, soft_wrap=True)
