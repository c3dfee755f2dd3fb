"""A run from its config: what it leaves, what it refuses, what it says when it breaks."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from tool_module import load_program
from training_command import REPOSITORY, write_config

from surgvlp import config, console, registry
from surgvlp.files import InputError
from surgvlp.models.build import build_model
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.models.weights import load_weights
from surgvlp.training import checkpoints
from surgvlp.training.run import train
from surgvlp.training.video_text.objectives import ClipObjective
from surgvlp.training.video_text.settings import VideoTextSettings
from surgvlp.training.video_text.task import VideoTextTask
from surgvlp.training.video_text.texts import TextEmbedding, pool_texts


def run_tool(*arguments: str) -> int:
    """The exit code of train.py, in this process."""
    return console.exit_code(lambda: load_program("train.py").main(list(arguments)))


@pytest.fixture
def work_dir(tmp_path: Path, tiny_config: dict[str, Any]) -> Path:
    return write_config(tmp_path / "work", {**tiny_config, "length": {"steps": 4}})


def test_output_goes_to_the_work_dir_as_published_and_says_what_ran(work_dir: Path) -> None:
    options = ("--cfg-options", "logging.tensorboard=True", "optimizer.clip_gradient_norm=1.0")
    assert run_tool(f"--work_dir={work_dir}", *options) == 0
    assert list((work_dir / "tensorlog").iterdir())
    resolved = json.loads((work_dir / "config.json").read_text())
    assert resolved["optimizer"]["clip_gradient_norm"] == 1.0 and resolved["workers"] == 0
    assert config.build(VideoTextSettings, resolved).plain() == resolved
    environment = json.loads((work_dir / "environment.json").read_text())
    assert environment["libraries"]["torch"] == torch.__version__
    log = (work_dir / "log.txt").read_text()
    assert "GFLOPs" in log and "train step 2 epoch 1 level clip loss" in log
    state = checkpoints.load(work_dir / "step_00000004.pt")
    model = build_model(resolved["model_config"], weights_follow=True)
    load_weights(model, work_dir / "best.pt")
    assert set(model.state_dict()) == set(state["model"])


def test_a_text_encoder_that_trains_reads_tokens_every_step(
    work_dir: Path, tmp_path: Path, text_model: Path
) -> None:
    text = {"type": "text_backbones/BertEncoder", "text_bert_type": str(text_model), "text_last_n_layers": 2}
    options = [
        f"model_config.backbone_text={ {**text, 'text_embedding_dim': 32} }",
        "model_config.backbone_img.num_classes=32",
    ]
    finished = train(VideoTextTask, work_dir, tmp_path / "output", options=options)
    before = build_model(json.loads((tmp_path / "output" / "config.json").read_text())["model_config"])
    name = "backbone_text.model.encoder.layer.0.output.dense.weight"
    assert not torch.equal(checkpoints.load(finished.checkpoint)["model"][name], before.state_dict()[name])


def test_texts_through_the_frozen_encoder_once_are_the_texts_through_it_every_step(
    tiny_config: dict[str, Any],
) -> None:
    model = build_model(tiny_config["model_config"])
    keys = tiny_config["levels"][0]["dataset"]
    tokenizer = Tokenizer(tiny_config["model_config"]["backbone_text"]["name"])
    dataset = registry.build(registry.DATASETS, keys, tokenizer=tokenizer)
    text_index = torch.tensor([dataset[(0, index)]["text_index"].tolist() for index in range(5)])
    tokens = {name: torch.from_numpy(t) for name, t in dataset.texts.gather(text_index.numpy()).items()}
    batch = {"frames": torch.randn(5, 2, 3, 32, 32), "text_index": text_index, **tokens, "padded_length": 8}
    loss = registry.build(registry.LOSSES, {"type": "InfoNCEWithNeighbours"})
    pooled = pool_texts(model, dataset.texts, torch.device("cpu"), batch_size=3)
    once = ClipObjective(loss, dataset.texts_per_source, TextEmbedding(pooled)).embed(model, batch)["texts"]
    each = ClipObjective(loss, dataset.texts_per_source, TextEmbedding()).embed(model, batch)["texts"]
    torch.testing.assert_close(once, each, atol=1e-5, rtol=1e-5)
    assert once.requires_grad and not pooled.requires_grad


def test_a_diverging_run_stops_with_code_3_one_line_and_the_checkpoint_of_before(
    work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--work_dir={work_dir}", f"--output_dir={tmp_path / 'output'}", "--cfg-options"]
    options = ["checkpoints.every.steps=1", "optimizer.learning_rate=1e30", "optimizer.warmup_steps=0"]
    assert run_tool(*flags, *options) == console.DIVERGED
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "step 2 (clip)" in errors[0] and "samples: lecture_" in errors[0]
    assert [path.name for path in checkpoints.listed(tmp_path / "output")] == ["step_00000001.pt"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("optimizer.learning_rat=1.0", "Did you mean 'learning_rate'"),
        ("levels.0.dataset.splitt=train", "Did you mean 'split'"),
        ("levels.0.loss.type=SSL_VL_Loss_ne", "Did you mean 'SSL_VL_Loss_new'"),
        ("levels.0.loss.type=NTXentLoss", "several sources of text"),
        ("levels.0.batch_size=1", "no negatives"),
        ("levels.0.batch_size=100", "16 samples"),
        ("levels.0.batch_size=four", "expected int"),
        ("levels.0.dataset.split=none", "no such"),
        ("length.steps=0", "epochs or steps"),
        ("model_config.backbone_img.backbone_name=resnet_51", "resnet_50"),
        ("model_config.pretrained=nothing.pth", "no such checkpoint"),
        ("device=tpu", "not one of"),
    ],
)
def test_a_config_that_cannot_be_used_is_one_line_and_code_2(
    work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, message: str
) -> None:
    output = tmp_path / "output"
    assert run_tool(f"--work_dir={work_dir}", f"--output_dir={output}", "--cfg-options", option) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and message in errors[0]
    assert not output.exists() or [path.name for path in output.iterdir()] == [".lock"]


def test_an_empty_split_is_named(work_dir: Path, data_tree: Path) -> None:
    (data_tree / "splits" / "empty.csv").write_text("video_path\n")
    with pytest.raises(InputError, match=r"empty\.csv"):
        train(VideoTextTask, work_dir, options=["levels.0.dataset.split=empty"])


def test_a_folder_without_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.py.*no such"):
        train(VideoTextTask, tmp_path)


def test_resuming_where_nothing_is_starts_anew_and_says_so(
    work_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        train(VideoTextTask, work_dir, tmp_path / "new", resume=True)
    assert any("nothing to resume" in record.getMessage() for record in caplog.records)


def test_other_texts_than_the_checkpoint_saw_are_refused(
    work_dir: Path, tmp_path: Path, data_tree: Path
) -> None:
    output = tmp_path / "output"
    train(VideoTextTask, work_dir, output)
    path = data_tree / "whisper_narration_texts" / "lecture_0.csv"
    before = path.read_text()
    try:
        path.write_text(before.replace("\n0,2,", "\n0,2,now "))
        with pytest.raises(InputError, match="other texts"):
            train(VideoTextTask, work_dir, output, resume=True)
    finally:
        path.write_text(before)


def test_our_own_configs_are_whole_and_build_their_losses() -> None:
    for path in (REPOSITORY / "configs").rglob("config.py"):
        if path.parent.parent.name == "backbones":
            continue  # another kind of training: test_self_distillation.py
        settings = config.build(VideoTextSettings, config.read(path))
        for level in settings.levels:
            registry.build(registry.LOSSES, level.loss)
            assert level.batch_size % 4 == 0  # as the docs start it, on four GPUs
