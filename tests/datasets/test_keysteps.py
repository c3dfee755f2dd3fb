"""Keysteps from real stores and videos: true windows, narrations in order and once, clear refusals."""

from __future__ import annotations

import logging
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lecture_tree import SECONDS, WordTokenizer, lecture_of, second_of, write_split

from surgvlp import registry
from surgvlp.datasets import Keysteps, ResumableSampler, text_loader
from surgvlp.datasets.keysteps import narrations_within
from surgvlp.datasets.split import Captions, Lecture, read_lectures
from surgvlp.files import InputError
from surgvlp.lectures import Caption, read_captions, write_captions
from surgvlp.registry import DATASETS


def build(tree: Path, tokenizer: WordTokenizer, **keys: Any) -> Keysteps:
    config = {
        "type": "keysteps",
        "root": str(tree),
        "split": "train",
        "frames_root": str(tree / "frames"),
        "size": 32,
        "max_length": 12,
    }
    dataset: Keysteps = registry.build(DATASETS, config | keys, "config", tokenizer=tokenizer)
    return dataset


def texts_of(dataset: Keysteps, item: dict[str, Any]) -> list[str]:
    """Parent and those children that are there."""
    shown = [True, *item["step_mask"]]
    return [dataset.texts.texts[row] for row, there in zip(item["text_index"], shown, strict=True) if there]


@pytest.mark.parametrize("straight_from", ["videos", "stores"])
def test_a_keystep_shows_its_own_window_with_its_narrations(
    tree: Path, tokenizer: WordTokenizer, straight_from: str
) -> None:
    frames_root = None if straight_from == "videos" else str(tree / "frames")
    dataset = build(tree, tokenizer, frames_root=frames_root, text_columns=["text"], num_frames=6)
    assert len(dataset) == 3 * 4
    parents = []
    for index in range(len(dataset)):
        item = dataset[index]
        parent, *children = texts_of(dataset, item)
        name, number = parent[0], int(parent.split()[-1])
        parents.append(parent)
        assert item["frames"].shape == (6, 3, 32, 32) and item["frames"].dtype == np.uint8
        assert lecture_of(item["frames"]) == name
        shown = second_of(item["frames"])  # one of each second; the nearest row may lie an eighth outside
        assert (np.abs(shown - (6 * number + np.arange(6))) <= 1).all() and (np.diff(shown) >= 0).all()
        # whisper sentences at 2 k s, the aws sentence half a second into the keystep
        numbers = [int(text.split()[-1]) for text in children]
        assert numbers == [3 * number, number, 3 * number + 1, 3 * number + 2]
        assert children[1] == f"{name} states {number}"
        assert item["step_mask"].tolist() == [True] * 4 + [False] * 4
        assert (item["text_index"][5:] == item["text_index"][0]).all()
    assert sorted(parents) == [f"{name} describes step {k}" for name in "abc" for k in range(4)]
    assert dataset.describe(5) == "b from 6.0 to 12.0 s"
    assert dataset.texts_per_source == (1, 8)


def test_fixed_frames_are_the_middles_of_equal_parts(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, num_frames=3, random_frames=False)
    assert all(second_of(dataset[(epoch, 1)]["frames"]).tolist() == [7, 9, 11] for epoch in range(3))
    drawn = build(tree, tokenizer, num_frames=3)
    shown = np.stack([second_of(drawn[(epoch, 1)]["frames"]) for epoch in range(30)])
    # anywhere in their parts of two seconds; the nearest row may lie an eighth of a second outside
    assert (np.abs(shown - [6.5, 8.5, 10.5]) <= 1.5).all()
    assert all(len(set(part)) >= 2 for part in shown.T)


