from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_videos import NTSC, copied, even_video, numbers_in, picture, write_video

from surgvlp.files import InputError
from surgvlp.media.decode import FrameIndex
from surgvlp.media.encode import Encoding, VideoWriter
from surgvlp.media.images import encode_jpeg
from surgvlp.media.store import FrameStore, VideoFrames, build, open_frames, rows_of


@pytest.fixture(scope="module")
def ntsc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return even_video(tmp_path_factory.mktemp("videos") / "ntsc.mp4", 600)


@pytest.fixture(scope="module")
def stored(ntsc: Path) -> FrameStore:
    build(ntsc, ntsc.parent / "ntsc.frames")
    return FrameStore(ntsc.parent / "ntsc.frames")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_row_k_is_what_a_player_shows_at_k_quarters(stored: FrameStore) -> None:
    shown = [int(Fraction(k, 4) * NTSC) for k in range(81)]  # 600 frames last 20.02 s
    assert stored.rate == 4
    assert stored.size == (32, 192)  # not scaled up to 384
    np.testing.assert_allclose(stored.times, np.array(shown) / float(NTSC), atol=1e-9)
    assert numbers_in(stored.read(range(81))) == shown


def test_a_cut_video_is_stored_as_it_is_shown(ntsc: Path, tmp_path: Path) -> None:
    cut = copied(tmp_path / "cut.mp4", ntsc, ss=3.3)
    build(cut, tmp_path / "cut.frames", rate=2)
    store = FrameStore(tmp_path / "cut.frames")
    first = numbers_in(store.read([0]))[0]
    # frame `first` is at 0 in the cut file; every other by its distance from it
    expected = [first + int(Fraction(k, 2) * NTSC) for k in range(len(store))]
    assert numbers_in(store.read(range(len(store)))) == expected
    assert first == pytest.approx(3.3 * float(NTSC), abs=1)


def test_a_picture_that_stays_is_stored_once_and_found_all_the_time(tmp_path: Path) -> None:
    video = write_video(tmp_path / "slides.mp4", [0, 10, 300, 310], Fraction(1, 30))
    info = build(video, tmp_path / "slides.frames")
    store = FrameStore(info.path)
    assert info.rows == len(store) == 42
    assert info.bytes < 3.5 * len(encode_jpeg(picture(1), 90))
    # frame 3 comes after second 10.25 and goes before 10.5, so that no row falls on it
    assert numbers_in(store.read_at([0, 0.2, 5, 9.8, 10.0, 10.4])) == [0, 0, 1, 1, 2, 2]
    assert (np.diff(store.times) > 0).all()


@given(
    gaps=st.lists(st.integers(1, 5000), min_size=0, max_size=80),
    start=st.integers(0, 3000),
    rate=st.sampled_from([0.5, 1, 2, 4, 10, 29.97]),
)
def test_rows_are_on_screen_at_their_times(gaps: list[int], start: int, rate: float) -> None:
    pts = np.cumsum([start, *gaps])
    times = pts / 1000
    index = FrameIndex(pts, pts[:1], times, times[-1] + 0.04, 1e-6)
    at, numbers = rows_of(index, rate)
    assert (np.diff(at) > 0).all()
    for time_s, number in zip(at, numbers, strict=True):
        # the obvious rule: the last frame that is not later
        assert number == max([0, *(i for i, t in enumerate(times) if t <= time_s + 1e-6)])
    # one row a step, from the picture's start to its end
    assert len(at) == pytest.approx((index.end_s - times[0]) * rate, abs=1.51)
    due = np.arange(len(at)) / rate + round(times[0] * rate) / rate
    new = np.diff(numbers, prepend=-1) > 0
    np.testing.assert_allclose(at[~new], due[~new], atol=2e-2)


def test_straight_from_the_video_gives_the_same_rows(ntsc: Path, stored: FrameStore) -> None:
    video = open_frames(ntsc)
    assert isinstance(video, VideoFrames)
    assert isinstance(open_frames(stored.path), FrameStore)
    np.testing.assert_array_equal(video.times, stored.times)
    assert video.size == stored.size
    assert video.rate == stored.rate
    for rows in ([5, 5, 0, 80, 33], [], [12]):
        assert video.read(rows).shape == stored.read(rows).shape
        # JPEG is all that lies between
        difference = video.read(rows).astype(int) - stored.read(rows)
        assert np.abs(difference).mean() < 5 if rows else difference.size == 0
    assert numbers_in(video.read_at([9.99, 3.2])) == numbers_in(stored.read_at([9.99, 3.2]))


@given(wanted=st.lists(st.floats(-5, 30), max_size=20))
def test_nearest_against_a_full_comparison(stored: FrameStore, wanted: list[float]) -> None:
    distance = np.abs(stored.times[None] - np.array(wanted)[:, None])
    found = stored.nearest(wanted)
    np.testing.assert_allclose(distance[np.arange(len(wanted)), found], distance.min(1, initial=99))


