from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from media_videos import copied, even_video, numbers_in
from small_disk import run_on_small_disk
from tool_module import load_program

from surgvlp.files import InputError
from surgvlp.media.building import build_all
from surgvlp.media.store import FrameStore, build

TOOL = Path(__file__).parents[2] / "tools" / "build_frame_store.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load_program("tools/build_frame_store.py")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [even_video(folder / f"lecture_{i}.mp4", 60 + 30 * i) for i in range(3)]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_builds_all_and_reuses_what_fits(videos: list[Path], tmp_path: Path) -> None:
    mine = [Path(shutil.copy(video, tmp_path)) for video in videos]
    out = tmp_path / "out"
    first = build_all(mine, out, jobs=2)
    assert sorted(info.path.name for info in first.built) == [f"lecture_{i}.frames" for i in range(3)]
    whole = files_below(out)

    again = build_all(mine, out)
    assert (again.built, len(again.reused), again.failed) == ([], 3, {})

    os.utime(mine[0])  # touched: the same by its hash
    assert len(build_all(mine, out).reused) == 3

    even_video(mine[1], 45)  # another video under the old name
    (out / "lecture_2.frames" / "frames.bin").write_bytes(b"x")  # a damaged store
    repaired = build_all(mine, out)
    assert sorted(info.path.name for info in repaired.built) == ["lecture_1.frames", "lecture_2.frames"]
    assert numbers_in(FrameStore(out / "lecture_1.frames").read([-1])) == [44]
    assert (
        files_below(out / "lecture_2.frames").items()
        <= {Path(name).name: data for name, data in whole.items() if name.startswith("lecture_2")}.items()
    )

    other = build_all(mine, out, rate=2)
    assert len(other.built) == 3
    assert FrameStore(out / "lecture_0.frames").rate == 2


def test_a_bad_video_does_not_stop_the_rest(videos: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(videos[0].read_bytes()[:3000])
    gone = tmp_path / "gone.mp4"
    report = build_all([bad, *videos, gone], tmp_path / "out", jobs=2)
    assert len(report.built) == 3
    assert set(report.failed) == {bad, gone}
    assert all(str(video) in why for video, why in report.failed.items())
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_video_that_hangs_is_given_up(videos: list[Path], tmp_path: Path) -> None:
    report = build_all(videos[:1], tmp_path / "out", timeout_s=0.001)
    assert "no progress" in report.failed[videos[0]]
    assert list((tmp_path / "out").glob("*")) == []


def test_unusable_requests_are_refused(videos: list[Path], tmp_path: Path) -> None:
    twin = tmp_path / videos[0].name
    shutil.copy(videos[0], twin)
    with pytest.raises(InputError, match="the same id"):
        build_all([videos[0], twin], tmp_path / "out")
    with pytest.raises(InputError, match="not a usable id"):
        build_all([tmp_path / "über alles.mp4"], tmp_path / "out")
    with pytest.raises(InputError, match="no videos"):
        build_all([], tmp_path / "out")
    for settings, key in (
        ({"rate": 0.0}, "rate"),
        ({"short_side": 3}, "short_side"),
        ({"quality": 0}, "quality"),
    ):
        with pytest.raises(InputError, match=key):
            build_all(videos, tmp_path / "out", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def builders(out: Path, lecture: str = "*") -> list[int]:
    """The processes that write stores at the moment, by the names of their unfinished folders."""
    return [int(path.parent.name.split(".")[-2]) for path in out.glob(f".{lecture}.*.partial/frames.bin")]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.slow
def test_a_decoder_that_crashes_or_hangs_costs_its_lecture_only(videos: list[Path], tmp_path: Path) -> None:
    long = even_video(tmp_path / "hanging.mp4", 400, size=(480, 960))
    bad = [shutil.copy(long, tmp_path / "crashing.mp4"), long]
    out = tmp_path / "out"
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(build_all, [*bad, *videos], out, jobs=2, timeout_s=10)
        for video, fault in zip(bad, (signal.SIGSEGV, signal.SIGSTOP), strict=True):
            wait_until(lambda video=video: builders(out, video.stem))
            os.kill(builders(out, video.stem)[0], fault)
        report = building.result()
    assert set(report.failed) == set(bad)
    assert report.failed[bad[0]].startswith(f"{bad[0]}: decoding crashed (SIGSEGV)")
    assert report.failed[bad[1]].startswith(f"{bad[1]}: no progress for 10 s, stopped")
    assert len(report.built) == 3
    assert sorted(path.name for path in out.iterdir()) == [f"lecture_{i}.frames" for i in range(3)]


@pytest.mark.slow
def test_killed_anywhere_it_leaves_whole_stores_only(videos: list[Path], tmp_path: Path) -> None:
    out, clean = tmp_path / "out", tmp_path / "clean"
    long = even_video(tmp_path / "long.mp4", 500, size=(480, 960))
    for video in (*videos, long):
        build(video, clean / f"{video.stem}.frames")
    command = [sys.executable, TOOL, "--videos", *videos, long, "--out", out, "--jobs", "2"]
    for wait_for in ("lecture_0.frames", ".long.frames.*.partial/frames.bin"):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not list(out.glob(wait_for)) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for store in out.glob("*.frames"):
            assert files_below(store) == files_below(clean / store.name)
    partial = out / ".long.frames.999999999.partial"  # of a process long gone
    partial.mkdir(exist_ok=True)
    wait_until(lambda: not any(is_running(number) for number in builders(out)))  # their parent is gone
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "up to date" in done.stdout
    assert files_below(out) == files_below(clean)
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in clean.iterdir())


def test_a_full_disk_is_one_line_and_leaves_nothing(videos: list[Path], tmp_path: Path) -> None:
    big, disk = even_video(tmp_path / "big.mp4", 300, size=(240, 480)), tmp_path / "disk"
    tool = [sys.executable, TOOL, "--videos", big, *videos, "--out", disk / "out", "--jobs", "1"]
    done = run_on_small_disk(disk, "64k", tool)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error:")
    assert "the disk is full" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "partial" not in done.stdout


def test_the_tool_s_exit_codes(
    tool: ModuleType, videos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from surgvlp.console import exit_code

    def run(*arguments: object) -> int:
        return exit_code(lambda: tool.main([str(argument) for argument in arguments]))

    out = tmp_path / "out"
    assert run("--videos", videos[0].parent, "--out", out) == 0
    assert "3 built" in capsys.readouterr().out
    assert run("--videos", videos[0].parent, "--out", out) == 0
    assert "0 built (0.0 MB), 3 up to date" in capsys.readouterr().out
    assert run("--videos", *videos, tmp_path / "none.mp4", "--out", out) == 1
    assert "none.mp4" in capsys.readouterr().err
    assert run("--videos", tmp_path / "none.mp4", "--out", out) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(f"error: {tmp_path}/none.mp4: there is no such file")
    )
    assert run("--videos", tmp_path / "a.mp4", tmp_path / "b.mp4", "--out", out) == 2
    assert "none of the 2 videos" in capsys.readouterr().err
    (tmp_path / "hollow").mkdir()
    (tmp_path / "hollow" / "._hidden.mp4").write_bytes(b"a note")
    assert run("--videos", tmp_path / "hollow", "--out", out) == 2
    assert "there are no videos (.mp4" in capsys.readouterr().err
    copied(tmp_path / "hollow" / "camera.MOV", videos[0], format="mov")
    assert run("--videos", tmp_path / "hollow", "--out", out) == 0
    assert (out / "camera.frames").is_dir()
