"""Where keysteps begin against where they really begin: boundary F1, WindowDiff, and what chance reaches.

A boundary is a time in seconds at which one keystep ends and the next begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surgvlp.lectures.texts import Caption

UNIT_S = 1.0  # WindowDiff moves its window by that much


class BoundaryScore(NamedTuple):
    """Share of the found boundaries that is right, share of the true ones found, harmonic mean."""

    precision: float
    recall: float
    f1: float


def boundaries(keysteps: Sequence[Caption]) -> list[float]:
    """Seconds at which keysteps start, without the first, which starts where the lecture does."""
    return [keystep.start for keystep in keysteps[1:]]


def boundary_score(
    found: Sequence[float], truth: Sequence[float], tolerance_s: float = 10.0
) -> BoundaryScore:
    """Precision, recall and F1 of boundaries, one true boundary for one found within `tolerance_s` of it.

    As many pairs as possible are made: from the earliest on, each found boundary takes the earliest true one
    that is near enough and not yet taken. No boundaries where there are none is right in every respect (1);
    precision is 0 where nothing is found although there is something, and recall likewise.

    Args:
        found, truth: seconds, in order.
        tolerance_s: >= 0; a distance of exactly that much still counts.
    """
    if not found and not truth:
        return BoundaryScore(1.0, 1.0, 1.0)
    pairs = here = there = 0
    while here < len(found) and there < len(truth):
        if abs(found[here] - truth[there]) <= tolerance_s:
            pairs, here, there = pairs + 1, here + 1, there + 1
        elif found[here] < truth[there]:
            here += 1
        else:
            there += 1
    return BoundaryScore(
        pairs / len(found) if found else 0.0,
        pairs / len(truth) if truth else 0.0,
        2 * pairs / (len(found) + len(truth)),
    )


def window_diff(
    found: Sequence[float],
    truth: Sequence[float],
    start: float,
    end: float,
    window_s: float | None = None,
) -> float:
    """WindowDiff (Pevzner & Hearst, Computational Linguistics 28, 2002): 0 is perfect, 1 the worst.

    The share of windows, moved along by `UNIT_S`, in which there are more or fewer found boundaries than true
    ones. Times count to the nearest unit; boundaries at or beyond `start` and `end` are none.

    Args:
        found, truth: seconds, in any order.
        start, end: what is looked at, seconds.
        window_s: length of the window; None: half the mean length of the true segments, as published.
    """
    units = round((end - start) / UNIT_S)
    counts = [_counts(times, start, units) for times in (found, truth)]
    segments = int(counts[1].sum()) + 1
    width = max(1, round(units / segments / 2 if window_s is None else window_s / UNIT_S))
    if units <= width:
        return float(counts[0].sum() != counts[1].sum())
    inside = [np.convolve(count, np.ones(width, np.int64), "valid") for count in counts]
    return float(np.mean(inside[0] != inside[1]))


def uniform_boundaries(start: float, end: float, count: int) -> list[float]:
    """`count` boundaries that cut the time from `start` to `end` into pieces of one length, seconds."""
    return np.linspace(start, end, count + 2)[1:-1].tolist()


def random_boundaries(times: Sequence[float], count: int, generator: np.random.Generator) -> list[float]:
    """`count` of `times` without repetition, in order; all of them where there are no more."""
    return sorted(generator.choice(np.asarray(times, float), min(count, len(times)), replace=False).tolist())


def _counts(times: Sequence[float], start: float, units: int) -> NDArray[np.int64]:
    """Boundaries between a unit and the next: int64 (units - 1,)."""
    places = np.round((np.asarray(times, float) - start) / UNIT_S).astype(np.int64) - 1
    return np.bincount(places[(places >= 0) & (places < units - 1)], minlength=max(units - 1, 0))
