"""Surg-3M's LMDB: true colours in and out, odd ids, damaged files, workers, nothing half-written."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from surgvlp.files import ID_PATTERN, InputError
from surgvlp.media.surg3m_lmdb import Surg3MFrames, is_lmdb, write_surg3m_lmdb

RED, GREEN, BLUE = (250, 10, 20), (10, 240, 30), (20, 10, 230)


def plain(colour: tuple[int, int, int], height: int = 16, width: int = 24) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def content(path: Path) -> dict[bytes, bytes]:
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return dict(transaction.cursor())


def put(path: Path, values: dict[bytes, bytes]) -> Path:
    with lmdb.open(str(path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)
    return path


def published_value(picture: np.ndarray) -> bytes:
    """As the published writer makes it: an encoder that expects BGR is given RGB."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    frames = [("v_1", 10, plain(RED)), ("v_1", 2, plain(GREEN, 32, 8)), ("-a_b-", 0, plain(BLUE))]
    assert write_surg3m_lmdb(tmp_path / "made", frames) == 3
    return tmp_path / "made"


def test_what_the_published_writer_wrote_comes_out_in_its_true_colours(tmp_path: Path) -> None:
    values = {
        b"kX-3_9_10": published_value(plain(RED)),
        b"kX-3_9_2": published_value(plain(GREEN)),
        b"-lead_7": published_value(plain(BLUE)),
    }
    frames = Surg3MFrames(put(tmp_path / "published", values))
    assert frames.lectures == ["-lead", "kX-3_9"]
    assert frames.lecture.tolist() == [0, 1, 1] and frames.number.tolist() == [7, 2, 10]
    assert frames.lecture.dtype == np.int32 and frames.number.dtype == np.int64
    for lecture, number, colour in (("kX-3_9", 10, RED), ("kX-3_9", 2, GREEN), ("-lead", 7, BLUE)):
        picture = frames.read(lecture, number)
        assert picture.dtype == np.uint8 and picture.shape == (16, 24, 3)
        assert np.abs(picture.astype(int) - colour).max() <= 3


def test_the_published_reader_reads_what_is_written(written: Path) -> None:
    values = content(written)
    assert sorted(values) == [b"-a_b-_0", b"v_1_10", b"v_1_2"]  # it takes every key for a frame
    seen = cv2.imdecode(np.frombuffer(values[b"v_1_10"], np.uint8), cv2.IMREAD_COLOR)  # and converts nothing
    assert np.abs(seen.astype(int) - RED).max() <= 3
    other = np.asarray(Image.open(io.BytesIO(values[b"v_1_10"])))  # where the channel trap shows
    assert np.abs(other.astype(int) - RED[::-1]).max() <= 3


def test_ids_are_split_at_their_last_underscore_and_numbers_sorted_as_numbers(written: Path) -> None:
    frames = Surg3MFrames(written)
    assert len(frames) == 3 and frames.lectures == ["-a_b-", "v_1"]
    assert frames.numbers("v_1").tolist() == [2, 10]
    assert frames.numbers("-a_b-").tolist() == [0] and frames.numbers("v").tolist() == []
    assert frames.read("v_1", 2).shape == (32, 8, 3)


@settings(max_examples=30)
@given(st.sets(st.tuples(st.from_regex(ID_PATTERN, fullmatch=True), st.integers(0, 10**9 - 1)), min_size=1))
def test_every_set_of_frames_comes_back(
    tmp_path_factory: pytest.TempPathFactory, keys: set[tuple[str, int]]
) -> None:
    keys = {(lecture.replace("..", "._"), number) for lecture, number in keys}
    path = tmp_path_factory.mktemp("any") / "made"
    write_surg3m_lmdb(path, ((*key, plain(RED, 8, 8)) for key in keys), quality=50)
    frames = Surg3MFrames(path)
    found = [(frames.lectures[row], n) for row, n in zip(frames.lecture, frames.number, strict=True)]
    assert found == sorted(keys)
    assert [n for name in frames.lectures for n in frames.numbers(name)] == frames.number.tolist()


def test_the_file_grows_with_what_is_written_and_no_further(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 256, (160, 200, 1), np.uint8).repeat(3, 2) for _ in range(300)]
    write_surg3m_lmdb(tmp_path / "made", (("a", number, picture) for number, picture in enumerate(noise)))
    size = (tmp_path / "made" / "data.mdb").stat().st_size
    payload = sum(map(len, content(tmp_path / "made").values()))
    assert 2 * (1 << 22) < payload < size < 1.2 * payload
    frames = Surg3MFrames(tmp_path / "made")
    assert np.abs(frames.read("a", 299).astype(int) - noise[299]).mean() < 2


