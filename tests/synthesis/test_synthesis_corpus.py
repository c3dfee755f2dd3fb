"""Made corpora on disk: the layout, the labels, repeatability, resuming, and bad input."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_corpus import ARGUMENTS
from small_disk import run_on_small_disk

from surgvlp import console
from surgvlp.files import read_json
from surgvlp.lectures import DataTree, read_captions, read_prompts
from surgvlp.lectures.labels import CHOLECYSTECTOMY
from surgvlp.media.decode import decode
from surgvlp.media.images import read_image
from surgvlp.media.probe import probe
from surgvlp.synthesis.corpus import PROMPTS, draw_lecture, is_test, lecture_id, make_corpus

TOOL = Path(__file__).parents[2] / "tools" / "synthesize_lectures.py"
FLAGS = ["--seed", "7", "--height", "96", "--fps", "4", "--seconds", "80"]


def _files(root: Path, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in without
    }


def _times(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (root / "videos").glob("*.mp4")}


def test_the_layout_is_the_data_tree_s(corpus: Path) -> None:
    tree = DataTree(corpus)
    assert tree.videos() == [lecture_id(number) for number in range(3)]
    assert tree.split("train") == [lecture_id(0), lecture_id(1)]
    assert tree.split("test") == [lecture_id(2)]
    assert len({tuple(read_prompts(tree.prompts(name), 7)) for name in PROMPTS}) == len(PROMPTS)
    record = read_json(corpus / "corpus.json")
    assert record["arguments"]["seed"] == 7 and record["arguments"]["count"] == 3
    assert record["classes"] == list(CHOLECYSTECTOMY)
    for lecture in tree.videos():
        info = probe(tree.video(lecture))
        assert (info.height, info.width, info.fps, info.has_audio) == (96, 170, 4, True)
        assert abs(info.duration_s - record["lectures"][lecture]["seconds"]) < 0.3
        assert read_captions(tree.script(lecture))
    assert not [path for path in corpus.rglob("*") if "partial" in path.name]


def test_labels_and_frames_are_those_of_the_encoded_video_at_one_a_second(corpus: Path) -> None:
    tree = DataTree(corpus)
    dataset = tree.downstream("made")
    assert dataset.videos() == tree.videos()
    for number, lecture in enumerate(tree.videos()):
        procedure = draw_lecture(ARGUMENTS, number).procedure
        frames = dataset.frames(lecture)
        seconds = np.arange(len(frames.paths))
        assert frames.frame_index.tolist() == seconds.tolist()
        assert [path.name for path in frames.paths] == [f"{lecture}_{second}.png" for second in seconds]
        assert 0 <= len(seconds) - procedure.duration < 1
        assert frames.label.tolist() == procedure.phases_at(seconds).tolist()
        assert set(frames.label.tolist()) == set(range(7))
        some = seconds[:: len(seconds) // 6]
        expected, _ = decode(tree.video(lecture), some)
        assert np.array_equal(expected, np.stack([read_image(frames.paths[second]) for second in some]))


def test_encoded_frames_are_the_rendered_ones(corpus: Path) -> None:
    renderer = draw_lecture(ARGUMENTS, 1).renderer
    shown, _ = decode(DataTree(corpus).video(lecture_id(1)), np.arange(0, 60, 7))
    for second, frame in zip(range(0, 60, 7), shown, strict=True):
        own = np.abs(frame.astype(int) - renderer.frame(4 * second)).mean()
        assert own < 6
        assert own < 0.5 * np.abs(frame.astype(int) - renderer.frame(4 * second + 40)).mean()


def test_same_seed_same_bytes_whatever_the_count_and_the_jobs(corpus: Path, tmp_path: Path) -> None:
    make_corpus(ARGUMENTS, tmp_path, count=2, test_share=0.5, jobs=1)
    wanted = _files(corpus, without=("splits", "corpus.json"))
    assert _files(tmp_path, without=("splits", "corpus.json")) == {
        name: content for name, content in wanted.items() if lecture_id(2) not in name
    }
    assert DataTree(tmp_path).split("test") == [lecture_id(1)]


def test_splits_grow_with_the_count() -> None:
    assert [number for number in range(9) if is_test(number, 1 / 3)] == [2, 5, 8]
    assert sum(is_test(number, 0.25) for number in range(40)) == 10
    assert not any(is_test(number, 0) for number in range(40))


def test_finished_lectures_are_reused_and_others_made_anew(corpus: Path, tmp_path: Path) -> None:
    root = tmp_path / "made"
    shutil.copytree(corpus, root)
    before = _times(root)
    done = make_corpus(ARGUMENTS, root, count=3, test_share=1 / 3, jobs=2)
    assert (len(done["made"]), len(done["reused"])) == (0, 3)
    assert _times(root) == before

    DataTree(root).script(lecture_id(0)).unlink()
    (root / "downstream_datasets/made/frames" / f"{lecture_id(0)}_900.png").touch()  # of a longer one before
    done = make_corpus(ARGUMENTS, root, count=3, test_share=1 / 3, jobs=2)
    assert done["made"] == [lecture_id(0)]
    assert _files(root) == _files(corpus)

    other = replace(ARGUMENTS, seed=8)
    done = make_corpus(other, root, count=1, test_share=0, jobs=1)
    assert done["made"] == [lecture_id(0)]
    assert (
        DataTree(root).script(lecture_id(0)).read_bytes()
        != DataTree(corpus).script(lecture_id(0)).read_bytes()
    )


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_stopped_half_way_and_run_again(corpus: Path, tmp_path: Path, stop: signal.Signals) -> None:
    command = [sys.executable, TOOL, "--count", "3", "--jobs", "2", "--out", tmp_path, *FLAGS]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "videos").glob(".*")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(stop)
    _, printed = process.communicate()
    if stop == signal.SIGINT:
        assert process.returncode == console.INTERRUPTED
        assert "Traceback" not in printed
    for path in (tmp_path / "videos").glob("[!.]*"):
        assert probe(path).has_audio
    subprocess.run(command, check=True, capture_output=True)
    visible = {name: content for name, content in _files(tmp_path).items() if "/." not in name}
    assert visible == _files(corpus)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    tool = [sys.executable, TOOL, "--count", "1", "--out", tmp_path / "out", *FLAGS]
    done = run_on_small_disk(tmp_path, "300k", tool)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error:") and "the disk is full" in last
    assert "partial" not in done.stdout
    assert "corpus.json" not in done.stdout


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--seconds", "20"], "--seconds 20 is not between 75 and 14400"),
        (["--height", "8"], "--height 8 is not between 64 and 2160"),
        (["--fps", "nan"], "--fps nan is not between 1 and 120"),
        (["--seed", "-1"], "--seed -1 is not between 0"),
        (["--count", "0"], "--count and --jobs must be at least 1"),
        (["--test-share", "1"], "--test-share 1 is not between 0 and 1"),
    ],
)
def test_impossible_flags_are_one_line(flags: list[str], complaint: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, TOOL, "--out", tmp_path / "out", *flags], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and complaint in done.stderr
    assert not (tmp_path / "out").exists()
