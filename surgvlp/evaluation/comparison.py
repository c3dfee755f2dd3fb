"""One table: a run beside its controls, with intervals over videos and the protocol of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.controls import permuted_scores
from surgvlp.evaluation.metrics import Interval, PhaseScores, bootstrap_interval, score_phases
from surgvlp.files import InputError
from surgvlp.predictions import Predictions

PERMUTED = "permuted predictions"


@dataclass(frozen=True)
class Row:
    """One line of the table; scores 0 to 1, intervals 95 % over videos, None where they cannot be had.

    `lead` is what the first row's macro-F1 has over this one, with the interval of the paired difference: the
    same videos on both sides, so that easy and hard lectures cancel.
    """

    name: str
    note: str
    videos: int
    macro_f1: float
    macro_f1_interval: Interval | None
    accuracy: float
    accuracy_interval: Interval | None
    lead: float | None
    lead_interval: Interval | None
    model: str
    protocol: str
    protocol_sha256: str


def compare(
    runs: Mapping[str, Sequence[Predictions]], notes: Mapping[str, str] | None = None
) -> tuple[list[Row], PhaseScores]:
    """The table of all runs and of the first one's predictions permuted; and the first one's scores in full.

    Args:
        runs: predictions by name; the first is the one that is reported, the others stand beside it.
        notes: a few words on what a run is, by name.

    Raises:
        InputError: no runs, runs of different data sets, or what `score_phases` raises.
    """
    if not runs:
        raise InputError("no runs to compare")
    scored = {name: score_phases(items) for name, items in runs.items()}
    main = next(iter(runs))
    for name, items in runs.items():
        if items[0].class_names != runs[main][0].class_names:
            raise InputError(
                f"run '{name}' has other classes than run '{main}'", remedy="Compare on one data set"
            )
    main_f1, main_videos = _per_video(scored[main])
    rows = []
    for name, scores in scored.items():
        f1, videos = _per_video(scores)
        paired = name != main and videos == main_videos
        rows.append(
            Row(
                name=name,
                note=(notes or {}).get(name, ""),
                videos=len(videos),
                macro_f1=scores.macro_f1,
                macro_f1_interval=scores.macro_f1_interval,
                accuracy=scores.accuracy,
                accuracy_interval=scores.accuracy_interval,
                lead=float(np.mean(main_f1 - f1)) if paired else None,
                lead_interval=bootstrap_interval(main_f1 - f1) if paired else None,
                model=runs[name][0].model,
                protocol=runs[name][0].protocol,
                protocol_sha256=runs[name][0].protocol_sha256,
            )
        )
    rows.append(_permuted(runs[main], main_f1, rows[0]))
    return rows, scored[main]


def summary(rows: Sequence[Row], scores: PhaseScores) -> dict[str, Any]:
    """The table and the first run's scores as plain data for JSON."""
    return {
        "main": rows[0].name,
        "rows": [asdict(row) for row in rows],
        "videos": [asdict(video) for video in scores.videos],
        "classes": [asdict(item) for item in scores.classes],
        "confusion": scores.confusion.tolist(),
    }


def _permuted(items: Sequence[Predictions], main_f1: NDArray[np.float64], main: Row) -> Row:
    accuracy, f1 = permuted_scores(items)
    return replace(
        main,
        name=PERMUTED,
        note=f"{main.name}, each video's predictions shuffled in time; mean of 100",
        macro_f1=float(f1.mean()),
        macro_f1_interval=bootstrap_interval(f1),
        accuracy=float(accuracy.mean()),
        accuracy_interval=bootstrap_interval(accuracy),
        lead=float(np.mean(main_f1 - f1)),
        lead_interval=bootstrap_interval(main_f1 - f1),
    )


def _per_video(scores: PhaseScores) -> tuple[NDArray[np.float64], list[str]]:
    return np.array([video.macro_f1 for video in scores.videos]), [video.video for video in scores.videos]


def spoken(name: str) -> str:
    """A class name for people: CalotTriangleDissection -> Calot triangle dissection."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("_", " "))
    return words[:1] + words[1:].lower() if " " in words else words
