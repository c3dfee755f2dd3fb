"""Whole lectures: frames and keysteps from first second to last, in order; bad lectures are counted."""

from __future__ import annotations

import logging
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lecture_tree import SECONDS, WordTokenizer, lecture_of, second_of, write_split

from surgvlp import registry
from surgvlp.datasets import ResumableSampler, WholeLectures, text_loader
from surgvlp.files import InputError
from surgvlp.lectures import Caption, write_captions
from surgvlp.registry import DATASETS


def build(tree: Path, tokenizer: WordTokenizer, **keys: Any) -> WholeLectures:
    config = {
        "type": "whole_lectures",
        "root": str(tree),
        "split": "train",
        "frames_root": str(tree / "frames"),
        "size": 32,
        "max_length": 12,
    }
    dataset: WholeLectures = registry.build(DATASETS, config | keys, "config", tokenizer=tokenizer)
    return dataset


def texts_of(dataset: WholeLectures, item: dict[str, Any]) -> list[str]:
    """Parent and those children that are there."""
    shown = [True, *item["step_mask"]]
    return [dataset.texts.texts[row] for row, there in zip(item["text_index"], shown, strict=True) if there]


def write_lecture(root: Path, name: str, keysteps: list[Caption], abstract: str = "in short") -> None:
    write_captions(root / "keystep_texts" / f"{name}.csv", keysteps)
    write_captions(root / "abstract_texts" / f"{name}.csv", [Caption(0, SECONDS, abstract)])


@pytest.mark.parametrize("straight_from", ["videos", "stores"])
def test_a_sample_is_the_whole_lecture(tree: Path, tokenizer: WordTokenizer, straight_from: str) -> None:
    frames_root = None if straight_from == "videos" else str(tree / "frames")
    dataset = build(tree, tokenizer, frames_root=frames_root, text_columns=["text"])
    assert len(dataset) == 3 and dataset.texts_per_source == (1, 8)
    for index, name in enumerate("abc"):
        item = dataset[index]
        assert item["frames"].shape == (64, 3, 32, 32) and lecture_of(item["frames"]) == name
        shown = second_of(item["frames"])
        assert (np.diff(shown) >= 0).all() and set(shown) == set(range(SECONDS))
        expected = [f"{name} in short", *(f"{name} describes step {k}" for k in range(4))]
        assert texts_of(dataset, item) == expected
        assert item["step_mask"].tolist() == [True] * 4 + [False] * 4
        assert (item["text_index"][5:] == item["text_index"][0]).all()
    assert dataset.describe(1) == "b from 0.0 to 24.0 s"


def test_every_text_is_original_or_augmented_on_its_own(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, num_frames=1)
    drawn = [texts_of(dataset, dataset[(epoch, 0)]) for epoch in range(60)]
    assert {texts[0] for texts in drawn} == {"a in short", "a title"}
    for k in range(4):
        assert {texts[1 + k] for texts in drawn} == {f"a describes step {k}", f"a step {k}"}
    assert len({tuple(texts) for texts in drawn}) > 16  # of 32


@pytest.mark.parametrize("count", [8, 9, 15, 16, 23])
def test_no_keystep_is_dropped_unfairly(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, count: int
) -> None:
    write_split(tmp_path, "train", "a")
    write_lecture(tmp_path, "a", [Caption(k, k + 1, f"step {k}") for k in range(count)])
    dataset = build(tmp_path, tokenizer, frames_root=str(tree / "frames"), num_frames=1)
    seen: set[int] = set()
    for epoch in range(60):
        item = dataset[(epoch, 0)]
        numbers = [int(text.split()[-1]) for text in texts_of(dataset, item)[1:]]
        assert item["step_mask"].all() and numbers == sorted(set(numbers)) and len(numbers) == 8
        # from the start to the end of the lecture, every time
        assert numbers[0] <= count / 8 and numbers[-1] >= count * 7 // 8
        seen.update(numbers)
    assert seen == set(range(count))


def test_a_step_that_comes_again_is_a_child_again(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path
) -> None:
    write_split(tmp_path, "train", "a")
    steps = ["cut", "rinse", "cut", "rinse"]
    write_lecture(tmp_path, "a", [Caption(5 * k, 5 * k + 5, text) for k, text in enumerate(steps)])
    dataset = build(tmp_path, tokenizer, frames_root=str(tree / "frames"), num_frames=1)
    assert texts_of(dataset, dataset[0]) == ["in short", *steps]


def test_batches_do_not_depend_on_workers(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, num_frames=4, children=3)

    def batches(workers: int) -> list[dict[str, Any]]:
        return list(islice(text_loader(dataset, ResumableSampler(len(dataset), 2, seed=1), workers), 4))

    for one, other in zip(batches(2), batches(0), strict=True):
        for name, value in one.items():
            assert value == other[name] if isinstance(value, int) else torch.equal(value, other[name])
    assert one["frames"].shape == (2, 4, 3, 32, 32)
    assert one["step_mask"].shape == (2, 3) and one["text_index"].shape == (2, 4)


def test_bad_lectures_are_counted_and_the_rest_is_used(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(tree / "frames", tmp_path / "frames")
    for name in "defg":
        shutil.copytree(tmp_path / "frames" / "a.frames", tmp_path / "frames" / f"{name}.frames")
    for name in "abcdef":
        write_lecture(tmp_path, name, [Caption(0, 9, "early"), Caption(SECONDS + 1, SECONDS + 2, "late")])
    write_captions(tmp_path / "keystep_texts" / "b.csv", [Caption(500, 600, "elsewhere")])
    (tmp_path / "abstract_texts" / "c.csv").write_text("start,end,text\n0,24,\n")
    (tmp_path / "abstract_texts" / "d.csv").write_text("start,end,text\n")
    (tmp_path / "abstract_texts" / "e.csv").unlink()
    (tmp_path / "keystep_texts" / "f.csv").unlink()
    write_split(tmp_path, "train", "abcdefgh")
    with caplog.at_level(logging.WARNING):
        dataset = build(tmp_path, tokenizer, frames_root=str(tmp_path / "frames"), num_frames=2)
    assert dataset.left_out == {
        "empty abstract_texts": ["c", "d"],
        "no abstract_texts": ["e"],
        "no keystep_texts": ["f"],
        "no abstract_texts and no keystep_texts": ["g"],
        "no frames": ["h"],
        "keystep after the end of the video": ["a", "b"],
        "no keystep within the video": ["b"],
    }
    assert len(caplog.records) == 7 and "left out 2: empty abstract_texts: c, d" in caplog.text
    assert [texts_of(dataset, dataset[index]) for index in range(len(dataset))] == [["in short", "early"]]
    write_split(tmp_path, "train", "bcdefgh")
    with pytest.raises(
        InputError, match=r"train\.csv: no lecture of this split can be used .*empty abstract"
    ):
        build(tmp_path, tokenizer, frames_root=str(tmp_path / "frames"))


def test_unknown_keys_are_refused(tree: Path, tokenizer: WordTokenizer) -> None:
    with pytest.raises(InputError, match=r"whole_lectures\.sources"):
        build(tree, tokenizer, sources=["aws_narration"])
    with pytest.raises(InputError, match="num_frames"):
        build(tree, tokenizer, num_frames=0)
