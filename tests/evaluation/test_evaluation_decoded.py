from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from surgvlp import console, predictions
from surgvlp.evaluation.decoding import KINDS
from surgvlp.evaluation.folders import open_run
from surgvlp.files import write_json
from surgvlp.lectures.labels import CHOLECYSTECTOMY
from surgvlp.lectures.texts import Caption, write_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.media.encode import VideoWriter
from surgvlp.media.images import read_image
from surgvlp.predictions import Predictions

Tool = Callable[[str], ModuleType]
GRAMMAR = {
    "about": "one after the other",
    "phases": {
        name: {
            "seconds": 10,
            "first": float(index == 0),
            "then": list(CHOLECYSTECTOMY[index + 1 : index + 2]),
        }
        for index, name in enumerate(CHOLECYSTECTOMY)
    },
}
DECODER = {**GRAMMAR, "calibration": {"temperature": 0.05, "evidence_s": 2}}


@pytest.fixture(scope="module")
def narrated(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree, its training lectures with videos and narrations that name each phase while it is seen."""
    root = tmp_path_factory.mktemp("narrated") / "tree"
    shutil.copytree(tree, root)
    prompts = (root / "prompts" / "made_phases.txt").read_text().splitlines()
    (root / "videos").mkdir()
    (root / "whisper_narration_texts").mkdir()
    for lecture in DataTree(root).split("train"):
        labels = DataTree(root).downstream("made").frames(lecture)
        with VideoWriter(root / "videos" / f"{lecture}.mp4", 64, 36, 1) as writer:
            for path in labels.paths:
                writer.write(read_image(path))
        captions = [Caption(3.0 * phase, 3.0 * phase + 2.5, text) for phase, text in enumerate(prompts)]
        write_captions(DataTree(root).texts("whisper_narration", lecture), captions)
    return root


def evaluate(tool: Tool, root: Path, run_folder: Path, output: Path, *more: object) -> int:
    flags = ["--checkpoint", run_folder, "--data", root, "--dataset", "made", "--protocol", "made_frames"]
    flags += ["--prompts", root / "prompts" / "made_phases.txt", "--output", output, *more]
    main = tool("evaluate_zero_shot").main
    return console.exit_code(lambda: main([str(flag) for flag in flags]))


def test_an_evaluation_decodes_with_what_narrations_teach(
    tool: Tool, narrated: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(tool, narrated, run_folder, tmp_path / "plain") == 0
    capsys.readouterr()
    assert evaluate(tool, narrated, run_folder, tmp_path / "run", "--narrations", "train", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in result["decoded"]][:4] == [
        "single frames",
        "single frames, calibrated",
        "decoded, causal",
        "decoded, offline",
    ]
    assert result["decoded"][0]["macro_f1"] == result["rows"][0]["macro_f1"]
    assert len({row["protocol_sha256"] for row in result["decoded"]}) == 6
    # Sentences are the prompts themselves, so that the order of the phases is heard.
    then = json.loads((tmp_path / "run" / "decoder.json").read_text())["phases"]["Preparation"]["then"]
    assert max(then, key=then.get) == "CalotTriangleDissection"
    plain, run = (predictions.load_folder(tmp_path / name / "predictions") for name in ("plain", "run"))
    for one, two in zip(plain, run, strict=True):
        np.testing.assert_array_equal(one.score, two.score)  # the raw scores stay what they were
        assert one.protocol_sha256 == two.protocol_sha256
    for kind in KINDS:
        [folder] = open_run([tmp_path / "run" / "decoded" / kind])
        assert folder.about and folder.about["protocol_sha256"] == folder.predictions[0].protocol_sha256
        assert folder.dataset() is not None


def test_a_given_grammar_decodes_and_no_grammar_takes_older_decodings_away(
    tool: Tool, narrated: Path, run_folder: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "decoder.json", DECODER)
    write_json(tmp_path / "grammar.json", GRAMMAR)
    output = tmp_path / "run"
    assert evaluate(tool, narrated, run_folder, output, "--grammar", tmp_path / "decoder.json") == 0
    one = predictions.load_folder(output / "decoded" / "offline" / "predictions")
    assert all((np.diff(item.score.argmax(axis=1)) >= 0).all() for item in one)  # one after the other
    given = "--grammar", tmp_path / "grammar.json", "--narrations", "train"
    assert evaluate(tool, narrated, run_folder, output, *given) == 0
    found = json.loads((output / "decoder.json").read_text())
    assert found["phases"]["Preparation"]["then"] == {"CalotTriangleDissection": 1.0}
    assert found["calibration"]["source"] == "pictures and narrations of 2 lectures, no labels"
    assert evaluate(tool, narrated, run_folder, output) == 0
    assert sorted(path.name for path in output.iterdir()) == ["evaluation.json", "predictions"]


def test_what_cannot_be_learned_from_is_said_before_anything_is_written(
    tool: Tool,
    narrated: Path,
    tree: Path,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_json(tmp_path / "grammar.json", GRAMMAR)
    for root, flags, complaint in (
        (narrated, ["--narrations", "test"], "lecture_2, lecture_3 would be learned from and tested on"),
        (narrated, ["--narrations", "gone"], "gone.csv: there is no such file"),
        (narrated, ["--grammar", tmp_path / "grammar.json"], "says nothing of how far scores can be trusted"),
        (narrated, ["--grammar", tmp_path / "gone.json"], "gone.json: there is no such file"),
        (tree, ["--narrations", "train"], "lecture_0.csv: there is no such file"),
    ):
        assert evaluate(tool, root, run_folder, tmp_path / "out", *flags) == 2
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert message.startswith("error: ") and complaint in message
        assert not (tmp_path / "out").exists()


def test_another_systems_predictions_are_decoded(
    tool: Tool,
    made_predictions: Callable[..., list[Predictions]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for item in made_predictions(skill=0.8, frames=210):
        predictions.save(item, tmp_path / "theirs")
    write_json(tmp_path / "decoder.json", DECODER)
    flags = [
        "--run",
        tmp_path / "theirs",
        "--decoder",
        tmp_path / "decoder.json",
        "--output",
        tmp_path / "out",
    ]
    main = tool("decode_predictions").main
    assert console.exit_code(lambda: main([*map(str, flags), "--json"])) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    # Two frames in ten flicker to the next phase; the grammar knows better.
    assert rows["single frames"]["edit"] < 0.5 and rows["decoded, offline"]["edit"] == 1.0
    assert rows["decoded, offline"]["macro_f1"] > 0.9 > rows["single frames"]["macro_f1"]
    assert len(list((tmp_path / "out" / "decoded" / "causal" / "predictions").glob("*.npz"))) == 2
    assert console.exit_code(lambda: main([str(flag) for flag in flags])) == 0
    assert "decoded, offline" in capsys.readouterr().out
