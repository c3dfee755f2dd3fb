"""Clip, keystep and video level in one run: turns, objectives, validation, resume, bad input."""

from __future__ import annotations

import copy
import json
import logging
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_resume import fingerprint
from torch import Tensor, nn
from training_command import command, write_config

from surgvlp import registry
from surgvlp.files import InputError
from surgvlp.training import checkpoints
from surgvlp.training.run import train
from surgvlp.training.video_text.objectives import ParentChildObjective
from surgvlp.training.video_text.task import VideoTextTask
from surgvlp.training.video_text.texts import TextEmbedding

PARENT_CHILD_LOSSES = ("ParentChildInfoNCE", "ParentChildOrder", "hier_infonce", "hier_infonce_dtw")


@pytest.fixture
def work_dir(tmp_path: Path, hierarchy_config: dict[str, Any]) -> Path:
    return write_config(tmp_path / "work", hierarchy_config)


@pytest.fixture
def own_tree(tmp_path: Path, data_tree: Path, hierarchy_config: dict[str, Any]) -> Path:
    """A copy of the data tree that a test may spoil, named in the config too."""
    tree = shutil.copytree(data_tree, tmp_path / "tree")
    datasets = [level["dataset"] for level in hierarchy_config["levels"]]
    for keys in (*datasets, *hierarchy_config["validation"]["datasets"].values()):
        keys.update(root=str(tree), frames_root=str(tree / "frames"))
    return tree


def records(output: Path, split: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["split"] == split]


