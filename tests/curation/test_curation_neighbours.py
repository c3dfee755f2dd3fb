"""The neighbour map: what is nearest, beside a search that goes through all pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.curation.embedding import EmbeddedFrames
from surgvlp.curation.neighbours import Procedures, neighbour_map
from surgvlp.lectures.neighbour_map import NeighbourMap, read_neighbour_map, write_neighbour_map


def _frames(counts: dict[str, int], vectors: np.ndarray) -> EmbeddedFrames:
    lecture = np.repeat(np.arange(len(counts), dtype=np.int32), list(counts.values()))
    number = np.concatenate([np.arange(count) for count in counts.values()])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return EmbeddedFrames(list(counts), lecture, number, units.astype(np.float32))


def _at(*degrees: float) -> np.ndarray:
    """Unit vectors (N, 2) by their angle."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def _between(*degrees: float) -> list[float]:
    return (1 - np.cos(np.radians(degrees))).tolist()


def test_a_map_of_few_frames_is_as_reckoned_by_hand() -> None:
    embedded = _frames(
        {"a": 3, "b": 2, "c": 1, "d": 2},
        _at(0, 10, 40, 12, 13, 9, 10, 10),
    )
    chole, hernia = frozenset({"cholecystectomy"}), frozenset({"hernia_repair"})
    found = neighbour_map(embedded, 2.0, 3, {"a": chole, "b": chole | hernia, "c": hernia})
    # a finds b only; b finds a and c, by either procedure; c finds b only; of d nothing is known
    none = -1
    assert found.neighbours.tolist() == [
        [3, 4, none],
        [3, 4, none],
        [4, 3, none],
        [1, 5, 0],
        [1, 5, 0],
        [3, 4, none],
        [none] * 3,
        [none] * 3,
    ]
    np.testing.assert_allclose(found.distance[1, :2], _between(2, 3), rtol=1e-4)
    np.testing.assert_allclose(found.distance[3], _between(2, 3, 12), rtol=1e-4)
    assert np.isinf(found.distance[1, 2])
    # the frame before; of a first frame the next; d is a frozen picture; c's only frame takes the median
    scale = _between(10, 10, 30, 1, 1)
    np.testing.assert_allclose(found.adjacent[:5], scale, rtol=1e-3)
    assert found.adjacent[6:].tolist() == [0, 0]
    assert found.adjacent[5] == np.median(found.adjacent[[0, 1, 2, 3, 4, 6, 7]])
    assert found.near(0).tolist() == [3, 4]  # 12 and 13 degrees, where the next is 10 away
    assert found.near(3).tolist() == []  # 2 degrees are more than 3 x the distance to 1 degree
    assert (found.lectures, found.every_s) == (["a", "b", "c", "d"], 2.0)


def test_a_frame_over_a_gap_is_not_the_adjacent_one() -> None:
    embedded = _frames({"a": 5, "b": 2}, _at(0, 10, 40, 41, 90, 0, 3))
    embedded.number[:] = [0, 1, 7, 8, 20, 0, 2]
    found = neighbour_map(embedded, 1.0, 1, None)
    np.testing.assert_allclose(found.adjacent[:4], _between(10, 10, 1, 1), rtol=1e-3)
    assert (found.adjacent[4:] == np.median(found.adjacent[:4])).all()


def test_any_other_lecture_will_do_where_no_procedures_are_given() -> None:
    found = neighbour_map(_frames({"a": 1, "b": 2}, _at(0, 5, 3)), 1.0, 4, None)
    assert found.neighbours.tolist() == [[2, 1, -1, -1], [0, -1, -1, -1], [0, -1, -1, -1]]


def test_the_scale_of_single_pictures_is_0_as_there_is_no_other() -> None:
    found = neighbour_map(_frames({"a": 1, "b": 1}, _at(0, 5)), 1.0, 1, None)
    assert found.adjacent.tolist() == [0, 0]
    assert found.near(0).tolist() == []


