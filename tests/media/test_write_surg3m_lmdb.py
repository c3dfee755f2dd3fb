"""From frame stores to an LMDB: which frames, how large, the tool's exit codes, a full disk."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest
from media_videos import HEIGHT, WIDTH, even_video, number_in
from small_disk import run_on_small_disk
from tool_module import load_program

from surgvlp.console import exit_code
from surgvlp.files import InputError
from surgvlp.media.numbered_frames import frame_numbers, stores_in
from surgvlp.media.store import FrameStore, build
from surgvlp.media.surg3m_lmdb import Surg3MFrames

TOOL = Path(__file__).parents[2] / "tools" / "write_surg3m_lmdb.py"
SECONDS = {"v": 8, "v-1": 7, "-v": 3}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load_program("tools/write_surg3m_lmdb.py")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frame stores of ten pictures a second, numbered, of which four a second are stored."""
    folder = tmp_path_factory.mktemp("stores")
    for lecture, seconds in SECONDS.items():
        video = even_video(folder / f"{lecture}.mp4", 10 * seconds, Fraction(10))
        build(video, folder / f"{lecture}.frames")
    (folder / ".v.frames.1.partial.frames").mkdir()  # hidden: of a process that was killed
    return folder


def test_stores_are_found_by_id_and_their_frames_by_number(stores: Path, tmp_path: Path) -> None:
    found = stores_in(stores)
    assert list(found) == ["-v", "v", "v-1"] and found["v"] == stores / "v.frames"
    store = FrameStore(found["v-1"])
    for every_s, count in ((1.0, 7), (2.0, 4), (3.5, 2), (7.0, 1), (0.25, 28), (60.0, 1)):
        assert frame_numbers(store, every_s).tolist() == list(range(count))
    with pytest.raises(InputError, match=r"v-1\.frames, 'every_s'.*Take 0\.25 or more"):
        frame_numbers(store, 0.2)
    for place, what in ((tmp_path / "absent", "no such folder"), (tmp_path, "no frame stores in it")):
        with pytest.raises(InputError, match=what):
            stores_in(place)


def test_the_tool_writes_the_frame_of_every_nth_second(
    tool: ModuleType, stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*flags: object) -> int:
        return exit_code(lambda: tool.main(["--frames", str(stores), "--out", str(out), *map(str, flags)]))

    out = tmp_path / "made"
    assert run("--every", 2.5, "--short-side", HEIGHT // 2) == 0
    assert capsys.readouterr().out == f"{out}: 9 frames of 3 lectures\n"
    frames = Surg3MFrames(out)
    assert frames.lectures == ["-v", "v", "v-1"]
    for lecture, seconds in SECONDS.items():
        numbers = frames.numbers(lecture).tolist()
        assert numbers == [n for n in range(9) if 2.5 * n < seconds]
        for number in numbers:
            picture = frames.read(lecture, number)
            assert picture.shape == (HEIGHT // 2, WIDTH // 2, 3)
            assert number_in(picture) == 25 * number
    before = (out / "data.mdb").read_bytes()
    assert run() == 2 and "there is something already" in capsys.readouterr().err
    assert (out / "data.mdb").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (["--quality", "101"], "a JPEG quality of 101"),
        (["--short-side", "0"], "a short side of 0 pixels"),
        (["--every", "0"], "a frame every 0.0 s"),
        (["--every", "nan"], "a frame every nan s"),
        (["--every", "0.1"], "Take 0.25 or more"),
        (["--frames", "/absent"], "there is no such folder"),
    ],
)
def test_flags_that_make_no_sense_leave_nothing_but_a_line(
    tool: ModuleType,
    stores: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    what: str,
) -> None:
    usual = ["--frames", str(stores), "--out", str(tmp_path / "made")]
    assert exit_code(lambda: tool.main([*usual, *flags])) == 2
    assert what in capsys.readouterr().err.splitlines()[-1] and list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(stores: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    command = [sys.executable, TOOL, "--frames", stores, "--out", disk / "made", "--every", "0.25"]
    done = run_on_small_disk(disk, "32k", command)
    assert done.returncode == 2, done.stderr
    assert "the disk is full" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert done.stdout == ""
