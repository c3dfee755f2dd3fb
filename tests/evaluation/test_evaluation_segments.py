from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.evaluation.segments import OVERLAPS, edit_score, overlap_counts, runs, score_segments
from surgvlp.predictions import Predictions

sequences = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 3), min_size=n, max_size=n) for _ in range(2)))
)


def obvious_edit(one: list[int], two: list[int]) -> float:
    if not one or not two:
        return float(len(one) + len(two))
    return min(
        obvious_edit(one[1:], two) + 1,
        obvious_edit(one, two[1:]) + 1,
        obvious_edit(one[1:], two[1:]) + (one[0] != two[0]),
    )


def obvious_counts(label: list[int], predicted: list[int], overlap: float) -> tuple[int, int, int]:
    """As the published evaluations count: each predicted stretch, in order, claims its best labelled one."""
    wanted, found = stretches(label), stretches(predicted)
    taken, hits = set(), 0
    for value, frames in found:
        shares = [
            len(frames & others) / len(frames | others) if other == value else 0.0 for other, others in wanted
        ]
        best = shares.index(max(shares))
        if shares[best] >= overlap and best not in taken:
            taken.add(best)
            hits += 1
    return hits, len(found) - hits, len(wanted) - hits


def stretches(values: list[int]) -> list[tuple[int, set[int]]]:
    result: list[tuple[int, set[int]]] = []
    for place, value in enumerate(values):
        if not result or result[-1][0] != value:
            result.append((value, set()))
        result[-1][1].add(place)
    return result


@given(sequences)
def test_overlaps_are_counted_as_published(drawn: tuple[list[int], list[int]]) -> None:
    label, predicted = drawn
    for overlap in OVERLAPS:
        assert overlap_counts(np.array(label), np.array(predicted), overlap) == obvious_counts(
            label, predicted, overlap
        )


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(*(st.lists(st.integers(0, 2), min_size=n, max_size=n),) * 2)
    )
)
def test_the_edit_score_is_levenshteins(drawn: tuple[list[int], list[int]]) -> None:
    label, predicted = (np.array(values) for values in drawn)
    one, two = ([run[2] for run in runs(values)] for values in (label, predicted))
    if len(one) + len(two) > 11:
        one, two = one[:5], two[:5]  # the obvious way takes 3^n steps
        label, predicted = np.array(one), np.array(two)
    expected = 1 - obvious_edit(one, two) / max(len(one), len(two))
    assert edit_score(label, predicted) == pytest.approx(expected)


def video(label: list[int], predicted: list[int]) -> Predictions:
    return Predictions(
        frame_index=np.arange(len(label)),
        time_s=np.arange(len(label), dtype=np.float64),
        score=np.eye(4, dtype=np.float32)[predicted],
        label=np.array(label),
        video="v",
        dataset="d",
        class_names=("a", "b", "c", "d"),
        model="m",
        protocol="p",
        protocol_sha256="0",
    )


def test_flicker_costs_what_frames_do_not_show() -> None:
    label = [0] * 20 + [1] * 20 + [2] * 20
    steady, flickering = list(label), list(label)
    steady[17:20] = [1] * 3
    flickering[5], flickering[25], flickering[45] = 3, 3, 3  # as many wrong frames
    clean, broken = score_segments([video(label, steady)]), score_segments([video(label, flickering)])
    assert clean.edit == 1.0 and clean.f1 == (1.0, 1.0, 1.0) and clean.stretches == 1.0
    assert broken.edit == pytest.approx(1 - 6 / 9) and broken.stretches == 3.0
    assert broken.f1 == pytest.approx((0.5, 0.5, 0.5))


def test_frames_without_label_are_left_out() -> None:
    assert score_segments([video([0, -1, 0, 1], [0, 3, 0, 1])]).edit == 1.0
