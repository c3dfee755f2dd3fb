"""Clips from real stores and videos: true windows and texts, the same with any workers, clear refusals."""

from __future__ import annotations

import logging
import pickle
import shutil
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lecture_tree import SECONDS, WordTokenizer, lecture_of, second_of, write_split

from surgvlp import registry
from surgvlp.datasets import Clips, ResumableSampler, text_loader
from surgvlp.datasets.frames import LectureFrames
from surgvlp.files import InputError
from surgvlp.lectures import Caption, read_captions, write_captions
from surgvlp.registry import DATASETS


def build(tree: Path, tokenizer: WordTokenizer, **keys: Any) -> Clips:
    config = {
        "type": "clips",
        "root": str(tree),
        "split": "train",
        "frames_root": str(tree / "frames"),
        "size": 32,
        "max_length": 12,
    }
    dataset: Clips = registry.build(DATASETS, config | keys, "trainset_config", tokenizer=tokenizer)
    return dataset


def texts_of(dataset: Clips, item: dict[str, Any]) -> list[str]:
    return [dataset.texts.texts[row] for row in item["text_index"]]


def test_a_clip_shows_the_lecture_and_seconds_of_its_narration(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, sources=["aws_narration"], num_frames=3)
    assert len(dataset) == 3 * 4
    for epoch in range(3):
        for index in range(len(dataset)):
            item = dataset[(epoch, index)]
            anchor = texts_of(dataset, item)[0]
            name, number = anchor[0], int(anchor.split()[-1])
            assert item["frames"].shape == (3, 3, 32, 32) and item["frames"].dtype == np.uint8
            assert item["frames"].flags.c_contiguous
            assert lecture_of(item["frames"]) == name
            shown = second_of(item["frames"])
            # windows of 5 s hold clips of 3 to 5 s; the nearest stored frame is within a quarter second
            assert (shown >= int(6 * number + 0.25)).all() and (shown <= 6 * number + 5.75).all()
            assert (np.diff(shown) >= 1).all()


@pytest.mark.parametrize("straight_from", ["videos", "stores"])
def test_an_epoch_is_every_narration_once(tree: Path, tokenizer: WordTokenizer, straight_from: str) -> None:
    frames_root = None if straight_from == "videos" else str(tree / "frames")
    dataset = build(tree, tokenizer, frames_root=frames_root)
    anchors = Counter(texts_of(dataset, dataset[index])[0] for index in range(len(dataset)))
    said = [
        caption.text
        for name in "abc"
        for caption in read_captions(tree / "whisper_narration_texts" / f"{name}.csv")
    ]
    assert anchors == Counter(said)


def test_neighbours_of_one_source_are_the_narrations_around(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, neighbours=3)
    assert dataset.texts_per_source == (1, 3)
    numbers = [int(text.split()[-1]) for text in texts_of(dataset, dataset[5])]
    assert numbers[0] == 5 and sorted(numbers[1:3]) == [4, 6] and numbers[3] in (3, 7)


def test_neighbours_of_a_second_source_are_nearest_in_time(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, sources=["aws_narration", "whisper_narration"])
    anchor, *others = texts_of(dataset, dataset[1])
    assert anchor == "a states 1"  # 6.5 to 11.5 s; narrations 4 (8 to 9.5 s) and 3, 5 (6, 10 s) lie in it
    assert others[0].endswith(" 4") and others[1].endswith((" 3", " 5"))


def test_too_few_neighbours_are_filled_up_and_none_comes_twice(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path
) -> None:
    said = [Caption(0, 2, "again"), Caption(3, 5, "cut"), Caption(6, 8, "again"), Caption(20, 22, "far away")]
    write_captions(tmp_path / "whisper_narration_texts" / "a.csv", said)
    write_split(tmp_path, "train", "a")
    dataset = build(tmp_path, tokenizer, frames_root=str(tree / "frames"), neighbours=3, neighbour_reach=5.0)
    assert texts_of(dataset, dataset[1]) == ["cut", "again", "cut", "cut"]
    assert texts_of(dataset, dataset[3]) == ["far away"] * 4
    assert texts_of(dataset, dataset[0]) == ["again", "cut", "again", "again"]
    alone = build(tmp_path, tokenizer, frames_root=str(tree / "frames"), neighbours=0)
    assert alone.texts_per_source == (1,) and texts_of(alone, alone[1]) == ["cut"]