def test_frames_of_a_frozen_picture_are_at_distance_0_of_each_other() -> None:
    vectors = np.repeat(np.random.default_rng(0).normal(size=(1, 384)), 6, 0)
    found = neighbour_map(_frames({"a": 3, "b": 3}, vectors), 1.0, 2, None)
    assert (found.adjacent == 0).all()
    assert (found.distance == 0).all()
    assert found.neighbours.tolist() == [[3, 4]] * 3 + [[0, 1]] * 3
    assert not found.with_a_near_one().any()


def _through_all_pairs(embedded: EmbeddedFrames, k: int, procedures: Procedures | None) -> np.ndarray:
    """(N, k) distances in float64, nearest first, infinite where there are fewer."""
    vectors = embedded.vectors.astype(np.float64)
    distances = np.full((len(vectors), len(vectors) + k), np.inf)
    for row, own in enumerate(embedded.lecture):
        for other_row, other in enumerate(embedded.lecture):
            shown, also = (
                procedures[embedded.lectures[each]] if procedures is not None else {"all"}
                for each in (own, other)
            )
            if own != other and shown & also:
                distances[row, other_row] = 1 - vectors[row] @ vectors[other_row]
    return np.sort(distances, axis=1)[:, :k]


@given(
    counts=st.lists(st.sampled_from([1, 2, 5, 22]), min_size=1, max_size=4),
    shown=st.none() | st.lists(st.frozensets(st.sampled_from("xyz")), min_size=4, max_size=4),
    k=st.integers(1, 30),
    distinct=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_the_map_is_that_of_a_search_through_all_pairs(
    counts: list[int],
    shown: list[frozenset[str]] | None,
    k: int,
    distinct: int,
    seed: int,
) -> None:
    generator = np.random.default_rng(seed)
    pictures = generator.normal(size=(distinct, 8))  # fewer than frames: some occur again and again
    vectors = pictures[generator.integers(0, distinct, sum(counts))]
    embedded = _frames(dict(zip("abcd", counts, strict=False)), vectors)
    procedures = None if shown is None else dict(zip("abcd", shown, strict=True))
    found = neighbour_map(embedded, 0.5, k, procedures)
    np.testing.assert_allclose(found.distance, _through_all_pairs(embedded, k, procedures), atol=2e-7)
    _assert_distances_are_of_the_neighbours(found, embedded.vectors)


def _assert_distances_are_of_the_neighbours(found: NeighbourMap, vectors: np.ndarray) -> None:
    rows, columns = np.nonzero(found.neighbours >= 0)
    others = found.neighbours[rows, columns]
    apart = ((vectors[rows].astype(np.float64) - vectors[others]) ** 2).sum(1) / 2
    np.testing.assert_allclose(found.distance[rows, columns], apart, atol=2e-7)
    assert (found.lecture[rows] != found.lecture[others]).all()
    for own in found.neighbours:
        assert len(set(own[own >= 0])) == (own >= 0).sum()


def test_long_lectures_are_worked_on_in_parts_that_fit_together(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    walk = np.cumsum(generator.normal(size=(1300, 16)), axis=0)
    embedded = _frames({"a": 700, "b": 1, "c": 599}, walk)
    found = neighbour_map(embedded, 1.0, 5, None)
    vectors = embedded.vectors.astype(np.float64)
    every = 1 - vectors @ vectors.T
    every[embedded.lecture[:, None] == embedded.lecture] = np.inf
    np.testing.assert_allclose(found.distance, np.sort(every, axis=1)[:, :5], atol=1e-6)
    before = 1 - (vectors[1:] * vectors[:-1]).sum(1)
    np.testing.assert_allclose(found.adjacent[1:700], before[:699], atol=1e-6)
    np.testing.assert_allclose(found.adjacent[702:], before[701:], atol=1e-6)
    assert found.adjacent[0] == found.adjacent[1]
    assert found.adjacent[701] == found.adjacent[702]
    write_neighbour_map(tmp_path / "map.npz", found)
    read_neighbour_map(tmp_path / "map.npz")  # which refuses what is no such map
