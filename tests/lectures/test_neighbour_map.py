"""The file of the neighbour map, ours and the published form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.files import InputError
from surgvlp.lectures.neighbour_map import (
    NeighbourMap,
    read_neighbour_map,
    read_published_map,
    write_neighbour_map,
)


def _map(**changed: Any) -> NeighbourMap:
    """Two frames of lecture `-a_1`, then three of `b`."""
    arrays: dict[str, Any] = {
        "lectures": ["-a_1", "b"],
        "lecture": np.array([0, 0, 1, 1, 1], np.int32),
        "number": np.array([0, 2, 0, 1, 5]),
        "neighbours": np.array([[3, 2, 4], [2, -1, -1], [0, 1, -1], [0, 1, -1], [-1, -1, -1]], np.int32),
        "distance": np.array(
            [[0.1, 0.25, 0.5], [0.2, np.inf, np.inf], [0, 1, np.inf], [0.1, 2, np.inf], [np.inf] * 3],
            np.float32,
        ),
        "adjacent": np.array([0.125, 0.0625, 0, 0.5, 2], np.float32),
        "every_s": 0.5,
    }
    return NeighbourMap(**{**arrays, **changed})


def _assert_equal(one: NeighbourMap, other: NeighbourMap) -> None:
    for name in vars(one):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        assert np.asarray(getattr(one, name)).dtype == np.asarray(getattr(other, name)).dtype


def test_near_are_the_neighbours_below_three_times_the_distance_to_the_adjacent_frame() -> None:
    found = _map()
    # 3 x 0.125 = 0.375; 3 x 0.0625 < 0.2; a frozen picture; 3 x 0.5 < 2; none at all
    assert [found.near(row).tolist() for row in range(5)] == [[3, 2], [], [], [0], []]
    assert found.near(0, factor=2).tolist() == [3]  # 0.25 is not below 0.25
    assert found.with_a_near_one().tolist() == [True, False, False, True, False]


def test_a_map_comes_back_as_it_was_written_and_equal_maps_are_equal_bytes(tmp_path: Path) -> None:
    write_neighbour_map(tmp_path / "one.npz", _map())
    write_neighbour_map(tmp_path / "other.npz", _map())
    _assert_equal(read_neighbour_map(tmp_path / "one.npz"), _map())
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_a_map_without_columns_is_one(tmp_path: Path) -> None:
    found = _map(neighbours=np.empty((5, 0), np.int32), distance=np.empty((5, 0), np.float32))
    write_neighbour_map(tmp_path / "map.npz", found)
    read = read_neighbour_map(tmp_path / "map.npz")
    assert read.near(3).tolist() == []
    assert not read.with_a_near_one().any()


def _with(array: str, place: Any, value: Any) -> dict[str, Any]:
    changed = getattr(_map(), array).copy()
    changed[place] = value
    return {array: changed}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"lectures": ["../a", "b"]}, "'../a' is not a usable id"),
        ({"lectures": ["b", "b"]}, "'lectures': a lecture stands there twice"),
        ({"lectures": ["b"]}, "'lecture': no row of 'lectures', at frame 2"),
        ({"lectures": [1, 2]}, "'lectures': int64 of shape (2,) where U with 1 axes belongs"),
        (_with("lecture", 3, -1), "'lecture': no row of 'lectures', at frame 3"),
        (_with("lecture", 1, 1), "'number': the next frame is not a later one, at frame 1"),
        (_with("lecture", 4, 0), "'lecture': the next frame is of an earlier lecture, at frame 3"),
        (_with("number", 4, 1), "'number': the next frame is not a later one, at frame 3"),
        (_with("number", 0, -1), "'number': a negative number, at frame 0"),
        ({"number": np.zeros(5, np.int32)}, "'number': int32 of shape (5,) where int64"),
        ({"number": np.arange(4)}, "'number': 4 rows where 'lecture' has 5"),
        (_with("adjacent", 2, np.nan), "'adjacent': not a distance, at frame 2"),
        (_with("adjacent", 2, np.inf), "'adjacent': not a distance, at frame 2"),
        (_with("neighbours", (0, 0), 5), "'neighbours': a row that is not there, at frame 0"),
        (_with("neighbours", (4, 0), -2), "'neighbours': a row that is not there, at frame 4"),
        (_with("neighbours", (2, 0), 4), "'neighbours': a neighbour in the same lecture, at frame 2"),
        (_with("neighbours", (2, 0), 2), "'neighbours': a neighbour in the same lecture, at frame 2"),
        (_with("neighbours", (1, 1), 2), "'distance': not a distance, or not infinite"),
        (_with("distance", (0, 1), 0.05), "'distance': not nearest first, at frame 0"),
        (_with("distance", (0, 2), np.nan), "'distance': not a distance"),
        (_with("distance", (0, 0), -0.1), "'distance': not a distance"),
        ({"distance": np.zeros((5, 2), np.float32)}, "'distance': not of the shape of 'neighbours'"),
        ({"every_s": float("nan")}, "'every_s': nan is not a time"),
        ({"every_s": 0.0}, "'every_s': 0.0 is not a time"),
        ({"every_s": [1.0]}, "'every_s': float64 of shape (1,)"),
    ],
)
def test_what_is_wrong_is_named_with_its_array_and_frame(
    changed: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "map.npz"
    write_neighbour_map(path, _map(**changed))
    with pytest.raises(InputError) as caught:
        read_neighbour_map(path)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)


def test_a_map_of_no_frames_or_with_a_missing_array_is_none(tmp_path: Path) -> None:
    nothing = {name: value[:0] for name, value in vars(_map()).items() if isinstance(value, np.ndarray)}
    write_neighbour_map(tmp_path / "map.npz", _map(**nothing))
    with pytest.raises(InputError, match="a map of no frames"):
        read_neighbour_map(tmp_path / "map.npz")
    np.savez(tmp_path / "map.npz", lectures=["a"])
    with pytest.raises(InputError, match=r"'lecture': this array is missing\. Make it again"):
        read_neighbour_map(tmp_path / "map.npz")


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"map\.npz: there is no such neighbour map"):
        read_neighbour_map(tmp_path / "map.npz")
    np.save(tmp_path / "array.npy", np.arange(3))
    np.savez(tmp_path / "pickle.npz", lectures=np.array([{}], object))
    (tmp_path / "text.npz").write_text("neighbours")
    (tmp_path / "empty.npz").touch()
    for name in ("array.npy", "pickle.npz", "text.npz", "empty.npz", ""):
        with pytest.raises(InputError, match="not a neighbour map"):
            read_neighbour_map(tmp_path / name)


@given(data=st.data())
def test_a_damaged_file_is_either_refused_or_still_the_map(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("map") / "map.npz"
    write_neighbour_map(path, _map())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    try:
        found = read_neighbour_map(path)
    except InputError:
        return
    _assert_equal(found, _map())  # the archive's checksums see to that


def _published(tmp_path: Path, content: Any) -> NeighbourMap:
    path = tmp_path / "knn.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_published_map(path)


def test_the_published_form_is_read(tmp_path: Path) -> None:
    found = _published(
        tmp_path,
        {
            # the scale, a reserved place, then neighbours; ids with `_` and a leading `-`
            "-x_7_10": [["-x_7_9", 0.125], ["-x_7_11", 0.2], ["b__3", 0.25], ["b__20", 0.5], ["c_0", 0.75]],
            "-x_7_9": [["-x_7_8", 0.5], ["-x_7_10", 0.5]],
            "b__20": [["b__19", 0.25], ["b__21", 0.25], ["c_0", 0.75], ["-x_7_10", 0.5], ["b__3", 0.1]],
            "b__3": [],
        },
    )
    # c_0 is a neighbour only; -x_7_8 and the like, in reserved places, are no frames of the map
    assert found.lectures == ["-x_7", "b_", "c"]
    assert found.lecture.tolist() == [0, 0, 1, 1, 2]
    assert found.number.tolist() == [9, 10, 3, 20, 0]
    assert found.adjacent.tolist() == [0.5, 0.125, 0, 0.25, 0]
    # b__20's are sorted, and b__3, of the same lecture, is left out
    assert found.neighbours.tolist() == [[-1] * 3, [2, 3, 4], [-1] * 3, [1, 4, -1], [-1] * 3]
    assert found.distance[3].tolist() == [0.5, 0.75, np.inf]
    assert found.every_s == 1.0
    assert found.near(1).tolist() == [2]
    write_neighbour_map(tmp_path / "map.npz", found)
    _assert_equal(read_neighbour_map(tmp_path / "map.npz"), found)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "not a map of frames to their neighbours"),
        ({}, "not a map of frames to their neighbours"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not a map of frames to their neighbours (maximum recursion"),
        ('{"a_0": [["b_0", ' + "9" * 5000 + "]]}", "not a map of frames to their neighbours (Exceeds"),
        ({"a_0": {}}, "'a_0': not a list of [key, distance]"),
        ({"a_0": [["b_0"]]}, "'a_0': ['b_0'] is not [key, distance]"),
        ({"a_0": [[0, 0.5]]}, "'a_0': [0, 0.5] is not [key, distance]"),
        ({"a_0": ["b_0"]}, "'a_0': b_0 is not [key, distance]"),
        ({"a_0": [["b_0", "near"]]}, "'a_0': near is not a distance"),
        ({"a_0": [["b_0", True]]}, "'a_0': True is not a distance"),
        ({"a_0": [["b_0", -0.1]]}, "'a_0': -0.1 is not a distance"),
        ('{"a_0": [["b_0", NaN]]}', "'a_0': nan is not a distance"),
        ('{"a_0": [["b_0", 1e999]]}', "'a_0': inf is not a distance"),
        ('{"a_0": [["b_0", ' + "9" * 4000 + "]]}", "999... is not a distance"),
        ({"a_0": [["b_0", 0.5]] * 1001}, "'a_0': 1001 entries"),
        ({"a": []}, "'a': not a frame's name"),
        ({"_0": []}, "'_0': not a frame's name"),
        ({"a_01": []}, "'a_01': not a frame's name"),
        ({"a_-1": []}, "'a_-1': not a frame's name"),
        ({"a_9999999999": []}, "'a_9999999999': not a frame's name"),
        ({"a_\u0663": []}, "not a frame's name"),
        ({"a/b_0": []}, "'a/b_0': not a frame's name"),
        ({"a.._0": []}, "'a.._0': not a frame's name"),
        ({"a" * 200 + "_0": []}, "aaa...': not a frame's name"),
        ({"a_0": [["b_0", 0], ["b_1", 0], ["../b", 0]]}, "'../b': not a frame's name"),
    ],
)
def test_what_is_wrong_with_a_published_map_is_named_with_its_key(
    content: Any, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        _published(tmp_path, content)
    assert str(tmp_path / "knn.json") in str(caught.value)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 400


def test_distances_of_another_measure_are_read_as_they_are(tmp_path: Path) -> None:
    published = {"a_0": [["a_1", 30.0], ["a_1", 30.0], ["b_0", 60.5]], "b_0": [["b_1", 7]]}
    (tmp_path / "l2.json").write_text(json.dumps(published))
    found = read_published_map(tmp_path / "l2.json")
    assert found.near(0).tolist() == [1]  # of a_0, b_0, b_1
    write_neighbour_map(tmp_path / "map.npz", found)
    again = read_neighbour_map(tmp_path / "map.npz")
    assert again.distance[0].tolist() == [60.5] and again.adjacent.tolist() == found.adjacent.tolist()