def test_shuffled_texts_move_every_text_and_keep_them_together(tree: Path, tokenizer: WordTokenizer) -> None:
    true, control = build(tree, tokenizer), build(tree, tokenizer, shuffle_texts=True)
    pairs = [(true[index], control[index]) for index in range(len(true))]
    assert all(np.array_equal(one["frames"], other["frames"]) for one, other in pairs)
    assert not any(np.array_equal(one["text_index"], other["text_index"]) for one, other in pairs)
    rows = Counter(tuple(one["text_index"]) for one, _ in pairs)
    assert rows == Counter(tuple(other["text_index"]) for _, other in pairs)
    # across the split, not within lectures, and the same in every epoch
    assert sum(texts_of(control, c)[0][0] == lecture_of(c["frames"]) for _, c in pairs) < len(true) * 0.7
    assert np.array_equal(control[(7, 3)]["text_index"], control[(0, 3)]["text_index"])


def test_samples_depend_on_seed_and_epoch_and_nothing_else(tree: Path, tokenizer: WordTokenizer) -> None:
    keys = {"sources": ["aws_narration"], "num_frames": 2}
    dataset = build(tree, tokenizer, **keys)
    again = pickle.loads(pickle.dumps(dataset))
    for epoch in range(2):
        for index in (5, 0, 5):
            assert np.array_equal(dataset[(epoch, index)]["frames"], again[(epoch, index)]["frames"])
    seeds = [build(tree, tokenizer, **keys, seed=seed) for seed in range(2)]
    windows = [
        np.concatenate([second_of(item[(epoch, 1)]["frames"]) for epoch in range(10)]) for item in seeds
    ]
    assert not np.array_equal(*windows)
    assert len(set(windows[0])) > 2


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_the_same_with_any_number_of_workers_and_after_any_resume(
    tree: Path, tokenizer: WordTokenizer, workers: int
) -> None:
    dataset = build(tree, tokenizer, sources=["aws_narration"])

    def batches(count: int, workers: int, position: int) -> list[dict[str, Any]]:
        loader = text_loader(dataset, ResumableSampler(len(dataset), 5, seed=4), workers)
        loader.sampler.position = position
        return list(islice(loader, count))

    expected = batches(6, 0, 0)
    for one, other in zip(batches(3, workers, 3), expected[3:], strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert value == other[name] if isinstance(value, int) else torch.equal(value, other[name])


def test_the_position_counts_batches_used_not_batches_fetched_ahead(
    tree: Path, tokenizer: WordTokenizer
) -> None:
    dataset = build(tree, tokenizer)
    random_state = torch.get_rng_state()
    loader = text_loader(dataset, ResumableSampler(len(dataset), 4, seed=0), workers=2)
    batches = iter(loader)
    first = [next(batches) for _ in range(3)]
    assert loader.sampler.state_dict()["position"] == 3
    loader.sampler.position = 1  # back, with workers running and batches on their way
    again = list(islice(loader, 2))
    assert all(
        torch.equal(one["frames"], other["frames"]) for one, other in zip(first[1:], again, strict=True)
    )
    assert torch.equal(random_state, torch.get_rng_state())


def test_a_batch_has_the_promised_form(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(tree, tokenizer, sources=["aws_narration", "whisper_narration"], max_length=30)
    sampler = ResumableSampler(len(dataset), 6, seed=0)
    batch = next(iter(text_loader(dataset, sampler)))
    assert batch["frames"].shape == (6, 4, 3, 32, 32) and batch["frames"].dtype == torch.uint8
    assert batch["text_index"].shape == (6, 3) and batch["text_index"].dtype == torch.int64
    assert batch["padded_length"] == 30
    longest = max(len(dataset.texts.texts[row].split()) for row in batch["text_index"].flatten())
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (6, 3, longest)
    for sample in range(6):
        for text in range(3):
            words = [len(word) for word in dataset.texts.texts[batch["text_index"][sample, text]].split()]
            mask = batch["attention_mask"][sample, text].bool()
            assert batch["input_ids"][sample, text][mask].tolist() == words


def test_what_cannot_be_used_is_counted_and_the_rest_is_used(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(tree / "whisper_narration_texts", tmp_path / "whisper_narration_texts")
    late = [Caption(1, 3, "here"), Caption(SECONDS - 1, SECONDS + 9, "half"), Caption(500, 503, "late")]
    write_captions(tmp_path / "whisper_narration_texts" / "a.csv", late)
    write_captions(tmp_path / "whisper_narration_texts" / "d.csv", late)
    (tmp_path / "whisper_narration_texts" / "b.csv").unlink()
    write_split(tmp_path, "train", "abcd")
    with caplog.at_level(logging.WARNING):
        dataset = build(tmp_path, tokenizer, frames_root=str(tree / "frames"))
    assert len(dataset) == 2 + 12
    assert dataset.left_out == {
        "no whisper_narration_texts": ["b"],
        "no frames": ["d"],
        "narrated after the end of the video": ["a"],
    }
    assert len(caplog.records) == 3 and "splits/train.csv: left out 1: no frames: d" in caplog.text
    assert (second_of(dataset[1]["frames"]) >= SECONDS - 5).all()  # the clip stays inside the video
    (tmp_path / "whisper_narration_texts" / "a.csv").unlink()
    (tmp_path / "whisper_narration_texts" / "c.csv").unlink()
    with pytest.raises(InputError, match=r"train\.csv: no narration of this split .*1: no frames"):
        build(tmp_path, tokenizer, frames_root=str(tree / "frames"))


def test_errors_name_file_row_and_key(tree: Path, tokenizer: WordTokenizer, tmp_path: Path) -> None:
    write_split(tmp_path, "train", "a")
    folder = tmp_path / "whisper_narration_texts"
    folder.mkdir()
    (folder / "a.csv").write_text("start,end,text\n0,1,good\n2,3,\n")
    with pytest.raises(InputError, match=r"a\.csv, row 3, 'text'"):
        build(tmp_path, tokenizer, frames_root=str(tree / "frames"))
    with pytest.raises(InputError, match=r"clips\.num_frame'.*Did you mean 'num_frames'"):
        build(tree, tokenizer, num_frame=2)
    with pytest.raises(InputError, match=r"clips\.size': expected int"):
        build(tree, tokenizer, size="large")
    with pytest.raises(InputError, match="clip_min"):
        build(tree, tokenizer, clip_min=6)
    with pytest.raises(InputError, match="sources"):
        build(tree, tokenizer, sources=[])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_store_is_one_clear_line_from_any_worker(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, workers: int
) -> None:
    shutil.copytree(tree / "frames", tmp_path / "frames")
    packed = tmp_path / "frames" / "b.frames" / "frames.bin"
    packed.write_bytes(bytes(packed.stat().st_size))
    dataset = build(tree, tokenizer, frames_root=str(tmp_path / "frames"))
    try:
        next(iter(text_loader(dataset, ResumableSampler(len(dataset), 36, seed=0), workers)))
    except InputError as error:  # not pytest.raises: it would keep the workers alive
        message = str(error)
    assert "b.frames" in message and "is damaged" in message
    assert "Traceback" not in message and "\n" not in message


def test_open_lectures_stay_few(tree: Path) -> None:
    frames = LectureFrames([tree / "frames" / f"{name}.frames" for name in "abc"], limit=2)
    for lecture in (0, 1, 2, 0, 2):
        assert frames.duration(lecture) == pytest.approx(SECONDS)
        assert len(frames._open) <= 2


def test_videos_and_stores_give_the_same_clips(tree: Path, tokenizer: WordTokenizer) -> None:
    stored, straight = build(tree, tokenizer), build(tree, tokenizer, frames_root=None)
    for index in (0, 13, 35):
        difference = stored[index]["frames"].astype(int) - straight[index]["frames"].astype(int)
        assert np.abs(difference).mean() < 3  # JPEG
