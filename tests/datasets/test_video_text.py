"""The published data sets: a published dict builds them, and every sample follows the published rules."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lecture_tree import IMAGENET, SECONDS, WordTokenizer, lecture_of, published_keys, second_of
from torchvision import transforms

from surgvlp import config, registry
from surgvlp.datasets import ResumableSampler, VideoText, text_loader
from surgvlp.files import InputError
from surgvlp.lectures import Caption, read_captions, write_captions
from surgvlp.registry import DATASETS


def published(tree: Path, **keys: Any) -> dict[str, Any]:
    """A dict with exactly the published keys."""
    return {
        "type": "video_text_ssl",
        **published_keys(tree),
        "caption_roots": [str(tree / "aws_narration_texts"), str(tree / "whisper_narration_texts")],
        "candidates": torch.IntTensor([1, 2]),
        "fps": 2,
        "num_frames": 4,
        "clip_min": 3,
        "clip_max": 5,
        "aug_transforms": transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomResizedCrop(32, scale=(0.08, 1.0)),
                transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
                transforms.RandomGrayscale(p=0.2),
                transforms.RandomApply([config.Gaussian([0.1, 2.0])], p=0.5),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                IMAGENET,
            ]
        ),
        **keys,
    }


def build(values: dict[str, Any], tokenizer: WordTokenizer) -> VideoText:
    dataset: VideoText = registry.build(DATASETS, values, "trainset_config", tokenizer=tokenizer)
    return dataset


@pytest.mark.parametrize("name", ["video_text", "video_text_ssl"])
def test_a_published_dict_builds(tree: Path, tokenizer: WordTokenizer, name: str) -> None:
    dataset = build(published(tree, type=name), tokenizer)
    assert len(dataset) == 3  # an epoch is one caption a video
    assert dataset.texts_per_source == (1, 2)
    batch = next(iter(text_loader(dataset, ResumableSampler(3, 3, seed=0))))
    assert batch["frames"].shape == (3, 4, 3, 32, 32) and batch["text_index"].shape == (3, 3)


def test_samples_follow_the_published_rules(tree: Path, tokenizer: WordTokenizer) -> None:
    dataset = build(published(tree, frames_root=str(tree / "frames"), min_time=6.0), tokenizer)
    picked = set()
    for epoch in range(30):
        item = dataset[(epoch, epoch % 3)]
        anchor, *neighbours = (dataset.texts.texts[row] for row in item["text_index"])
        name, number = anchor[0], int(anchor.split()[-1])
        picked.add((name, number))
        assert lecture_of(item["frames"]) == name
        # the window: 5 s of narration grow to 6 around their middle, in whole seconds
        start = int(max(0.0, 6 * number + 0.5 - 0.5))
        end = start + 6
        captions = read_captions(tree / "whisper_narration_texts" / f"{name}.csv")
        near = [caption.text for caption in captions if caption.start <= start <= caption.end]
        near += [caption.text for caption in captions if caption.start >= start and caption.end <= end]
        near += [caption.text for caption in captions if caption.start <= end <= caption.end]
        assert neighbours == [*near[:2], anchor, anchor][:2]
        # every half second (clips of 3 s: stride 1) or every second (4 and 5 s: stride 2)
        shown = second_of(item["frames"])
        assert shown[0] >= start and shown[-1] - shown[0] in (1, 2, 3) and shown[-1] <= end
    assert len(picked) > 8


def test_a_caption_beyond_the_end_takes_the_last_seconds(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path
) -> None:
    for name in "abc":
        write_captions(tmp_path / f"{name}.csv", [Caption(SECONDS - 2, SECONDS + 30, "late")])
    keys = {"caption_roots": [str(tmp_path)], "candidates": [1], "frames_root": str(tree / "frames")}
    dataset = build(published(tree, **keys), tokenizer)
    assert dataset.texts_per_source == (1,)
    for epoch in range(5):
        shown = second_of(dataset[(epoch, 0)]["frames"])
        assert shown[0] in (SECONDS - 5, SECONDS - 4, SECONDS - 3)


def test_half_of_the_clips_are_flipped_and_crops_follow_their_keys(
    tree: Path, tokenizer: WordTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = build(published(tree, frames_root=str(tree / "frames"), crop_only=True), tokenizer)
    ramp = np.broadcast_to(np.arange(96, dtype=np.uint8)[None, None, :, None], (4, 64, 96, 3))
    monkeypatch.setattr(dataset.frames, "read_at", lambda lecture, times: ramp)
    rows = np.stack([dataset[(epoch, 0)]["frames"][0, 0, 0].astype(int) for epoch in range(60)])
    flipped = rows[:, 0] > rows[:, -1]
    assert 15 < flipped.sum() < 45
    left = rows.min(1)
    assert (np.abs(np.diff(rows, axis=1)) == 1).all()  # cut, not resized
    assert left.min() < 8 and left.max() > 56
    centred = build(
        published(tree, frames_root=str(tree / "frames"), center_crop=True, random_flip=False), tokenizer
    )
    monkeypatch.setattr(centred.frames, "read_at", lambda lecture, times: ramp)
    row = centred[(0, 0)]["frames"][0, 0, 0].astype(int)
    assert row[0] == pytest.approx(16.5, abs=1) and row[-1] == pytest.approx(78.5, abs=1)


def test_keys_that_cannot_be_honoured_are_refused(tree: Path, tokenizer: WordTokenizer) -> None:
    with pytest.raises(InputError, match=r"video_text_ssl\.min_tim'.*Did you mean 'min_time'"):
        build(published(tree, min_tim=3.0), tokenizer)
    with pytest.raises(InputError, match=r"'candidates': \[2, 2\] texts for 2 caption_roots"):
        build(published(tree, candidates=[2, 2]), tokenizer)
    with pytest.raises(InputError, match="candidates"):
        build(published(tree, candidates=[1]), tokenizer)
    with pytest.raises(InputError, match=r"'aug_transforms': these are not the published transforms"):
        build(published(tree, aug_transforms=transforms.ColorJitter(0.9)), tokenizer)
    with pytest.raises(InputError, match="'transforms'"):
        build(published(tree, transforms=transforms.Normalize([0.5] * 3, [0.5] * 3)), tokenizer)


def test_lectures_too_short_are_left_out(tree: Path, tokenizer: WordTokenizer) -> None:
    with pytest.raises(InputError, match=r"no lecture of this split can be used \(3: too short"):
        build(published(tree, fps=1, num_frames=SECONDS + 1), tokenizer)


def test_captions_that_lack_are_counted_as_the_released_worker_would_crash(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path
) -> None:
    for folder in ("aws_narration_texts", "whisper_narration_texts"):
        shutil.copytree(tree / folder, tmp_path / folder)
    (tmp_path / "whisper_narration_texts" / "a.csv").write_text("start,end,text\n")
    (tmp_path / "aws_narration_texts" / "b.csv").write_text("start,end,text\n")
    (tmp_path / "whisper_narration_texts" / "c.csv").unlink()
    roots = [str(tmp_path / folder) for folder in ("aws_narration_texts", "whisper_narration_texts")]
    dataset = build(published(tree, caption_roots=roots, frames_root=str(tree / "frames")), tokenizer)
    assert dataset.left_out == {
        "empty whisper_narration_texts (the lecture is used without)": ["a"],
        "empty aws_narration_texts": ["b"],
        "no whisper_narration_texts": ["c"],
    }
    assert [dataset.describe(index) for index in range(len(dataset))] == ["a"]
    assert len(set(dataset[0]["text_index"].tolist())) == 1  # the anchor stands in for its neighbours


def test_the_real_texts_give_samples(
    tree: Path, tokenizer: WordTokenizer, tmp_path: Path, shared_data: Path
) -> None:
    sample = shared_data / "svl_sample"
    names = [path.stem for path in sorted((sample / "aws_narration_texts").glob("*.csv"))]
    (tmp_path / "split.csv").write_text("video_path\n" + "".join(f"{name}.mp4\n" for name in names))
    for name in names:
        os.symlink(tree / "frames" / "a.frames", tmp_path / f"{name}.frames")
    keys = {
        "csv": str(tmp_path / "split.csv"),
        "caption_roots": [str(sample / "aws_narration_texts"), str(sample / "whisper_narration_texts")],
        "frames_root": str(tmp_path),
    }
    dataset = build(published(tree, **keys), tokenizer)
    assert len(dataset) == len(names)
    for epoch in range(5):
        for index in range(len(names)):
            assert dataset[(epoch, index)]["frames"].shape == (4, 3, 32, 32)
