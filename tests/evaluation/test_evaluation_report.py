from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from surgvlp import console, predictions
from surgvlp.evaluation.curves import read_curves
from surgvlp.evaluation.decoding import KINDS
from surgvlp.evaluation.nearest import nearest_frames
from surgvlp.evaluation.report import Report, write_report
from surgvlp.evaluation.view import number
from surgvlp.files import InputError, write_json
from surgvlp.media.images import read_image
from surgvlp.predictions import Predictions

Make = Callable[..., list[Predictions]]
Tool = Callable[[str], ModuleType]

EVIL = '<script>alert("x")</script>$\\frac{1}$" onload="x'


class Page(HTMLParser):
    """Tags, attributes and text of a page; raises where tags do not match."""

    VOID = ("meta", "img", "br", "rect", "path", "line", "polyline")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID or (tag == "rect"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def picture(video: str, frame_index: int) -> np.ndarray:
    return np.full((36, 64, 3), frame_index % 256, dtype=np.uint8)


def full_report(make: Make, **fields: object) -> Report:
    values: dict[str, object] = {
        "runs": {"trained": make(skill=0.9), "untrained": make(skill=0.1)},
        "picture": picture,
        "prompt_sets": [[f"prompt {index}" for index in range(7)]],
        "protocol": {"name": "made_frames"},
        "curves": {"Loss": {"loss": (np.arange(5), np.linspace(2, 1, 5))}},
        "narrations": {"wer": 0.083, "words": 100},
        "commands": ["python train.py"],
        **fields,
    }
    return Report(**values)  # type: ignore[arg-type]


def test_a_known_pattern_is_reported(made_predictions: Make, tmp_path: Path) -> None:
    content = write_report(full_report(made_predictions, subject="unseen lectures"), tmp_path)
    assert json.loads(json.dumps(content)) == json.loads((tmp_path / "summary.json").read_text())
    page = Page((tmp_path / "report.html").read_text())
    words = " ".join(page.text.split())
    # Of each class's ten frames nine are right and one is taken for the next class: F1 0.9 for all.
    assert "0.90 macro-F1 on 2 unseen lectures, from text prompts alone" in words
    assert "The strongest of 2 controls," in words
    assert "protocol made_frames · sha256 " + "ab" * 32 in words
    assert "Word error rate against what was spoken: 8.3 %" in words
    assert "prompt 6" in words and "python train.py" in words
    assert page.tags.count("img") == 35
    assert content["rows"][0]["macro_f1"] == pytest.approx(0.9)
    assert np.trace(content["confusion"]) == 126
    pictures = {path.name: read_image(path).std() for path in (tmp_path / "figures").iterdir()}
    names = ("scores", "phase_ribbons", "confusion", "nearest_frames", "training_curves")
    assert set(pictures) == {f"{name}.png" for name in names} and min(pictures.values()) > 5


def test_the_page_needs_nothing_but_itself(made_predictions: Make, tmp_path: Path) -> None:
    write_report(full_report(made_predictions), tmp_path)
    html = (tmp_path / "report.html").read_text()
    page = Page(html)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    loading = [value for name, value in page.attributes if name in ("src", "href", "srcset", "xlink:href")]
    assert loading and all(value.startswith("data:image/jpeg;base64,") for value in loading)
    assert "url(" not in html and "@import" not in html and "http:" not in html and "https:" not in html
    assert ("http-equiv", "Content-Security-Policy") in page.attributes


def test_names_stay_names(made_predictions: Make, tmp_path: Path) -> None:
    fields = {"class_names": tuple(f"{EVIL}{index}" for index in range(7)), "model": EVIL, "dataset": EVIL}
    items = [replace(item, video=f"{EVIL}{item.video}") for item in made_predictions(**fields, protocol=EVIL)]
    report = full_report(
        made_predictions,
        runs={EVIL: items},
        notes={EVIL: EVIL},
        title=EVIL,
        subject=EVIL,
        prompt_sets=[[EVIL] * 7],
        protocol={"name": f"</pre>{EVIL}"},
        curves={EVIL: {EVIL: (np.arange(3), np.arange(3.0))}},
        narrations={"wer": 0.1, EVIL: EVIL},
        commands=[EVIL],
    )
    write_report(report, tmp_path)
    html = (tmp_path / "report.html").read_text()
    page = Page(html)
    assert "<script" not in html and "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(EVIL) > 20


def test_a_run_alone_is_enough(made_predictions: Make, tmp_path: Path) -> None:
    write_report(Report(runs={"model": made_predictions(videos=1)}), tmp_path)
    words = " ".join(Page((tmp_path / "report.html").read_text()).text.split())
    assert (
        "1.00 macro-F1 on 1 videos" in words and "95 % interval" not in words.split("Beside its controls")[0]
    )
    assert not (tmp_path / "figures" / "nearest_frames.png").exists()


def test_a_control_that_wins_is_said_to_win(made_predictions: Make, tmp_path: Path) -> None:
    runs = {"trained": made_predictions(skill=0.1), "colours": made_predictions(skill=0.9)}
    write_report(Report(runs=runs), tmp_path)
    words = " ".join(Page((tmp_path / "report.html").read_text()).text.split())
    assert "colours, reaches 0.90: the model has shown nothing that the control has not" in words


def test_other_protocols_are_pointed_out(made_predictions: Make, tmp_path: Path) -> None:
    same = Report(runs={"a": made_predictions(), "b": made_predictions()})
    write_report(same, tmp_path / "same")
    other = Report(runs={"a": made_predictions(), "b": made_predictions(protocol_sha256="cd" * 32)})
    write_report(other, tmp_path / "other")
    warning = "compare only rows whose hashes agree"
    assert warning not in (tmp_path / "same" / "report.html").read_text()
    assert warning in (tmp_path / "other" / "report.html").read_text()


def test_long_videos_make_a_page_of_the_same_size(made_predictions: Make, tmp_path: Path) -> None:
    write_report(Report(runs={"a": made_predictions(skill=0.5, frames=2100)}), tmp_path / "short")
    write_report(Report(runs={"a": made_predictions(skill=0.5, frames=42000)}), tmp_path / "long")
    short, long = ((tmp_path / name / "report.html").stat().st_size for name in ("short", "long"))
    assert long < 1.5 * short


def test_a_report_that_fails_leaves_the_older_one(made_predictions: Make, tmp_path: Path) -> None:
    write_report(full_report(made_predictions), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def broken(video: str, frame_index: int) -> np.ndarray:
        raise InputError("damaged", file=f"{video}_{frame_index}.png")

    with pytest.raises(InputError, match="damaged"):
        write_report(full_report(made_predictions, picture=broken), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_nearest_frames_are_the_highest_apart(made_predictions: Make) -> None:
    items = made_predictions(videos=3)
    generator = np.random.default_rng(2)
    items = [replace(item, score=generator.random(item.score.shape, dtype=np.float32)) for item in items]
    for index, found in enumerate(nearest_frames(items, picture)):
        assert len(found) == 5
        assert found[0].score == pytest.approx(max(item.score[:, index].max() for item in items))
        assert [frame.score for frame in found] == sorted((frame.score for frame in found), reverse=True)
        for one in found:
            assert one.right == (one.label == index)
            others = [other for other in found if other is not one and other.video == one.video]
            assert all(abs(other.time_s - one.time_s) >= 10 for other in others)


def test_the_tool_pools_seeds_and_adds_the_colour_baseline(
    tool: Tool, tree: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--data", tree, "--dataset", "made", "--protocol", "made_frames"]
    common += ["--prompts", tree / "prompts" / "made_phases.txt"]
    runs = []
    for seed in ("seed_1", "seed_2"):
        for name, model in (("trained", ["--checkpoint", run_folder]), ("untrained", ["--untrained"])):
            output = tmp_path / seed / name
            arguments = [*common, "--config", run_folder, *model, "--output", output]
            assert tool("evaluate_zero_shot").main([str(item) for item in arguments]) == 0
            runs += ["--run", f"{name}={output}"]
    wer = tmp_path / "wer.json"
    write_json(wer, {"wer": 0.25, "words": 12, "lectures": {"lecture_0": {"wer": 0.25, "words": 12}}})
    arguments = [*runs, "--colour-baseline", "train", "--wer", str(wer), "--output", str(tmp_path / "report")]
    assert console.exit_code(lambda: tool("write_report").main(arguments)) == 0
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert [row["name"] for row in summary["rows"]] == [
        "trained",
        "untrained",
        "colour baseline",
        "permuted predictions",
    ]
    assert [video["video"] for video in summary["videos"]] == [
        f"seed_{seed}/lecture_{number}" for seed in (1, 2) for number in (2, 3)
    ]
    assert summary["rows"][2]["macro_f1"] > 0.9 and summary["rows"][2]["lead"] is not None
    page = (tmp_path / "report" / "report.html").read_text()
    assert "25.0 %" in page and page.count("data:image/jpeg") == 35
    assert "report.html" in capsys.readouterr().out


def test_predictions_of_another_system_can_be_reported(
    tool: Tool, made_predictions: Make, tmp_path: Path
) -> None:
    for item in made_predictions():
        predictions.save(item, tmp_path / "theirs")
    arguments = ["--run", f"theirs={tmp_path / 'theirs'}", "--output", str(tmp_path / "out")]
    assert console.exit_code(lambda: tool("write_report").main(arguments)) == 0
    assert (tmp_path / "out" / "report.html").exists()


def test_what_the_report_cannot_use_is_one_line(
    tool: Tool, made_predictions: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for item in made_predictions():
        predictions.save(item, tmp_path / "run")
    run = ["--run", f"run={tmp_path / 'run'}"]
    (tmp_path / "bad.json").write_text('{"wer": "high"}')
    (tmp_path / "bad.jsonl").write_text('{"step": 1}\n')
    for arguments, complaint in (
        (["--run", "nothing"], "'nothing' is not of the form NAME=VALUE"),
        (["--run", f"a={tmp_path}"], "no prediction files"),
        ([*run, "--wer", str(tmp_path / "bad.json")], "bad.json, 'wer': holds no word error rate"),
        ([*run, "--curves", str(tmp_path / "bad.jsonl")], "bad.jsonl, row 1: not a record"),
        ([*run, "--curves", str(tmp_path / "gone.jsonl")], "gone.jsonl: cannot be read"),
        ([*run, "--colour-baseline", "train"], "does not say where they are"),
    ):
        every = [*arguments, "--output", str(tmp_path / "out")]
        assert console.exit_code(lambda: tool("write_report").main(every)) == 2  # noqa: B023
        message = capsys.readouterr().err.strip()
        assert complaint in message and "\n" not in message
        assert not (tmp_path / "out").exists()


def test_a_record_beside_other_predictions_is_refused(
    tool: Tool, made_predictions: Make, tree: Path, run_folder: Path, tmp_path: Path
) -> None:
    flags = ["--data", tree, "--dataset", "made", "--protocol", "made_frames", "--checkpoint", run_folder]
    flags += ["--prompts", tree / "prompts" / "made_phases.txt", "--output", tmp_path / "run"]
    assert tool("evaluate_zero_shot").main([str(flag) for flag in flags]) == 0
    for item in made_predictions():
        predictions.save(item, tmp_path / "run" / "predictions")
    with pytest.raises(InputError, match=r"evaluation.json: belongs to other predictions"):
        tool("write_report").main(["--run", f"a={tmp_path / 'run'}", "--output", str(tmp_path / "out")])


def test_curves_are_read_as_training_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [
        {
            "split": "train",
            "step": 10,
            "epoch": 1,
            "level": "clip",
            "loss": 3.0,
            "info_nce": 4.0,
            "learning_rate": 1e-3,
        },
        {
            "split": "validation",
            "step": 10,
            "epoch": 1,
            "loss": 2.5,
            "mean_recall": 0.1,
            "t2v_median_rank": 4,
        },
        {"split": "train", "step": 20, "epoch": 2, "level": "clip", "loss": 2.0, "samples_per_s": 9.0},
        {"split": "train", "step": 20, "epoch": 2, "level": "clip", "loss": float("nan"), "info_nce": 1.0},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"split": "train", "st')
    curves = read_curves(path)
    assert list(curves) == [
        "Loss",
        "Learning rate",
        "Validation loss",
        "Validation recall",
        "Validation rank",
    ]
    np.testing.assert_array_equal(curves["Loss"]["loss"], ([10, 20], [3.0, 2.0]))
    np.testing.assert_array_equal(curves["Loss"]["info nce"], ([10, 20], [4.0, 1.0]))
    assert "samples per s" not in curves["Loss"]
    path.write_text("not json\n")
    with pytest.raises(InputError, match="row 1: not JSON"):
        read_curves(path)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.6549, "0.655"), (250.0, "250"), (1234.0, "1234"), (12345.0, "12.3k"), (3e-4, "3e-4")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def decoded_of(items: list[Predictions]) -> dict[str, list[Predictions]]:
    """Each kind says its own class everywhere, so that the page shows which is which."""
    found = {}
    for place, kind in enumerate(KINDS):
        score = np.full((len(items[0].label), 7), 0.05, dtype=np.float32)
        score[:, place] = 0.7
        found[str(kind)] = [replace(item, score=score, protocol=f"made_frames+{kind}") for item in items]
    return found


def test_decoded_scores_stand_beside_the_raw_ones(made_predictions: Make, tmp_path: Path) -> None:
    items = made_predictions(skill=0.9)
    report = full_report(
        made_predictions,
        runs={"trained": items},
        decoded=decoded_of(items),
        decoded_controls={EVIL: decoded_of(items)["offline"]},
    )
    content = write_report(report, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert [row["name"] for row in content["decoded"]] == [
        "single frames",
        "single frames, calibrated",
        "decoded, causal",
        "decoded, offline",
        "control: the grammar alone",
        "control: permuted grammar",
        f"control: {EVIL}",
    ]
    assert content["decoded"][0]["macro_f1"] == content["rows"][0]["macro_f1"] == pytest.approx(0.9)
    # One of seven phases, the same everywhere: 1/7 of frames right, and 70 % sure.
    assert content["decoded"][2]["accuracy"] == pytest.approx(1 / 7)
    assert content["decoded"][2]["expected_error"] == pytest.approx(0.7 - 1 / 7, abs=1e-6)
    assert content["decoded"][2]["stretches"] == pytest.approx(1 / 7)
    labels = [value for name, value in page.attributes if name == "aria-label"]
    for video in ("lecture_0000", "lecture_0001"):
        assert f"causal phases of {video}" in labels and f"offline phases of {video}" in labels
    assert page.text.count(EVIL) == 1 and "made_frames+permuted-grammar" in page.text
    assert read_image(tmp_path / "figures" / "reliability.png").std() > 5
    assert "script" not in page.tags


def test_without_decoding_the_page_has_no_word_of_it(made_predictions: Make, tmp_path: Path) -> None:
    content = write_report(full_report(made_predictions), tmp_path)
    assert content["decoded"] == [] and not (tmp_path / "figures" / "reliability.png").exists()
    assert "Decoded over time" not in (tmp_path / "report.html").read_text()


def test_the_tool_finds_what_was_decoded_and_refuses_what_is_not_its_own(
    tool: Tool, made_predictions: Make, tmp_path: Path
) -> None:
    items = made_predictions(skill=0.9)
    for item in items:
        predictions.save(item, tmp_path / "run" / "predictions")
    for kind, found in decoded_of(items).items():
        for item in found:
            predictions.save(item, tmp_path / "run" / "decoded" / kind / "predictions")
    arguments = ["--run", f"a={tmp_path / 'run'}", "--output", str(tmp_path / "out")]
    assert console.exit_code(lambda: tool("write_report").main(arguments)) == 0
    assert "decoded, offline" in (tmp_path / "out" / "report.html").read_text()
    for item in items:
        predictions.save(replace(item, model="another"), tmp_path / "run" / "predictions")
    with pytest.raises(InputError, match="calibrated was decoded from other predictions"):
        tool("write_report").main(arguments)
