"""Boundary F1 and WindowDiff."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgvlp.lectures import Caption
from surgvlp.transcription.boundary_score import (
    boundaries,
    boundary_score,
    random_boundaries,
    uniform_boundaries,
    window_diff,
)


def _places(marks: str) -> list[float]:
    return [float(place + 1) for place, mark in enumerate(marks) if mark == "1"]


A, B, C = (_places(marks) for marks in ("000100000010", "000010000100", "100000010000"))


@pytest.mark.parametrize(("found", "truth", "value"), [(A, A, 0.0), (A, B, 0.3), (B, C, 0.8)])
def test_window_diff_is_that_of_nltk(found: list[float], truth: list[float], value: float) -> None:
    """The examples in the documentation of nltk.metrics.segmentation.windowdiff, with windows of 3."""
    assert window_diff(found, truth, 0, 13, 3) == pytest.approx(value)
    assert window_diff([t + 7 for t in found], [t + 7 for t in truth], 7, 20, 3) == pytest.approx(value)


def test_the_window_is_half_a_true_segment() -> None:
    truth, found = [20.0, 40.0], [20.0]
    assert window_diff(found, truth, 0, 60) == window_diff(found, truth, 0, 60, 10)
    # windows of 10 units around the missed boundary: 10 of the 60 - 10
    assert window_diff(found, truth, 0, 60) == pytest.approx(10 / 50)


def test_what_is_too_short_for_a_window_is_compared_as_a_whole() -> None:
    assert window_diff([], [], 0, 1) == 0.0
    assert window_diff([1.0], [], 0, 3, 9) == 1.0
    assert window_diff([-1.0, 0.0, 3.0, 9.0], [], 0, 3, 1) == 0.0  # none of them lies between 0 and 3


@pytest.mark.parametrize(
    ("found", "truth", "precision", "recall", "f1"),
    [
        ([], [], 1, 1, 1),
        ([], [5], 0, 0, 0),
        ([5], [], 0, 0, 0),
        ([15], [5], 1, 1, 1),  # exactly 10 s away
        ([15.01], [5], 0, 0, 0),
        ([10, 11, 12], [11], 1 / 3, 1, 1 / 2),  # one true boundary for one found
        ([10, 40], [9, 15, 40, 90], 1, 1 / 2, 2 / 3),
        ([10, 20], [1, 12], 1, 1, 1),  # 10 takes 1, so that 12 is left for 20
    ],
)
def test_golden_boundary_scores(
    found: list[float], truth: list[float], precision: float, recall: float, f1: float
) -> None:
    assert boundary_score(found, truth) == pytest.approx((precision, recall, f1))


def _most_pairs(found: tuple[float, ...], truth: tuple[float, ...]) -> int:
    """By trying everything."""
    if not found:
        return 0
    best = _most_pairs(found[1:], truth)
    for place, time in enumerate(truth):
        if abs(time - found[0]) <= 10:
            best = max(best, 1 + _most_pairs(found[1:], truth[:place] + truth[place + 1 :]))
    return best


times = st.lists(st.integers(0, 60), max_size=4, unique=True).map(sorted)


@settings(max_examples=60)
@given(found=times, truth=times)
def test_no_other_pairing_finds_more(found: list[int], truth: list[int]) -> None:
    most = _most_pairs(tuple(found), tuple(truth))
    score = boundary_score(found, truth)
    assert score.f1 == pytest.approx(2 * most / (len(found) + len(truth)) if found or truth else 1)
    back = boundary_score(truth, found)
    assert (back.precision, back.recall) == (score.recall, score.precision)


@settings(max_examples=60)
@given(found=times, truth=times)
def test_window_diff_is_a_share_and_is_zero_for_what_is_equal(found: list[int], truth: list[int]) -> None:
    assert 0 <= window_diff(found, truth, 0, 61) <= 1
    assert window_diff(truth, truth, 0, 61) == 0


def test_controls_have_the_number_asked_for() -> None:
    assert uniform_boundaries(10, 50, 3) == [20, 30, 40]
    assert uniform_boundaries(10, 50, 0) == []
    starts = [3.0, 9.0, 12.0, 40.0]
    drawn = random_boundaries(starts, 3, np.random.default_rng(1))
    assert len(set(drawn)) == 3 and set(drawn) <= set(starts)
    assert all(first < second for first, second in itertools.pairwise(drawn))
    assert random_boundaries(starts, 9, np.random.default_rng(1)) == starts


def test_the_first_keystep_starts_at_no_boundary() -> None:
    assert boundaries([Caption(0, 5, "a"), Caption(5, 9, "b"), Caption(9, 10, "c")]) == [5, 9]
    assert boundaries([Caption(0, 5, "a")]) == []
