"""Pretraining of an image backbone: schedules, calls, resumption, and stopping when it fails."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_distributed import torchrun
from test_resume import fingerprint
from torch import nn
from training_command import REPOSITORY, write_config

from surgvlp import config
from surgvlp.console import DivergedError
from surgvlp.datasets.crops import MultiCrop
from surgvlp.datasets.pretraining_frames import PretrainingFrameKeys
from surgvlp.evaluation.labelled_frames import LabelledFrames
from surgvlp.evaluation.probes import nearest_neighbour_accuracy
from surgvlp.features.images import image_features
from surgvlp.files import InputError
from surgvlp.models import load_backbone
from surgvlp.models.backbones import ImageInput
from surgvlp.models.loading import untrained_backbone
from surgvlp.training import checkpoints
from surgvlp.training.distributed import Ranks
from surgvlp.training.run import train
from surgvlp.training.schedules import cosine
from surgvlp.training.self_distillation.objective import DistillationSchedule, SelfDistillationObjective
from surgvlp.training.self_distillation.settings import (
    BackboneSettings,
    HeadSettings,
    ScheduledOptimizer,
    SelfDistillationSettings,
    TeacherSettings,
)
from surgvlp.training.self_distillation.task import (
    SelfDistillationTask,
    make_networks,
    plan_student,
    plan_teacher,
)

HERE = Path(__file__).parent


@pytest.fixture
def tiny_dino(data_tree: Path) -> dict[str, Any]:
    """Eight steps over 32 frames of two lectures."""
    return {
        "backbone": {"name": "test_convnext.r160_in1k", "drop_path_rate": 0.2},
        "head": {"outputs": 32, "hidden": 16, "bottleneck": 8},
        "dataset": {
            "type": "pretraining_frames",
            "root": str(data_tree),
            "frames_root": str(data_tree / "frames"),
            "split": "train",
        },
        "crops": {"global_size": 48, "local_size": 32, "local_crops": 2},
        "batch_size": 8,
        "length": {"epochs": 2},
        "optimizer": {"learning_rate": 0.01, "warmup": {"steps": 2}},
        "teacher": {"momentum": 0.9, "freeze_last_layer": {"steps": 3}},
        "collapse": None,
        "checkpoints": {"every": {"steps": 3}, "keep": 100},
        "logging": {"every": {"steps": 2}, "tensorboard": False},
        "device": "cpu",
    }


def published_cosine(base: float, final: float, steps: int, warmup: int) -> NDArray[np.float64]:
    """DINO's schedule as its paper's code lays it out, one step after another."""
    values = [base * step / (warmup - 1) if warmup > 1 else 0.0 for step in range(warmup)]
    rest = steps - warmup
    return np.array(
        values + [final + 0.5 * (base - final) * (1 + math.cos(math.pi * i / rest)) for i in range(rest)]
    )


@given(st.integers(1, 60), st.integers(0, 80), st.floats(0, 5), st.floats(0, 5))
def test_the_cosine_is_the_published_one(steps: int, warmup: int, base: float, final: float) -> None:
    expected = published_cosine(base, final, steps, min(warmup, steps))
    np.testing.assert_allclose(cosine(steps, base, final, warmup), expected, atol=1e-12)


def test_what_surgfms_flags_mean_step_by_step() -> None:
    """100 epochs of 1000 steps of 320 samples, from the facts in its code: golden numbers."""
    epoch = np.repeat(np.arange(100), 1000)
    plan = plan_student(ScheduledOptimizer(5e-4 * 320 / 256), np.zeros_like(epoch), epoch)
    assert plan.learning_rate[0] == 0 and plan.learning_rate[9_999] == pytest.approx(6.25e-4)
    assert plan.learning_rate[10_000] == pytest.approx(6.25e-4)
    assert plan.learning_rate[55_000] == pytest.approx((6.25e-4 + 1e-6) / 2)
    assert plan.learning_rate[-1] == pytest.approx(1e-6, rel=1e-3)
    assert plan.weight_decay[[0, 50_000]] == pytest.approx([0.04, 0.22])
    assert plan.weight_decay[-1] == pytest.approx(0.4, rel=1e-6)
    teacher = plan_teacher(TeacherSettings(), epoch)
    assert teacher.momentum[[0, 50_000]] == pytest.approx([0.996, 0.998])
    assert set(teacher.teacher_temperature) == {0.04} and teacher.frozen_steps == 1000
    warm = TeacherSettings(temperature=0.07, temperature_warmup_epochs=4)
    temperature = plan_teacher(warm, epoch).teacher_temperature  # by epoch: .04, .05, .06, .07, then .07
    assert temperature[[0, 999, 1000, 2999, 3000, 4000, -1]] == pytest.approx(
        [0.04, 0.04, 0.05, 0.06, 0.07, 0.07, 0.07]
    )


class Counting(nn.Module):
    """A backbone that notes what it is called on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls = nn.Linear(3, 8), []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls.append(tuple(images.shape))
        return self.layer(images.mean((2, 3)))


