"""tools/find_neighbours.py from end to end: videos, frame stores and an LMDB in, a map out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from tool_module import load_program

from surgvlp import console
from surgvlp.lectures.neighbour_map import NeighbourMap, read_neighbour_map
from surgvlp.media import store
from surgvlp.media.encode import Encoding, VideoWriter
from surgvlp.media.surg3m_lmdb import write_surg3m_lmdb
from surgvlp.models.backbones import build_backbone

SECONDS = 5
LECTURES = {"-b": "cholecystectomy", "a_1": "cholecystectomy", "c": "hernia_repair", "d": "hernia_repair"}

Run = Callable[..., int]


def _picture(lecture: str, second: int) -> np.ndarray:
    """Of one pattern a second, the same in all lectures; each lecture has its own faint tint."""
    pattern = np.random.default_rng(second).integers(30, 200, (4, 6, 3), np.uint8)
    return np.kron(pattern, np.ones((16, 16, 1), np.uint8)) + np.uint8(5 * list(LECTURES).index(lecture))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four lectures with videos, `a_1` with a frame store too; not to be changed."""
    root = tmp_path_factory.mktemp("tree")
    (root / "videos").mkdir()
    for lecture in LECTURES:
        video = root / "videos" / f"{lecture}.mp4"
        with VideoWriter(video, 96, 64, fps=4, encoding=Encoding(crf=5)) as writer:
            for frame in range(4 * SECONDS):
                writer.write(_picture(lecture, frame // 4))
    store.build(root / "videos" / "a_1.mp4", root / "frame_store" / "a_1.frames")
    (root / "splits").mkdir()
    for name, lectures in {"train": list(LECTURES), "some": ["a_1", "c"], "test": ["d"]}.items():
        rows = "".join(f"{lecture}.mp4\n" for lecture in lectures)
        (root / "splits" / f"{name}.csv").write_text(f"video_path\n{rows}")
    return root


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as pretrain_backbone.py writes them, of a small network with random weights."""
    torch.manual_seed(0)
    network = build_backbone("test_vit@64")
    state = {f"teacher.backbone.{name}": value for name, value in network.state_dict().items()}
    path = tmp_path_factory.mktemp("backbone") / "step_1.pt"
    torch.save({"model": state, "config": {"backbone": {"name": "test_vit@64"}}}, path)
    return path


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load_program("tools/find_neighbours.py")


@pytest.fixture
def run(tool: ModuleType, backbone: Path, tmp_path: Path) -> Run:
    """Run the tool with `<tmp_path>/map.npz` as its output; gives its exit code."""

    def run(data: Path, *flags: str | Path) -> int:
        given = ["--data", data, "--backbone", backbone, "--device", "cpu", "--out", tmp_path / "map.npz"]
        return console.exit_code(lambda: tool.main([str(flag) for flag in [*given, *flags]]))

    return run


def _label(root: Path, procedures: dict[str, str]) -> None:
    entries = [{"youtubeId": lecture, "procedureName": [name]} for lecture, name in procedures.items()]
    (root / "surg3m").mkdir(exist_ok=True)
    (root / "surg3m" / "labels.json").write_text(json.dumps(entries))


def _nearest(found: NeighbourMap) -> list[tuple[str, int]]:
    """Lecture and number of each frame's nearest neighbour; of those without one ("", -1)."""
    rows = found.neighbours[:, 0]
    return [
        (found.lectures[found.lecture[row]], int(found.number[row])) if row >= 0 else ("", -1) for row in rows
    ]


def test_the_nearest_is_the_same_second_of_the_other_lecture_of_the_same_procedure(
    tree: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(tree, data)
    _label(data, LECTURES)
    assert run(data, "--split", "train") == console.DONE
    found = read_neighbour_map(tmp_path / "map.npz")
    assert found.lectures == sorted(LECTURES)
    assert found.number.tolist() == list(range(SECONDS)) * 4
    assert found.neighbours.shape == (4 * SECONDS, 8)
    other = {"-b": "a_1", "a_1": "-b", "c": "d", "d": "c"}
    assert _nearest(found) == [
        (other[each], second) for each in sorted(LECTURES) for second in range(SECONDS)
    ]
    assert found.with_a_near_one().all()
    assert "20 frames of 4 lectures, 20 (100.0%) with a neighbour nearer than" in capsys.readouterr().out


def test_excluded_lectures_neither_have_neighbours_nor_are_any(
    tree: Path,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("WARNING", "surgvlp")
    flags = ["--split", "some", "train", "--exclude", "test", "--every", "0.5", "--neighbours", "3"]
    assert run(tree, *flags) == console.DONE
    found = read_neighbour_map(tmp_path / "map.npz")
    assert found.lectures == ["-b", "a_1", "c"]
    assert (found.every_s, found.neighbours.shape) == (0.5, (3 * 2 * SECONDS, 3))
    assert (found.neighbours >= 0).all()  # there is no labels.json in this tree
    printed = capsys.readouterr().out
    assert "1 lectures excluded" in printed
    assert "neighbours may show any procedure" in printed
    assert "the exclusions name no lecture" not in caplog.text
    assert run(tree, "--split", "some", "--exclude", "test") == console.DONE
    assert "the exclusions name no lecture of these data: test" in caplog.text


def test_lectures_of_no_known_procedure_are_named_and_have_no_neighbours_unless_any_will_do(
    tree: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(
        json.dumps([{"youtubeId": name, "procedureName": ["cholecystectomy"]} for name in ("a_1", "-b")])
    )
    assert run(tree, "--split", "train", "--procedures", labels) == console.DONE
    assert "2 lectures of no known procedure have no neighbours (c, d)" in capsys.readouterr().out
    found = read_neighbour_map(tmp_path / "map.npz")
    assert {name for name, _ in _nearest(found)} == {"a_1", "-b", ""}
    assert (found.adjacent > 0).all()
    assert run(tree, "--split", "train", "--procedures", labels, "--any-procedure") == console.DONE
    assert "" not in {name for name, _ in _nearest(read_neighbour_map(tmp_path / "map.npz"))}


def test_an_lmdb_gives_the_frames_that_it_has(tree: Path, run: Run, tmp_path: Path) -> None:
    numbers = {"a_1": [0, 3, 4], "c": [1, 3]}
    frames = [(lecture, n, _picture(lecture, n)) for lecture, own in numbers.items() for n in own]
    write_surg3m_lmdb(tmp_path / "lmdb", frames)
    assert run(tree, "--split", "some", "--frames", tmp_path / "lmdb") == console.DONE
    found = read_neighbour_map(tmp_path / "map.npz")
    assert found.number.tolist() == [0, 3, 4, 1, 3]
    assert _nearest(found)[1] == ("c", 3)
    assert _nearest(found)[4] == ("a_1", 3)


def test_a_lecture_that_cannot_be_read_is_reported_and_the_rest_is_done(
    tree: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(tree, data)
    (data / "frame_store" / "a_1.frames" / "frames.bin").write_bytes(b"")
    (data / "videos" / "c.mp4").write_bytes(b"no video")
    assert run(data, "--split", "train") == console.PARTLY_FAILED
    errors = capsys.readouterr().err
    assert "failed: a_1: " in errors
    assert "failed: c: " in errors
    assert read_neighbour_map(tmp_path / "map.npz").lectures == ["-b", "d"]
    assert run(data, "--split", "some") == console.BAD_INPUT


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--split", "none"], "none.csv: there is no such file"),
        (["--split", "test"], "no frame can have a neighbour: of the 1 lectures"),
        (["--split", "test", "--exclude", "train"], "no frame can have a neighbour: of the 0 lectures"),
        (["--split", "train", "--every", "0"], "--every 0 is not a time"),
        (["--split", "train", "--every", "nan"], "--every nan is not a time"),
        (["--split", "train", "--every", "0.1"], "Take 0.25 or more"),
        (["--split", "train", "--neighbours", "0"], "--neighbours 0: there must be at least 1"),
        (["--split", "train", "--batch-size", "0"], "'batch_size': expected 1 or more"),
        (["--split", "train", "--device", "abacus"], "cannot use the device 'abacus'"),
        (["--split", "train", "--size", "60"], "takes no pictures of 60 pixels"),
        (["--split", "train", "--procedures", "nowhere.json"], "nowhere.json: there is no such file"),
        (["--split", "train", "--backbone", "nowhere.pt"], "nowhere.pt"),
        (["--split", "train", "--out", "."], ".: this is a folder"),
        (["--split", "train", "--out", f"{__file__}/map.npz"], "cannot be written in"),
        (["--split", "train", "--frames", "/"], "/: no pictures of 4 lectures (-b, a_1, c ...)"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line_and_nothing_is_written(
    flags: list[str], reason: str, tree: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tree, *flags) == console.BAD_INPUT
    assert reason in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("*map*"))


def test_a_given_file_of_procedures_has_to_know_a_lecture(
    tree: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps([{"youtubeId": "e", "procedureName": ["colectomy"]}]))
    assert run(tree, "--split", "train", "--procedures", labels) == console.BAD_INPUT
    assert "knows the procedure of none of the lectures" in capsys.readouterr().err


def test_an_lmdb_is_refused_for_other_times_and_other_lectures(
    tree: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_surg3m_lmdb(tmp_path / "lmdb", [("a_1", 0, _picture("a_1", 0))])
    flags = ["--split", "some", "--frames", tmp_path / "lmdb"]
    assert run(tree, *flags, "--every", "2") == console.BAD_INPUT
    assert "one second apart" in capsys.readouterr().err
    assert run(tree, *flags) == console.BAD_INPUT
    assert "no pictures of 1 lectures (c)" in capsys.readouterr().err


def test_features_that_are_not_finite_are_not_compared(
    tree: Path, run: Run, backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(backbone, weights_only=True)
    state["model"]["teacher.backbone.norm.weight"].fill_(torch.finfo(torch.float32).max)
    torch.save(state, tmp_path / "broken.pt")
    assert run(tree, "--split", "train", "--backbone", tmp_path / "broken.pt") == console.BAD_INPUT
    assert "features that are not finite" in capsys.readouterr().err


def test_a_map_of_the_published_form_is_imported(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published, out = tmp_path / "knn.json", tmp_path / "map.npz"
    published.write_text(json.dumps({"a_0": [["a_1", 0.1], ["a_1", 0.1], ["-b_7", 0.2]], "-b_7": []}))
    assert tool.main(["--from-json", str(published), "--out", str(out)]) == console.DONE
    assert _nearest(read_neighbour_map(out)) == [("", -1), ("-b", 7)]
    assert "2 frames of 2 lectures, 1 (50.0%)" in capsys.readouterr().out


def test_an_import_that_cannot_be_is_said_in_one_line(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "knn.json").write_text('{"a_0": []}')
    for source, out in ((tmp_path, tmp_path / "map.npz"), (tmp_path / "knn.json", tmp_path)):
        words = ["--from-json", str(source), "--out", str(out)]
        assert console.exit_code(lambda words=words: tool.main(words)) == console.BAD_INPUT
    shown = capsys.readouterr().err.replace("\n", " ")
    assert "cannot be read (Is a directory)" in shown and "this is a folder" in shown
    with pytest.raises(SystemExit):
        tool.main(["--from-json", "knn.json", "--exclude", "test", "--every=1", "--out", "map.npz"])
    assert "as it is, without --every, --exclude" in capsys.readouterr().err


def test_the_flags_say_what_is_missing(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tool.main(["--out", "map.npz", "--data", "data"])
    assert "--data, --split and --backbone are required, or --from-json" in capsys.readouterr().err
