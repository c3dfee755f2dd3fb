from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from surgvlp.evaluation.retrieval.alignment import best_alignment, order_agreement, score_alignment

SHAPES = st.tuples(st.integers(1, 5), st.integers(0, 6), st.integers(0, 10_000))


def _similarity(keysteps: int, more: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(keysteps + more, keysteps))


@given(SHAPES)
def test_the_best_alignment_is_the_best_of_all_there_are(shape: tuple[int, int, int]) -> None:
    similarity = _similarity(*shape)
    count, keysteps = similarity.shape
    best = -np.inf
    for starts in combinations(range(1, count), keysteps - 1):
        path = np.searchsorted(starts, np.arange(count), side="right")
        best = max(best, similarity[np.arange(count), path].sum())
    path = best_alignment(similarity)
    assert similarity[np.arange(count), path].sum() == pytest.approx(best)
    assert path[0] == 0 and set(np.diff(path)) <= {0, 1} and path[-1] == keysteps - 1


def test_an_hour_aligns_where_it_belongs() -> None:
    keystep = np.repeat(np.arange(8), 450)
    similarity = np.eye(8)[keystep] * 0.1 + np.random.default_rng(0).normal(0, 0.2, (3600, 8))
    assert np.mean(best_alignment(similarity) == keystep) > 0.99


def test_fewer_frames_than_keysteps_cannot_be_aligned() -> None:
    with pytest.raises(ValueError, match="2 frames cannot hold 3 keysteps"):
        best_alignment(np.zeros((2, 3)))


def _slow_agreement(nearest: NDArray[np.int64], keystep: NDArray[np.int64]) -> float:
    agreeing, pairs = 0.0, 0
    for i, j in combinations(range(len(keystep)), 2):
        if keystep[i] != keystep[j]:
            pairs += 1
            agreeing += 0.5 if nearest[i] == nearest[j] else float(nearest[i] < nearest[j])
    return agreeing / pairs


@given(st.integers(2, 6), st.integers(0, 12), st.integers(0, 10_000))
def test_order_agreement_is_that_of_the_slow_reference(keysteps: int, more: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    keystep = np.sort(np.concatenate([np.arange(keysteps), generator.integers(keysteps, size=more)]))
    nearest = generator.integers(keysteps, size=len(keystep))
    agreement = order_agreement(nearest, keystep)
    assert agreement == pytest.approx(_slow_agreement(nearest, keystep))
    assert order_agreement(keysteps - 1 - nearest, keystep) == pytest.approx(1 - agreement)
    assert order_agreement(keystep, keystep) == 1.0
    assert order_agreement(np.full_like(keystep, 1), keystep) == 0.5


def test_random_places_agree_half_of_the_time() -> None:
    nearest = np.random.default_rng(0).integers(8, size=3600)
    assert abs(order_agreement(nearest, np.repeat(np.arange(8), 450)) - 0.5) < 0.02


def test_scores_of_a_small_lecture_by_hand() -> None:
    keystep = np.array([0, 0, 0, 1, 2, 2])
    similarity = np.array(
        [[0.9, 0.1, 0.0], [0.1, 0.2, 0.5], [0.4, 0.1, 0.0], [0.0, 0.6, 0.1], [0.7, 0.0, 0.6], [0.0, 0.0, 0.5]]
    )
    scores = score_alignment(similarity, keystep, ["one", "two", "three"])
    assert scores.nearest_accuracy == pytest.approx(4 / 6)  # frames 1 and 4 lie nearest to the wrong one
    assert scores.nearest_chance == pytest.approx(1 / 3)
    assert scores.aligned_accuracy == 1.0
    assert scores.uniform_accuracy == pytest.approx(5 / 6)  # 0 0 1 1 2 2
    assert (scores.frames, scores.keysteps) == (6, 3)


def test_keysteps_of_one_text_cannot_be_told_apart_and_need_not_be() -> None:
    similarity = np.array([[0.9, 0.1, 0.9], [0.1, 0.8, 0.1], [0.9, 0.1, 0.9]])
    scores = score_alignment(similarity, np.array([0, 1, 2]), ["same", "other", "same"])
    assert scores.nearest_accuracy == scores.aligned_accuracy == 1.0
    assert scores.nearest_chance == pytest.approx(5 / 9)
