"""Which procedures lectures show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from surgvlp.files import InputError
from surgvlp.lectures.procedures import read_procedures


def _read(tmp_path: Path, content: Any) -> dict[str, frozenset[str]]:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    return read_procedures(path)


def test_procedures_are_read_by_lecture(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        [
            {"youtubeId": "-a", "procedureName": ["colectomy", " rectopexy "], "robotic": False},
            {"youtubeId": "b_1", "procedureName": []},
        ],
    )
    assert found == {"-a": {"colectomy", "rectopexy"}, "b_1": frozenset()}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": ["colectomy"]}, "not a list of lectures"),
        ([3], "'entry 1': not a lecture with its procedures"),
        ([{"youtubeId": "a"}], "'entry 1': not a lecture with its procedures"),
        ([{"youtubeId": "a", "procedureName": "colectomy"}], "not a lecture with its procedures"),
        ([{"youtubeId": "a", "procedureName": [" "]}], "not a lecture with its procedures"),
        ([{"youtubeId": 3, "procedureName": []}], "not a lecture with its procedures"),
        ([{"youtubeId": "a", "procedureName": []}] * 2, "'a' stands there twice"),
        ([{"youtubeId": "a/b", "procedureName": []}], "'a/b' is not a usable id"),
    ],
)
def test_what_is_wrong_is_named_with_its_entry(content: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        _read(tmp_path, content)
    assert reason in str(caught.value)


def test_a_csv_names_several_procedures_with_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    path.write_text("video_path,source,procedure\n-a.mp4,x,colectomy; rectopexy\nb,y,\n")
    assert read_procedures(path) == {"-a": {"colectomy", "rectopexy"}, "b": frozenset()}
    path.write_text("video_path,procedure\na.mp4,colectomy\na,rectopexy\n")
    with pytest.raises(InputError, match=r"corpus\.csv, row 3, 'video_path': 'a' stands there twice"):
        read_procedures(path)
    path.write_text("video_path\na.mp4\n")
    with pytest.raises(InputError, match="no column 'procedure'"):
        read_procedures(path)


def test_the_real_manifest_is_read(shared_data: Path) -> None:
    found = read_procedures(shared_data / "surg3m" / "labels.json")
    assert len(found) == 4194
    assert len(frozenset().union(*found.values())) == 35
    assert sum("colectomy" in procedures for procedures in found.values()) == 308
