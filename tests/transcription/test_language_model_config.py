"""The config block of a language model, and a lecture's title, tags and chapter marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surgvlp.files import InputError
from surgvlp.lectures import Caption, DataTree
from surgvlp.transcription.language_model.protocol import LanguageModelConfig, read_language_model_config
from surgvlp.transcription.lecture_metadata import (
    UNKNOWN,
    Chapter,
    LectureMetadata,
    metadata_path,
    read_metadata,
)


def _read(tmp_path: Path, text: str) -> LanguageModelConfig:
    path = tmp_path / "model.py"
    path.write_text(f"config = dict({text})\n")
    return read_language_model_config(path)


def test_a_block_names_a_server_or_a_model_that_runs_here(tmp_path: Path) -> None:
    assert _read(tmp_path, 'server="http://127.0.0.1:8080/v1", model="qwen", timeout_s=60').timeout_s == 60
    assert _read(tmp_path, 'server="https://[::1]/v1", model="qwen"').server == "https://[::1]/v1"
    assert _read(tmp_path, 'model="models/qwen"').server is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "'config.model': this key is missing"),
        ("model='a', sever='b'", "'config.sever': unknown config key. Did you mean 'server'?"),
        ("model='a', server='ftp://b'", "'server': this is no http or https address"),
        ("model='a', server='localhost:8080'", "'server': this is no http or https address"),
        ("model='a', server='http:///v1'", "'server': this is no http or https address"),
        ("model='a', server='http://b:port'", "'server': this is no http or https address"),
        ("model='a', server='http://b:99999'", "'server': this is no http or https address"),
        ("model='a', server='http://b/\\r\\nX: y'", "'server': this is no http or https address"),
        ("model='a', server='http://me:word@b/v1'", "without name, password"),
        ("model='a', server='http://b/v1?key=c'", "without name, password"),
        ("model='a', api_key_file='k'", "'api_key_file': this key is for servers"),
        ("model='a', request=dict(top_p=1)", "'request': this key is for servers"),
        ("model='a', server='http://b', request=dict(stream=True)", "'request': the field 'stream'"),
        ("model='a', server='http://b', request=dict(stop={1})", "'request': it cannot be written as JSON"),
        ("model='a', context_tokens=100", "'context_tokens': it must be 4096 or more"),
        ("model='a', timeout_s=0", "'timeout_s': it must be 0.1 or more"),
        ("model='a', timeout_s=float('inf')", "'timeout_s': it must be"),
        ("model='a', attempts=0", "'attempts': it must be 1 or more"),
        ("model='a', prompt_price=-1", "'prompt_price': it must be 0 or more"),
    ],
)
def test_a_block_that_is_none_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError) as error:
        _read(tmp_path, text)
    assert reason in str(error.value)


def _metadata(tmp_path: Path, value: object) -> LectureMetadata:
    tree = DataTree(tmp_path)
    path = metadata_path(tree, "a")
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
