"""The published keystep level: published dicts build it, and every sample follows the published rules."""

from __future__ import annotations

import itertools
import logging
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lecture_tree import SECONDS, WordTokenizer, lecture_of, published_keys, second_of, write_split
from torchvision import transforms

from surgvlp import registry
from surgvlp.datasets import ResumableSampler, VideoTextPhase, VideoTextPhaseKeys, text_loader
from surgvlp.datasets.split import Captions, Lecture, read_lectures
from surgvlp.datasets.video_text_phase import Nearby, clip_times
from surgvlp.files import InputError
from surgvlp.lectures import Caption, read_captions, write_captions
from surgvlp.registry import DATASETS


def published(tree: Path, **keys: Any) -> dict[str, Any]:
    """A dict with exactly the published keys."""
    return {
        "type": "video_text_phase",
        **published_keys(tree),
        "caption_roots": [str(tree / "aws_narration_texts"), str(tree / "whisper_narration_texts")],
        "phase_root": str(tree / "keystep_texts"),
        "candidates": torch.IntTensor([3]),
        "num_frames_clip": 16,
        **keys,
    }


def build(values: dict[str, Any], tokenizer: WordTokenizer) -> VideoTextPhase:
    dataset: VideoTextPhase = registry.build(DATASETS, values, "trainset_config", tokenizer=tokenizer)
    return dataset


def keys(children: int = 3, **more: Any) -> VideoTextPhaseKeys:
    return VideoTextPhaseKeys(
        csv="", video_root="", caption_roots=["", ""], phase_root="", candidates=[children], **more
    )


def reference_times(start: float, end: float, duration: float, wanted: int, min_time: float) -> list[float]:
    """Section 3.3 of the description, line by line."""
    if end - start < min_time:
        start = max(0, start - (min_time - (end - start)) / 2)
        end = start + min_time
    rate = math.ceil(wanted / (end - start))
    grid = [start + number / rate for number in range(round((end - start) * rate))]
    decoded = [time for time in grid if time < duration]
    return [decoded[min(math.floor(x), len(decoded) - 1)] for x in np.linspace(0, len(decoded), wanted)]


def reference_pool(keystep: Caption, sources: list[list[Caption]], min_time: float) -> list[Caption]:
    """The narrations near a keystep, and behind them the keystep with its window."""
    start, end = keystep.start, keystep.end
    if end - start < min_time:
        start = max(0, start - (min_time - (end - start)) / 2)
        end = start + min_time
    start, end = int(start), int(end)
    pool = []
    for captions in sources:
        pool += [caption for caption in captions if caption.start <= start <= caption.end]
        pool += [caption for caption in captions if caption.start >= start and caption.end <= end]
        pool += [caption for caption in captions if caption.start <= end <= caption.end]
    return [*pool, Caption(start, end, keystep.text)]


@pytest.mark.parametrize("name", ["video_text_phase", "video_text_phase_aug"])
@pytest.mark.parametrize("straight_from", ["videos", "stores"])
def test_a_published_dict_builds(tree: Path, tokenizer: WordTokenizer, name: str, straight_from: str) -> None:
    frames_root = {"frames_root": str(tree / "frames")} if straight_from == "stores" else {}
    dataset = build(published(tree, type=name, **frames_root), tokenizer)
    assert len(dataset) == 3  # an epoch is one keystep a video
    assert dataset.texts_per_source == (1, 3) and dataset.describe(1) == "b"
    batch = next(iter(text_loader(dataset, ResumableSampler(3, 3, seed=0))))
    assert batch["frames"].shape == (3, 16, 3, 32, 32) and batch["frames"].dtype == torch.uint8
    assert batch["text_index"].shape == (3, 4) and batch["padded_length"] == 200
    assert batch["step_mask"].shape == (3, 3) and batch["step_mask"].all()