def test_a_step_calls_the_student_twice_and_the_teacher_once() -> None:
    model = make_networks(BackboneSettings("test_resnet.r160_in1k"), HeadSettings(16, 16, 8))
    model.student.backbone, model.teacher.backbone = Counting(), Counting()
    model.student.head = model.teacher.head = nn.Identity()
    schedule = DistillationSchedule(np.ones(1), np.full(1, 0.04), 0)
    objective = SelfDistillationObjective(8, schedule, 0.1, 0.9, Ranks())
    objective.before_step(model, 0)
    batch = {"global_crops": torch.randn(5, 4, 3, 16, 16), "local_crops": torch.randn(5, 12, 3, 8, 8)}
    embeddings = objective.embed(model, batch)
    assert model.student.backbone.calls == [(20, 3, 16, 16), (60, 3, 8, 8)]
    assert model.teacher.backbone.calls == [(10, 3, 16, 16)]
    # the teacher looks at the anchor's two large crops, not at a neighbour's
    anchors = model.teacher.backbone(batch["global_crops"][:, :2].flatten(0, 1)).view(5, 2, 8)
    torch.testing.assert_close(embeddings["teacher"], anchors)
    assert not embeddings["teacher"].requires_grad


def test_only_the_student_drops_layers() -> None:
    backbone = BackboneSettings("test_convnext.r160_in1k", drop_path_rate=0.9)
    model = make_networks(backbone, HeadSettings(16, 16, 8)).train()
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(model.teacher(images), model.teacher(images))
    assert not torch.equal(model.student(images), model.student(images))


def test_the_centre_moves_after_it_was_used_by_a_tenth_of_the_mean() -> None:
    model = make_networks(BackboneSettings("test_resnet.r160_in1k"), HeadSettings(6, 16, 8))
    objective = SelfDistillationObjective(
        6, DistillationSchedule(np.ones(3), np.full(3, 0.04), 0), 0.1, 0.9, Ranks()
    )
    centre = torch.zeros(6)
    for step in range(3):
        objective.before_step(model, step)
        teacher, large = torch.randn(4, 2, 6), torch.randn(4, 2, 6)
        parts = objective.loss({"teacher": teacher, "global": large}, {})
        target = ((teacher - centre) / 0.04).softmax(-1)
        pairs = [(0, 1), (1, 0)]
        expected = -sum((target[:, u] * (large[:, v] / 0.1).log_softmax(-1)).sum(-1).mean() for u, v in pairs)
        torch.testing.assert_close(parts["loss"], expected / 2)
        objective.after_step(model, step)
        centre = 0.9 * centre + 0.1 * teacher.mean((0, 1))
    torch.testing.assert_close(objective.state_dict()["centre"], centre)


@pytest.mark.parametrize("neighbours", [0, 2])
def test_stopped_and_resumed_it_ends_with_the_same_bits(
    tiny_dino: dict[str, Any], tmp_path: Path, neighbours: int
) -> None:
    tiny_dino["dataset"]["neighbours"] = neighbours
    work_dir = write_config(tmp_path / "work", tiny_dino)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(SelfDistillationTask, work_dir, whole)
    stopped.mkdir()
    for path in whole.glob("step_00000003.pt*"):
        shutil.copy(path, stopped)
    train(SelfDistillationTask, work_dir, stopped, resume=True)
    ends = [checkpoints.load(checkpoints.path_of(folder, 8)) for folder in (whole, stopped)]
    assert fingerprint(ends[0]) == fingerprint(ends[1])
    records = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= r["teacher_entropy"] <= r["mean_entropy"] <= math.log(32) + 1e-4 for r in records)
    early, late = (checkpoints.load(checkpoints.path_of(whole, step))["model"] for step in (3, 8))
    rows = "student.head.last_layer.weight_v"
    torch.testing.assert_close(early[rows], early["teacher.head.last_layer.weight_v"])  # frozen for 3 steps
    assert (early[rows] - late[rows]).abs().max() > 1e-3


