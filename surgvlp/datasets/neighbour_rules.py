"""Which frames stand beside a frame in SurgFM's augmented distillation (Che et al., arXiv:2503.19740).

Similar frames of other lectures first (from a neighbour map), then the frames around it in time. Frames are
rows of two arrays sorted by (lecture, number), so all is arithmetic on rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgvlp.lectures.neighbour_map import NeighbourMap

POOL = 4  # of which two are drawn
REACH = 2  # frames before and after
FACTOR = 3.0  # near: closer than so many times the adjacent frame of the same lecture

_BLOCK = 1 << 16  # rows of a map at a time

Rows = NDArray[np.int64]


def temporal_rows(lecture: NDArray[np.int32], number: NDArray[np.int64], row: int) -> Rows:
    """(4,) rows of the frames n-2, n-1, n+1, n+2 of the same lecture, in this order, if they are there.

    Those that lack are made up for: of none found, the frame itself stands in all places; a, b gives
    a, b, a, b; and a, b, c gives a, b, c, b.

    Args:
        lecture, number: (N,) of all frames, sorted, each frame once.
        row: of the frame n.
    """
    # a lecture's numbers rise, so n-2 to n+2 cannot lie further away than two rows
    around = np.arange(max(0, row - REACH), min(len(number), row + REACH + 1))
    is_near = (lecture[around] == lecture[row]) & (np.abs(number[around] - number[row]) <= REACH)
    found = around[is_near & (around != row)]
    if len(found) == 0:
        return np.full(POOL, row)
    if len(found) == 3:
        return found[[0, 1, 2, 1]]
    return np.resize(found, POOL)


def neighbour_pool(near: Rows, temporal: Rows) -> Rows:
    """(4,) rows to draw from: `near` (any number), nearest first, then `temporal` (4,) in its order."""
    return np.concatenate([near, temporal])[:POOL]


def draw_two(pool: Rows, generator: np.random.Generator) -> Rows:
    """(2,) from two different places of `pool` (4,), in either order; equal if a frame is there twice."""
    return pool[generator.choice(POOL, 2, replace=False)]


def nearest_rows(found: NeighbourMap, row_of: Rows, count: int) -> NDArray[np.int32]:
    """The first four near neighbours of all frames, by the map.

    Args:
        found: the map of M frames.
        row_of: (M,) row of the data set of each frame of the map; -1 for those that are not to be used, which
            are passed over as neighbours too.
        count: N, frames of the data set.

    Returns:
        (N, 4) rows of the data set, nearest first; -1 where there are fewer.
    """
    result = np.full((count, POOL), -1, np.int32)
    for start in range(0, len(row_of), _BLOCK):
        block = slice(start, start + _BLOCK)
        neighbours = found.neighbours[block]
        is_near = (found.distance[block] < FACTOR * found.adjacent[block, None]) & (neighbours >= 0)
        rows = np.where(is_near, row_of[neighbours], -1)
        first = np.argsort(rows < 0, axis=1, kind="stable")[:, :POOL]  # those that may be used, order kept
        own = row_of[block]
        used = np.flatnonzero(own >= 0)
        result[own[used], : first.shape[1]] = np.take_along_axis(rows, first, 1)[used]
    return result
