"""Average precision of what frames show (tools, triplets), as published: per video and class, then means.

The rule for absent classes decides the number. Precision and recall of a class that a video never shows say
nothing, so here that class has no average precision in that video, and means pass over it. `ivtmetrics` means
the same, but knows such a class by the -0.0 that scikit-learn up to 1.5 returns; from 1.6.1 on it is +0.0,
which counts as the worst score there is. `PresenceScores.absent_as_zero` is that number, for comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.metrics import Interval
from surgvlp.files import InputError
from surgvlp.predictions import Predictions

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ClassPrecision:
    """Average precision of one class, 0 to 1, mean over the `videos` that show it; None where none does.

    `frames` is the number of frames that show it, of all videos.
    """

    name: str
    average_precision: float | None
    videos: int
    frames: int


@dataclass(frozen=True)
class PresenceScores:
    """Mean average precision (mAP), 0 to 1, of one set of predictions.

    Attributes:
        mean: per video and class, mean over the videos that show the class, mean over classes.
        interval: 95 % bootstrap interval of it over videos; None for a single video.
        permuted: the same for predictions shuffled in time, mean of 20: what a model gets that has only the
            right distribution of scores.
        chance: the same for one score for all frames: the share of frames that show the class.
        all_frames: AP over the frames of all videos together, mean over classes.
        absent_as_zero: `mean` where a class that a video does not show counts 0 in it.
        classes: in the order of the labels.
        videos: how many.
        frames: how many, of all videos.
    """

    mean: float
    interval: Interval | None
    permuted: float
    chance: float
    all_frames: float
    absent_as_zero: float
    classes: tuple[ClassPrecision, ...]
    videos: int
    frames: int


def score_presence(predictions: Sequence[Predictions]) -> PresenceScores:
    """Score videos of one data set whose labels say for each class whether a frame shows it.

    Raises:
        InputError: no videos, one video twice, videos of different classes, labels that are not 0 or 1 for
            each class, a score that is not finite, or no class that is shown anywhere.
    """
    labels = [item.label for item in _checked(predictions)]
    rankings = [Ranking(item.score) for item in predictions]
    found = np.stack([each.average_precision(label) for each, label in zip(rankings, labels, strict=True)])
    together = average_precision(np.concatenate(labels), np.concatenate([item.score for item in predictions]))
    shown = np.isfinite(found)
    classes = mean_over_present(found, axis=0)
    return PresenceScores(
        mean=_mean(found),
        interval=_interval(found),
        permuted=_permuted(rankings, labels),
        chance=_mean(np.stack([prevalence(label) for label in labels])),
        all_frames=float(mean_over_present(together, axis=0)),
        absent_as_zero=float(np.where(shown, found, 0).mean()),
        classes=tuple(
            ClassPrecision(name, float(value) if np.isfinite(value) else None, int(videos), int(frames))
            for name, value, videos, frames in zip(
                predictions[0].class_names,
                classes,
                shown.sum(axis=0),
                np.concatenate(labels).sum(axis=0),
                strict=True,
            )
        ),
        videos=len(predictions),
        frames=sum(len(label) for label in labels),
    )


def average_precision(label: NDArray[np.int64], score: NDArray[np.float32]) -> Array:
    """(C,) average precision of (N, C) scores against (N, C) labels of 0 and 1; NaN where no label is 1.

    As scikit-learn: the sum over distinct scores, from the highest down, of the precision there times the
    recall that it adds, so that frames of equal score stand or fall together.
    """
    return Ranking(score).average_precision(label)


class Ranking:
    """Frames in the order of their scores, class by class; sorted once for many sets of labels.

    Args:
        score: (N, C), N at least 1.
    """

    def __init__(self, score: NDArray[np.float32]) -> None:
        self.order = np.argsort(-score, axis=0, kind="stable")
        ordered = np.take_along_axis(score, self.order, axis=0)
        place = np.arange(len(score))[:, None]
        last = np.ones(score.shape, bool)
        last[:-1] = ordered[:-1] != ordered[1:]
        # The place of the last frame with the same score, for every place: the nearest such one from below.
        after = np.where(last, place, len(score))
        self.end = np.minimum.accumulate(after[::-1], axis=0)[::-1]

    def average_precision(self, label: NDArray[np.int64]) -> Array:
        """See `average_precision`."""
        ordered = np.take_along_axis(label, self.order, axis=0)
        hits = np.cumsum(ordered, axis=0)
        precision = np.take_along_axis(hits, self.end, axis=0) / (self.end + 1)
        positives = hits[-1]
        return np.where(positives, (precision * ordered).sum(axis=0) / np.maximum(positives, 1), np.nan)


def prevalence(label: NDArray[np.int64]) -> Array:
    """(C,) share of frames that show a class, NaN where none does: the AP of one score for all frames."""
    share = label.mean(axis=0)
    return np.where(share > 0, share, np.nan)


def mean_over_present(values: Array, axis: int) -> Array:
    """Mean over an axis of what is not NaN; NaN where nothing is left."""
    present = np.isfinite(values)
    count = present.sum(axis=axis)
    total = np.where(present, values, 0).sum(axis=axis)
    return np.where(count, total / np.maximum(count, 1), np.nan)


def _mean(found: Array) -> float:
    """Mean over videos, then over classes, of (V, C)."""
    return float(mean_over_present(mean_over_present(found, axis=0), axis=0))


def _permuted(
    rankings: Sequence[Ranking], labels: Sequence[NDArray[np.int64]], repeats: int = 20, seed: int = 0
) -> float:
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(repeats):
        found = [
            ranking.average_precision(label[generator.permutation(len(label))])
            for ranking, label in zip(rankings, labels, strict=True)
        ]
        means.append(_mean(np.stack(found)))
    return float(np.mean(means))


def _interval(found: Array, resamples: int = 10_000, seed: int = 0) -> Interval | None:
    """As `metrics.bootstrap_interval`, for (V, C) with holes: which videos show a class changes its mean."""
    videos = len(found)
    if videos < 2:
        return None
    draws = np.random.default_rng(seed).integers(videos, size=(resamples, videos))
    times = (draws[:, :, None] == np.arange(videos)).sum(axis=1)  # how often a draw holds each video
    present = np.isfinite(found)
    count = times @ present
    classes = np.where(count, times @ np.where(present, found, 0) / np.maximum(count, 1), np.nan)
    means = mean_over_present(classes, axis=1)
    low, high = np.nanquantile(means, (0.025, 0.975))
    return float(low), float(high)


def _checked(predictions: Sequence[Predictions]) -> Sequence[Predictions]:
    if not predictions:
        raise InputError("no predictions to score")
    first = predictions[0]
    if len({item.video for item in predictions}) < len(predictions):
        raise InputError("a video is there twice", remedy="Score each video once")
    for item in predictions:
        if item.class_names != first.class_names:
            raise InputError(f"video {item.video!r} has other classes than {first.video!r}")
        if item.label.shape != item.score.shape or not len(item.label):
            raise InputError(f"video {item.video!r} does not have a label for each class of each frame")
        if not np.isin(item.label, (0, 1)).all():
            raise InputError(f"video {item.video!r} has labels that are neither 0 nor 1")
        if not np.isfinite(item.score).all():
            raise InputError(f"video {item.video!r} has scores that are not finite")
    if not any(item.label.any() for item in predictions):
        raise InputError("no frame shows anything that could be found")
    return predictions
