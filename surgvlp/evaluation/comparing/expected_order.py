"""Do models come in the order that was expected? Each against the one before it, metric by metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from surgvlp.evaluation.comparing.bootstrap import interval, paired_interval
from surgvlp.evaluation.comparing.scores import MACRO_F1, Metric, ModelScores, all_metrics, open_model
from surgvlp.evaluation.metrics import Interval
from surgvlp.files import InputError

HOLDS, REVERSED, UNDECIDED, EMPTY = "holds", "does not hold", "within chance", "says nothing"
CEILING = 0.98


@dataclass(frozen=True)
class Score:
    """One model's score: over all lectures, its 95 % interval over lectures, and by corpus."""

    value: float
    interval: Interval | None
    by_corpus: tuple[float, ...]


@dataclass(frozen=True)
class Step:
    """One model against the one expected below it.

    Attributes:
        better, worse: names, as expected.
        difference: better less worse.
        interval: of the paired difference, 95 % over lectures.
        verdict: HOLDS or REVERSED where the interval leaves 0 out, UNDECIDED where it does not, EMPTY where
            chance alone reaches the highest score.
        why: in words, where it does not hold.
    """

    better: str
    worse: str
    difference: float
    interval: Interval | None
    verdict: str
    why: str


@dataclass(frozen=True)
class Line:
    """One metric: every run's score by name, what chance scores, and the steps of the expected order."""

    metric: Metric
    chance: float
    scores: Mapping[str, Score]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Comparison:
    """All metrics of models in their expected order, and of controls, which have no place in it.

    Attributes:
        order, controls: names.
        lines: one a metric.
        corpora, lectures: how many were scored.
        files: by name the checkpoints' names and hashes, one a corpus.
    """

    order: tuple[str, ...]
    controls: tuple[str, ...]
    lines: tuple[Line, ...]
    corpora: int
    lectures: int
    files: Mapping[str, tuple[str, ...]]

    def verdicts(self, better: str) -> dict[str, int]:
        """How often each verdict was found about a model and the one expected below it."""
        found = Counter(step.verdict for line in self.lines for step in line.steps if step.better == better)
        return {verdict: found[verdict] for verdict in (HOLDS, UNDECIDED, REVERSED, EMPTY)}

    def content(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "order": list(self.order),
            "controls": list(self.controls),
            "corpora": self.corpora,
            "lectures": self.lectures,
            "models": {name: list(files) for name, files in self.files.items()},
            "verdicts": {better: self.verdicts(better) for better in self.order[1:]},
            "metrics": [asdict(line) for line in self.lines],
        }


def compare_models(
    models: Mapping[str, Sequence[Path]], controls: Mapping[str, Sequence[Path]] | None = None
) -> Comparison:
    """Compare models by what their evaluations wrote, see `comparing.scores`.

    Args:
        models: runs by name, one run a corpus, in the same order of corpora; names in the order that is
            expected, the weakest first.
        controls: further runs that stand beside them, e.g. an untrained network.

    Raises:
        InputError: no models, unequal numbers of runs, or runs of other lectures, texts or protocols.
    """
    runs = {**models, **(controls or {})}
    if not models or len(runs) < len(models) + len(controls or {}):
        raise InputError(
            "no models to compare" if not models else "a control bears the name of a model",
            remedy="Give each model and control a name of its own",
        )
    opened = {name: open_model(folders) for name, folders in runs.items()}
    _check_alike(runs, opened)
    last = opened[list(models)[-1]]
    return Comparison(
        order=tuple(models),
        controls=tuple(controls or {}),
        lines=tuple(_line(metric, list(models), opened, last.chance[metric.key]) for metric in all_metrics()),
        corpora=len(last.marks),
        lectures=len(last.sums[MACRO_F1].lecture),
        files={name: scores.files for name, scores in opened.items()},
    )


def _line(metric: Metric, order: Sequence[str], opened: Mapping[str, ModelScores], chance: float) -> Line:
    sums = {name: found.sums[metric.key] for name, found in opened.items()}
    scores = {name: Score(item.value, interval(item), item.by_corpus()) for name, item in sums.items()}
    steps = []
    for worse, better in pairwise(order):
        between = paired_interval(sums[better], sums[worse])
        verdict = EMPTY if chance > 1 - 1e-9 else _verdict(between)
        why = "" if verdict == HOLDS else _why(scores[worse], scores[better], chance, verdict)
        difference = scores[better].value - scores[worse].value
        steps.append(Step(better, worse, difference, between, verdict, why))
    return Line(metric, chance, scores, tuple(steps))


def _verdict(between: Interval | None) -> str:
    if between is None or between[0] <= 0 <= between[1]:
        return UNDECIDED
    return HOLDS if between[0] > 0 else REVERSED


def _why(worse: Score, better: Score, chance: float, verdict: str) -> str:
    """What the numbers themselves say about why an order was not found."""
    reasons = []
    if verdict == EMPTY:
        return "there are no more candidates than are counted: every model scores 1"
    if worse.interval is None or better.interval is None:
        return "a corpus has a single lecture: no interval can be had"
    if min(worse.value, better.value) >= CEILING:
        reasons.append("both are near the highest score")
    if max(worse.interval[0], better.interval[0]) <= chance:
        reasons.append("neither is surely above chance")
    if len(better.by_corpus) > 1:
        rising = sum(b > w for w, b in zip(worse.by_corpus, better.by_corpus, strict=True))
        reasons.append(f"the order is found in {rising} of {len(better.by_corpus)} corpora")
    if not reasons:
        reasons.append(
            "the difference is smaller than what lectures differ by"
            if verdict == UNDECIDED
            else "it is the other way round by more than lectures differ by"
        )
    return "; ".join(reasons)


def _check_alike(runs: Mapping[str, Sequence[Path]], opened: Mapping[str, ModelScores]) -> None:
    first = next(iter(runs))
    for name, folders in runs.items():
        if len(folders) != len(runs[first]):
            raise InputError(
                f"{name} has {len(folders)} runs, {first} {len(runs[first])}",
                remedy="Give one run a corpus for every model",
            )
        for folder, other, mark, expected in zip(
            folders, runs[first], opened[name].marks, opened[first].marks, strict=True
        ):
            if mark != expected:
                raise InputError(
                    f"was scored on other lectures, texts or prompts than {other}, or in another way",
                    file=folder,
                    remedy="Evaluate both with the same flags, and give corpora in the same order",
                )
