"""A lecture's title, tags and chapter marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surgvlp.files import InputError
from surgvlp.lectures import Caption, DataTree
from surgvlp.lectures.metadata import UNKNOWN, Chapter, LectureMetadata, read_metadata


def _metadata(tmp_path: Path, value: object) -> LectureMetadata:
    tree = DataTree(tmp_path)
    path = tree.metadata("a")
    path.parent.mkdir(exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return read_metadata(tree, "a")


def test_metadata_is_read_where_there_is_any(tmp_path: Path) -> None:
    assert read_metadata(DataTree(tmp_path), "a") == UNKNOWN
    assert _metadata(tmp_path, {}) == UNKNOWN
    found = _metadata(
        tmp_path,
        {"title": "A\nb\x1b[31m", "tags": ["Appendix"], "chapters": [{"start": 0, "title": " Case "}]},
    )
    assert found == LectureMetadata("A b [31m", ("Appendix",), (Chapter(0.0, "Case"),))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"titel": "a"}, "'metadata.titel': unknown config key. Did you mean 'title'?"),
        ({"title": 3}, "'metadata.title': expected str, got 3"),
        ({"tags": "Appendix"}, "'metadata.tags': expected a list"),
        ({"tags": [" "]}, "empty"),
        ({"title": "a" * 301}, "more than 300 letters"),
        ({"tags": ["a"] * 201}, "more than 200 tags"),
        ({"chapters": [{"start": 0}]}, "'metadata.chapters.0.title': this key is missing"),
        ({"chapters": [{"start": -1, "title": "a"}]}, "at 0 s or later"),
        ({"chapters": [{"start": 9, "title": "a"}, {"start": 3, "title": "b"}]}, "run backwards"),
        ('{"chapters": [{"start": NaN, "title": "a"}]}', "at 0 s or later"),
        ([], "expected a dictionary"),
        ("{", "not valid JSON"),
    ],
)
def test_metadata_that_is_none_is_one_line(tmp_path: Path, value: object, reason: str) -> None:
    with pytest.raises(InputError) as error:
        _metadata(tmp_path, value)
    assert reason in str(error.value) and "metadata/a.json" in str(error.value)


def test_a_sentence_belongs_to_the_chapter_in_which_its_middle_lies() -> None:
    narrations = [Caption(start, start + 8, "said") for start in (2, 10, 20, 30)]
    about = LectureMetadata(
        chapters=(Chapter(5, "a"), Chapter(13, "b"), Chapter(24, "c"), Chapter(25, "d"), Chapter(90, "e"))
    )
    assert about.chapters_of(narrations) == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert LectureMetadata(chapters=(Chapter(20, "a"),)).chapters_of(narrations) == [(0, ""), (2, "a")]
    assert UNKNOWN.chapters_of(narrations) == [(0, "")]


def test_an_abstract_stands_behind_tags_and_title_as_in_the_published_files() -> None:
    about = LectureMetadata("Appendectomy: basics.", ("Appendix", "Laparoscopic"))
    assert about.with_abstract("Text.") == (
        "Video tag: Appendix;Laparoscopic. Title: Appendectomy: basics. Abstract: Text."
    )
    assert UNKNOWN.with_abstract("Text.") == "Text."
