from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from surgvlp import console
from surgvlp.evaluation.prompt_writing import SAME, Sentence, choose_prompts
from surgvlp.files import InputError
from surgvlp.lectures.prompts import read_prompts
from surgvlp.lectures.texts import Caption, read_captions, write_captions
from surgvlp.lectures.tree import DataTree

Tool = Callable[[str], ModuleType]
PHASES = ("put trocars in now", "hook frees duct there", "clips on bag closed")


def unit(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32) / np.linalg.norm(values)


def sentence(text: str, vector: list[float], share: list[float]) -> Sentence:
    return Sentence(text, "lecture_0", 3.0, unit(vector), np.array(share))


def test_the_lecture_decides_what_a_sentence_is_about_and_no_two_say_the_same() -> None:
    descriptions = np.eye(2, 4, dtype=np.float32)
    said = [
        sentence("the duct is clipped here", [1, 0, 0.3, 0], [0.9, 0.1]),
        sentence("the duct is clipped now", [1, 0.01, 0.3, 0], [0.9, 0.1]),  # says the same
        sentence("scissors cut through the duct", [1, 0, 0, 0.9], [0.9, 0.1]),
        sentence("later we clip the duct", [1, 0.2, 0.1, 0], [0.2, 0.8]),  # while the bag is spoken of
        sentence("the bag is opened wide", [0, 1, 0.3, 0], [0.1, 0.9]),
        sentence("the bag leaves the abdomen", [0, 1, 0, 0.9], [0.1, 0.9]),
        sentence("well", [0, 1, 0, 0], [0.0, 1.0]),  # too short to describe anything
    ]
    first, second = choose_prompts(said, descriptions, ("clip", "bag"), 2)
    assert [item.text for item in first] == ["the duct is clipped here", "scissors cut through the duct"]
    assert {item.text for item in second} == {"the bag is opened wide", "the bag leaves the abdomen"}
    assert first[0].near == pytest.approx(1 / np.sqrt(1.09)) and first[0].share == pytest.approx(0.9)
    with pytest.raises(InputError, match="only 2 different sentences are about 'clip', 3 are wanted"):
        choose_prompts(said, descriptions, ("clip", "bag"), 3)
    with pytest.raises(InputError, match="no sentence is long enough"):
        choose_prompts(said[-1:], descriptions, ("clip", "bag"), 1)


def test_what_is_beside_the_point_is_not_typical() -> None:
    """As near to the class by chance, but like nothing else that is said about it."""
    generator = np.random.default_rng(0)
    usual = [
        sentence(f"usual words number {number}", [1, 0.4, *generator.normal(0, 0.2, 8), 0], [1.0])
        for number in range(12)
    ]
    odd = sentence("something else was said", [1, 0, *np.zeros(8), 0.7], [1.0])
    descriptions = unit([1, *np.zeros(10)])[None]
    [chosen] = choose_prompts([odd, *usual], descriptions, ("class",), 3)
    assert odd.text not in [item.text for item in chosen]


def test_chosen_ones_differ() -> None:
    generator = np.random.default_rng(1)
    said = [
        sentence(f"one two three {number}", [3, *generator.normal(0, 1, 6)], [1.0]) for number in range(40)
    ]
    [chosen] = choose_prompts(said, unit([1, *np.zeros(6)])[None], ("class",), 6)
    vectors = {item.text: item.vector for item in said}
    picked = np.stack([vectors[item.text] for item in chosen])
    assert (picked @ picked.T - 2 * np.eye(6)).max() < SAME


@pytest.fixture
def narrated(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "splits").mkdir(parents=True)
    (root / "whisper_narration_texts").mkdir()
    (root / "splits" / "train.csv").write_text("video_path\nlecture_0.mp4\nlecture_1.mp4\n")
    for number in range(3):
        rows = [
            Caption(
                10.0 * place + 3 * turn, 10.0 * place + 3 * turn + 2, f"{text} {'water' if turn else 'smoke'}"
            )
            for place, text in enumerate(PHASES)
            for turn in range(2)
        ]
        write_captions(DataTree(root).texts("whisper_narration", f"lecture_{number}"), rows)
    return root


def test_the_tool_writes_prompt_files_that_evaluation_reads(
    tool: Tool, narrated: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (narrated / "whisper_narration_texts" / "lecture_2.csv").write_text(
        "start,end,text\n0,2,never read this one\n"
    )
    flags = ["--checkpoint", run_folder, "--data", narrated, "--output", tmp_path / "out" / "said"]
    flags += ["--count", 1, "--classes", *PHASES]
    main = tool("write_prompts").main
    assert console.exit_code(lambda: main([str(flag) for flag in flags])) == 0
    prompts = read_prompts(tmp_path / "out" / "said_1.txt", 3)
    record = json.loads((tmp_path / "out" / "said.json").read_text())
    assert record["lectures"] == ["lecture_0", "lecture_1"] and list(record["classes"]) == list(PHASES)
    for prompt, [source] in zip(prompts, record["classes"].values(), strict=True):
        said = read_captions(DataTree(narrated).texts("whisper_narration", source["lecture"]))
        assert (source["text"], source["start"]) in [(row.text, row.start) for row in said]
        assert source["text"] == prompt
    assert len(set(prompts)) == 3
    printed = capsys.readouterr().out
    assert "said_1.txt" in printed and "lecture_" in printed and "never read" not in printed


def test_what_cannot_be_written_is_one_line(
    tool: Tool, narrated: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    describe = tmp_path / "two.txt"
    describe.write_text("one\ntwo\n")
    common = [
        "--checkpoint",
        run_folder,
        "--data",
        narrated,
        "--output",
        tmp_path / "said",
        "--classes",
        *PHASES,
    ]
    for more, complaint in (
        (["--count", 0], "0 prompts make no file"),
        (["--count", 9], "different sentences are about"),
        (["--split", "gone"], "gone.csv: there is no such file"),
        (["--describe", describe], "2 lines for 3 classes"),
    ):
        flags = [str(flag) for flag in (*common, *more)]
        assert console.exit_code(lambda: tool("write_prompts").main(flags)) == 2  # noqa: B023
        assert complaint in capsys.readouterr().err
        assert not list(tmp_path.glob("said*"))
