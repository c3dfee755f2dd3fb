"""How well keysteps are found without a language model, beside TextTiling, even pieces and chance.

    nice -n 19 python benchmarks/keysteps.py --out /tmp/keysteps --seeds 101 102 103 --choose
    nice -n 19 python benchmarks/keysteps.py --out /tmp/keysteps --seeds 104 105 106 --trees svl_sample

Made lectures are made without their pictures: the narrator speaks, and what is said is taken as narrations
(cleaned as after recognition, without its errors), with the keysteps that are written down beside. Lectures
and embeddings that are there already are reused. `--choose` compares settings instead: only for seeds that
nothing else is measured on. `--trees` are data trees with keysteps and narrations of one or both recognisers.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp import console
from surgvlp.files import atomic_path
from surgvlp.lectures.texts import Caption, read_captions, write_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.synthesis.lecture import CorpusArguments, draw_lecture, lecture_id
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.processes import in_new_processes
from surgvlp.synthesis.speech.account import keysteps
from surgvlp.synthesis.speech.narrator import narrate
from surgvlp.synthesis.speech.voice import Speaker
from surgvlp.transcription.boundary_score import (
    boundaries,
    boundary_score,
    random_boundaries,
    uniform_boundaries,
    window_diff,
)
from surgvlp.transcription.cleaning import clean
from surgvlp.transcription.offline_writer import SentenceVectors
from surgvlp.transcription.segmentation import PENALTY, SHORTEST_S, centred, segment

Method = Callable[["Narrated"], list[float]]
DRAWS = 100  # of chance
TILING = (6, 0.0)  # the best window and threshold of --choose


@dataclass(frozen=True)
class Narrated:
    """A lecture: narrations, the vector of each (N, D), the true keysteps, and from when to when it lasts."""

    name: str
    rows: list[Caption]
    vectors: np.ndarray
    truth: list[Caption]

    @property
    def span(self) -> tuple[float, float]:
        ends = [row.end for row in [*self.rows, *self.truth]]
        return min(self.rows[0].start, self.truth[0].start), max(ends)


def make_texts(seed: int, number: int, root: Path) -> None:
    """Write `scripts/` and `keystep_texts/` of a made lecture, in a process that has not spoken yet."""
    tree, lecture = DataTree(root), lecture_id(number)
    drawn = draw_lecture(CorpusArguments(seed, 64, 2, 300, ",".join(PROCEDURES), "default"), number)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "voice.wav"
        script = narrate(drawn.procedure, Speaker(drawn.voice), drawn.speaking, wav, drawn.style)
    write_captions(tree.texts("keystep", lecture), keysteps(drawn.procedure, drawn.writing))
    write_captions(tree.script(lecture), script)


def made_lectures(out: Path, seeds: Sequence[int], count: int, encoder: Encoder) -> list[Narrated]:
    """The made lectures of these seeds, made where they are not there."""
    wanted = [(seed, number, out / str(seed)) for seed in seeds for number in range(count)]
    calls = [call for call in wanted if not DataTree(call[2]).script(lecture_id(call[1])).is_file()]
    if calls:
        with console.progress_bar("speak", len(calls), "lectures") as bar:
            in_new_processes(make_texts, calls, 1, lambda _: bar.advance())
    found = []
    for seed, number, root in wanted:
        tree, lecture = DataTree(root), lecture_id(number)
        rows = clean(read_captions(tree.script(lecture))).captions
        truth = read_captions(tree.texts("keystep", lecture))
        vectors = encoder(rows, root / "vectors" / f"{lecture}.npy")
        found.append(Narrated(f"{seed}/{number}", rows, vectors, truth))
    return found


def lectures_of(tree: DataTree, source: str, out: Path, encoder: Encoder) -> list[Narrated]:
    """The lectures of a data tree that have keysteps, with the narrations of one recogniser."""
    found = []
    for path in sorted((tree.root / "keystep_texts").glob("*.csv")):
        rows = read_captions(tree.texts(source, path.stem))
        vectors = encoder(rows, out / source / f"{path.stem}.npy")
        found.append(Narrated(f"{path.stem}, {source}", rows, vectors, read_captions(path)))
    return found


class Encoder:
    """Sentence vectors of a lecture, computed once and kept in a file."""

    def __init__(self) -> None:
        self._vectors: SentenceVectors | None = None

    def __call__(self, rows: Sequence[Caption], path: Path) -> np.ndarray:
        if not path.is_file():
            if self._vectors is None:
                self._vectors = SentenceVectors()
                self._vectors.load()
            with atomic_path(path) as partial, partial.open("wb") as stream:
                np.save(stream, self._vectors([row.text for row in rows]))
        return np.load(path, allow_pickle=False)


def ours(lecture: Narrated, penalty: float = PENALTY, shortest_s: float = SHORTEST_S) -> list[float]:
    """The boundaries that tools/write_keysteps.py writes."""
    starts = [row.start for row in lecture.rows]
    cuts = segment(lecture.vectors, starts, max(row.end for row in lecture.rows), penalty, shortest_s)
    return [starts[cut] for cut in cuts[1:]]


def text_tiling(lecture: Narrated, window: int = TILING[0], threshold: float = TILING[1]) -> list[float]:
    """TextTiling (Hearst, Computational Linguistics 23, 1997) over the same vectors and shortest length.

    Depth of the valleys of likeness between `window` sentences on either side; the deepest first, as long as
    they are deeper than their mean plus `threshold` standard deviations.
    """
    rows, count = centred(lecture.vectors), len(lecture.rows)
    if count < 3:
        return []
    alike = np.array(
        [_likeness(rows[max(0, at - window) : at], rows[at : at + window]) for at in range(1, count)]
    )
    depth = np.array([_rise(alike[at::-1]) + _rise(alike[at:]) for at in range(count - 1)])
    found = [lecture.rows[0].start, max(row.end for row in lecture.rows)]
    for at in np.argsort(-depth, kind="stable"):
        start = lecture.rows[at + 1].start
        if depth[at] <= depth.mean() + threshold * depth.std():
            break
        if min(abs(start - time) for time in found) >= SHORTEST_S:
            found.append(start)
    return sorted(found[2:])


def _likeness(before: np.ndarray, after: np.ndarray) -> float:
    left, right = before.sum(0), after.sum(0)
    return float(left @ right / max(np.linalg.norm(left) * np.linalg.norm(right), 1e-12))


def _rise(values: np.ndarray) -> float:
    """From the first value up to the next peak."""
    falls = np.flatnonzero(np.diff(values) < 0)
    return float(values[falls[0] if len(falls) else -1] - values[0])


def scores(lecture: Narrated, found: Sequence[float]) -> np.ndarray:
    """Boundary F1, WindowDiff, keysteps found."""
    truth = boundaries(lecture.truth)
    figures = boundary_score(found, truth).f1, window_diff(found, truth, *lecture.span), len(found) + 1
    return np.array(figures, float)


def table(lectures: Sequence[Narrated]) -> dict[str, np.ndarray]:
    """{method: (lectures, 3) scores}; even pieces and chance have as many keysteps as ours."""
    generator = np.random.default_rng(0)
    rows: dict[str, list[np.ndarray]] = {}
    for lecture in lectures:
        found = ours(lecture)
        begin, end = lecture.rows[0].start, max(row.end for row in lecture.rows)
        starts = [row.start for row in lecture.rows[1:]]
        drawn = [random_boundaries(starts, len(found), generator) for _ in range(DRAWS)]
        for name, row in {
            "ours": scores(lecture, found),
            "TextTiling": scores(lecture, text_tiling(lecture)),
            "even pieces, as many": scores(lecture, uniform_boundaries(begin, end, len(found))),
            "chance, as many": np.mean([scores(lecture, each) for each in drawn], axis=0),
        }.items():
            rows.setdefault(name, []).append(row)
    return {name: np.array(each) for name, each in rows.items()}


def print_table(title: str, lectures: Sequence[Narrated]) -> None:
    """One row a method, and by how much ours is ahead of even pieces, with a bootstrap over lectures."""
    true = np.mean([len(lecture.truth) for lecture in lectures])
    print(f"\n| {title} (truth: {true:.1f} keysteps) | boundary F1 within 10 s | WindowDiff | keysteps |")
    print("|---|---|---|---|")
    found = table(lectures)
    for name, rows in found.items():
        f1, difference, count = rows.mean(0)
        print(f"| {name} | {f1:.2f} | {difference:.2f} | {count:.1f} |")
    lead = found["ours"] - found["even pieces, as many"]
    drawn = np.random.default_rng(0).integers(len(lead), size=(10000, len(lead)))
    low, high = np.percentile(lead[drawn].mean(1), (2.5, 97.5), axis=0)
    print()
    for place, name in enumerate(("F1", "WindowDiff")):
        between = f"95 % of bootstraps over lectures {low[place]:+.2f} to {high[place]:+.2f}"
        print(f"* ours less even pieces, {name}: {lead[:, place].mean():+.2f} ({between})")


def print_each(lectures: Sequence[Narrated]) -> None:
    """One row a lecture."""
    found = table(lectures)
    print("\n| lecture | rows | keysteps, true | ours | F1, ours | even | WindowDiff, ours | even |")
    print("|---|---|---|---|---|---|---|---|")
    for place, lecture in enumerate(lectures):
        (f1, difference, count), even = found["ours"][place], found["even pieces, as many"][place]
        sizes = f"{len(lecture.rows)} | {len(lecture.truth)} | {count:.0f}"
        print(f"| {lecture.name} | {sizes} | {f1:.2f} | {even[0]:.2f} | {difference:.2f} | {even[1]:.2f} |")


def choices() -> Iterator[tuple[str, Method]]:
    """What was tried: penalties and shortest lengths of ours, windows and thresholds of TextTiling."""
    for penalty in (0.8, 0.9, 1.0, 1.1, 1.2, 1.5):
        for shortest_s in (15.0, 20.0, 25.0):
            name = f"ours, penalty {penalty}, shortest {shortest_s:g} s"
            yield name, lambda lecture, p=penalty, s=shortest_s: ours(lecture, p, s)
    for window in (2, 4, 6, 8):
        for threshold in (-0.5, 0.0, 0.5, 1.0):
            name = f"TextTiling, window {window}, threshold {threshold:+g}"
            yield name, lambda lecture, w=window, t=threshold: text_tiling(lecture, w, t)


def main(arguments: list[str] | None = None) -> int:
    """Make what is missing, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of made lectures and embeddings")
    parser.add_argument("--seeds", type=int, nargs="+", default=[104, 105, 106])
    parser.add_argument("--lectures", type=int, default=4, help="of a seed")
    parser.add_argument("--choose", action="store_true", help="compare settings")
    parser.add_argument("--trees", type=Path, nargs="*", default=[], help="data trees to measure as well")
    flags = parser.parse_args(arguments)
    encoder = Encoder()
    made = made_lectures(flags.out, flags.seeds, flags.lectures, encoder)
    if flags.choose:
        print("| setting | boundary F1 within 10 s | WindowDiff | keysteps |\n|---|---|---|---|")
        for name, method in choices():
            f1, difference, count = np.mean([scores(each, method(each)) for each in made], axis=0)
            print(f"| {name} | {f1:.3f} | {difference:.3f} | {count:.1f} |")
    print_table(f"{len(made)} made lectures, seeds {', '.join(map(str, flags.seeds))}", made)
    for root, source in itertools.product(flags.trees, ("whisper_narration", "aws_narration")):
        if (root / f"{source}_texts").is_dir():
            found = lectures_of(DataTree(root), source, flags.out / root.name, encoder)
            print_table(f"{len(found)} lectures of {root.name}, {source}", found)
            print_each(found)
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
