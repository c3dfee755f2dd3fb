"""SurgFM's neighbours: the rules on arrays against the rules as they are told, frame by frame."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgvlp.datasets.neighbour_rules import draw_two, nearest_rows, neighbour_pool, temporal_rows
from surgvlp.lectures.neighbour_map import NeighbourMap

Frame = tuple[int, int]  # lecture, n

frame_sets = st.sets(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=30)


def arrays(frames: list[Frame]) -> tuple[np.ndarray, np.ndarray]:
    lecture, number = zip(*frames, strict=True)
    return np.array(lecture, np.int32), np.array(number, np.int64)


def told_temporal(frames: set[Frame], frame: Frame) -> list[Frame]:
    """Section 3.3 of the specification, word for word."""
    lecture, n = frame
    found = [(lecture, n + step) for step in (-2, -1, 1, 2) if (lecture, n + step) in frames]
    if len(found) == 0:
        return [frame] * 4
    if len(found) == 1:
        return found * 4
    if len(found) == 2:
        a, b = found
        return [a, b, a, b]
    if len(found) == 3:
        a, b, c = found
        return [a, b, c, b]
    return found


def told_pool(frames: set[Frame], frame: Frame, candidates: list[Frame]) -> list[Frame]:
    temporal = told_temporal(frames, frame)
    return (candidates + temporal[: max(0, 4 - len(candidates))])[:4]


@given(frame_sets, st.integers(0, 6), st.randoms(use_true_random=False))
def test_the_pool_is_the_one_that_is_told(frames: set[Frame], count: int, random: object) -> None:
    ordered = sorted(frames)
    lecture, number = arrays(ordered)
    for row, frame in enumerate(ordered):
        candidates = [random.choice(ordered) for _ in range(count)]  # type: ignore[attr-defined]
        near = np.array([ordered.index(one) for one in candidates], np.int64)
        pool = neighbour_pool(near, temporal_rows(lecture, number, row))
        assert [ordered[place] for place in pool] == told_pool(frames, frame, candidates)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([5], [5, 5, 5, 5]),
        ([2, 5, 8], [5, 5, 5, 5]),
        ([3, 5], [3, 3, 3, 3]),
        ([5, 6], [6, 6, 6, 6]),
        ([3, 5, 6], [3, 6, 3, 6]),
        ([4, 5, 6], [4, 6, 4, 6]),
        ([5, 6, 7], [6, 7, 6, 7]),
        ([3, 4, 5, 6], [3, 4, 6, 4]),
        ([3, 5, 6, 7], [3, 6, 7, 6]),
        ([2, 3, 4, 5, 6, 7, 8], [3, 4, 6, 7]),
    ],
)
def test_frames_that_lack_are_made_up_for(numbers: list[int], expected: list[int]) -> None:
    # the lectures before and after have the same numbers
    lecture, number = arrays([(each, n) for each in range(3) for n in numbers])
    rows = temporal_rows(lecture, number, len(numbers) + numbers.index(5))
    assert number[rows].tolist() == expected
    assert set(lecture[rows]) == {1}


def test_two_different_places_are_drawn_each_pair_as_often_as_another() -> None:
    generator = np.random.default_rng(0)
    pairs = Counter(tuple(draw_two(np.arange(4), generator).tolist()) for _ in range(6000))
    assert len(pairs) == 12 and all(one != other for one, other in pairs)
    assert min(pairs.values()) > 400 and max(pairs.values()) < 600  # 500, with a deviation of 21
    assert set(draw_two(np.array([7, 7, 7, 7]), generator).tolist()) == {7}


@st.composite
def maps(draw: st.DrawFn) -> tuple[NeighbourMap, np.ndarray]:
    """A map of M frames, and which row of a data set each of them is."""
    frames = sorted(draw(frame_sets))
    lecture, number = arrays(frames)
    width = draw(st.integers(0, 7))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    neighbours = np.full((len(frames), width), -1, np.int32)
    distance = np.full((len(frames), width), np.inf, np.float32)
    for row in range(len(frames)):
        others = generator.permutation(np.flatnonzero(lecture != lecture[row]))[:width]
        neighbours[row, : len(others)] = others
        distance[row, : len(others)] = np.sort(generator.integers(0, 8, len(others)) / 8)
    adjacent = (generator.integers(0, 4, len(frames)) / 8).astype(np.float32)
    found = NeighbourMap([str(name) for name in range(4)], lecture, number, neighbours, distance, adjacent, 1)
    rows = np.where(generator.random(len(frames)) < 0.3, -1, generator.permutation(len(frames)))
    return found, rows


@settings(max_examples=100)
@given(maps())
def test_the_nearest_of_a_map_are_those_that_it_names(made: tuple[NeighbourMap, np.ndarray]) -> None:
    found, rows = made
    near = nearest_rows(found, rows, len(rows) + 2)
    expected = np.full((len(rows) + 2, 4), -1)
    for frame, row in enumerate(rows):
        if row >= 0:
            used = [rows[other] for other in found.near(frame) if rows[other] >= 0][:4]
            expected[row, : len(used)] = used
    assert np.array_equal(near, expected) and near.dtype == np.int32
