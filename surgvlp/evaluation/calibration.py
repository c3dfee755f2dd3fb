"""Scores made into probabilities that mean what they say, and how far from that they are.

A cosine says which phase is likeliest, not how likely. The published softmax of 100 times the cosine is sure
of almost everything. Here a temperature is fitted to labels, or to what the lecturer speaks of while a frame
is seen (Guo et al., ICML 2017). It changes no prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError
from surgvlp.predictions import Predictions

Array = NDArray[np.float64]
PUBLISHED_TEMPERATURE = 0.01  # softmax of 100 times the cosine
BINS = 15

SHARPNESS = (0.02, 1e3)  # bounds of 1 / temperature, in units of how far a frame's scores spread


@dataclass(frozen=True)
class Calibration:
    """From scores to probabilities: softmax of score / temperature.

    Attributes:
        temperature: in the scores' own unit, > 0.
        source: what it was fitted to, in words.
    """

    temperature: float
    source: str

    def log_probability(self, score: NDArray[Any]) -> Array:
        """(N, C) log probabilities of (N, C) scores."""
        logits = score.astype(np.float64) / self.temperature
        logits -= logits.max(axis=-1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class CalibrationScores:
    """How far probabilities are from what happens.

    Attributes:
        expected_error: mean over frames of |confidence - share right| of their bin of `BINS`; 0 to 1.
        brier: mean over frames of the squared distance to the label's indicator; 0 to 2.
        confidence, right, frames: (BINS,) mean confidence, share of right ones (NaN where a bin is empty)
            and number of frames in each bin.
    """

    expected_error: float
    brier: float
    confidence: Array
    right: Array
    frames: NDArray[np.int64]


def probabilities(score: NDArray[Any]) -> Array:
    """(N, C) probabilities to show and score: rows that are such already, else the published softmax."""
    values = score.astype(np.float64)
    if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return values
    return np.exp(Calibration(PUBLISHED_TEMPERATURE, "").log_probability(values))


def score_calibration(predictions: Sequence[Predictions]) -> CalibrationScores:
    """Score the labelled frames of all videos together."""
    kept = [item.label >= 0 for item in predictions]
    probability = np.concatenate(
        [probabilities(item.score)[rows] for item, rows in zip(predictions, kept, strict=True)]
    )
    label = np.concatenate([item.label[rows] for item, rows in zip(predictions, kept, strict=True)])
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == label
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    frames = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(place, confidence, BINS) / frames
        share_right = np.bincount(place, right, BINS) / frames
    gap = np.abs(np.nan_to_num(mean_confidence - share_right))
    wanted = np.eye(probability.shape[1])[label]
    return CalibrationScores(
        expected_error=float(gap @ frames / frames.sum()),
        brier=float(((probability - wanted) ** 2).sum(axis=1).mean()),
        confidence=mean_confidence,
        right=share_right,
        frames=frames,
    )


def fit_calibration(score: NDArray[Any], target: Array, source: str) -> Calibration:
    """The temperature under which the targets are likeliest.

    Scores that say nothing of the targets, or the opposite, get a temperature so high that all classes are
    about equally probable.

    Args:
        score: (N, C).
        target: (N, C) rows of probabilities, of labels (0 and 1) or of pseudo-labels; a row that sums to less
            than 1 weighs less.
        source: what the targets are, in words.

    Raises:
        InputError: no targets.
    """
    if not target.sum() > 0:
        raise InputError("nothing to calibrate with")
    spread = float(score.std(axis=1).mean()) or 1.0
    values, weight = score.astype(np.float64) / spread, target.sum(axis=1)

    def slope(sharpness: float) -> float:
        """Of the mean cross entropy, which is convex, by 1 / temperature."""
        share = np.exp(Calibration(1 / sharpness, "").log_probability(values))
        return float(((share * weight[:, None] - target) * values).sum() / weight.sum())

    low, high = SHARPNESS
    for _ in range(60):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return Calibration(spread / low, source)