def test_levels_take_turns_as_published_and_the_schedule_ends_at_its_end(
    work_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    done = subprocess.run(
        command(work_dir, output, "--cfg-options", "logging.every.steps=1", script="train_hierarchy_ssl.py"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    turns: dict[int, list[str]] = {}
    for record in records(output, "train"):
        turns.setdefault(record["epoch"], []).append(record["level"])
    clip = ["clip"] * 4
    assert turns == {1: clip, 2: clip, 3: clip, 4: [*clip, "keystep"], 5: clip, 6: [*clip, "video"]}
    assert records(output, "train")[-1]["learning_rate"] < 2e-4  # of 0.01, at the last of 26 steps
    log = (output / "log.txt").read_text()
    assert "616 images" in log and "26 steps, 6 epochs" in log


def test_the_published_data_sets_and_losses_train_together(
    hierarchy_config: dict[str, Any], data_tree: Path, tmp_path: Path
) -> None:
    narrations = str(data_tree / "whisper_narration_texts")
    keysteps, abstracts = str(data_tree / "keystep_texts"), str(data_tree / "abstract_texts")
    tree = {"csv": str(data_tree / "splits/train.csv"), "video_root": str(data_tree / "videos")}
    tree |= {"frames_root": str(data_tree / "frames"), "size": 40, "max_length": 8}
    clip, keystep, video = hierarchy_config["levels"]
    clip["dataset"] = {
        **tree,
        "type": "video_text_ssl",
        "caption_roots": [narrations] * 2,
        "candidates": [1, 2],
    }
    parts = {"caption_roots": [narrations], "phase_root": keysteps, "candidates": [3], "num_frames_clip": 4}
    keystep["dataset"] = {**tree, **parts, "type": "video_text_phase_aug"}
    parts = {"caption_roots": [keysteps], "phase_root": abstracts, "candidates": [8], "num_frames_clip": 4}
    video["dataset"] = {**tree, **parts, "type": "video_text_phase_aug_phase_abstract"}
    keystep["loss"], video["loss"] = {"type": "hier_infonce"}, {"type": "hier_infonce_dtw"}
    for level in (clip, keystep, video):
        level["batch_size"], level["views"] = 2, {"size": 32, "compat": "released"}
    work_dir = write_config(tmp_path / "work", {**hierarchy_config, "validation": None})
    train(VideoTextTask, work_dir, tmp_path / "output")
    found = records(tmp_path / "output", "train")
    assert {record["level"] for record in found} == {"clip", "keystep", "video"}
    assert all(np.isfinite(record["loss"]) for record in found)


def test_every_level_has_a_validation_of_its_own_once_an_epoch(work_dir: Path, tmp_path: Path) -> None:
    finished = train(VideoTextTask, work_dir, tmp_path / "output")
    found = records(tmp_path / "output", "validation")
    assert [(r["epoch"], r["level"]) for r in found] == [
        (epoch, level) for epoch in range(1, 7) for level in ("clip", "keystep", "video")
    ]
    for record in found:
        assert record["loss"] >= 0 and 0 <= record["text_to_video_R@1"] <= record["video_to_text_R@10"] <= 1
    means = {r["step"]: np.mean([o["mean_recall"] for o in found if o["step"] == r["step"]]) for r in found}
    assert finished.best == {"step": max(means, key=means.__getitem__), "mean_recall": max(means.values())}


def test_validation_changes_nothing_of_the_training(work_dir: Path, tmp_path: Path) -> None:
    train(VideoTextTask, work_dir, tmp_path / "with")
    train(VideoTextTask, work_dir, tmp_path / "without", options=["validation=None"])
    states = [checkpoints.load(checkpoints.path_of(tmp_path / name, 26)) for name in ("with", "without")]
    for state in states:
        state["best"] = None
    assert fingerprint(states[0]) == fingerprint(states[1])


@pytest.mark.parametrize("turns", ["epochs", "shares"])
def test_stopped_and_resumed_it_ends_with_the_same_bits(
    hierarchy_config: dict[str, Any], tmp_path: Path, turns: str
) -> None:
    if turns == "shares":
        for level, share in zip(hierarchy_config["levels"], (0.5, 0.3, 0.2), strict=True):
            level["turn"] = {"share": share}
        hierarchy_config["length"] = {"steps": 26}
    work_dir = write_config(tmp_path / "work", hierarchy_config)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(VideoTextTask, work_dir, whole, options=["checkpoints.keep=100"])
    stopped.mkdir()
    for path in whole.glob("step_00000018.pt*"):  # between the turns of the keystep and the video level
        shutil.copy(path, stopped)
    train(VideoTextTask, work_dir, stopped, resume=True)
    ends = [checkpoints.load(checkpoints.path_of(folder, 26)) for folder in (whole, stopped)]
    for end in ends:
        end["best"] = None  # the copied run has forgotten what it saw before
    assert fingerprint(ends[0]) == fingerprint(ends[1])


class Encoders(nn.Module):
    """Linear maps in place of networks: (B, T, 3, H, W) -> (B, T, D) and (N, L) -> (N, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.text = nn.Linear(3 * 4 * 4, 6), nn.Linear(5, 6)

    def encode_frames(self, clips: Tensor) -> Tensor:
        return self.image(clips.flatten(2))

    def encode_text(self, tokens: dict[str, Tensor]) -> Tensor:
        return self.text(tokens["input_ids"].float())


def parents_and_children() -> dict[str, Any]:
    """Four samples of five frames, a parent and three children, of which some are missing."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 9, (4, 4, 5), generator=generator)
    there = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 1]], dtype=torch.bool)
    frames = torch.randn(4, 5, 3, 4, 4, generator=generator)
    rest = {"attention_mask": torch.ones_like(ids), "text_index": ids[..., 0], "padded_length": 5}
    return {"frames": frames, "input_ids": ids, "step_mask": there, **rest}


@pytest.mark.parametrize("name", PARENT_CHILD_LOSSES)
def test_the_objective_hands_a_loss_what_it_takes(name: str) -> None:
    torch.manual_seed(0)
    model, batch = Encoders(), parents_and_children()
    loss = registry.build(registry.LOSSES, {"type": name})
    objective = ParentChildObjective(loss, TextEmbedding())
    found = objective.loss(objective.embed(model, batch), batch)["loss"]

    frames = torch.stack([model.image(video.flatten(1)) for video in batch["frames"]])
    texts = torch.stack([model.encode_text({"input_ids": ids}) for ids in batch["input_ids"]])
    called = [frames.mean(1), [texts[:, 0], texts[:, 1:]]]
    there = batch["step_mask"]
    if name == "ParentChildInfoNCE":
        expected = loss(*called, step_mask=there)
    elif name == "ParentChildOrder":
        expected = loss(*called, frames, step_mask=there)
    elif name == "hier_infonce":
        expected = loss(*called)
    else:
        expected = loss(
            *called, frames, pos_step=torch.tensor([[0, 1, 2], [0, 1, -1], [0, -1, -1], [0, 1, 2]])
        )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", PARENT_CHILD_LOSSES)
