"""How well the frames of a lecture find their place among its keysteps, which come in a known order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AlignmentScores:
    """Scores of one lecture, 0 to 1, over `frames` frames and `keysteps` keysteps.

    Attributes:
        order_agreement: of frames taken by themselves, see `order_agreement`; 0.5 knows nothing of order.
        nearest_accuracy: share of frames whose nearest keystep is theirs; of keysteps of one text, any.
        nearest_chance: the same for a keystep drawn at random.
        aligned_accuracy: share of frames that `best_alignment` gives to their keystep.
        uniform_accuracy: the same where every keystep gets an equal share of the frames, which needs no
            picture: what alignment is worth has to be seen beside it.
    """

    frames: int
    keysteps: int
    order_agreement: float
    nearest_accuracy: float
    nearest_chance: float
    aligned_accuracy: float
    uniform_accuracy: float


def score_alignment(
    similarity: NDArray[np.floating], keystep: NDArray[np.int64], texts: Sequence[str]
) -> AlignmentScores:
    """Score one lecture.

    Args:
        similarity: (T, N) cosines of frames, in order of time, and keysteps, in their order.
        keystep: (T,) the keystep of each frame, from 0, never falling; each of the N has a frame, N >= 2.
        texts: N texts.
    """
    count, keysteps = similarity.shape
    same = np.unique(np.asarray(texts), return_inverse=True)[1]
    nearest = similarity.argmax(axis=1)
    return AlignmentScores(
        frames=count,
        keysteps=keysteps,
        order_agreement=order_agreement(nearest, keystep),
        nearest_accuracy=float(np.mean(same[nearest] == same[keystep])),
        nearest_chance=float(np.mean(same[keystep][:, None] == same)),
        aligned_accuracy=float(np.mean(best_alignment(similarity) == keystep)),
        uniform_accuracy=float(np.mean(np.arange(count) * keysteps // count == keystep)),
    )


def order_agreement(nearest: NDArray[np.int64], keystep: NDArray[np.int64]) -> float:
    """Of all pairs of frames from different keysteps, the share in which the earlier one is placed earlier.

    A pair that is placed in the same keystep counts half. This is the index of concordance (Harrell et al.
    1982; Kendall's tau is its linear map) of where frames are placed with where they belong: 1 is right, 0.5
    is what random places and one place for all frames score, 0 is the reverse. Pairs from within one keystep
    are left out, as they have no order to agree with; pairs placed alike are not, or a model that puts all
    frames but two in one keystep could score 1.

    Args:
        nearest: (T,) the keystep each frame is placed in.
        keystep: (T,) the keystep it belongs to; two different ones at least.
    """
    size = int(max(nearest.max(), keystep.max())) + 1
    count = np.bincount(keystep * size + nearest, minlength=size * size).reshape(size, size).astype(float)
    earlier = np.triu(np.ones((size, size)), 1)
    agreeing = np.triu(count @ (earlier + np.eye(size) / 2) @ count.T, 1).sum()
    belonging = count.sum(axis=1)
    return float(agreeing / np.triu(np.outer(belonging, belonging), 1).sum())


def best_alignment(similarity: NDArray[np.floating]) -> NDArray[np.int64]:
    """The keystep of each frame (T,), never falling, with every keystep in it and the largest sum of cosines.

    Dynamic programming over keysteps, in O(T N): the best sum with keystep n in frame t is the sum of its
    cosines up to t plus the most that any start s <= t leaves, which is a running maximum.

    Args:
        similarity: (T, N) of frames and keysteps in order; T >= N.

    Raises:
        ValueError: fewer frames than keysteps.
    """
    count, keysteps = similarity.shape
    if count < keysteps:
        raise ValueError(f"{count} frames cannot hold {keysteps} keysteps")
    upto = np.vstack([np.zeros(keysteps), np.cumsum(similarity, axis=0, dtype=np.float64)])
    before = np.full(count + 1, -np.inf)  # best sum of the first s frames and the keysteps so far
    before[0] = 0
    left = np.empty((keysteps, count))  # by start s of keystep n: what all before it has, less its own sum
    for n in range(keysteps):
        left[n] = before[:-1] - upto[:-1, n]
        before = np.concatenate([[-np.inf], np.maximum.accumulate(left[n]) + upto[1:, n]])
    path, end = np.empty(count, np.int64), count
    for n in reversed(range(keysteps)):
        start = int(left[n, :end].argmax())
        path[start:end], end = n, start
    return path