def test_samples_follow_the_published_rules(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(published(tree, frames_root=str(tree / "frames")), tokenizer)
    drawn = set()
    for epoch in range(40):
        item = dataset[(epoch, epoch % 3)]
        parent, *children = (dataset.texts.texts[row] for row in item["text_index"])
        name = parent[0]
        drawn.add(parent)
        folders = ("keystep_texts", "aws_narration_texts", "whisper_narration_texts")
        keysteps, *sources = (read_captions(tree / folder / f"{name}.csv") for folder in folders)
        (keystep,) = [caption for caption in keysteps if caption.text == parent]
        *pool, _ = reference_pool(keystep, sources, 4.0)
        assert len(pool) > 3
        said = [next(caption for caption in pool if caption.text == text) for text in children]
        assert all(children.count(text) <= [p.text for p in pool].count(text) for text in children)
        expected = reference_times(said[0].start, said[-1].end, SECONDS, 16, 4.0)
        assert lecture_of(item["frames"]) == name
        # rows of the store lie a quarter of a second apart
        assert (np.abs(second_of(item["frames"]) + 0.5 - expected) <= 0.5 + 0.126).all()
    assert len(drawn) > 8


seconds = st.floats(0, 60).map(lambda value: round(value, 1))
sources = st.lists(st.tuples(seconds, st.floats(0, 15)), max_size=4).map(
    lambda rows: [Caption(start, start + length, f"{n}") for n, (start, length) in enumerate(sorted(rows))]
)


def lecture_with(keystep: Caption, narrations: list[list[Caption]]) -> Lecture:
    captions = [
        Captions(np.array([c.start for c in rows]), np.array([c.end for c in rows]), [c.text for c in rows])
        for rows in ([keystep], *narrations)
    ]
    return Lecture("x", 60.0, tuple(captions))


@given(seconds, st.floats(0, 30), sources, sources, st.integers(1, 4), st.integers(0, 2**32))
def test_children_and_clip_are_the_description_s(
    start: float, length: float, first: list[Caption], second: list[Caption], wanted: int, seed: int
) -> None:
    keystep = Caption(start, start + length, "keystep")
    *pool, fill = reference_pool(keystep, [first, second], 4.0)
    lecture = lecture_with(keystep, [first, second])
    nearby = Nearby.of(lecture, 0, keys(wanted))
    if len(pool) > wanted:
        possible = list(itertools.permutations(pool, wanted))
    else:
        possible = [tuple(pool + [fill] * (wanted - len(pool)))]

    children, begin, stop = nearby.draw(keys(wanted), np.random.default_rng(seed))
    texts = [lecture.captions[source].texts[row] for source, row in children]
    assert (texts, begin, stop) in [
        ([caption.text for caption in one], one[0].start, one[-1].end) for one in possible
    ]
    starts = [reference_times(one[0].start, one[-1].end, math.inf, 16, 4.0)[0] for one in possible]
    assert set(nearby.clip_starts(keys(wanted)).tolist()) == set(starts)


def test_every_order_of_every_choice_comes_up_alike() -> None:
    narrations = [Caption(k, k + 1, f"{k}") for k in range(4)]
    nearby = Nearby.of(lecture_with(Caption(0, 10, "keystep"), [narrations]), 0, keys(3))
    assert len(nearby.narrations) == 5  # the first one spans the start and lies within
    generator = np.random.default_rng(0)
    drawn = [tuple(nearby.draw(keys(2), generator)[0]) for _ in range(2000)]
    pairs = list(itertools.permutations(nearby.narrations, 2))
    assert set(drawn) == set(pairs)
    for pair in set(pairs):
        assert drawn.count(pair) == pytest.approx(100 * pairs.count(pair), rel=0.45)


@given(seconds, seconds, st.floats(20, 100), st.sampled_from([1, 16, 64]), st.sampled_from([0.5, 4.0]))
def test_frames_are_the_description_s(
    start: float, end: float, duration: float, wanted: int, min_time: float
) -> None:
    times = reference_times(start, end, math.inf, wanted, min_time)
    duration = max(duration, times[0] + 0.1)
    found = clip_times(start, end, duration, keys(num_frames_clip=wanted, min_time=min_time))
    assert found.tolist() == pytest.approx(reference_times(start, end, duration, wanted, min_time))
    assert len(found) == wanted and (np.diff(found) >= 0).all() and found[-1] < duration


def test_the_keystep_fills_up_where_little_is_said(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_split(tmp_path, "train", "ab")
    write_captions(tmp_path / "keystep_texts" / "a.csv", [Caption(2, 21, "all")])
    write_captions(tmp_path / "keystep_texts" / "b.csv", [Caption(2, 21, "silence")])
    write_captions(tmp_path / "aws_narration_texts" / "a.csv", [Caption(5, 9, "one")])
    (tmp_path / "aws_narration_texts" / "b.csv").write_text("start,end,text\n")
    roots = {"caption_roots": [str(tmp_path / "aws_narration_texts")], "frames_root": str(tree / "frames")}
    with caplog.at_level(logging.INFO):
        dataset = build(published(tmp_path, num_frames_clip=64, **roots), tokenizer)
    assert "2 of 2 keysteps have fewer than 3 narrations" in caplog.text
    assert dataset.left_out == {"empty aws_narration_texts (the lecture is used without)": ["b"]}
    expected = [["all", "one", "all", "all"], ["silence"] * 4]
    for index, texts in enumerate(expected):
        item = dataset[index]
        assert [dataset.texts.texts[row] for row in item["text_index"]] == texts
        assert item["step_mask"].all()
        # from the start of the first child to the end of the keystep
        assert set(second_of(item["frames"])) == set(range((5, 2)[index], 21))


def test_original_or_augmented_is_one_draw_a_file(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path
) -> None:
    write_split(tmp_path, "train", "a")
    write_captions(tmp_path / "keystep_texts" / "a.csv", [Caption(0, 20, "text keystep", "step keystep")])
    said = [Caption(k, k + 1, f"text {k}", f"step {k}" if k else "") for k in range(6)]
    write_captions(tmp_path / "aws_narration_texts" / "a.csv", said)
    write_captions(tmp_path / "whisper_narration_texts" / "a.csv", [Caption(7, 8, "no titles here")])
    values = published(tmp_path, frames_root=str(tree / "frames"), num_frames_clip=1, candidates=[9])
    augmented = build({**values, "type": "video_text_phase_aug"}, tokenizer)
    plain = build(values, tokenizer)
    drawn = []
    for epoch in range(100):
        parent, *children = (augmented.texts.texts[row] for row in augmented[(epoch, 0)]["text_index"])
        columns = {text.split()[0] for text in children if text.split()[-1] in "12345"}
        assert len(columns) == 1 and "no titles here" in children
        assert "text 0" in children  # a blank title gives way to the text
        assert all(text == parent for text in children if "keystep" in text)
        drawn.append((parent.split()[0], *columns))
        assert {plain.texts.texts[row][:4] for row in plain[(epoch, 0)]["text_index"]} <= {"text", "no t"}
    for combination in itertools.product(("text", "step"), repeat=2):
        assert 12 <= drawn.count(combination) <= 40


def test_what_the_released_worker_crashes_on_is_counted(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(tree / "frames", tmp_path / "frames")
    for name in "defg":
        shutil.copytree(tmp_path / "frames" / "a.frames", tmp_path / "frames" / f"{name}.frames")
    for name in "abcdefgh":
        write_captions(tmp_path / "keystep_texts" / f"{name}.csv", [Caption(0, SECONDS + 0.4, "whole")])
        write_captions(tmp_path / "aws_narration_texts" / f"{name}.csv", [Caption(1, 3, "early")])
    late = [Caption(0, 9, "early"), Caption(SECONDS + 3, SECONDS + 20, "late"), Caption(90, 99, "later")]
    write_captions(tmp_path / "keystep_texts" / "b.csv", late)
    write_captions(tmp_path / "keystep_texts" / "c.csv", late[1:])
    (tmp_path / "keystep_texts" / "d.csv").write_text("start,end,text\n")
    (tmp_path / "keystep_texts" / "e.csv").unlink()
    (tmp_path / "aws_narration_texts" / "f.csv").unlink()
    # one of three that are drawn from four begins after the end: with it first, there may be nothing to show
    beyond = [Caption(k, k + 1, f"{k}") for k in (1, 2, 20, 33)]
    write_captions(tmp_path / "aws_narration_texts" / "g.csv", beyond)
    write_captions(tmp_path / "keystep_texts" / "g.csv", [Caption(0, 40, "all"), Caption(0, 22, "most")])
    write_split(tmp_path, "train", "abcdefgh")
    values = published(
        tmp_path,
        caption_roots=[str(tmp_path / "aws_narration_texts")],
        frames_root=str(tmp_path / "frames"),
    )
    with caplog.at_level(logging.WARNING):
        dataset = build(values, tokenizer)
    beyond_the_end = "keystep whose clip may begin after the end of the video"
    assert dataset.left_out == {
        "empty keystep_texts": ["d"],
        "no keystep_texts": ["e"],
        "no aws_narration_texts": ["f"],
        "no frames": ["h"],
        beyond_the_end: ["b", "b", "c", "c", "g"],
        "no keystep within the video": ["c"],
    }
    assert f"train.csv: left out 5: {beyond_the_end}: b (2), c (2), g" in caplog.text
    assert [dataset.describe(index) for index in range(len(dataset))] == ["a", "b", "g"]
    for epoch in range(40):
        for index, keystep in enumerate(("whole", "early", "most")):
            item = dataset[(epoch, index)]
            assert dataset.texts.texts[item["text_index"][0]] == keystep and len(item["frames"]) == 16
    write_split(tmp_path, "train", "cdefh")
    with pytest.raises(
        InputError, match=r"train\.csv: no lecture of this split can be used .*1: no keystep w"
    ):
        build(values, tokenizer)


def test_keys_that_cannot_be_honoured_are_refused(tree: Path, tokenizer: WordTokenizer) -> None:
    with pytest.raises(InputError, match=r"video_text_phase\.phase_rot'.*Did you mean 'phase_root'"):
        build(published(tree, phase_rot="x"), tokenizer)
    for wrong in (
        {"candidates": [3, 3]},
        {"candidates": [0]},
        {"caption_roots": []},
        {"min_time": 0.0},
        {"num_frames_clip": 0},
        {"transforms": transforms.Normalize([0.5] * 3, [0.5] * 3)},
    ):
        with pytest.raises(InputError, match=f"'{next(iter(wrong))}'"):
            build(published(tree, **wrong), tokenizer)


def test_real_texts_give_the_measured_clips(tree: Path, shared_data: Path) -> None:
    # section 3.3 of the description: 34 to 42 % end before they start, 45 to 49 % collapse, median 13 to 27 %
    sample = shared_data / "svl_sample"
    names = [path.stem for path in sorted((sample / "keystep_texts").glob("*.csv"))]
    folders = ("keystep_texts", "aws_narration_texts", "whisper_narration_texts")
    split = read_lectures(
        dict.fromkeys(names, tree / "frames" / "a.frames"),
        {name: [sample / folder / f"{name}.csv" for folder in folders] for name in names},
    )
    assert len(split.lectures) == 3
    lengths, covered = [], []
    for lecture in split.lectures:
        keysteps, generator = lecture.captions[0], np.random.default_rng(0)
        nearby = [Nearby.of(lecture, row, keys()) for row in range(len(keysteps.texts))]
        for row in generator.integers(len(nearby), size=4000):
            _, start, end = nearby[row].draw(keys(), generator)
            lengths.append(end - start)
            covered.append(max(end - start, 4.0) / (keysteps.end[row] - keysteps.start[row]))
    assert 0.34 <= np.mean(np.array(lengths) < 0) <= 0.42
    assert 0.45 <= np.mean(np.array(lengths) < 4) <= 0.49
    assert 0.13 <= np.median(covered) <= 0.27