@pytest.mark.parametrize("kind", ["store", "video"])
def test_pickles_by_path_and_reads_in_other_processes(ntsc: Path, stored: FrameStore, kind: str) -> None:
    frames = stored if kind == "store" else VideoFrames(ntsc)
    expected = numbers_in(frames.read_at([1, 15]))
    data = pickle.dumps(frames)
    assert len(data) < 1000
    assert numbers_in(pickle.loads(data).read_at([1, 15])) == expected
    for way in ("fork", "spawn"):
        with multiprocessing.get_context(way).Pool(2) as pool:
            for got in pool.map(frames.read_at, [[1, 15]] * 6):
                assert numbers_in(got) == expected
    assert numbers_in(frames.read_at([1, 15])) == expected


def test_equal_input_gives_equal_bytes(ntsc: Path, stored: FrameStore, tmp_path: Path) -> None:
    os.utime(ntsc, (1e9, 1e9))  # the time of day is no part of it
    build(ntsc, tmp_path / "again.frames", threads=3)
    assert files_of(tmp_path / "again.frames") == files_of(stored.path)


def test_colours_are_true(tmp_path: Path) -> None:
    colours = np.array([[200, 30, 40], [30, 180, 60], [40, 60, 210], [128, 128, 128]], np.uint8)
    with VideoWriter(tmp_path / "x.mp4", 96, 64, 4, encoding=Encoding(crf=5)) as writer:
        for colour in colours:
            writer.write(np.broadcast_to(colour, (64, 96, 3)))
    build(tmp_path / "x.mp4", tmp_path / "x.frames")
    frames = FrameStore(tmp_path / "x.frames").read(range(4))
    np.testing.assert_allclose(frames[:, 32, 48].astype(int), colours, atol=6)


def test_rows_outside_are_an_error(stored: FrameStore) -> None:
    with pytest.raises(IndexError):
        stored.read([81])


def _truncate(folder: Path) -> None:
    os.truncate(folder / "frames.bin", 1000)


def _pickled_index(folder: Path) -> None:
    np.savez(folder / "index.npz", offset=np.array([{}], object), length=np.array([1]), time=np.array([0.0]))


def _offset_beyond_the_end(folder: Path) -> None:
    arrays = dict(np.load(folder / "index.npz"))
    arrays["offset"][3] = 10**12
    np.savez(folder / "index.npz", **arrays)


def _negative_offset(folder: Path) -> None:
    arrays = dict(np.load(folder / "index.npz"))
    arrays["offset"][3] = -5
    np.savez(folder / "index.npz", **arrays)


def _record_without_rate(folder: Path) -> None:
    record = json.loads((folder / "record.json").read_text())
    del record["rate"]
    (folder / "record.json").write_text(json.dumps(record))


def _record_of_the_future(folder: Path) -> None:
    record = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**record, "format": 99}))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (_truncate, "frames.bin"),
        (lambda folder: (folder / "frames.bin").unlink(), "frames.bin"),
        (_pickled_index, "index.npz"),
        (_offset_beyond_the_end, "frames.bin"),
        (_negative_offset, "index.npz"),
        (lambda folder: (folder / "index.npz").write_bytes(b"PK\x03\x04nonsense"), "index.npz"),
        (lambda folder: (folder / "index.npz").unlink(), "index.npz"),
        (lambda folder: (folder / "record.json").write_text("{"), "record.json"),
        (lambda folder: (folder / "record.json").write_text("[]"), "record.json"),
        (lambda folder: (folder / "record.json").unlink(), "record.json"),
        (_record_without_rate, "record.json"),
        (_record_of_the_future, "record.json"),
    ],
)
def test_a_damaged_store_is_named(
    stored: FrameStore, tmp_path: Path, damage: Callable[[Path], object], named: str
) -> None:
    folder = tmp_path / "x.frames"
    folder.mkdir()
    for name, data in files_of(stored.path).items():
        (folder / name).write_bytes(data)
    FrameStore(folder)
    damage(folder)
    with pytest.raises(InputError, match=named):
        FrameStore(folder)


def test_a_damaged_frame_is_named(stored: FrameStore, tmp_path: Path) -> None:
    folder = tmp_path / "x.frames"
    folder.mkdir()
    for name, data in files_of(stored.path).items():
        (folder / name).write_bytes(bytes(len(data)) if name == "frames.bin" else data)
    with pytest.raises(InputError, match=r"frames.bin.*the frame at 1\.2. s is damaged"):
        FrameStore(folder).read([5])


def test_no_store_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"build_frame_store\.py"):
        FrameStore(tmp_path / "x.frames")


def test_a_failed_build_leaves_nothing(ntsc: Path, tmp_path: Path) -> None:
    data = ntsc.read_bytes()
    (tmp_path / "x.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"x\.mp4"):
        build(tmp_path / "x.mp4", tmp_path / "x.frames")
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path; from surgvlp.media.store import build\n"
        "build(Path(sys.argv[1]), Path(sys.argv[2]), rate=10)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peak_mb = []
    for frames in (100, 1200):  # at 10 rows a second the long one holds 220 MB of pictures
        video = even_video(tmp_path / f"{frames}.mp4", frames, Fraction(10), size=(160, 192 * 2))
        done = subprocess.run(
            [sys.executable, "-c", program, video, tmp_path / f"{frames}.frames"],
            capture_output=True,
            text=True,
            check=True,
        )
        peak_mb.append(int(done.stdout) / 1024)
    assert peak_mb[1] - peak_mb[0] < 40
