"""Accuracy and F1 of phase recognition, as published: per video, then the mean over videos.

Which classes enter a video's macro-F1 decides several points of it. The rule here is the published one: the
union of the classes that stand in the labels or in the predictions of that video. A class that is predicted
but absent counts 0; a class absent from both does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError
from surgvlp.predictions import Predictions

Interval = tuple[float, float]


def between(bounds: Sequence[float] | None, form: str = ".3f") -> str:
    """`0.512 to 0.640`, or nothing where there is no interval; `+.3f` shows signs."""
    return f"{bounds[0]:{form}} to {bounds[1]:{form}}" if bounds else ""


@dataclass(frozen=True)
class VideoScores:
    """Scores of one video, 0 to 1, over its `frames` labelled frames."""

    video: str
    frames: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class over the frames of all videos together; None where they are 0/0.

    `support` is the number of frames that bear the label, `predicted` the number that were given the class.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int


@dataclass(frozen=True)
class PhaseScores:
    """Scores of one set of predictions.

    Attributes:
        accuracy, macro_f1: unweighted means over videos, 0 to 1.
        accuracy_interval, macro_f1_interval: 95 % bootstrap intervals over videos; None for a single video.
        videos: in the order given.
        classes: in the order of the labels.
        confusion: (C, C) frames of all videos, row label, column prediction.
    """

    accuracy: float
    macro_f1: float
    accuracy_interval: Interval | None
    macro_f1_interval: Interval | None
    videos: tuple[VideoScores, ...]
    classes: tuple[ClassScores, ...]
    confusion: NDArray[np.int64]


def score_phases(predictions: Sequence[Predictions]) -> PhaseScores:
    """Score videos of one data set; the prediction of a frame is its highest score, the first among equals.

    Raises:
        InputError: no videos, one video twice, videos of different classes, several labels a frame, a score
            that is not finite, or a video without a labelled frame.
    """
    confusions = [video_confusion(item) for item in _checked(predictions)]
    accuracy = np.array([np.trace(confusion) / confusion.sum() for confusion in confusions])
    f1 = np.array([macro_f1(confusion) for confusion in confusions])
    total = np.sum(confusions, axis=0)
    return PhaseScores(
        accuracy=float(accuracy.mean()),
        macro_f1=float(f1.mean()),
        accuracy_interval=bootstrap_interval(accuracy),
        macro_f1_interval=bootstrap_interval(f1),
        videos=tuple(
            VideoScores(item.video, int(confusion.sum()), float(one_accuracy), float(one_f1))
            for item, confusion, one_accuracy, one_f1 in zip(
                predictions, confusions, accuracy, f1, strict=True
            )
        ),
        classes=_class_scores(predictions[0].class_names, total),
        confusion=total,
    )


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Macro-F1 of a (C, C) confusion over the classes that stand in its rows or columns; NaN if it is empty.

    F1 of a class is 2 TP / (labelled + predicted), which needs no precision and no recall.
    """
    hits, appearances = np.diagonal(confusion), confusion.sum(axis=0) + confusion.sum(axis=1)
    present = appearances > 0
    return float(np.mean(2 * hits[present] / appearances[present])) if present.any() else float("nan")


def video_confusion(item: Predictions) -> NDArray[np.int64]:
    """(C, C) frames of one video, row label, column prediction; frames without a label (-1) do not count."""
    labelled = item.label >= 0
    return confusion_matrix(item.label[labelled], item.score[labelled].argmax(axis=1), len(item.class_names))


def confusion_matrix(
    label: NDArray[np.int64], prediction: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """(classes, classes) counts of (N,) labels against (N,) predictions, both from 0."""
    return np.bincount(label * classes + prediction, minlength=classes * classes).reshape(classes, classes)


def bootstrap_interval(
    values: NDArray[np.float64], level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval | None:
    """Percentile interval of the mean of (V,) per-video values, videos drawn with replacement.

    Videos are the unit because frames of one video are not independent. None for fewer than two videos: there
    is nothing to draw from.
    """
    if len(values) < 2:
        return None
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _class_scores(names: Sequence[str], confusion: NDArray[np.int64]) -> tuple[ClassScores, ...]:
    hits, support, predicted = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        ClassScores(
            name=name,
            precision=_share(hits[index], predicted[index]),
            recall=_share(hits[index], support[index]),
            f1=_share(2 * hits[index], support[index] + predicted[index]),
            support=int(support[index]),
            predicted=int(predicted[index]),
        )
        for index, name in enumerate(names)
    )


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None


def _checked(predictions: Sequence[Predictions]) -> Sequence[Predictions]:
    if not predictions:
        raise InputError("no predictions to score")
    first = predictions[0]
    seen: set[str] = set()
    for item in predictions:
        if item.video in seen:
            raise InputError(f"video {item.video!r} is there twice", remedy="Score each video once")
        seen.add(item.video)
        if item.class_names != first.class_names:
            raise InputError(
                f"video {item.video!r} has other classes than {first.video!r}",
                remedy="Score data sets one by one",
            )
        if item.label.ndim != 1:
            raise InputError(f"video {item.video!r} has several labels a frame; phases have one")
        if not (item.label >= 0).any():
            raise InputError(f"video {item.video!r} has no labelled frame", remedy="Leave it out")
        if item.label.max() >= len(item.class_names) or item.label.min() < -1:
            raise InputError(f"video {item.video!r} has labels outside 0..{len(item.class_names) - 1}")
        if not np.isfinite(item.score).all():
            raise InputError(f"video {item.video!r} has scores that are not finite")
    return predictions