def test_several_readers_share_a_process_and_workers_read_on(written: Path) -> None:
    one, other = Surg3MFrames(written), Surg3MFrames(written)
    picture = one.read("v_1", 10)
    assert np.array_equal(other.read("v_1", 10), picture)
    assert np.array_equal(pickle.loads(pickle.dumps(one)).read("v_1", 10), picture)
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            for seen in pool.starmap(one.read, [("v_1", 10)] * 4):
                assert np.array_equal(seen, picture)
    assert len(pickle.dumps(one)) < 1000


def test_threads_read_at_once_from_a_reader_that_none_has_opened(written: Path) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # or they would rarely meet
    try:
        for _ in range(40):
            frames, together = Surg3MFrames(written), threading.Barrier(4)

            def read(number: int, frames: Surg3MFrames = frames, meet: threading.Barrier = together) -> int:
                meet.wait()
                return frames.read("v_1", number).shape[0]

            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(read, [2, 10, 2, 10])) == [32, 16, 32, 16]
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize("cut", [1 << 13, 1 << 17])
def test_a_truncated_file_is_refused_before_it_is_read(tmp_path: Path, cut: int) -> None:
    path = put(tmp_path / "made", {f"a_{n}".encode(): bytes(9000) for n in range(100)})
    assert len(Surg3MFrames(path)) == 100
    with (path / "data.mdb").open("r+b") as stream:
        stream.truncate(cut)
    with pytest.raises(InputError, match=rf"data\.mdb: {cut} bytes where \d+ belong"):
        Surg3MFrames(path)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({}, "there are no frames in it"),
        ({b"a_0": b"", b"__len__": b"1"}, r"its key b'__len__' is not <id>_<n>"),
        ({b"img_01_0001.jpg": b""}, r"'img_01_0001.jpg' is not <id>_<n>"),
        ({b"a_007": b""}, "is not <id>_<n>"),
        ({b"_7": b""}, "is not <id>_<n>"),
        ({b"a/../b_7": b""}, "is not a usable id"),
        ({"\N{MICRO SIGN}_1".encode("latin-1"): b""}, "is not a usable id"),
    ],
)
def test_an_lmdb_of_something_else_is_one_clear_line(
    tmp_path: Path, values: dict[bytes, bytes], what: str
) -> None:
    with pytest.raises(InputError, match=what) as raised:
        Surg3MFrames(put(tmp_path / "other", values))
    assert "other" in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("data", [b"", b"no database" * 1000, None])
def test_what_is_no_lmdb_is_one_clear_line(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "data.mdb").write_bytes(data)
    assert is_lmdb(tmp_path) == (data is not None)
    with pytest.raises(InputError, match="not an LMDB"):
        Surg3MFrames(tmp_path)
    with pytest.raises(InputError, match="not an LMDB"):
        Surg3MFrames(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_damaged_and_absent_frames_are_named(tmp_path: Path) -> None:
    values = {b"a_0": b"no jpeg", b"a_1": b"", b"a_2": published_value(plain(RED))}
    frames = Surg3MFrames(put(tmp_path / "made", values))
    for number in (0, 1):
        with pytest.raises(InputError, match=f"the frame a_{number} is damaged"):
            frames.read("a", number)
    with pytest.raises(InputError, match="there is no frame a_3"):
        frames.read("a", 3)
    assert frames.read("a", 2).shape == (16, 24, 3)


def test_pictures_have_an_identity_that_does_not_hang_on_the_place(written: Path, tmp_path: Path) -> None:
    moved = written.rename(tmp_path / "moved")
    again = tmp_path / "again"
    write_surg3m_lmdb(again, [("v_1", 2, plain(GREEN, 32, 8)), ("-a_b-", 0, plain(RED))])
    one, other = Surg3MFrames(moved), Surg3MFrames(again)
    assert one.identity("v_1") == other.identity("v_1")
    assert one.identity("-a_b-") != other.identity("-a_b-") and len(one.identity("v_1")) == 64


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    def interrupted() -> Iterator[tuple[str, int, np.ndarray]]:
        yield "a", 0, plain(RED)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_surg3m_lmdb(tmp_path / "made", interrupted())
    with pytest.raises(InputError, match="no frames to write"):
        write_surg3m_lmdb(tmp_path / "made", [])
    with pytest.raises(InputError, match="the frame a_0 comes twice"):
        write_surg3m_lmdb(tmp_path / "made", [("a", 0, plain(RED))] * 2)
    with pytest.raises(InputError, match="is not a usable id"):
        write_surg3m_lmdb(tmp_path / "made", [("../a", 0, plain(RED))])
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_stays(written: Path) -> None:
    before = content(written)
    with pytest.raises(InputError, match="there is something already"):
        write_surg3m_lmdb(written, [("a", 0, plain(RED))])
    assert content(written) == before
