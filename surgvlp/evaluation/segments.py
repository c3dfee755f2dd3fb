"""Scores of whole stretches: a phase that flickers is wrong in a way that single frames hardly show.

As in temporal action segmentation (Lea et al., CVPR 2017): the edit score asks for the right phases in the
right order, F1@k for stretches that overlap those labelled by at least k percent.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgvlp.predictions import Predictions

OVERLAPS = (0.10, 0.25, 0.50)


@dataclass(frozen=True)
class SegmentScores:
    """Scores of one set of predictions, 0 to 1.

    Attributes:
        edit: mean over videos.
        f1: at each of `OVERLAPS`; stretches of all videos are counted together, as published.
        stretches: predicted stretches a labelled one; 1 is right, more is flicker.
    """

    edit: float
    f1: tuple[float, ...]
    stretches: float


def score_segments(predictions: Sequence[Predictions]) -> SegmentScores:
    """Score videos; frames without a label (-1) are left out, and what they part is joined."""
    edits, counts = [], np.zeros((len(OVERLAPS), 3), dtype=np.int64)
    predicted_stretches = labelled_stretches = 0
    for item in predictions:
        kept = item.label >= 0
        label, predicted = item.label[kept], item.score[kept].argmax(axis=1)
        edits.append(edit_score(label, predicted))
        counts += [overlap_counts(label, predicted, overlap) for overlap in OVERLAPS]
        predicted_stretches += len(runs(predicted))
        labelled_stretches += len(runs(label))
    hits, extra, missed = counts.T
    f1 = 2 * hits / np.maximum(2 * hits + extra + missed, 1)
    return SegmentScores(
        float(np.mean(edits)), tuple(map(float, f1)), predicted_stretches / labelled_stretches
    )


def runs(classes: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Stretches of equal values in (N,): (start, end, value), end exclusive."""
    edges = np.flatnonzero(np.diff(classes)) + 1
    bounds = [0, *edges.tolist(), len(classes)]
    return [(a, b, int(classes[a])) for a, b in itertools.pairwise(bounds) if b > a]


def edit_score(label: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """1 less Levenshtein's distance of the two orders of phases, over the longer one's length."""
    wanted, found = [run[2] for run in runs(label)], np.array([run[2] for run in runs(predicted)])
    # Row by row; a running minimum takes the insertions of a whole row at once.
    place = np.arange(len(found) + 1)
    row = place.copy()
    for value in wanted:
        best = row + 1
        best[1:] = np.minimum(best[1:], row[:-1] + (found != value))
        row = np.minimum.accumulate(best - place) + place
    return 1 - float(row[-1]) / max(len(wanted), len(found))


def overlap_counts(
    label: NDArray[np.int64], predicted: NDArray[np.int64], overlap: float
) -> tuple[int, int, int]:
    """Stretches (found, predicted but not there, there but not predicted) at one overlap, 0 to 1.

    Each predicted stretch claims the labelled stretch of its phase that it overlaps most (intersection over
    union, the first among equals); a labelled stretch is found by the first that claims it.
    """
    wanted, found = np.array(runs(label)), np.array(runs(predicted))
    both = np.minimum(found[:, None, 1], wanted[:, 1]) - np.maximum(found[:, None, 0], wanted[:, 0])
    either = np.maximum(found[:, None, 1], wanted[:, 1]) - np.minimum(found[:, None, 0], wanted[:, 0])
    share = np.where(found[:, None, 2] == wanted[:, 2], both / either, 0.0)
    claimed, much = share.argmax(axis=1), share.max(axis=1)
    hits = len(set(claimed[much >= overlap].tolist()))
    return hits, len(found) - hits, len(wanted) - hits
