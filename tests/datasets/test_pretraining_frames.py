"""Single frames and their neighbours: which they are, from stores, LMDBs and maps, and clear refusals."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lecture_tree import HEIGHT, SECONDS, WIDTH, lecture_of, second_of, write_split

from surgvlp import registry
from surgvlp.datasets import Loader, PretrainingFrames, ResumableSampler
from surgvlp.files import InputError, write_json
from surgvlp.lectures.neighbour_map import NeighbourMap, write_neighbour_map
from surgvlp.media.numbered_frames import stores_in
from surgvlp.media.surg3m_lmdb import write_lmdb_of_stores, write_surg3m_lmdb
from surgvlp.registry import DATASETS

Frame = tuple[str, int]


def build(tree: Path, **keys: Any) -> PretrainingFrames:
    config = {"type": "pretraining_frames", "frames_root": str(tree / "frames")}
    dataset: PretrainingFrames = registry.build(DATASETS, config | keys, "config.dataset")
    return dataset


@pytest.fixture(scope="module")
def lmdb(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lmdb") / "frames"
    assert write_lmdb_of_stores(stores_in(tree / "frames"), path) == 3 * SECONDS
    return path


def shown(pictures: Sequence[np.ndarray]) -> list[Frame]:
    """The lecture and second that each of some pictures shows."""
    frames = [picture.transpose(2, 0, 1)[None] for picture in pictures]
    return [(lecture_of(frame), int(second_of(frame)[0])) for frame in frames]


def frame_of(dataset: PretrainingFrames, row: int) -> Frame:
    return dataset.lectures[dataset.lecture[row]], int(dataset.number[row])


def row_of(dataset: PretrainingFrames, lecture: str, number: int) -> int:
    return next(row for row in range(len(dataset)) if frame_of(dataset, row) == (lecture, number))


def pool_of(dataset: PretrainingFrames, lecture: str, number: int) -> list[Frame]:
    return [frame_of(dataset, row) for row in dataset.pool(row_of(dataset, lecture, number))]


def write_map(path: Path, near: dict[Frame, list[tuple[Frame, float]]], scale: float = 0.1) -> str:
    """A map of these frames in both forms; returns the path of our own."""
    frames = sorted({*near, *(other for others in near.values() for other, _ in others)})
    width = max(map(len, near.values()))
    rows = {frame: row for row, frame in enumerate(frames)}
    neighbours = np.full((len(frames), width), -1, np.int32)
    distance = np.full((len(frames), width), np.inf, np.float32)
    for frame, others in near.items():
        for column, (other, far) in enumerate(others):
            neighbours[rows[frame], column], distance[rows[frame], column] = rows[other], far
    lectures = sorted({lecture for lecture, _ in frames})
    found = NeighbourMap(
        lectures,
        np.array([lectures.index(lecture) for lecture, _ in frames], np.int32),
        np.array([number for _, number in frames], np.int64),
        neighbours,
        distance,
        np.full(len(frames), scale, np.float32),
        1.0,
    )
    write_neighbour_map(path, found)
    published = {
        f"{lecture}_{number}": [["", scale], ["", scale], *([f"{a}_{n}", far] for (a, n), far in others)]
        for (lecture, number), others in near.items()
    }
    write_json(path.with_suffix(".json"), published)
    return str(path)


NEAR: dict[Frame, list[tuple[Frame, float]]] = {
    ("a", 5): [(("b", 7), 0.05), (("c", 1), 0.2), (("b", 9), 0.29), (("c", 2), 0.31)],
    ("b", 7): [(("c", 3), 0.0), (("c", 4), 0.01), (("a", 5), 0.02), (("a", 6), 0.03), (("a", 7), 0.04)],
    ("c", 0): [(("a", 0), 0.9)],
}


def test_an_epoch_is_every_second_of_every_lecture_once(tree: Path) -> None:
    dataset = build(tree)
    assert len(dataset) == 3 * SECONDS and dataset.lectures == ["a", "b", "c"]
    items = [dataset[index] for index in range(len(dataset))]
    assert [shown(item["frames"]) for item in items] == [
        [(name, n)] for name in "abc" for n in range(SECONDS)
    ]
    assert [item["sample_index"] for item in items] == list(range(len(dataset)))
    assert items[0]["frames"][0].shape == (HEIGHT, WIDTH, 3) and items[0]["frames"][0].dtype == np.uint8
    assert dataset.describe(SECONDS + 5) == "b at 5.0 s"


def test_frames_may_be_further_apart_and_neighbours_then_are_too(tree: Path) -> None:
    dataset = build(tree, every_s=2.5, neighbours=2)
    assert len(dataset) == 3 * 10  # 0, 2.5, ... 22.5 s
    assert dataset.describe(3) == "a at 7.5 s"
    seconds = {second for epoch in range(20) for _, second in shown(dataset[(epoch, 3)]["frames"])}
    assert seconds == {7, 2, 5, 10, 12}
    with pytest.raises(InputError, match=r"'every_s': a frame every 0\.2 s .* Take 0\.25 or more"):
        build(tree, every_s=0.2)


def test_neighbours_in_time_are_two_of_the_four_frames_around(tree: Path) -> None:
    dataset = build(tree, neighbours=2)
    assert dataset.neighbours == 2
    pairs = set()
    for epoch in range(100):
        (anchor, one, other) = shown(dataset[(epoch, row_of(dataset, "b", 10))]["frames"])
        assert anchor == ("b", 10) and {one[0], other[0]} == {"b"}
        pairs.add((one[1], other[1]))
    assert pairs == {(m, n) for m in (8, 9, 11, 12) for n in (8, 9, 11, 12) if m != n}
    # no lecture's end has neighbours in the next lecture
    assert pool_of(dataset, "a", SECONDS - 1) == [("a", SECONDS - 3), ("a", SECONDS - 2)] * 2
    assert pool_of(dataset, "b", 0) == [("b", 1), ("b", 2)] * 2


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_similar_frames_of_other_lectures_come_before_those_around(
    tree: Path, tmp_path: Path, suffix: str
) -> None:
    path = Path(write_map(tmp_path / "map.npz", NEAR)).with_suffix(suffix)
    dataset = build(tree, neighbours=2, neighbour_map=str(path))
    assert pool_of(dataset, "a", 5) == [("b", 7), ("c", 1), ("b", 9), ("a", 3)]
    assert pool_of(dataset, "b", 7) == [("c", 3), ("c", 4), ("a", 5), ("a", 6)]
    for lecture, number in (("c", 0), ("b", 12)):  # the only one is too far; a frame that the map has not
        assert pool_of(dataset, lecture, number) == pool_of(build(tree, neighbours=2), lecture, number)
    row = row_of(dataset, "a", 5)
    seen = {frame for epoch in range(30) for frame in shown(dataset[(epoch, row)]["frames"])}
    assert seen == {("a", 5), *pool_of(dataset, "a", 5)}


def test_excluded_lectures_are_neither_anchors_nor_neighbours(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build(tree, exclude=[split_of(tmp_path, "q")])
    assert caplog.text.count("the exclusions name no lecture of these data") == 1
    path = write_map(tmp_path / "map.npz", NEAR)
    dataset = build(tree, neighbours=2, neighbour_map=path, root=str(tree), exclude=[split_of(tmp_path, "c")])
    assert dataset.lectures == ["a", "b"] and dataset.left_out == {"excluded": ["c"]}
    assert caplog.text.count("the exclusions name no lecture") == 1
    assert pool_of(dataset, "a", 5) == [("b", 7), ("b", 9), ("a", 3), ("a", 4)]
    assert pool_of(dataset, "b", 7) == [("a", 5), ("a", 6), ("a", 7), ("b", 5)]
    seen = {
        lecture
        for epoch in range(10)
        for row in range(len(dataset))
        for lecture, _ in shown(dataset[(epoch, row)]["frames"])
    }
    assert seen == {"a", "b"}


def split_of(folder: Path, lectures: str) -> str:
    write_split(folder, "hidden", lectures)
    return str(folder / "splits" / "hidden.csv")


def test_lectures_outside_the_split_are_no_neighbours_either(tree: Path, tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.npz", NEAR)
    split_of(tmp_path, "ba")
    dataset = build(tree, neighbours=2, neighbour_map=path, root=str(tmp_path), split="hidden")
    assert dataset.lectures == ["a", "b"] and dataset.left_out == {}
    assert pool_of(dataset, "a", 5) == [("b", 7), ("b", 9), ("a", 3), ("a", 4)]


def test_a_stale_map_is_refused(tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def refused(name: str, near: dict[Frame, list[tuple[Frame, float]]], **keys: Any) -> str:
        with pytest.raises(InputError) as raised:
            build(tree, neighbours=2, neighbour_map=write_map(tmp_path / name, near), **keys)
        assert name in str(raised.value) and "\n" not in str(raised.value)
        return str(raised.value)

    absent = refused("lecture.npz", {("a", 5): [(("elsewhere", 7), 0.1)]})
    assert "names the frame elsewhere_7, which the data do not have" in absent
    assert "tools/find_neighbours.py" in absent
    assert "names the frame b_99," in refused("number.npz", {("a", 5): [(("b", 99), 0.1)]})
    assert "names the frame a_24," in refused("anchor.npz", {("a", 24): [(("b", 7), 0.1)]})
    assert "every 1 s" in refused("pace.npz", NEAR, every_s=2.0)
    # what is kept out on purpose may be there
    write_map(tmp_path / "gone.npz", {("a", 5): [(("z", 7), 0.1), (("b", 1), 0.1)]})
    (tmp_path / "gone.txt").write_text("z\n")
    keys = {"neighbour_map": str(tmp_path / "gone.npz"), "root": str(tmp_path)}
    write_split(tmp_path, "with_z", "abz")
    for split, left_out in (("with_z", {"excluded": ["z"]}), (None, {})):
        dataset = build(tree, neighbours=2, **keys, split=split, exclude=[str(tmp_path / "gone.txt")])
        assert dataset.left_out == left_out and pool_of(dataset, "a", 5)[0] == ("b", 1)
    with pytest.raises(InputError, match="names the frame z_7"):
        build(tree, neighbours=2, **keys, split="with_z")
    assert "no frames: z" in caplog.text
    with pytest.raises(InputError, match="'neighbours': a map is of no use without neighbours"):
        build(tree, neighbour_map=str(tmp_path / "gone.npz"))
    with pytest.raises(InputError, match=r"absent\.npz"):
        build(tree, neighbours=2, neighbour_map=str(tmp_path / "absent.npz"))


def test_samples_depend_on_seed_epoch_and_index_alone(tree: Path) -> None:
    dataset, other = build(tree, neighbours=2), build(tree, neighbours=2, seed=1)
    again = pickle.loads(pickle.dumps(dataset))

    def drawn(data: PretrainingFrames, epoch: int) -> list[list[Frame]]:
        return [shown(data[(epoch, index)]["frames"]) for index in (40, 3, 40)]

    assert drawn(dataset, 0) == drawn(again, 0) and drawn(dataset, 3) == drawn(again, 3)
    assert len({str(drawn(dataset, epoch)) for epoch in range(10)}) > 3
    assert any(drawn(dataset, epoch) != drawn(other, epoch) for epoch in range(3))


def test_only_the_pictures_of_the_sample_are_decoded(tree: Path, tmp_path: Path) -> None:
    dataset = build(tree, neighbours=2, neighbour_map=write_map(tmp_path / "map.npz", NEAR))
    read, decoded = dataset.source.read, []

    def counting(lecture: str, number: int) -> np.ndarray:
        decoded.append((lecture, number))
        return read(lecture, number)

    dataset.source.read = counting  # type: ignore[method-assign]
    frames = shown(dataset[(0, row_of(dataset, "a", 5))]["frames"])
    assert sorted(decoded) == sorted(set(frames)) and len(frames) == 3


@pytest.mark.parametrize("kind", ["stores", "lmdb"])
def test_batches_are_the_same_with_any_number_of_workers(tree: Path, lmdb: Path, kind: str) -> None:
    dataset = build(tree, neighbours=2, **({"frames_root": str(lmdb)} if kind == "lmdb" else {}))

    def batches(count: int, workers: int, position: int) -> list[dict[str, torch.Tensor]]:
        loader = Loader(dataset, ResumableSampler(len(dataset), 7, seed=4), dataset.collate, workers)
        loader.sampler.position = position
        return list(islice(loader, count))

    expected = batches(12, 0, 0)  # more than an epoch
    assert expected[0]["frames"].shape == (7, 3, 3, HEIGHT, WIDTH)
    assert (
        expected[0]["frames"].dtype == torch.uint8
        and expected[0]["frames"].permute(0, 1, 3, 4, 2).is_contiguous()
    )
    assert expected[0]["size"].dtype == expected[0]["sample_index"].dtype == torch.int64
    for one, other in zip(batches(4, 2, 8), expected[8:], strict=True):
        assert one.keys() == {"frames", "size", "sample_index"}
        assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_pictures_of_many_sizes_are_padded_with_zeros_and_measured(tmp_path: Path) -> None:
    sizes = {("a", 0): (20, 30), ("a", 1): (40, 16), ("b", 3): (24, 24)}
    generator = np.random.default_rng(0)
    pictures = {
        key: np.full((*size, 3), generator.integers(40, 250, 3), np.uint8) for key, size in sizes.items()
    }
    write_surg3m_lmdb(tmp_path / "frames", ((*key, picture) for key, picture in pictures.items()))
    dataset = build(tmp_path, neighbours=2)
    items = [dataset[index] for index in range(3)]
    batch = dataset.collate(items)
    assert batch["frames"].shape == (3, 3, 3, 40, 30)
    assert batch["sample_index"].tolist() == [0, 1, 2]
    # a_0 and a_1 have each other, b_3 only itself
    assert batch["size"].tolist() == [
        [[20, 30], [40, 16], [40, 16]],
        [[40, 16], *[[20, 30]] * 2],
        [[24, 24]] * 3,
    ]
    for row, item in enumerate(items):
        for place, picture in enumerate(item["frames"]):
            frame, (height, width) = batch["frames"][row, place], picture.shape[:2]
            assert np.array_equal(frame[:, :height, :width].permute(1, 2, 0), picture)
            assert not frame[:, height:].any() and not frame[:, :, width:].any()
    small = build(tmp_path, short_side=16)
    assert small.collate([small[0], small[2]])["size"].tolist() == [[[16, 24]], [[16, 16]]]
    assert np.array_equal(small[1]["frames"][0], dataset[1]["frames"][0])  # its short side is 16 already


def test_frames_are_shrunk_by_area_averages(tmp_path: Path) -> None:
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[::2] = 200  # lines of which an average is grey, and every second one black or white
    write_surg3m_lmdb(tmp_path / "frames", [("a", 0, picture)])
    frame = build(tmp_path, short_side=16)[0]["frames"][0]
    assert frame.shape == (16, 32, 3) and np.abs(frame.astype(int) - 100).max() <= 3


def test_an_lmdb_gives_the_frames_of_the_stores_that_it_was_written_of(tree: Path, lmdb: Path) -> None:
    stores, stored = build(tree, neighbours=2), build(tree, neighbours=2, frames_root=str(lmdb))
    assert len(stores) == len(stored) and stores.lectures == stored.lectures
    for index in range(0, len(stores), 5):
        for one, other in zip(stores[index]["frames"], stored[index]["frames"], strict=True):
            assert np.abs(one.astype(int) - other).max() <= 4  # JPEG, once more
    assert stores.describe(30) == stored.describe(30) == "b at 6.0 s"


def test_gaps_of_an_lmdb_are_gaps_in_time(tmp_path: Path) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    numbers = {"v_1": [0, 1, 4, 5, 6, 10, 100], "v": [2, 11]}
    write_surg3m_lmdb(tmp_path / "frames", ((name, n, black) for name in numbers for n in numbers[name]))
    dataset = build(tmp_path, neighbours=2)
    assert [frame_of(dataset, row) for row in range(len(dataset))] == [
        ("v", 2), ("v", 11), *(("v_1", n) for n in numbers["v_1"]),
    ]  # fmt: skip
    assert pool_of(dataset, "v_1", 4) == [("v_1", 5), ("v_1", 6)] * 2
    assert pool_of(dataset, "v_1", 100) == [("v_1", 100)] * 4


def test_resuming_notices_other_data_and_no_other_place(tree: Path, lmdb: Path, tmp_path: Path) -> None:
    map_path = write_map(tmp_path / "map.npz", NEAR)
    nearer = write_map(tmp_path / "nearer.npz", {**NEAR, ("c", 0): [(("a", 0), 0.1)]})
    shutil.copytree(tree / "frames", tmp_path / "frames")
    base = build(tree, neighbours=2).fingerprint()
    assert base == build(tmp_path, neighbours=2).fingerprint() and len(base) == 64
    changed: list[dict[str, Any]] = [
        {"neighbours": 0}, {"every_s": 2.0}, {"seed": 3}, {"short_side": 32}, {"neighbour_map": map_path},
        {"neighbour_map": nearer}, {"recipe": {"share": 0.5}}, {"frames_root": str(lmdb)},
    ]  # fmt: skip
    prints = {build(tree, **{"neighbours": 2, **keys}).fingerprint() for keys in changed}
    assert len(prints | {base}) == len(changed) + 1
    record = tmp_path / "frames" / "b.frames" / "record.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "source_sha256": "of another video"}))
    assert build(tmp_path, neighbours=2).fingerprint() != base


def test_a_share_is_neither_sampled_nor_a_neighbour_outside(tree: Path, tmp_path: Path) -> None:
    whole = build(tree, neighbours=2)
    path = write_map(tmp_path / "map.npz", NEAR)
    part = build(tree, neighbours=2, neighbour_map=path, recipe={"share": 0.5})
    inside = {frame_of(part, row) for row in range(len(part))}
    assert 15 < len(part) < 57 and inside < {frame_of(whole, row) for row in range(len(whole))}
    for row in range(len(part)):
        assert {frame_of(part, int(other)) for other in part.pool(row)} <= inside


def test_what_is_left_out_is_counted_and_nothing_left_is_refused(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = "abcd"
    write_split(tmp_path, "train", names)
    labels = [{"youtubeId": name, "procedureName": [f"{name}ectomy"]} for name in names]
    write_json(tmp_path / "surg3m" / "labels.json", labels)
    keys: dict[str, Any] = {"root": str(tmp_path), "split": "train", "frames_root": str(tree / "frames")}
    with caplog.at_level(logging.WARNING):
        dataset = build(tree, **keys, exclude=[split_of(tmp_path, "a")])
    assert dataset.lectures == ["b", "c"]
    assert dataset.left_out == {"excluded": ["a"], "no frames": ["d"]}
    assert "train.csv: left out 1: no frames: d" in caplog.text
    keys["recipe"] = {"procedures": ["aectomy", "dectomy"]}
    with pytest.raises(InputError) as raised:
        build(tree, **keys, exclude=["hidden"])
    assert "splits/train.csv: no frame of this split can be used" in str(raised.value)
    for count in ("1: excluded", "2: of another procedure", "1: no frames"):
        assert count in str(raised.value)


def test_folders_and_keys_that_cannot_be_used_are_one_clear_line(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for keys, what in (
        ({"frames_root": str(tmp_path / "absent")}, r"absent: there is no such folder"),
        ({"frames_root": str(tmp_path / "empty")}, r"no frame stores in it\. Build them"),
        ({"split": "train"}, "'root': a split needs its data tree"),
        ({"neighbours": 1}, r"pretraining_frames\.neighbours': 1 is not one of 0, 2"),
        ({"neighbour": 2}, "Did you mean 'neighbours'"),
        ({"recipe": {"procedure": ["a"]}}, r"recipe\.procedure'.*Did you mean 'procedures'"),
        ({"every_s": 0}, "'every_s': expected seconds"),
        ({"short_side": 0}, "'short_side': expected 1 or more"),
        ({"root": str(tree), "split": "absent"}, r"absent\.csv: there is no such file"),
    ):
        with pytest.raises(InputError, match=what) as raised:
            build(tree, **keys)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_frame_is_one_clear_line_from_any_worker(
    tree: Path, lmdb: Path, tmp_path: Path, workers: int
) -> None:
    import lmdb as library

    broken = tmp_path / "lmdb"
    shutil.copytree(lmdb, broken)
    with library.open(str(broken), map_size=1 << 24) as environment, environment.begin(write=True) as change:
        change.put(b"b_3", b"no jpeg")
    dataset = build(tree, frames_root=str(broken))
    loader = Loader(dataset, ResumableSampler(len(dataset), len(dataset), 0), dataset.collate, workers)
    try:
        next(iter(loader))
    except InputError as error:  # not pytest.raises: it would keep the workers alive
        message = str(error)
    assert "the frame b_3 is damaged" in message and "\n" not in message
