from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp import console, predictions
from surgvlp.evaluation.comparing.bootstrap import LectureSums, interval, paired_interval
from surgvlp.evaluation.comparing.expected_order import EMPTY, HOLDS, REVERSED, UNDECIDED, compare_models
from surgvlp.evaluation.metrics import bootstrap_interval
from surgvlp.files import InputError, write_json
from surgvlp.predictions import Predictions

Make = Callable[..., list[Predictions]]


def _sums(corpus: list[int], total: list[float], weight: list[float]) -> LectureSums:
    names = tuple(f"lecture_{number}" for number in range(len(corpus)))
    return LectureSums(np.array(corpus), names, np.array(total), np.array(weight))


def test_the_interval_of_one_corpus_is_that_of_its_lectures() -> None:
    values = np.array([0.2, 0.5, 0.9, 0.4])
    assert interval(_sums([0] * 4, values.tolist(), [1] * 4)) == pytest.approx(bootstrap_interval(values))


def test_lectures_weigh_by_their_pairs_and_corpora_keep_their_lectures() -> None:
    sums = _sums([0, 0, 1, 1], [1, 3, 0, 0], [2, 6, 4, 4])
    assert sums.value == 4 / 16
    assert sums.by_corpus() == (0.5, 0.0)
    # Within a corpus lectures are alike, so a draw that mixed corpora would be the only thing to vary.
    low, high = interval(_sums([0, 0, 1, 1], [2, 2, 0, 0], [4, 4, 4, 4])) or (0, 1)
    assert low == high == 0.25


def test_a_corpus_of_one_lecture_has_no_interval() -> None:
    assert interval(_sums([0, 0, 1], [1, 0, 1], [1, 1, 1])) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(0.01, 0.5))
def test_a_lead_that_is_the_same_in_every_lecture_has_no_width(values: list[float], lead: float) -> None:
    worse = _sums([0] * len(values), values, [1] * len(values))
    better = replace(worse, total=worse.total + lead)
    low, high = paired_interval(better, worse) or (0, 0)
    assert low == pytest.approx(lead) and high == pytest.approx(lead)


@pytest.fixture
def run(tmp_path: Path, made_predictions: Make) -> Callable[..., Path]:
    """Write what both evaluations of a run write: pairs rank at `rank`, frames are right by `skill`."""

    def write(name: str, skill: float, rank: int, corpus: str = "one") -> Path:
        for item in made_predictions(skill, videos=4):
            predictions.save(item, tmp_path / name / "zero-shot" / "predictions")
        lectures = [f"lecture_{number:04d}" for number in range(4)]
        pairs = [lecture for lecture in lectures for _ in range(5)]
        level = {
            "pairs": 20,
            "lecture": pairs,
            "chance": {"R@1": 0.05, "R@5": 0.25, "R@10": 0.5},
            "text_to_video_rank": [rank] * 20,
            "video_to_text_rank": [rank] * 20,
        }
        abstract = {
            "pairs": 4,
            "lecture": lectures,
            "chance": {"R@1": 0.25, "R@5": 1.0, "R@10": 1.0},
            "text_to_video_rank": [0, 1, 2, 3],
            "video_to_text_rank": [0, 1, 2, 3],
        }
        aligned = {
            "order_agreement": skill,
            "nearest_accuracy": 1 - skill,
            "nearest_chance": 0.2,
            "aligned_accuracy": 0.99,
            "uniform_accuracy": 0.6,
        }
        content = {
            "levels": {"clip": level, "keystep": level, "video": abstract},
            "alignment": {"lectures": [{"lecture": lecture, **aligned} for lecture in lectures]},
            "corpus_sha256": corpus,
            "protocol_sha256": "cd" * 32,
            "model": f"step of {name}",
            "lectures": lectures,
        }
        write_json(tmp_path / name / "retrieval.json", content)
        return tmp_path / name

    return write


