"""Phase labels and prompts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from surgvlp.files import InputError
from surgvlp.lectures import DataTree, phase_dataset, read_prompts

PROMPTS = Path(__file__).parents[2] / "data" / "prompts"


def _write(root: Path, video: str, content: str) -> None:
    (root / "csvs").mkdir(parents=True, exist_ok=True)
    (root / "csvs" / f"{video}.csv").write_text(content)


@pytest.mark.parametrize(
    ("name", "compat", "first", "image"),
    [
        ("cholec80", None, 0, "v_1.png"),
        ("autolaparo", None, 1, "v_1.png"),
        ("autolaparo", "released", 1, "v_2.png"),
        ("made", None, 0, "v_0.png"),
    ],
)
def test_each_data_set_counts_its_frames_its_own_way(
    tmp_path: Path, name: str, compat: str | None, first: int, image: str
) -> None:
    _write(tmp_path, "v", f"path,label\nv_{first}.png,1\nv_{first + 1}.png,7\n")
    labels = phase_dataset(name, tmp_path, compat).frames("v")
    assert labels.paths[0] == tmp_path / "frames" / image
    assert labels.frame_index.tolist() == [first, first + 1]
    assert labels.label.tolist() == [0, 6]
    assert labels.label.dtype == labels.frame_index.dtype == np.int64


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("v_2.png,0", ["row 3", "'label'", "1 to 7"]),
        ("v_2.png,8", ["row 3", "'label'"]),
        ("v_2.png,two", ["row 3", "'label'", "'two'"]),
        ("v_2.png,1.5", ["row 3", "'label'"]),
        ("v_2.png,²", ["row 3", "'label'"]),
        ("v_1.png,1", ["row 3", "'path'", "frame 1 after frame 1"]),
        ("v_0.png,1", ["row 3", "'path'"]),
        ("../v_2.png,1", ["row 3", "'path'"]),
        ("frame.png,1", ["row 3", "'path'"]),
    ],
)
def test_a_faulty_label_is_named_by_its_place(tmp_path: Path, row: str, named: list[str]) -> None:
    _write(tmp_path, "v", f"path,label\nv_1.png,1\n{row}\n")
    with pytest.raises(InputError) as caught:
        phase_dataset("made", tmp_path).frames("v")
    for part in ["v.csv", *named]:
        assert part in str(caught.value)


def test_a_data_set_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cholec80.*dataset\.json"):
        phase_dataset("mine", tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps({"class_names": ["a", "b"], "frame_offset": 2}))
    _write(tmp_path, "v", "path,label\nv_1.png,2\n")
    dataset = phase_dataset("mine", tmp_path)
    assert dataset.videos() == ["v"]
    assert dataset.frames("v").paths[0].name == "v_3.png"
    for wrong in (
        [],
        {"class_names": []},
        {"class_names": ["a", 1]},
        {"class_names": ["a"], "frame_offset": "1"},
    ):
        (tmp_path / "dataset.json").write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=r"dataset\.json"):
            phase_dataset("mine", tmp_path)


def test_no_videos_and_unknown_compat(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="csvs"):
        DataTree(tmp_path).downstream("cholec80").videos()
    with pytest.raises(InputError, match="compat"):
        phase_dataset("made", tmp_path, compat="published")


def test_published_labels_load(shared_data: Path) -> None:
    tree = DataTree(shared_data / "svl_sample")
    cholec80 = tree.downstream("cholec80")
    assert cholec80.videos() == ["video49", "video50", "video51"]
    labels = cholec80.frames("video50")
    assert (len(labels.paths), labels.paths[0].name) == (1094, "video50_1.png")
    assert sorted(set(labels.label.tolist())) == [0, 1, 2, 3, 4, 6]  # the published gap: no cleaning in 50
    autolaparo = tree.downstream("autolaparo").frames("15")
    assert (len(autolaparo.paths), autolaparo.paths[0].name) == (3651, "15_1.png")


@pytest.mark.parametrize("name", ["cholec80_phases", "autolaparo_phases"])
def test_shipped_prompts(name: str, shared_data: Path) -> None:
    ours = read_prompts(PROMPTS / f"{name}.txt", 7)
    assert len(set(ours)) == 7
    published = [path.read_text() for path in (shared_data / "svl_sample/prompts").glob("class_*.txt")]
    assert len(published) == 2
    assert not any(line in text for line in ours for text in published)


def test_prompts_are_one_line_a_class(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"first \r\nsecond")
    assert read_prompts(path, 2) == ["first", "second"]
    with pytest.raises(InputError, match="2 lines for 7 classes"):
        read_prompts(path, 7)
    path.write_text("first\n\nthird\n")
    with pytest.raises(InputError, match="row 2: a blank line"):
        read_prompts(path, 3)


def test_published_prompts_load(shared_data: Path) -> None:
    folder = shared_data / "svl_sample/prompts"
    assert read_prompts(folder / "class_prompt_autolapa_manual.txt", 7)[6] == "Washing"
    assert len(read_prompts(folder / "cholec_triplet.txt", 100)) == 100
