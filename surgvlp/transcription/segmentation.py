"""Cutting a lecture where what is said turns to something else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surgvlp.features.embed import unit

Vectors = NDArray[np.float32]

# Chosen on made lectures of seeds 101 to 103 (benchmarks/keysteps.md), where 0.9 to 1.1 do about as well.
PENALTY = 1.0
SHORTEST_S = 20.0
FEWEST = 3  # fewer sentences say too little to have a topic; 1 to 4 do as well there


def segment(
    vectors: Vectors,
    starts: Sequence[float],
    end: float,
    penalty: float = PENALTY,
    shortest_s: float = SHORTEST_S,
    fewest: int = FEWEST,
) -> list[int]:
    """Cut sentences into segments that speak of one thing each: the best of all ways to do it.

    Best is the least sum over segments of the squared distances of their sentences, `centred`, to their mean,
    and of `penalty` for each segment. Found by dynamic programming over where the last segment begins, as in
    segmentation by cohesion (Utiyama and Isahara, ACL 2001) and in exact change-point search (Jackson et al.,
    IEEE Signal Processing Letters 12, 2005). Time grows with the square of N, memory with N.

    Args:
        vectors: (N, D), a sentence each.
        starts: (N,) seconds, not decreasing.
        end: seconds, at or after the last start; segments follow one another without gaps up to here.
        penalty: what one more segment costs; a sentence that has nothing to do with the others saves up to 1.
        shortest_s: no segment is shorter, unless the whole is.
        fewest: sentences of a segment, likewise.

    Returns:
        The first sentence of each segment, from 0 on; none for no sentences.
    """
    count, rows = len(vectors), centred(vectors)
    times = np.array([*starts, end], np.float64)
    sums = np.zeros((count + 1, rows.shape[1]))
    np.cumsum(rows, axis=0, out=sums[1:])
    squares = np.concatenate([[0.0], np.cumsum((rows**2).sum(1))])
    least = np.concatenate([[0.0], np.full(count, np.inf)])
    begins = np.zeros(count + 1, np.int64)
    for last in range(1, count + 1):
        sizes = last - np.arange(last)
        inside = ((sums[last] - sums[:last]) ** 2).sum(1) / sizes
        cost = least[:last] + squares[last] - squares[:last] - inside + penalty
        allowed = (times[last] - times[:last] >= shortest_s) & (sizes >= fewest)
        if last == count:
            allowed[0] = True
        cost[~allowed] = np.inf
        begins[last] = cost.argmin()
        least[last] = cost[begins[last]]
    found = []
    place = count
    while place > 0:
        place = int(begins[place])
        found.append(place)
    return found[::-1]


def centred(vectors: Vectors) -> NDArray[np.float64]:
    """What tells the sentences of a lecture apart: (N, D) less their mean, each of unit length.

    All of them speak of one operation, which takes most of their likeness and tells nothing.
    """
    rows = vectors.astype(np.float64)
    return unit(rows - rows.mean(0, keepdims=True)) if len(rows) else rows
