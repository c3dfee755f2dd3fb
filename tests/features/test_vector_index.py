"""Exact nearest-neighbour search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.features.vector_index import nearest


def _brute_force(
    queries: np.ndarray, vectors: np.ndarray, k: int, rows: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """One query and one vector at a time."""
    found = np.full((len(queries), k), -1)
    similarity = np.full((len(queries), k), -np.inf)
    for place, query in enumerate(queries):
        best = sorted((-float(query @ vectors[row]), row) for row in rows)[:k]
        for column, (value, row) in enumerate(best):
            found[place, column], similarity[place, column] = row, -value
    return found, similarity


@given(
    # FAISS compares fewer than twenty queries one by one, and more as a product of matrices
    queries=st.sampled_from([0, 1, 3, 19, 20, 45]),
    cuts=st.lists(st.integers(0, 60), max_size=6, unique=True).map(sorted),
    k=st.integers(1, 70),
    seed=st.integers(0, 99),
)
def test_the_search_is_exact_in_any_ranges_and_says_where_there_are_fewer(
    queries: int, cuts: list[int], k: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    # Whole numbers have exact products, and many equal ones: of equals the first row is wanted.
    asked = generator.integers(-3, 4, (queries, 3)).astype(np.float32)
    vectors = generator.integers(-3, 4, (60, 3)).astype(np.float32)
    allowed = list(zip(cuts[::2], cuts[1::2], strict=False))
    rows = [row for start, stop in allowed for row in range(start, stop)]
    found = nearest(asked, vectors, k, allowed)
    wanted, wanted_similarity = _brute_force(asked, vectors, k, rows)
    similarity = np.where(found >= 0, np.take_along_axis(asked @ vectors.T, found, 1), -np.inf)
    np.testing.assert_array_equal(similarity, wanted_similarity)
    assert found.shape == (queries, k)
    for own, expected, values in zip(found, wanted, similarity, strict=True):
        # which of several equals at the very end of the list are in it is open
        sure = values > values[-1] if len(rows) > k else np.full(k, True)
        np.testing.assert_array_equal(own[sure], expected[sure])
        assert len(set(own[own >= 0])) == (own >= 0).sum()


def test_without_ranges_every_row_is_searched() -> None:
    vectors = np.eye(4, dtype=np.float32)
    assert nearest(vectors[[2]] * 2 + vectors[[1]], vectors, 2).tolist() == [[2, 1]]


@pytest.mark.parametrize("queries", [5, 300])
def test_real_vectors_agree_with_the_whole_matrix_of_similarities(queries: int) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(3000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = vectors[:queries]
    found = nearest(asked, vectors, 12, [(0, 1000), (1700, 3000)])
    every = asked.astype(np.float64) @ vectors.T.astype(np.float64)
    every[:, 1000:1700] = -np.inf
    np.testing.assert_array_equal(found, np.argsort(-every, axis=1)[:, :12])