def test_the_command_trains_and_its_checkpoint_is_a_backbone(
    tiny_dino: dict[str, Any], tmp_path: Path
) -> None:
    work_dir = write_config(tmp_path / "work", tiny_dino)
    script = str(REPOSITORY / "tools/pretrain_backbone.py")
    done = subprocess.run(
        [sys.executable, script, f"--work_dir={work_dir}", "--resume"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    path = checkpoints.path_of(work_dir, 8)
    backbone = load_backbone(str(path)).eval()
    weights = checkpoints.load(path)["model"]
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, weights[f"teacher.backbone.{name}"])
    assert backbone(torch.randn(2, 3, 64, 64)).shape == (2, 64)


def test_the_control_to_a_checkpoint_is_what_its_training_began_with(
    tiny_dino: dict[str, Any], tmp_path: Path
) -> None:
    tiny_dino.update(seed=11, length={"steps": 4})
    tiny_dino["optimizer"].update(learning_rate=1e-30, final_learning_rate=0.0)  # nothing is learned
    finished = train(SelfDistillationTask, write_config(tmp_path / "work", tiny_dino), tmp_path / "out")
    expected = dict(load_backbone(finished.checkpoint).named_parameters())
    random_state = torch.get_rng_state()
    for name, value in untrained_backbone(finished.checkpoint).named_parameters():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-25)
    assert torch.equal(torch.get_rng_state(), random_state)


def test_a_collapse_stops_the_run_with_a_checkpoint_to_look_at(
    tiny_dino: dict[str, Any], tmp_path: Path
) -> None:
    """A centre that follows at once leaves every output even: centring without sharpening."""
    tiny_dino["collapse"] = {"after": {"steps": 2}, "least_information": 0.05}
    tiny_dino["teacher"].update(centre_momentum=0.0, temperature=1e4, first_temperature=1e4)
    work_dir = write_config(tmp_path / "work", tiny_dino)
    with pytest.raises(DivergedError, match=r"step 4: collapsed: .* tells .* nats"):
        train(SelfDistillationTask, work_dir, tmp_path / "out")
    state = checkpoints.load(checkpoints.path_of(tmp_path / "out/stopped", 4))
    assert "collapsed" in state["reason"] and state["step"] == 4
    assert "stopped: step 4: collapsed" in (tmp_path / "out/log.txt").read_text()
    assert [path.name for path in checkpoints.listed(tmp_path / "out")] == ["step_00000003.pt"]


def test_a_loss_that_is_not_finite_stops_it_with_the_weights_of_before(
    tiny_dino: dict[str, Any], tmp_path: Path
) -> None:
    tiny_dino["optimizer"].update(learning_rate=1e30, clip_gradient_norm=None)
    work_dir = write_config(tmp_path / "work", tiny_dino)
    with pytest.raises(DivergedError, match="lecture_"):
        train(SelfDistillationTask, work_dir, tmp_path / "out")
    (path,) = (tmp_path / "out/stopped").glob("step_*.pt")
    state = checkpoints.load(path)
    assert "samples: lecture_" in state["reason"]
    assert all(value.isfinite().all() for value in state["model"].values())


