"""Exact search for the nearest of many vectors by inner product: FAISS, on the CPU."""

from __future__ import annotations

from collections.abc import Iterable

import faiss
import numpy as np
from numpy.typing import NDArray


def nearest(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    k: int,
    allowed: Iterable[tuple[int, int]] | None = None,
) -> NDArray[np.int64]:
    """The k vectors with the largest inner products, every one compared.

    FAISS multiplies blocks of queries and vectors and keeps only each query's best, so beside arguments and
    result it needs the same few megabytes for any numbers of them. What is not allowed is not compared,
    which no filter behind a search for more than k could beat.

    Args:
        queries: (M, D).
        vectors: (N, D); for cosine similarity both of unit length.
        k: how many, 1 or more.
        allowed: ranges (start, stop) of rows of `vectors` that do not overlap; None: all rows.

    Returns:
        rows (M, k) of `vectors`, the nearest first and of equals the first row, -1 where there are fewer than
        k.
    """
    rows = np.full((len(queries), k), -1, np.int64)
    similarity = np.full((len(queries), k), -np.inf, np.float32)
    for start, stop in [(0, len(vectors))] if allowed is None else allowed:
        if stop > start and len(queries):
            few = min(k, stop - start)
            more, which = faiss.knn(queries, vectors[start:stop], few, faiss.METRIC_INNER_PRODUCT)
            both_rows = np.concatenate([rows, which + start], 1)
            both = np.concatenate([similarity, more], 1)
            best = np.lexsort((both_rows, -both))[:, :k]
            rows, similarity = np.take_along_axis(both_rows, best, 1), np.take_along_axis(both, best, 1)
    return rows
