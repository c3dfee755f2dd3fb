"""The published video level: published dicts build it, and every sample follows the published rules."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lecture_tree import SECONDS, WordTokenizer, lecture_of, published_keys, second_of, write_split

from surgvlp import registry
from surgvlp.datasets import ResumableSampler, VideoTextAbstract, text_loader
from surgvlp.datasets.sampling import released_parts
from surgvlp.files import InputError
from surgvlp.lectures import Caption, read_captions, write_captions
from surgvlp.registry import DATASETS


def published(tree: Path, **keys: Any) -> dict[str, Any]:
    """A dict with exactly the published keys."""
    return {
        "type": "video_text_phase_aug_phase_abstract",
        **published_keys(tree),
        "caption_roots": [str(tree / "keystep_texts")],
        "phase_root": str(tree / "abstract_texts"),
        "candidates": torch.IntTensor([8]),
        "num_frames_clip": 64,
        **keys,
    }


def build(values: dict[str, Any], tokenizer: WordTokenizer) -> VideoTextAbstract:
    dataset: VideoTextAbstract = registry.build(DATASETS, values, "trainset_config", tokenizer=tokenizer)
    return dataset


def texts_of(dataset: VideoTextAbstract, item: dict[str, Any]) -> list[str]:
    return [dataset.texts.texts[row] for row in item["text_index"]]


def test_a_published_dict_builds_and_pads_with_the_last_keystep(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(published(tree), tokenizer)
    assert len(dataset) == 3 and dataset.texts_per_source == (1, 8)
    batch = next(iter(text_loader(dataset, ResumableSampler(3, 3, seed=0))))
    assert batch["frames"].shape == (3, 64, 3, 32, 32) and batch["frames"].dtype == torch.uint8
    assert batch["text_index"].shape == (3, 9) and batch["padded_length"] == 200
    for index, name in enumerate("abc"):
        item = dataset[index]
        assert dataset.describe(index) == name == lecture_of(item["frames"])
        steps = [f"{name} describes step {k}" for k in range(4)]
        assert texts_of(dataset, item) == [f"{name} in short", *steps, *steps[-1:] * 4]
        assert item["step_mask"].tolist() == [True] * 4 + [False] * 4
        # 3 frames a second over 24 s, of which 64 are kept
        assert (np.abs(second_of(item["frames"]) + 0.5 - np.linspace(0, SECONDS, 64)) <= 1).all()


@pytest.mark.parametrize(("count", "last"), [(8, 7), (9, 7), (15, 7), (16, 14), (23, 14), (24, 21)])
def test_the_tail_is_dropped_as_published(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, count: int, last: int
) -> None:
    write_split(tmp_path, "train", "a")
    steps = [Caption(k, k + 1, f"step {k}", "short title") for k in range(count)]
    write_captions(tmp_path / "keystep_texts" / "a.csv", steps)
    write_captions(tmp_path / "abstract_texts" / "a.csv", [Caption(0, 1, "in short"), Caption(1, 2, "again")])
    dataset = build(published(tmp_path, frames_root=str(tree / "frames")), tokenizer)
    parents = set()
    for epoch in range(20):
        item = dataset[(epoch, 0)]
        parent, *children = texts_of(dataset, item)
        parents.add(parent)
        assert children == [f"step {k}" for k in range(0, last + 1, count // 8)]
        assert item["step_mask"].all()
        shown = second_of(item["frames"])
        assert set(shown) == set(range(last + 1)) and (np.diff(shown) >= 0).all()
    assert parents == {"in short", "again"}


@given(st.integers(1, 60), st.integers(1, 12))
def test_children_are_the_description_s(total: int, wanted: int) -> None:
    if total < wanted:
        expected = [*range(total), *[total - 1] * (wanted - total)]
    else:
        expected = list(range(0, total, total // wanted))[:wanted]
    assert released_parts(total, wanted).tolist() == expected


def test_bad_lectures_are_counted_and_the_rest_is_used(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(tree / "frames", tmp_path / "frames")
    for name in "def":
        shutil.copytree(tmp_path / "frames" / "a.frames", tmp_path / "frames" / f"{name}.frames")
    rows = [Caption(2, 9, "early"), Caption(SECONDS + 5, SECONDS + 6, "late")]
    for name in "abcdefg":
        write_captions(tmp_path / "keystep_texts" / f"{name}.csv", rows)
        write_captions(tmp_path / "abstract_texts" / f"{name}.csv", [Caption(0, 1, "in short")])
    write_captions(tmp_path / "keystep_texts" / "b.csv", rows[1:])
    (tmp_path / "abstract_texts" / "c.csv").write_text("start,end,text\n0,24,nan\n")
    (tmp_path / "abstract_texts" / "d.csv").unlink()
    (tmp_path / "keystep_texts" / "e.csv").write_text("")
    (tmp_path / "keystep_texts" / "f.csv").unlink()
    write_split(tmp_path, "train", "abcdefg")
    values = published(tmp_path, frames_root=str(tmp_path / "frames"))
    with caplog.at_level(logging.INFO):
        dataset = build(values, tokenizer)
    assert dataset.left_out == {
        "no keystep within the video": ["b"],
        "empty abstract_texts": ["c"],
        "no abstract_texts": ["d"],
        "empty keystep_texts": ["e"],
        "no keystep_texts": ["f"],
        "no frames": ["g"],
    }
    assert "1 of 1 lectures have fewer than 8 keysteps" in caplog.text
    assert "1 keysteps after the end of their video stay in" in caplog.text
    assert texts_of(dataset, dataset[0]) == ["in short", "early", *["late"] * 7]
    assert set(second_of(dataset[0]["frames"])) == set(range(2, SECONDS))
    write_split(tmp_path, "train", "bcdefg")
    with pytest.raises(
        InputError, match=r"train\.csv: no lecture of this split can be used .*empty abstract"
    ):
        build(values, tokenizer)


def test_keys_that_cannot_be_honoured_are_refused(tree: Path, tokenizer: WordTokenizer) -> None:
    with pytest.raises(InputError, match="'caption_roots'"):
        build(published(tree, caption_roots=[str(tree / "keystep_texts")] * 2), tokenizer)
    with pytest.raises(InputError, match=r"video_text_phase_aug_phase_abstract\.fps"):
        build(published(tree, fps=2), tokenizer)


def test_the_real_texts_give_samples(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, shared_data: Path
) -> None:
    sample = shared_data / "svl_sample"
    shutil.copytree(tree / "frames" / "a.frames", tmp_path / "vd01en1354e.frames")
    values = published(sample, csv=str(sample / "splits" / "train_abstract.csv"), frames_root=str(tmp_path))
    dataset = build(values, tokenizer)
    (abstract,) = read_captions(sample / "abstract_texts" / "vd01en1354e.csv")
    steps = [caption.text for caption in read_captions(sample / "keystep_texts" / "vd01en1354e.csv")]
    assert texts_of(dataset, dataset[0]) == [abstract.text, *steps, steps[-1]]
    assert dataset[0]["step_mask"].tolist() == [True] * 7 + [False]
