"""Intervals of scores over lectures of several corpora, alone and for paired differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.metrics import Interval

RESAMPLES = 10_000


@dataclass(frozen=True)
class LectureSums:
    """A score as one sum over lectures divided by another: hits by pairs, or a lecture's score by 1.

    Attributes:
        corpus: (L,) number of the corpus each lecture is from, from 0.
        lecture: (L,) names.
        total, weight: (L,) what the lecture adds above and below the line.
    """

    corpus: NDArray[np.int64]
    lecture: tuple[str, ...]
    total: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def value(self) -> float:
        """The score over all lectures."""
        return float(self.total.sum() / self.weight.sum())

    def by_corpus(self) -> tuple[float, ...]:
        """The score of each corpus by itself."""
        total, weight = np.bincount(self.corpus, self.total), np.bincount(self.corpus, self.weight)
        return tuple((total / weight).tolist())


def interval(sums: LectureSums) -> Interval | None:
    """95 % percentile bootstrap interval of a score.

    Lectures are drawn with replacement, because what is within one is not independent; and each corpus keeps
    its number of them, because corpora were chosen, not drawn, and a candidate pool belongs to its corpus.
    Models and pools stay what they are: the interval is about lectures, not about training once more. None
    where a corpus has fewer than two lectures: there is nothing to draw from.
    """
    return _bounds(_drawn(sums, draws)) if (draws := _draws(sums.corpus)) is not None else None


def paired_interval(better: LectureSums, worse: LectureSums) -> Interval | None:
    """The same for the difference of two scores of the same lectures, both taken from the same draws."""
    draws = _draws(better.corpus)
    return None if draws is None else _bounds(_drawn(better, draws) - _drawn(worse, draws))


def _draws(corpus: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """(RESAMPLES, L) lectures, as many of each corpus as there are; seeded."""
    generator, parts = np.random.default_rng(0), []
    for number in np.unique(corpus):
        members = np.flatnonzero(corpus == number)
        if len(members) < 2:
            return None
        parts.append(members[generator.integers(len(members), size=(RESAMPLES, len(members)))])
    return np.concatenate(parts, axis=1)


def _drawn(sums: LectureSums, draws: NDArray[np.int64]) -> NDArray[np.float64]:
    weight = sums.weight[draws].sum(axis=1)
    # A lecture without a pair has no weight; a draw of nothing but such ones says nothing.
    return np.divide(sums.total[draws].sum(axis=1), weight, out=np.full(len(draws), np.nan), where=weight > 0)


def _bounds(values: NDArray[np.float64]) -> Interval:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
