"""Making the neighbour map: each frame's nearest frames in other lectures of the same procedure.

SurgFM (Che et al., arXiv:2503.19740) describes it in a sentence; neither map nor program was published, nor
the backbone whose features it compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgvlp.console import progress_bar
from surgvlp.curation.embedding import EmbeddedFrames
from surgvlp.features.vector_index import nearest
from surgvlp.lectures.neighbour_map import NeighbourMap

Procedures = Mapping[str, frozenset[str]]  # of each lecture

_BLOCK = 256  # frames whose neighbours' vectors are held at a time


def neighbour_map(
    embedded: EmbeddedFrames, every_s: float, k: int, procedures: Procedures | None
) -> NeighbourMap:
    """Find the k nearest frames of each frame. Every allowed pair of frames is compared, in float32.

    Allowed are frames of other lectures that share a procedure with the frame's own. Lectures of no known
    procedure get no neighbours and are nobody's.

    The adjacent frame is the one numbered one less; where that is missing, one more. A frame without either
    takes the median of all others' scales, 0 if there are none.

    Memory beside `embedded` and the result: the vectors of one group of lectures.

    Args:
        embedded: the frames.
        every_s: seconds between them.
        k: most neighbours of a frame, 1 or more.
        procedures: of the lectures; None: any other lecture is allowed.
    """
    vectors = embedded.vectors
    starts = np.searchsorted(embedded.lecture, np.arange(len(embedded.lectures) + 1))
    neighbours = np.full((len(vectors), k), -1, np.int32)
    distance = np.full((len(vectors), k), np.inf, np.float32)
    groups = _groups(embedded.lectures, procedures)
    searched = sum(int(np.diff(starts)[group.lectures].sum()) for group in groups)
    with progress_bar("neighbours", searched, unit="frames") as bar:
        for group in groups:
            rows = np.concatenate([np.arange(*starts[each : each + 2]) for each in group.among])
            among = vectors if len(rows) == len(vectors) else vectors[rows]
            for lecture in group.lectures:
                start, stop = starts[lecture : lecture + 2]
                own = int(np.searchsorted(rows, start))
                others = ((0, own), (own + int(stop - start), len(rows)))
                found = nearest(vectors[start:stop], among, k, others)
                neighbours[start:stop] = np.where(found >= 0, rows[found], -1)
                _sort_by_distance(vectors, int(start), neighbours[start:stop], distance[start:stop])
                bar.advance(int(stop - start))
    return NeighbourMap(
        lectures=embedded.lectures,
        lecture=embedded.lecture,
        number=embedded.number,
        neighbours=neighbours,
        distance=distance,
        adjacent=_adjacent(embedded),
        every_s=every_s,
    )


@dataclass(frozen=True)
class _Group:
    """Lectures whose neighbours may come from the same lectures, themselves among them."""

    lectures: list[int]
    among: list[int]


def _groups(lectures: list[str], procedures: Procedures | None) -> list[_Group]:
    if procedures is None:
        every = list(range(len(lectures)))
        return [_Group(every, every)]
    shown = [procedures.get(lecture, frozenset()) for lecture in lectures]
    return [
        _Group(
            [row for row, own in enumerate(shown) if own == wanted],
            [row for row, own in enumerate(shown) if own & wanted],
        )
        for wanted in sorted(set(shown) - {frozenset()}, key=sorted)
    ]


def _sort_by_distance(
    vectors: NDArray[np.float32], start: int, rows: NDArray[np.int32], distance: NDArray[np.float32]
) -> None:
    """Fill in the distances of the frames from `start` on to `rows` (M, K), both in place.

    From the difference of the vectors: 1 - cos would lose the small distances that frames of one scene have,
    and those of a frozen picture would not be 0.
    """
    for first in range(0, len(rows), _BLOCK):
        block = rows[first : first + _BLOCK]
        own = vectors[start + first : start + first + len(block), None]
        far = np.where(block >= 0, _distance(own, vectors[block]), np.float32(np.inf))
        order = np.lexsort((block, far))
        rows[first : first + _BLOCK] = np.take_along_axis(block, order, 1)
        distance[first : first + _BLOCK] = np.take_along_axis(far, order, 1)


def _adjacent(embedded: EmbeddedFrames) -> NDArray[np.float32]:
    vectors, count = embedded.vectors, len(embedded.vectors)
    before = np.zeros(count, np.float32)
    for first in range(1, count, _BLOCK):
        last = min(first + _BLOCK, count)
        before[first:last] = _distance(vectors[first:last], vectors[first - 1 : last - 1])
    follows = np.zeros(count, np.bool_)  # the row before is of the frame before
    follows[1:] = (np.diff(embedded.lecture) == 0) & (np.diff(embedded.number) == 1)
    adjacent = np.where(follows, before, np.append(before[1:], 0)).astype(np.float32)
    alone = ~follows & ~np.append(follows[1:], False)
    adjacent[alone] = np.median(adjacent[~alone]) if not alone.all() else 0
    return adjacent


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine distances (...,) of unit vectors (..., D): half the squared difference."""
    apart = one - other
    return np.minimum(np.einsum("...d,...d->...", apart, apart) / 2, 2)
