"""From a training's checkpoint to an exported folder, and on from there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image

from surgvlp import console
from surgvlp.evaluation.encoder import newest_checkpoint, open_encoder
from surgvlp.evaluation.export import read_scores
from surgvlp.files import InputError
from surgvlp.models.exported import FramePreprocessing, Score, from_pretrained
from surgvlp.models.exported.preprocessing import PUBLISHED

Tool = Callable[[str], ModuleType]


@pytest.fixture
def export(tool: Tool, tmp_path: Path) -> Callable[..., int]:
    """Run the tool into `tmp_path/tiny`."""

    def run(*arguments: object) -> int:
        given = [*map(str, arguments), "--output", str(tmp_path / "tiny")]
        return console.exit_code(lambda: tool("export_model").main(given))

    return run


@pytest.fixture
def evaluated(tool: Tool, tree: Path, tmp_path: Path) -> Callable[[Path], dict]:
    """What the zero-shot tool finds for a checkpoint."""

    def run(checkpoint: Path) -> dict:
        flags = {
            "checkpoint": checkpoint,
            "data": tree,
            "dataset": "made",
            "prompts": tree / "prompts" / "made_phases.txt",
            "protocol": "made_frames",
            "output": tmp_path / "scores" / checkpoint.name,
        }
        arguments = [str(part) for name, value in flags.items() for part in ("--" + name, value)]
        assert tool("evaluate_zero_shot").main(arguments) == 0
        return json.loads((tmp_path / "scores" / checkpoint.name / "evaluation.json").read_text())

    return run


def test_an_exported_run_scores_what_the_run_scores_and_carries_the_scores(
    export: Callable[..., int],
    evaluated: Callable[[Path], dict],
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured = evaluated(run_folder)
    evaluation = tmp_path / "scores" / run_folder.name / "evaluation.json"
    assert export("--checkpoint", run_folder, "--scores", evaluation, "--trained-on", "noise") == 0
    assert "give --trained-on and --licence" in capsys.readouterr().out
    again = evaluated(tmp_path / "tiny")
    assert again["model"].startswith("tiny (")
    for key in ("videos", "classes", "confusion", "protocol_sha256"):
        assert again[key] == measured[key], key
    card = from_pretrained(tmp_path / "tiny", "cpu").card
    assert (card.name, card.data, card.licence) == ("tiny", "noise", "not stated")
    first = card.scores[0]
    assert (first.method, first.metric, first.value) == (
        "zero-shot",
        "macro-F1",
        measured["rows"][0]["macro_f1"],
    )
    assert {score.protocol_sha256 for score in card.scores} == {measured["protocol_sha256"]}
    assert "permuted predictions" in {score.method for score in card.scores}
    assert export("--checkpoint", tmp_path / "tiny", "--scores", evaluation) == console.BAD_INPUT
    evaluation = tmp_path / "scores" / "tiny" / "evaluation.json"
    assert export("--checkpoint", tmp_path / "tiny", "--scores", evaluation, evaluation) == 0
    scores = from_pretrained(tmp_path / "tiny", "cpu").card.scores
    assert scores == card.scores  # the same numbers of the same weights stand there once
    assert card.lineage["training step"] == "7"
    assert card.lineage["text model"] == "bert"
    assert card.lineage["image weights before"] == "random"


def test_scores_of_triplets_and_tools_are_their_mean_average_precision(tmp_path: Path) -> None:
    content = {
        "rows": {"tool": {"mean": 0.25, "interval": [0.125, 0.5]}},
        "dataset": "cholec80",
        "model": "step_00000007.pt (0123456789ab)",
        "videos": ["video41", "video42"],
        "protocol": {"name": "cholec80_tools"},
        "protocol_sha256": "ab" * 32,
    }
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    (found,) = read_scores(tmp_path / "evaluation.json", "0123456789ab" + "c" * 52)
    what = "cholec80", "zero-shot, tool", "mAP", 0.25, [0.125, 0.5], 2, "cholec80_tools", "ab" * 32
    assert found == Score(*what)


def test_scores_of_other_weights_are_no_scores_of_this_model(
    export: Callable[..., int], evaluated: Callable[[Path], dict], run_folder: Path, tmp_path: Path
) -> None:
    state = torch.load(run_folder / "step_00000007.pt", weights_only=True)
    state["model"]["backbone_img.global_embedder.bias"] += 1
    torch.save(state, tmp_path / "other.pt")
    evaluated(tmp_path / "other.pt")
    evaluation = tmp_path / "scores" / "other.pt" / "evaluation.json"
    assert export("--checkpoint", run_folder, "--scores", evaluation) == console.BAD_INPUT
    assert not (tmp_path / "tiny").exists()


def test_frames_and_texts_are_prepared_as_trained_or_as_a_protocol_says(
    export: Callable[..., int], run_folder: Path, tmp_path: Path
) -> None:
    assert export("--checkpoint", run_folder) == 0
    trained = from_pretrained(tmp_path / "tiny", "cpu")
    assert (trained.preprocessing, trained.max_length) == (FramePreprocessing(32), 77)
    assert export("--checkpoint", tmp_path / "tiny", "--protocol", "cholec80_frames") == 0
    assert from_pretrained(tmp_path / "tiny", "cpu").preprocessing == PUBLISHED


def test_every_checkpoint_flag_takes_an_exported_folder(
    export: Callable[..., int], run_folder: Path, tmp_path: Path
) -> None:
    assert export("--checkpoint", run_folder / "released.pth", "--config", run_folder) == 0
    folder = tmp_path / "tiny"
    assert newest_checkpoint(folder) == folder / "model.safetensors"
    assert set(from_pretrained(folder, "cpu").card.lineage) == {
        "checkpoint",
        "text model",
    }  # all that is known
    before, after = open_encoder(run_folder, None), open_encoder(folder, None)
    frames = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(after.model.encode_image(frames), before.model.encode_image(frames))
        texts = before.tokenizer(["hook on liver"]), after.tokenizer(["hook on liver"])
        assert torch.equal(before.model.encode_text(texts[0]), after.model.encode_text(texts[1]))
    assert after.size == before.size == 32
    assert open_encoder(folder / "model.safetensors", None).name == after.name
    with pytest.raises(InputError, match="Leave --config out"):
        open_encoder(folder, run_folder)
    with pytest.raises(InputError, match="carries no config"):
        open_encoder(folder, None, untrained=True)


def test_the_code_on_the_card_runs(export: Callable[..., int], run_folder: Path, tmp_path: Path) -> None:
    assert export("--checkpoint", run_folder) == 0
    card = (tmp_path / "tiny" / "README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {"image": Image.new("RGB", (64, 36), "red")}
    exec(code.replace("path/of/this/folder", str(tmp_path / "tiny")), names)
    assert names["embeddings"]["img_emb"].shape == names["embeddings"]["text_emb"].shape == (1, 16)


def test_what_cannot_be_exported_leaves_nothing(
    export: Callable[..., int], run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (("--checkpoint", tmp_path / "none.pt"), "there is no such checkpoint"),
        (("--checkpoint", run_folder / "released.pth"), "Add --config"),
        (("--checkpoint", run_folder, "--published", tmp_path / "ours.pth"), "no BertEncoder"),
        (("--checkpoint", run_folder, "--scores", run_folder / "none.json"), "there is no such file"),
        (("--checkpoint", run_folder, "--protocol", "cholec80_frame"), "Did you mean 'cholec80_frames'"),
    ):
        assert export(*arguments) == console.BAD_INPUT
        assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