def test_original_and_augmented_texts_are_drawn_alike(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, num_frames=1)
    drawn = [texts_of(dataset, dataset[(epoch, 0)])[0] for epoch in range(100)]
    assert set(drawn) == {"a step 0", "a describes step 0"} and 30 < drawn.count("a step 0") < 70
    c_parents = {texts_of(dataset, dataset[(epoch, 8)])[0] for epoch in range(20)}
    assert c_parents == {"c describes step 0"}  # it has one wording only
    titles = build(tree, tokenizer, num_frames=1, text_columns=["step"])
    assert [texts_of(titles, titles[index])[0] for index in (0, 8)] == ["a step 0", "c describes step 0"]


def test_further_columns_are_wordings_too(tree: Path, tokenizer: WordTokenizer, tmp_path: Path) -> None:
    write_split(tmp_path, "train", "a")
    rows = [Caption(0, 9, "first", "one"), Caption(9, 20, "second")]
    write_captions(tmp_path / "keystep_texts" / "a.csv", rows, {"again": ["once more", "nan"]})
    shutil.copytree(tree / "whisper_narration_texts", tmp_path / "whisper_narration_texts")
    shutil.copytree(tree / "aws_narration_texts", tmp_path / "aws_narration_texts")
    keys = {"frames_root": str(tree / "frames"), "num_frames": 1}
    dataset = build(tmp_path, tokenizer, text_columns=["step", "text", "again"], **keys)
    drawn = [{texts_of(dataset, dataset[(epoch, index)])[0] for epoch in range(40)} for index in (0, 1)]
    assert drawn == [{"first", "one", "once more"}, {"second"}]
    with pytest.raises(InputError, match=r"no file .* has the column 'agian'.*again, step, text"):
        build(tmp_path, tokenizer, text_columns=["agian"], **keys)


def test_narrations_are_what_was_said_unless_what_a_model_made_of_it_is_asked_for(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path
) -> None:
    root = shutil.copytree(tree, tmp_path / "tree")
    write_split(root, "train", "a")
    for path in (root / "whisper_narration_texts" / "a.csv", root / "aws_narration_texts" / "a.csv"):
        captions = read_captions(path)
        write_captions(path, captions, {"step": [f"made of {row}" for row in range(len(captions))]})

    def children(**keys: Any) -> set[str]:
        dataset = build(root, tokenizer, text_columns=["step"], **keys)
        items = [dataset[(epoch, index)] for epoch in range(10) for index in range(len(dataset))]
        return {text for item in items for text in texts_of(dataset, item)[1:]}

    assert not any(text.startswith("made of") for text in children())
    both = children(narration_columns=["text", "step"])
    assert both > children() and both - children() == {text for text in both if text.startswith("made of")}


def test_too_many_narrations_are_drawn_over_the_whole_window(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, num_frames=1, children=2)
    seen = set()
    for epoch in range(30):
        item = dataset[(epoch, 0)]
        assert item["step_mask"].all() and item["text_index"].shape == (3,)
        seen.add(tuple(texts_of(dataset, item)[1:]))
    early = {"a says sentence 0", "a states 0"}
    late = {"a says sentence very 1", "a says sentence very very 2"}
    assert seen == {(one, other) for one in early for other in late}


times = st.floats(0, 60).map(lambda value: round(value, 1))
narrations = st.lists(st.tuples(times, st.floats(0, 9), st.sampled_from("ABCDEFGH")), max_size=15)


@given(narrations, narrations, times, st.floats(0.1, 40))
def test_children_are_within_in_order_and_none_comes_twice(
    first: list[tuple[float, float, str]],
    second: list[tuple[float, float, str]],
    start: float,
    length: float,
) -> None:
    end = start + length
    sources = []
    for rows, mark in ((sorted(first), ""), (sorted(second), ".")):
        starts = np.array([row[0] for row in rows])
        ends = np.array([row[0] + row[1] for row in rows])
        texts = [row[2] + mark for row in rows]
        # a wording says which row it is of
        sources.append(Captions(starts, ends, texts, [(f"{n}{mark}",) for n in range(len(rows))]))
    children = narrations_within(Lecture("x", 100.0, (sources[0], *sources)), start, end)
    rows = [("." in wording, int(wording.strip("."))) for (wording,) in children]
    begins = [sources[source].start[row] for source, row in rows]
    said = [sources[source].texts[row].strip(".") for source, row in rows]
    assert begins == sorted(begins) and len(set(said)) == len(said)
    every = {
        text.strip(".")
        for source in sources
        for begin, stop, text in zip(source.start, source.end, source.texts, strict=True)
        if start <= (begin + stop) / 2 < end or begin <= (start + end) / 2 < stop
    }
    assert set(said) == every