def test_what_stands_in_the_place_of_a_missing_child_counts_under_the_published_names_alone(
    name: str,
) -> None:
    torch.manual_seed(0)
    model, batch = Encoders(), parents_and_children()
    objective = ParentChildObjective(registry.build(registry.LOSSES, {"type": name}), TextEmbedding())
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    other["input_ids"][1, 3] = 7
    losses = [objective.loss(objective.embed(model, b), b)["loss"].item() for b in (batch, other)]
    assert (losses[0] == losses[1]) == name.startswith("ParentChild")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("levels.1.loss={'type': 'SSL_VL_Loss_new'}", "Take ParentChildInfoNCE"),
        ("levels.0.loss={'type': 'ParentChildInfoNCE'}", "Take InfoNCEWithNeighbours"),
        ("levels.1.name=clip", "different names"),
        ("levels.2.batch_size=50", "level video: 'batch_size': the data set has 2 samples"),
        ("levels.2.turn.every_epochs=100", "levels.2': this level never has its turn"),
        ("levels.1.turn.share=0.5", "sum to 1"),
        ("validation.datasets={'keysteps': {}}", "Did you mean 'keystep'"),
        ("validation.datasets={}", "a data set for one level or more"),
        ("levels.0.loss={'type': 'milnce'}", "Take InfoNCEWithNeighbours"),
        ("levels.1.dataset.childen=4", "Did you mean 'children'"),
    ],
)
def test_levels_that_cannot_be_are_refused(work_dir: Path, tmp_path: Path, option: str, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        train(VideoTextTask, work_dir, tmp_path / "output", options=[option])
    assert message in str(refusal.value)


def test_a_lecture_that_lacks_a_level_is_said_once_and_the_others_go_on(
    own_tree: Path, hierarchy_config: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (own_tree / "abstract_texts" / "lecture_1.csv").unlink()
    (own_tree / "keystep_texts" / "lecture_0.csv").write_text("start,end,text\n0,4,grasp\n30,34,cut\n")
    (own_tree / "splits" / "train.csv").write_text(
        "video_path\nlecture_0.mp4\nlecture_1.mp4\nlecture_2.mp4\nlecture_3.mp4\n"
    )
    for path in (own_tree / "frames" / "lecture_2.frames").iterdir():
        target = own_tree / "frames" / "lecture_3.frames" / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    for kind in ("whisper_narration", "keystep"):
        shutil.copy(own_tree / f"{kind}_texts/lecture_2.csv", own_tree / f"{kind}_texts/lecture_3.csv")
    (own_tree / "abstract_texts" / "lecture_3.csv").write_text("start,end,text\n")
    work_dir = write_config(tmp_path / "work", {**hierarchy_config, "validation": None})
    with caplog.at_level(logging.WARNING):
        train(VideoTextTask, work_dir, tmp_path / "output")
    said = [r.getMessage() for r in caplog.records if "left out" in r.getMessage()]
    assert sum("no abstract_texts: lecture_1" in line for line in said) == 1
    assert sum("empty abstract_texts: lecture_3" in line for line in said) == 1
    assert sum("keystep after the end of the video: lecture_0" in line for line in said) == 2  # both levels


def test_a_level_without_any_lecture_is_refused(
    own_tree: Path, hierarchy_config: dict[str, Any], tmp_path: Path
) -> None:
    for path in (own_tree / "abstract_texts").iterdir():
        path.unlink()
    work_dir = write_config(tmp_path / "work", copy.deepcopy(hierarchy_config))
    with pytest.raises(InputError, match=r"no lecture of this split can be used \(2: no abstract_texts\)"):
        train(VideoTextTask, work_dir, tmp_path / "output")
