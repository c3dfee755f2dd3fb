from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from surgvlp.evaluation.calibration import (
    BINS,
    Calibration,
    fit_calibration,
    probabilities,
    score_calibration,
)
from surgvlp.files import InputError
from surgvlp.predictions import Predictions

Make = Callable[..., list[Predictions]]


def drawn(count: int, temperature: float, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels drawn with exactly the probabilities that a temperature gives."""
    generator = np.random.default_rng(seed)
    score = generator.normal(0.2, 0.05, (count, classes))
    share = np.exp(Calibration(temperature, "").log_probability(score))
    label = (share.cumsum(axis=1) > generator.random((count, 1))).argmax(axis=1)
    return score.astype(np.float32), label


@pytest.mark.parametrize("temperature", [0.01, 0.04, 0.2])
def test_what_made_the_labels_is_found(temperature: float) -> None:
    score, label = drawn(40_000, temperature)
    found = fit_calibration(score, np.eye(4)[label], "labels")
    assert found.temperature == pytest.approx(temperature, rel=0.05)


def test_the_fit_is_scikit_learns() -> None:
    """With two classes it is a logistic regression of the label on the difference of the scores."""
    score, label = drawn(2_000, 0.03, classes=2)
    found = fit_calibration(score, np.eye(2)[label], "labels")
    difference = (score[:, 1:] - score[:, :1]).astype(np.float64) / 0.05
    other = LogisticRegression(C=1e6, fit_intercept=False).fit(difference, label)
    assert 0.05 / found.temperature == pytest.approx(other.coef_[0, 0], rel=1e-3)


def test_soft_targets_weigh_as_much_as_they_sum_to() -> None:
    score, label = drawn(500, 0.05)
    hard = np.eye(4)[label]
    twice = fit_calibration(np.concatenate([score, score]), np.concatenate([hard, hard]) / 2, "")
    assert twice.temperature == pytest.approx(fit_calibration(score, hard, "").temperature)


def test_scores_without_an_error_are_sharp_and_those_that_say_the_opposite_say_nothing() -> None:
    right = np.eye(3)[np.arange(300) % 3]
    assert 0 < fit_calibration(right, right, "").temperature < 0.1
    wrong = fit_calibration(-right, right, "")
    np.testing.assert_allclose(np.exp(wrong.log_probability(-right)), 1 / 3, atol=0.02)
    with pytest.raises(InputError, match="nothing to calibrate with"):
        fit_calibration(right, np.zeros((300, 3)), "")


def items_of(make: Make, score: np.ndarray, label: np.ndarray) -> list[Predictions]:
    [item] = make(videos=1)
    count = len(label)
    return [
        replace(
            item,
            frame_index=np.arange(count),
            time_s=np.arange(count, dtype=np.float64),
            score=score.astype(np.float32),
            label=label,
            class_names=tuple(map(str, range(score.shape[1]))),
        )
    ]


def test_honest_probabilities_have_no_error_and_sharpened_ones_have(made_predictions: Make) -> None:
    score, label = drawn(60_000, 0.03)
    honest = np.exp(Calibration(0.03, "").log_probability(score))
    sharp = np.exp(Calibration(0.01, "").log_probability(score))
    good = score_calibration(items_of(made_predictions, honest, label))
    bad = score_calibration(items_of(made_predictions, sharp, label))
    assert good.expected_error < 0.01 < 0.1 < bad.expected_error
    assert good.brier < bad.brier
    raw = score_calibration(items_of(made_predictions, score, label))  # as published: 100 times the cosine
    assert raw.expected_error == pytest.approx(bad.expected_error, abs=1e-4)


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_the_error_is_the_obvious_sum_over_bins(made_predictions: Make, seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    share = generator.dirichlet(np.ones(4), count).astype(np.float32)
    label = generator.integers(-1, 4, count)
    label[0] = 0
    found = score_calibration(items_of(made_predictions, share, label))
    error, brier, kept = 0.0, [], label >= 0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        rows = [i for i in np.flatnonzero(kept) if low <= share[i].max() < high]
        if rows:
            gap = np.mean([share[i].max() for i in rows]) - np.mean(
                [share[i].argmax() == label[i] for i in rows]
            )
            error += abs(gap) * len(rows) / kept.sum()
    for i in np.flatnonzero(kept):
        brier.append(sum((share[i, c] - (label[i] == c)) ** 2 for c in range(4)))
    assert found.expected_error == pytest.approx(error, abs=1e-6)
    assert found.brier == pytest.approx(np.mean(brier), abs=1e-6)
    assert found.frames.sum() == kept.sum()


def test_rows_that_are_probabilities_stay() -> None:
    share = np.array([[0.2, 0.8], [0.5, 0.5]], dtype=np.float32)
    np.testing.assert_array_equal(probabilities(share), share.astype(np.float64))
    cosines = np.array([[0.30, 0.31]], dtype=np.float32)
    assert probabilities(cosines)[0, 1] == pytest.approx(1 / (1 + np.exp(-1)), rel=1e-4)
