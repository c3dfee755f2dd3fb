"""Every score of one model on unseen lectures, lecture by lecture, read back from what the evaluations wrote.

<run>/zero-shot/          what tools/evaluate_zero_shot.py wrote
<run>/retrieval.json      what tools/evaluate_retrieval.py wrote
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.comparing.bootstrap import LectureSums
from surgvlp.evaluation.controls import permuted_scores
from surgvlp.evaluation.folders import open_run
from surgvlp.evaluation.metrics import score_phases
from surgvlp.evaluation.retrieval.pairs import LEVELS
from surgvlp.evaluation.retrieval.ranks import DIRECTIONS, RECALLED
from surgvlp.evaluation.retrieval.run import FILE, read_retrieval
from surgvlp.files import InputError
from surgvlp.predictions import Predictions

ACCURACY, MACRO_F1 = "accuracy", "macro_f1"
ALIGNMENT = {  # a score of each lecture, and what it is worth beside
    "order_agreement": None,  # 0.5
    "nearest_accuracy": "nearest_chance",
    "aligned_accuracy": "uniform_accuracy",
}


@dataclass(frozen=True)
class Metric:
    """One line of the comparison.

    Attributes:
        key: the same in the files: `clip_text_to_video_R@1`.
        group: heading above it.
        name: of the line.
        chance: what the value in the column "chance" is.
    """

    key: str
    group: str
    name: str
    chance: str


@dataclass(frozen=True)
class ModelScores:
    """One model, over all corpora.

    Attributes:
        sums: by metric's key.
        chance: by metric's key.
        marks: by corpus what has to agree between models that are compared: protocols, videos, texts.
        files: names and hashes of the checkpoints.
    """

    sums: Mapping[str, LectureSums]
    chance: Mapping[str, float]
    marks: tuple[tuple[str, ...], ...]
    files: tuple[str, ...]


def all_metrics() -> list[Metric]:
    """In the order of the report."""
    zero_shot = "Zero-shot phase recognition"
    found = [
        Metric(ACCURACY, zero_shot, "accuracy", "the last model's predictions, permuted in time"),
        Metric(MACRO_F1, zero_shot, "macro-F1", "the last model's predictions, permuted in time"),
    ]
    titles = {
        "clip": "Retrieval of clips and narrations",
        "keystep": "Retrieval of keysteps and their texts",
        "video": "Retrieval of lectures and abstracts",
    }
    for level in LEVELS:
        for direction in DIRECTIONS:
            arrow = direction.replace("_to_", " → ")
            found += [
                Metric(f"{level}_{direction}_R@{k}", titles[level], f"{arrow} R@{k}", "random order")
                for k in RECALLED
            ]
    place = "Frames and keysteps of one lecture"
    return [
        *found,
        Metric("order_agreement", place, "order agreement", "random places"),
        Metric("nearest_accuracy", place, "nearest keystep right", "a random keystep"),
        Metric("aligned_accuracy", place, "right after monotone alignment", "an even split, no picture"),
    ]


def open_model(folders: Sequence[Path]) -> ModelScores:
    """Read one model's runs, one a corpus.

    Raises:
        InputError: a file that is missing or cannot be used, naming it.
    """
    evaluations = open_run([folder / "zero-shot" for folder in folders])
    retrievals = [read_retrieval(folder / FILE) for folder in folders]
    sums, chance = _zero_shot([item.predictions for item in evaluations])
    for level in LEVELS:
        for direction in DIRECTIONS:
            for k in RECALLED:
                key = f"{level}_{direction}_R@{k}"
                sums[key] = _pooled(retrievals, _hits(level, direction, k))
                chance[key] = _mean_chance(retrievals, level, k)
    for folder, found in zip(folders, retrievals, strict=True):
        if not found["alignment"]["lectures"]:
            raise InputError("no lecture has two keysteps to tell apart", file=folder / FILE)
    for name, beside in ALIGNMENT.items():
        sums[name] = _pooled(retrievals, _of_lecture(name))
        chance[name] = 0.5 if beside is None else _pooled(retrievals, _of_lecture(beside)).value
    return ModelScores(
        sums=sums,
        chance=chance,
        marks=tuple(
            (
                *sorted({item.protocol_sha256 for item in evaluation.predictions}),
                *sorted(item.video for item in evaluation.predictions),
                found["protocol_sha256"],
                found["corpus_sha256"],
            )
            for evaluation, found in zip(evaluations, retrievals, strict=True)
        ),
        files=tuple(found["model"] for found in retrievals),
    )


def _zero_shot(corpora: Sequence[Sequence[Predictions]]) -> tuple[dict[str, LectureSums], dict[str, float]]:
    scored = [score_phases(items).videos for items in corpora]
    permuted = [permuted_scores(items) for items in corpora]
    corpus = np.repeat(np.arange(len(scored)), [len(videos) for videos in scored])
    videos = [video for part in scored for video in part]
    names, one = tuple(video.video for video in videos), np.ones(len(videos))
    return {
        ACCURACY: LectureSums(corpus, names, np.array([video.accuracy for video in videos]), one),
        MACRO_F1: LectureSums(corpus, names, np.array([video.macro_f1 for video in videos]), one),
    }, {
        ACCURACY: float(np.concatenate([accuracy for accuracy, _ in permuted]).mean()),
        MACRO_F1: float(np.concatenate([f1 for _, f1 in permuted]).mean()),
    }


Part = tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]  # lectures, totals, weights


def _pooled(retrievals: Sequence[dict[str, Any]], part: Callable[[dict[str, Any]], Part]) -> LectureSums:
    parts = [part(found) for found in retrievals]
    return LectureSums(
        corpus=np.repeat(np.arange(len(parts)), [len(names) for names, _, _ in parts]),
        lecture=tuple(name for names, _, _ in parts for name in names),
        total=np.concatenate([total for _, total, _ in parts]),
        weight=np.concatenate([weight for _, _, weight in parts]),
    )


def _hits(level: str, direction: str, k: int) -> Callable[[dict[str, Any]], Part]:
    """Pairs of each lecture, and those that rank below k."""

    def part(found: dict[str, Any]) -> Part:
        names = tuple(found["lectures"])
        place = {name: number for number, name in enumerate(names)}
        lecture = np.array([place[name] for name in found["levels"][level]["lecture"]])
        hit = np.array(found["levels"][level][f"{direction}_rank"]) < k
        return (
            names,
            np.bincount(lecture, hit, minlength=len(names)).astype(np.float64),
            np.bincount(lecture, minlength=len(names)).astype(np.float64),
        )

    return part


def _of_lecture(name: str) -> Callable[[dict[str, Any]], Part]:
    def part(found: dict[str, Any]) -> Part:
        rows = found["alignment"]["lectures"]
        return (
            tuple(row["lecture"] for row in rows),
            np.array([row[name] for row in rows], np.float64),
            np.ones(len(rows)),
        )

    return part


def _mean_chance(retrievals: Sequence[dict[str, Any]], level: str, k: int) -> float:
    """Over the pairs of all corpora."""
    pairs = [found["levels"][level]["pairs"] for found in retrievals]
    values = [found["levels"][level]["chance"][f"R@{k}"] for found in retrievals]
    return float(np.average(values, weights=pairs))