def test_verdicts_are_those_that_the_scores_were_made_for(run: Callable[..., Path]) -> None:
    compared = compare_models({"weak": [run("weak", 0.2, 6)], "strong": [run("strong", 0.7, 3)]})
    steps = {line.metric.key: line.steps[0] for line in compared.lines}
    assert steps["accuracy"].verdict == HOLDS
    assert steps["accuracy"].difference == pytest.approx(0.5)
    assert steps["clip_text_to_video_R@5"].verdict == steps["keystep_video_to_text_R@5"].verdict == HOLDS
    assert steps["clip_text_to_video_R@1"].verdict == UNDECIDED
    assert "neither is surely above chance" in steps["clip_text_to_video_R@1"].why
    assert steps["nearest_accuracy"].verdict == REVERSED
    assert "near the highest score" in steps["aligned_accuracy"].why
    assert steps["video_text_to_video_R@5"].verdict == EMPTY
    assert compared.verdicts("strong") == {HOLDS: 7, UNDECIDED: 11, REVERSED: 1, EMPTY: 4}
    lines = {line.metric.key: line for line in compared.lines}
    assert lines["video_text_to_video_R@1"].scores["weak"].value == 0.25
    assert lines["order_agreement"].chance == 0.5 and lines["aligned_accuracy"].chance == 0.6
    assert abs(lines["accuracy"].chance - 1 / 7) < 0.05


def test_corpora_are_pooled_and_shown_apart(run: Callable[..., Path]) -> None:
    weak = [run("weak_1", 0.4, 6, "one"), run("weak_2", 0.4, 6, "two")]
    strong = [run("strong_1", 0.6, 3, "one"), run("strong_2", 0.3, 8, "two")]
    compared = compare_models({"weak": weak, "strong": strong})
    accuracy = compared.lines[0]
    assert (compared.corpora, compared.lectures) == (2, 8)
    assert accuracy.scores["strong"].by_corpus == pytest.approx((0.6, 0.3))
    assert accuracy.scores["strong"].value == pytest.approx(0.45)
    recall = next(line for line in compared.lines if line.metric.key == "clip_text_to_video_R@10").steps[0]
    assert recall.why.endswith("the order is found in 0 of 2 corpora")


def test_runs_of_other_corpora_are_not_compared(run: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"other: was scored on other lectures, texts or prompts"):
        compare_models({"a": [run("a", 0.5, 1)], "b": [run("other", 0.5, 1, "two")]})
    with pytest.raises(InputError, match="b has 2 runs, a 1"):
        compare_models({"a": [run("a", 0.5, 1)], "b": [run("b", 0.5, 1), run("c", 0.5, 1)]})


def test_the_tool_writes_table_page_and_numbers(
    tool: Callable[[str], ModuleType],
    run: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--model", f"<b>weak|={run('weak', 0.2, 6)}", "--model", f"strong={run('strong', 0.7, 3)}"]
    flags += ["--control", f"untrained={run('untrained', 0.1, 15)}", "--note", "untrained=as drawn"]
    output = tmp_path / "out"
    assert console.exit_code(lambda: tool("compare_models").main([*flags, "--output", str(output)])) == 0
    assert "strong above <b>weak|: holds for 7 of 19 metrics" in " ".join(capsys.readouterr().out.split())
    numbers = json.loads((output / "comparison.json").read_text())
    assert numbers["order"] == ["<b>weak|", "strong"] and len(numbers["metrics"]) == 23
    page = (output / "comparison.html").read_text()
    assert "&lt;b&gt;weak|" in page and "<b>weak" not in page and "as drawn" in page
    assert "src=" not in page and "href=" not in page and "<script" not in page
    table = (output / "comparison.md").read_text()
    assert "| accuracy |" in table and "+0.500 (+0.500 to +0.500) **holds**" in table
    columns = {line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")}
    assert columns == {7}


def test_what_is_missing_is_named_and_nothing_is_written(
    tool: Callable[[str], ModuleType],
    run: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = run("weak", 0.2, 6)
    (folder / "retrieval.json").write_text('{"scores": 1}')
    flags = ["--model", f"weak={folder}", "--output", str(tmp_path / "out")]
    assert console.exit_code(lambda: tool("compare_models").main(flags)) == console.BAD_INPUT
    assert "retrieval.json: not the scores of a retrieval" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
