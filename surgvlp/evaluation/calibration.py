"""Scores made into probabilities that mean what they say, and how far from that they are.

A cosine says which phase is likeliest, not how likely. The published softmax of 100 times the cosine is sure
of almost everything. Here a temperature, and with `bias` an offset a class, are fitted to labels, or to what
the lecturer speaks of while a frame is seen (Guo et al., ICML 2017, for the temperature).
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

# Keeps the temperature above 0 where scores tell the targets apart without an error.
RIDGE = 1e-4


@dataclass(frozen=True)
class Calibration:
    """From scores to probabilities: softmax of score / temperature + bias.

    Attributes:
        temperature: in the scores' own unit, > 0.
        bias: (C,) offsets of mean 0; zeros keep the highest class the highest.
        source: what it was fitted to, in words.
    """

    temperature: float
    bias: Array
    source: str

    def log_probability(self, score: NDArray[Any]) -> Array:
        """(N, C) log probabilities of (N, C) scores."""
        return _log_softmax(score.astype(np.float64) / self.temperature + self.bias)


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
    return np.exp(Calibration(PUBLISHED_TEMPERATURE, np.zeros(values.shape[1]), "").log_probability(values))


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


def fit_calibration(score: NDArray[Any], target: Array, source: str, bias: bool = True) -> Calibration:
    """The temperature, and offsets, under which the targets are likeliest: Newton's method on a convex loss.

    Args:
        score: (N, C).
        target: (N, C) rows of probabilities, of labels (0 and 1) or of pseudo-labels; a row that sums to less
            than 1 weighs less.
        source: what the targets are, in words.
        bias: fit an offset a class too; else the temperature alone.

    Raises:
        InputError: no targets, or scores that say nothing of them (a temperature that is not positive).
    """
    if not target.sum() > 0:
        raise InputError("nothing to calibrate with")
    spread = float(score.std(axis=1).mean()) or 1.0
    values = score.astype(np.float64) / spread
    parameters = np.zeros(1 + values.shape[1])  # 1 / temperature, then the offsets
    loss = _loss(values, target, parameters)
    for _ in range(100):
        step = _newton_step(values, target, parameters, bias)
        while (new := _loss(values, target, parameters + step)) > loss and np.abs(step).max() > 1e-9:
            step /= 2
        if np.abs(step).max() <= 1e-9:
            break
        parameters, loss = parameters + step, new
    if parameters[0] <= 0:
        raise InputError("the scores say nothing of what they are to be calibrated with")
    return Calibration(spread / float(parameters[0]), parameters[1:] - parameters[1:].mean(), source)


def _log_softmax(logits: Array) -> Array:
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def _loss(values: Array, target: Array, parameters: Array) -> float:
    fit = target * _log_softmax(values * parameters[0] + parameters[1:])
    return float(-fit.sum() / target.sum() + RIDGE / 2 * parameters @ parameters)


def _newton_step(values: Array, target: Array, parameters: Array, bias: bool) -> Array:
    """Of the mean cross entropy with a small ridge, in (1 / temperature, offsets)."""
    total, weight = target.sum(), target.sum(axis=1, keepdims=True)
    found = weight * np.exp(_log_softmax(values * parameters[0] + parameters[1:]))
    unit = found / np.maximum(weight, 1e-300)
    centred = values - (unit * values).sum(axis=1, keepdims=True)
    gradient = np.concatenate([[((found - target) * values).sum()], (found - target).sum(axis=0)]) / total
    hessian = np.empty((len(parameters), len(parameters)))
    hessian[0, 0] = (found * centred**2).sum()
    hessian[0, 1:] = hessian[1:, 0] = (found * centred).sum(axis=0)
    hessian[1:, 1:] = np.diag(found.sum(axis=0)) - found.T @ unit
    kept = slice(None) if bias else slice(1)
    ridge = RIDGE * np.eye(len(parameters))
    step = np.zeros_like(parameters)
    step[kept] = -np.linalg.solve(
        (hessian / total + ridge)[kept, kept], (gradient + RIDGE * parameters)[kept]
    )
    return step