def test_a_wording_is_not_drawn_twice_where_there_is_another(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path
) -> None:
    write_split(tmp_path, "train", "a")
    write_captions(tmp_path / "keystep_texts" / "a.csv", [Caption(0, 20, "all")])
    said = [Caption(k, k + 1, f"said {k}", "same step") for k in range(6)]
    write_captions(tmp_path / "aws_narration_texts" / "a.csv", said)
    dataset = build(tmp_path, tokenizer, frames_root=str(tree / "frames"), num_frames=1)
    for epoch in range(20):
        children = texts_of(dataset, dataset[(epoch, 0)])[1:]
        assert len(set(children)) == len(children) == 6


def test_batches_have_the_promised_form_with_any_number_of_workers(
    tree: Path, tokenizer: WordTokenizer
) -> None:
    dataset = build(tree, tokenizer, children=5)

    def batches(workers: int) -> list[dict[str, Any]]:
        return list(islice(text_loader(dataset, ResumableSampler(len(dataset), 4, seed=4), workers), 4))

    for one, other in zip(batches(2), batches(0), strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert value == other[name] if isinstance(value, int) else torch.equal(value, other[name])
    assert one["frames"].shape == (4, 16, 3, 32, 32) and one["frames"].dtype == torch.uint8
    assert one["step_mask"].shape == (4, 5) and one["step_mask"].dtype == torch.bool
    assert one["text_index"].shape == (4, 6) and one["input_ids"].shape[:2] == (4, 6)
    assert one["attention_mask"].sum(-1).min() >= 1  # places without a child hold real text too


def test_short_keysteps_grow_and_bad_ones_are_counted(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keysteps = [
        Caption(2, 3, "short"),
        Caption(5, 5, "of no length"),
        Caption(10, 11, "nothing is said"),
        Caption(SECONDS - 4, SECONDS + 40, "runs over the end"),
        Caption(SECONDS, SECONDS + 1, "late"),
        Caption(900, 901, "later"),
    ]
    write_captions(tmp_path / "keystep_texts" / "a.csv", keysteps)
    said = [Caption(2, 3, "Here."), Caption(SECONDS - 2, SECONDS - 1, "End")]
    write_captions(tmp_path / "whisper_narration_texts" / "a.csv", said)
    write_captions(tmp_path / "aws_narration_texts" / "a.csv", [Caption(2, 3, "here")])
    write_captions(tmp_path / "keystep_texts" / "b.csv", [Caption(0, 20, "b alone")])
    (tmp_path / "aws_narration_texts" / "b.csv").write_text("start,end,text\n")
    (tmp_path / "keystep_texts" / "d.csv").write_text("")
    shutil.copytree(tree / "frames", tmp_path / "frames")
    shutil.copytree(tmp_path / "frames" / "a.frames", tmp_path / "frames" / "d.frames")
    write_split(tmp_path, "train", "abcd")
    with caplog.at_level(logging.INFO):
        dataset = build(tmp_path, tokenizer, frames_root=str(tmp_path / "frames"), num_frames=4)
    assert "2 of 2 samples have fewer than 8 children" in caplog.text
    assert dataset.left_out == {
        "no whisper_narration_texts (the lecture is used without)": ["b"],
        "empty aws_narration_texts (the lecture is used without)": ["b"],
        "no keystep_texts": ["c"],
        "empty keystep_texts": ["d"],
        "keystep of no length": ["a"],
        "keystep without narration": ["a", "b"],
        "keystep after the end of the video": ["a", "a"],
    }
    assert "train.csv: left out 2: keystep after the end of the video: a (2)" in caplog.text
    assert [texts_of(dataset, dataset[index]) for index in range(len(dataset))] == [
        ["short", "here"],  # the two recognisers agree up to case and punctuation
        ["runs over the end", "End"],
    ]
    assert [dataset.describe(index) for index in range(2)] == ["a from 0.5 to 4.5 s", "a from 20.0 to 24.0 s"]
    write_split(tmp_path, "train", "bcd")
    with pytest.raises(InputError, match=r"train\.csv: no keystep of this split .*1: keystep without narr"):
        build(tmp_path, tokenizer, frames_root=str(tmp_path / "frames"))


def test_a_bad_file_of_a_lecture_that_is_left_out_stops_nobody(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path
) -> None:
    for folder in ("keystep_texts", "aws_narration_texts", "whisper_narration_texts"):
        shutil.copytree(tree / folder, tmp_path / folder)
    (tmp_path / "keystep_texts" / "a.csv").write_text("start,end,text\n0,9,nan\n")
    (tmp_path / "aws_narration_texts" / "a.csv").write_text("start,end,text\n9,8,backwards\n")
    write_split(tmp_path, "train", "ab")
    dataset = build(tmp_path, tokenizer, frames_root=str(tree / "frames"))
    assert dataset.left_out == {"empty keystep_texts": ["a"]} and len(dataset) == 4


def test_every_caption_file_is_read_once(
    tree: Path, tokenizer: WordTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    build(tree, tokenizer)
    texts = [path for path in read if path.parent.name.endswith("_texts")]
    assert len(texts) == len(set(texts)) == 3 * 3


def test_errors_name_file_row_and_key(tree: Path, tokenizer: WordTokenizer, tmp_path: Path) -> None:
    write_split(tmp_path, "train", "a")
    (tmp_path / "keystep_texts").mkdir()
    (tmp_path / "keystep_texts" / "a.csv").write_text("start,end,text\n0,1,good\n2,3,\n")
    with pytest.raises(InputError, match=r"keystep_texts/a\.csv, row 3, 'text'"):
        build(tmp_path, tokenizer, frames_root=str(tree / "frames"))
    with pytest.raises(InputError, match=r"keysteps\.num_frame'.*Did you mean 'num_frames'"):
        build(tree, tokenizer, num_frame=2)
    for wrong in ({"children": 0}, {"sources": []}, {"min_seconds": 0.0}, {"text_columns": []}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            build(tree, tokenizer, **wrong)


def test_real_keysteps_have_narrations_of_both_recognisers(tree: Path, shared_data: Path) -> None:
    sample = shared_data / "svl_sample"
    names = [path.stem for path in sorted((sample / "keystep_texts").glob("*.csv"))]
    folders = ("keystep_texts", "aws_narration_texts", "whisper_narration_texts")
    split = read_lectures(
        dict.fromkeys(names, tree / "frames" / "a.frames"),
        {name: [sample / folder / f"{name}.csv" for folder in folders] for name in names},
        needed=1,
        columns=[("step", "text")] * 3,
    )
    assert not split.left_out
    counts = {
        lecture.name: [
            len(narrations_within(lecture, start, end))
            for start, end in zip(lecture.captions[0].start, lecture.captions[0].end, strict=True)
        ]
        for lecture in split.lectures
    }
    assert counts == {
        "vd01en1354e": [3, 9, 11, 11, 11, 12, 2],
        "vd01en1382e": [7, 61, 16, 18],
        "vd01en1612": [7, 7, 7, 7, 5],
    }
    assert [len(lecture.captions[0].wordings[0]) for lecture in split.lectures] == [2, 1, 1]
