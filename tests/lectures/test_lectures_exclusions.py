"""Lists of lectures to keep out, in every form."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgvlp.files import InputError, write_json
from surgvlp.lectures import DataTree
from surgvlp.lectures.exclusions import read_exclusions


def test_the_published_tests_of_surg3m_can_be_kept_out(shared_data: Path) -> None:
    split = str(shared_data / "surg3m" / "split.json")
    assert len(read_exclusions([f"{split}:testing"], None)) == 825
    assert len(read_exclusions([split], None)) == 404 + 825


def test_exclusions_come_from_splits_and_lists_of_every_form(tmp_path: Path) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "test.csv").write_text("video_path\na.mp4\n-b\n")
    (tmp_path / "list.csv").write_text("video_path\nc.mp4\n")
    (tmp_path / "list.txt").write_text("d.mp4\n\n e_1 \n")
    write_json(tmp_path / "list.json", ["f"])
    write_json(tmp_path / "split.json", {"validation": ["g"], "testing": ["h", "i"]})
    tree = DataTree(tmp_path)
    names = ["test", *(str(tmp_path / name) for name in ("list.csv", "list.txt", "list.json"))]
    assert read_exclusions(names, tree) == {"a", "-b", "c", "d", "e_1", "f"}
    assert read_exclusions([str(tmp_path / "split.json")], tree) == {"g", "h", "i"}
    assert read_exclusions([str(tmp_path / "split.json:testing")], None) == {"h", "i"}
    assert read_exclusions([], None) == set()


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("test", "", r"'exclude': 'test' is no \.csv, \.json or \.txt.*root"),
        ("absent.txt", None, r"absent\.txt: there is no such file"),
        ("bad.txt", "good\n../bad\n", r"bad\.txt, row 2: '\.\./bad' is not a usable id"),
        ("bad.json", '{"testing": "a"}', "not a list of ids"),
        ("bad.json", "[1]", "not a list of ids"),
        ("bad.json", '["a b"]', "'a b' is not a usable id"),
        ("bad.json", "[", r"bad\.json, row 1: not valid JSON"),
        ("list.json:testing", '["a"]', "no list 'testing' in it"),
        ("split.json:testin", '{"testing": ["a"]}', r"no list 'testin' in it\. Did you mean 'testing'"),
    ],
)
def test_lists_that_cannot_be_used_are_one_clear_line(
    tmp_path: Path, name: str, content: str | None, what: str
) -> None:
    if content:
        (tmp_path / name.partition(":")[0]).write_text(content)
    with pytest.raises(InputError, match=what) as raised:
        read_exclusions([name if content == "" else str(tmp_path / name)], None)
    assert "\n" not in str(raised.value)
