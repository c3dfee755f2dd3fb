"""The data tree: names, splits, status, manifest."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from surgvlp.files import InputError
from surgvlp.lectures import DataTree


def _split(tree: DataTree, content: str) -> list[str]:
    (tree.root / "splits").mkdir(exist_ok=True)
    (tree.root / "splits" / "train.csv").write_text(content)
    return tree.split("train")


def test_paths_are_the_published_ones(tmp_path: Path) -> None:
    tree = DataTree(tmp_path)
    found = [
        tree.video("a"),
        tree.texts("aws_narration", "a"),
        tree.raw("whisper_narration", "a"),
        tree.words("whisper_narration", "a"),
        tree.uncorrected("whisper_narration", "a"),
        tree.metadata("a"),
        tree.language_model_answers(),
        tree.script("a"),
        tree.prompts("made_phases"),
    ]
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "videos/a.mp4",
        "aws_narration_texts/a.csv",
        "whisper_narration_texts/raw/a.csv",
        "whisper_narration_texts/words/a.json",
        "whisper_narration_texts/uncorrected/a.csv",
        "metadata/a.json",
        "language_model_answers",
        "scripts/a.csv",
        "prompts/made_phases.txt",
    ]


@pytest.mark.parametrize("lecture", ["../a", "a/b", "", ".a", "a..b", "a b", "x" * 129])
def test_no_id_leaves_its_folder(tmp_path: Path, lecture: str) -> None:
    tree = DataTree(tmp_path)
    narrations = (tree.texts, tree.raw, tree.words, tree.uncorrected)
    of_kind = [functools.partial(name, "aws_narration") for name in narrations]
    for name in (tree.video, tree.script, tree.metadata, tree.read_status, *of_kind):
        with pytest.raises(InputError, match="not a usable id"):
            name(lecture)


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="whisper_narration"):
        DataTree(tmp_path).texts("narration", "a")


def test_videos_are_sorted_and_hidden_files_passed_over(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("b.mp4", "a.mp4", "._a.mp4", "c.txt"):
        (tmp_path / "videos" / name).touch()
    assert DataTree(tmp_path).videos() == ["a", "b"]
    assert DataTree(tmp_path / "absent").videos() == []


def test_split_keeps_order_and_drops_the_suffix(tmp_path: Path) -> None:
    assert _split(DataTree(tmp_path), "video_path\nb.mp4\na.mp4\nc\n") == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("video_path\n", ["no rows"]),
        ("name\na.mp4\n", ["row 1", "'video_path'"]),
        ("video_path\na.mp4\nNaN\n", ["row 3", "NaN"]),
        ("video_path\na.mp4\nb.mp4\na.mp4\n", ["row 4", "'a'", "row 2"]),
        ("video_path\na.mp4\na\n", ["row 3", "row 2"]),
        ("video_path\n../a.mp4\n", ["row 2", "path separator"]),
        ("video_path\nvideos/a.mp4\n", ["row 2", "path separator"]),
    ],
)
def test_a_faulty_split_is_named_by_its_row(tmp_path: Path, content: str, named: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        _split(DataTree(tmp_path), content)
    for part in ["train.csv", *named]:
        assert part in str(caught.value)


def test_status_of_one_step_leaves_the_others(tmp_path: Path) -> None:
    tree = DataTree(tmp_path)
    assert tree.read_status("a") == {}
    tree.write_status("a", "transcription", {"rows": 3})
    tree.write_status("a", "frames", {"count": 8})
    tree.write_status("a", "transcription", {"rows": 4})
    tree.write_status("b", "frames", {"count": 9})
    assert tree.read_status("a") == {"frames": {"count": 8}, "transcription": {"rows": 4}}
    lines = tree.merge_manifest().read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a", "b"]
    assert json.loads(lines[0])["steps"] == tree.read_status("a")


def test_a_torn_status_is_reported(tmp_path: Path) -> None:
    tree = DataTree(tmp_path)
    tree.write_status("a", "frames", {"count": 8})
    (tmp_path / "status" / "a.json").write_text('{"id": "a", "st')
    with pytest.raises(InputError, match=r"a\.json"):
        tree.read_status("a")
    (tmp_path / "status" / "a.json").write_text('{"steps": [1]}')
    with pytest.raises(InputError, match="not a status file"):
        tree.write_status("a", "frames", {})


def test_published_splits_load(shared_data: Path) -> None:
    tree = DataTree(shared_data / "svl_sample")
    assert tree.split("val") == ["vd01en1612", "vd01en1876"]
    assert tree.split("train_narration") == ["vd01en1112e", "vd01en1354e", "vd01en1382e"]