def test_probes_are_logged_from_step_0_on_and_change_nothing(
    tiny_dino: dict[str, Any], data_tree: Path, tmp_path: Path
) -> None:
    labels = data_tree / "downstream_datasets/tiny/csvs"
    labels.mkdir(parents=True, exist_ok=True)
    for number in range(3):
        rows = [f"lecture_{number}_{second}.png,{1 + second // 8}" for second in range(16)]
        (labels / f"lecture_{number}.csv").write_text("\n".join(["path,label", *rows, ""]))
    about = {"class_names": ["first", "second"], "frame_offset": 0}
    (labels.parent / "dataset.json").write_text(json.dumps(about))
    labelled = {
        "root": str(data_tree),
        "dataset": "tiny",
        "protocol": "made_frames",
        "train": ["lecture_0", "lecture_1"],
        "test": ["lecture_2"],
        "frames": str(data_tree / "frames"),
        "size": 48,
        "k": 3,
    }
    plain = write_config(tmp_path / "plain", tiny_dino)
    probed = write_config(
        tmp_path / "probed", {**tiny_dino, "probe": {"labelled": labelled, "every": {"steps": 4}}}
    )
    for work_dir in (plain, probed):
        train(SelfDistillationTask, work_dir)
    records = [json.loads(line) for line in (probed / "metrics.jsonl").read_text().splitlines()]
    found = [record for record in records if record["split"] == "probe"]
    assert [record["step"] for record in found] == [0, 4, 8]
    assert all(0 <= record[name] <= 1 for record in found for name in ("knn_accuracy", "linear_macro_f1"))
    backbone = load_backbone(str(checkpoints.path_of(probed, 8)))
    parts = LabelledFrames(**labelled).read()
    features = [
        image_features(backbone, part.pictures.transpose(0, 2, 3, 1), "cpu", image_input=ImageInput(48))
        for part in parts
    ]
    labels = [part.label for part in parts]
    score = nearest_neighbour_accuracy(features[0], labels[0], features[1], labels[1], k=3)
    assert found[-1]["knn_accuracy"] == pytest.approx(score.accuracy)
    ends = [checkpoints.load(checkpoints.path_of(folder, 8)) for folder in (plain, probed)]
    assert fingerprint(ends[0]) == fingerprint(ends[1])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"crops.local_size": 64, "crops.global_size": 64}, "smaller than the crops"),
        ({"backbone.name": "resnet_5O"}, "resnet_50"),
        ({"crops.local_size": 8}, "local_size': test_convnext.* takes no pictures of 8 pixels"),
        ({"teacher.temperature": 0.0}, "more than 0"),
        ({"heads": 3}, "Did you mean 'head'"),
        ({"batch_size": 640}, "32 samples"),
        ({"optimizer.learning_rate": -1.0}, "optimizer.learning_rate.*0 or more"),
        ({"head.hidden": -1}, "head.hidden.*1 or more"),
        ({"optimizer.warmup": {"epochs": 2}}, "optimizer.warmup.* 8 of the run's 8 steps"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    tiny_dino: dict[str, Any], tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    work_dir = write_config(tmp_path / "work", tiny_dino)
    options = [f"{key}={value!r}" for key, value in changes.items()]
    with pytest.raises(InputError, match=complaint):
        train(SelfDistillationTask, work_dir, tmp_path / "out", options=options)


def test_every_config_builds_its_networks_data_and_crops() -> None:
    names = {path.parent.name: path for path in (REPOSITORY / "configs/backbones").glob("*/config.py")}
    surgenet = {f"surgenet_{name}" for name in ("caformer_s18", "convnextv2_tiny", "pvtv2_b2", "vit_small")}
    assert set(names) == {"demo_dino", "surgfm_convnext_large", *surgenet}
    for path in names.values():
        settings = config.build(SelfDistillationSettings, config.read(path))
        with torch.device("meta"):
            model = make_networks(settings.backbone, HeadSettings(outputs=8))
        assert sum(p.numel() for p in model.student.backbone.parameters()) > 1e6
        keys = {name: value for name, value in settings.dataset.items() if name != "type"}
        frames = config.build(PretrainingFrameKeys, keys)
        MultiCrop(**dataclasses.asdict(settings.crops), neighbours=frames.neighbours)
        assert settings.batch_size % 8 == 0


def test_the_example_starts_from_the_last_checkpoint_of_the_demo() -> None:
    steps = config.read(REPOSITORY / "configs/backbones/demo_dino/config.py")["length"]["steps"]
    model = config.read(REPOSITORY / "configs/demo_from_dino/config.py")["model_config"]
    assert model["backbone_img"]["pretrained"].endswith(f"/step_{steps:08d}.pt")


def test_weight_decay_follows_its_schedule_on_matrices_alone(
    tiny_dino: dict[str, Any], tmp_path: Path
) -> None:
    tiny_dino["optimizer"].update(weight_decay=0.1, final_weight_decay=0.5)
    work_dir = write_config(tmp_path / "work", tiny_dino)
    train(SelfDistillationTask, work_dir)
    groups = checkpoints.load(checkpoints.path_of(work_dir, 8))["optimizer"]["param_groups"]
    assert [group["weight_decay"] for group in groups] == pytest.approx([cosine(8, 0.1, 0.5)[-1], 0.0])
    assert groups[0]["lr"] == pytest.approx(cosine(8, 0.01, 1e-6, 2)[-1])


@pytest.mark.slow
def test_two_ranks_have_one_centre_and_one_teacher(tmp_path: Path) -> None:
    done = torchrun(HERE / "two_ranks_distillation.py", str(tmp_path / "found.json"))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["ranks_agree"] and found["world_size"] == 2
    assert found["centre_difference"] < 1e-6  # from one process over the batches of both
    assert found["teacher_difference"] < 1e-6


@pytest.mark.slow
def test_two_ranks_stop_a_collapse_together(tiny_dino: dict[str, Any], tmp_path: Path) -> None:
    tiny_dino["collapse"] = {"after": {"steps": 2}, "least_information": 10.0}
    work_dir = write_config(tmp_path / "work", tiny_dino)
    done = torchrun(REPOSITORY / "tools/pretrain_backbone.py", f"--work_dir={work_dir}")
    assert done.returncode != 0
    assert [path.name for path in (work_dir / "stopped").glob("*.pt")] == ["step_00000004.pt"]
    assert done.stderr.count("collapsed: the teacher's output tells") >= 2  # each rank says why it ends
