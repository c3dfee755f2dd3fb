from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score
from torchvision import transforms

from surgvlp import console, predictions
from surgvlp.evaluation.encoder import open_encoder
from surgvlp.evaluation.protocol import read_protocol
from surgvlp.evaluation.zero_shot import class_embeddings
from surgvlp.files import InputError

Tool = Callable[[str], ModuleType]


@pytest.fixture
def evaluate(tool: Tool, tree: Path, run_folder: Path, tmp_path: Path) -> Callable[..., int]:
    """Run the tool with flags that are right but for those given; None leaves a flag out."""

    def run(**changes: object) -> int:
        flags: dict[str, object] = {
            "checkpoint": run_folder / "step_00000007.pt",
            "data": tree,
            "dataset": "made",
            "split": "test",
            "prompts": tree / "prompts" / "made_phases.txt",
            "protocol": "made_frames",
            "output": tmp_path / "out",
            **changes,
        }
        arguments = []
        for name, value in flags.items():
            if value is None or value is False:
                continue
            arguments.append("--" + name.replace("_", "-"))
            if value is not True:
                arguments += [str(item) for item in (value if isinstance(value, list) else [value])]
        return console.exit_code(lambda: tool("evaluate_zero_shot").main(arguments))

    return run


def test_scores_are_those_of_one_frame_at_a_time(
    evaluate: Callable[..., int], run_folder: Path, tree: Path, tmp_path: Path
) -> None:
    assert evaluate(batch_size=5) == 0
    items = predictions.load_folder(tmp_path / "out" / "predictions")
    assert [item.video for item in items] == ["lecture_2", "lecture_3"]
    encoder = open_encoder(run_folder / "released.pth", run_folder)
    transform = transforms.Compose(
        [
            transforms.Resize(32),
            transforms.CenterCrop(32),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    prompts = (tree / "prompts" / "made_phases.txt").read_text().splitlines()
    with torch.no_grad():
        texts = torch.cat([encoder.model.encode_text(encoder.tokenizer([text], 77)) for text in prompts])
        for item in items:
            for k in (0, 7, 20):
                path = tree / "downstream_datasets" / "made" / "frames" / f"{item.video}_{k}.png"
                frame = encoder.model.encode_image(transform(Image.open(path))[None])
                expected = torch.cosine_similarity(frame, texts).numpy()
                np.testing.assert_allclose(item.score[k], expected, atol=1e-5)
            np.testing.assert_array_equal(item.label, np.arange(21) // 3)


def test_the_record_says_how_the_numbers_were_made(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    items = predictions.load_folder(tmp_path / "out" / "predictions")
    assert printed == json.loads((tmp_path / "out" / "evaluation.json").read_text())
    expected = [f1_score(item.label, item.score.argmax(1), average="macro") for item in items]
    assert printed["rows"][0]["macro_f1"] == pytest.approx(np.mean(expected))
    settled = read_protocol("made_frames").settled(printed["prompts"], [item.video for item in items])
    assert printed["protocol_sha256"] == settled.sha256 == items[0].protocol_sha256
    assert items[0].model.startswith("step_00000007.pt (")


def test_batches_files_and_wrappers_do_not_change_scores(
    evaluate: Callable[..., int], run_folder: Path, tmp_path: Path
) -> None:
    variants: list[dict[str, object]] = [
        {},
        {"batch_size": 1},
        {"checkpoint": run_folder},
        {"checkpoint": run_folder / "released.pth", "config": run_folder / "config.py"},
        {"split": "lecture_2,lecture_3"},
    ]
    scores = []
    for number, variant in enumerate(variants):
        output = tmp_path / str(number)
        assert evaluate(output=output, **variant) == 0
        scores.append(
            np.concatenate([item.score for item in predictions.load_folder(output / "predictions")])
        )
    for other in scores[1:]:
        np.testing.assert_allclose(other, scores[0], atol=1e-6)


def test_an_ensemble_averages_unit_vectors(run_folder: Path) -> None:
    encoder = open_encoder(run_folder, None)
    one, two = ["trocars in", "bag out"], ["clips on", "bag closed"]
    first, second = (class_embeddings(encoder, [prompts], 77) for prompts in (one, two))
    both = class_embeddings(encoder, [one, two], 77)
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(
        both, (first + second) / np.linalg.norm(first + second, axis=1)[:, None], atol=1e-6
    )
    np.testing.assert_allclose(class_embeddings(encoder, [one, one], 77), first, atol=1e-6)


def test_the_untrained_network_is_the_seeds_and_needs_no_weights(run_folder: Path) -> None:
    one = open_encoder(None, run_folder, untrained=True)
    two = open_encoder(run_folder / "step_00000007.pt", None, untrained=True)
    trained = open_encoder(run_folder / "step_00000007.pt", None)
    key = "backbone_img.global_embedder.weight"
    assert torch.equal(one.model.state_dict()[key], two.model.state_dict()[key])
    assert not torch.equal(one.model.state_dict()[key], trained.model.state_dict()[key])
    assert (one.name, one.size) == ("untrained", 32)


def test_a_torn_newest_checkpoint_is_passed_over_loudly(
    run_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(run_folder / "step_00000007.pt", tmp_path)
    torn = tmp_path / "step_00000009.pt"
    torn.write_bytes((run_folder / "step_00000007.pt").read_bytes()[:5000])
    (tmp_path / "step_00000009.pt.sha256").write_text("0" * 64 + "  step_00000009.pt\n")
    assert open_encoder(tmp_path, None).name.startswith("step_00000007.pt")
    assert "step_00000009.pt is torn" in caplog.text
    (tmp_path / "step_00000007.pt").unlink()
    with pytest.raises(InputError, match="no whole checkpoint"):
        open_encoder(tmp_path, None)


def test_bad_input_is_one_line_and_nothing_is_written(
    evaluate: Callable[..., int],
    tree: Path,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    six = tmp_path / "six.txt"
    six.write_text("\n".join(["line"] * 6))
    torn, foreign = tmp_path / "torn.pth", tmp_path / "foreign.pth"
    torn.write_bytes((run_folder / "released.pth").read_bytes()[:20_000])
    torch.save({"other.weight": torch.zeros(3)}, foreign)
    config = run_folder / "config.py"
    cases: list[tuple[dict[str, object], str]] = [
        ({"prompts": six}, r"six.txt: 6 lines for 7 classes"),
        ({"prompts": tmp_path / "none.txt"}, r"none.txt: there is no such file"),
        ({"protocol": "made_frame"}, r"Did you mean 'made_frames'"),
        ({"protocol": "cholec80_frames"}, r"protocol cholec80_frames does not test|is for cholec80"),
        ({"dataset": "chole80"}, r"unknown data set 'chole80'"),
        ({"split": "tset"}, r"splits/tset.csv: there is no such file"),
        ({"split": "lecture_2,lecture_9"}, r"csvs/lecture_9.csv: there is no such file"),
        ({"split": "lecture_2,lecture_2"}, r"stands twice"),
        ({"split": "../x,lecture_2"}, r"'../x' is not a usable id"),
        ({"checkpoint": torn, "config": config}, r"torn.pth: cannot be read as a checkpoint"),
        ({"checkpoint": foreign, "config": config}, r"foreign.pth: these are not weights of this model"),
        ({"checkpoint": run_folder / "released.pth"}, r"released.pth: carries no config.*Add --config"),
        ({"checkpoint": tmp_path / "gone.pt"}, r"gone.pt: there is no such checkpoint"),
        ({"checkpoint": None}, r"no model to evaluate"),
        ({"checkpoint": None, "untrained": True}, r"no model to evaluate"),
        ({"config": tmp_path / "none.py"}, r"none.py: there is no such config file"),
        ({"batch_size": 0}, r"0 frames make no batch"),
        ({"device": "abacus"}, r"cannot use the device 'abacus'"),
        ({"frames": tree}, r"lecture_2.mp4: there is no such video"),
    ]
    for changes, complaint in cases:
        assert evaluate(**changes) == 2, changes
        message = capsys.readouterr().err.strip()
        assert message.count("\n") == 0 and message.startswith("error: "), message
        assert re.search(complaint, message), message
        assert not (tmp_path / "out").exists(), changes


def test_a_missing_frame_is_named_with_its_row_before_anything_is_embedded(
    evaluate: Callable[..., int], tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy)
    (copy / "downstream_datasets" / "made" / "frames" / "lecture_3_4.png").unlink()
    assert evaluate(data=copy) == 2
    assert "lecture_3.csv, row 6, 'path': there is no frame" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_damaged_frame_leaves_the_older_predictions(
    evaluate: Callable[..., int], tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate() == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy)
    (copy / "downstream_datasets" / "made" / "frames" / "lecture_3_4.png").write_bytes(b"\x89PNG and no more")
    assert evaluate(data=copy) == 2
    assert "lecture_3_4.png: not an image" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
