"""Corrected narrations by a language model behind a real server, good or misbehaving."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from language_model_lectures import SAID, WHISPER, Run, is_of, narrations_of, new_tree, runner
from language_model_servers import (
    LanguageModelServer,
    sensible,
    write_config,
)

from surgvlp import console
from surgvlp.lectures import Caption, DataTree, read_captions, write_captions

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import correct_narrations


@pytest.fixture
def tree(tmp_path: Path) -> DataTree:
    return new_tree(tmp_path / "data")


@pytest.fixture
def server() -> Iterator[LanguageModelServer]:
    """A server whose model does what it is asked."""
    with LanguageModelServer(lambda exchange: exchange.say(sensible(exchange.body))) as server:
        yield server


@pytest.fixture
def run(
    tree: DataTree, server: LanguageModelServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Run:
    return runner(tree, write_config(tmp_path / "model.py", server.url, attempts=2, timeout_s=5), capsys)


def test_narrations_are_corrected_in_place_and_the_others_kept_beside(
    tree: DataTree, server: LanguageModelServer, run: Run
) -> None:
    before = tree.texts(WHISPER, "one").read_bytes()
    code, printed = run(correct_narrations.main)
    assert code == console.DONE
    assert "2 lectures written" in printed and "4 sentences corrected, 0 corrections refused" in printed
    kept = tree.root / "whisper_narration_texts" / "uncorrected" / "one.csv"
    assert kept.read_bytes() == before
    found, old = read_captions(tree.texts(WHISPER, "one")), narrations_of("one")
    assert [(row.start, row.end) for row in found] == [(row.start, row.end) for row in old]
    assert [row.text for row in found] == [row.text.replace("dock", "duct") for row in old]
    server.requests.clear()
    _, printed = run(correct_narrations.main)
    assert "0 lectures written, 2 reused" in printed and server.requests == []
    # another answer to the same narrations: from what was said, not from what was corrected
    server.behave = lambda exchange: exchange.say(sensible(exchange.body).replace("dissected", "disected"))
    tree.texts(WHISPER, "one").unlink()
    for path in (tree.root / "language_model_answers").iterdir():
        path.unlink()
    run(correct_narrations.main)
    assert [row.text for row in read_captions(tree.texts(WHISPER, "one"))][
        4
    ] == "the cystic duct is disected free"
    assert kept.read_bytes() == before


def test_corrections_that_change_what_is_said_are_refused(
    tree: DataTree, server: LanguageModelServer, run: Run
) -> None:
    better = {
        2: "A 12 mm port goes into the right side.",
        4: "The cystic duct is dissected free!",
        11: "All is fine.",
    }
    rows = [{"number": number, "text": text} for number, text in better.items()]
    server.behave = lambda exchange: exchange.say(json.dumps({"corrections": rows}))
    code, printed = run(correct_narrations.main)
    assert code == console.DONE and "2 sentences corrected, 4 corrections refused" in printed
    texts = [row.text for row in read_captions(tree.texts(WHISPER, "one"))]
    assert texts[4] == "the cystic duct is dissected free"
    assert texts[2] == SAID[2] and texts[11] == SAID[11]


def test_narrations_that_somebody_changed_stay_until_told_otherwise(tree: DataTree, run: Run) -> None:
    run(correct_narrations.main)
    target = tree.texts(WHISPER, "one")
    changed = [Caption(row.start, row.end, f"{row.text} indeed") for row in narrations_of("one")]
    write_captions(target, changed)
    code, printed = run(correct_narrations.main)
    assert code == console.DONE and "0 lectures written, 1 reused, 1 kept" in printed
    assert read_captions(target) == changed
    code, printed = run(correct_narrations.main, "--replace")
    assert code == console.DONE and "1 lectures written, 1 reused, 0 kept" in printed
    assert [row.text for row in read_captions(target)][4] == "the cystic duct is dissected free indeed"
    kept = tree.root / "whisper_narration_texts" / "uncorrected" / "one.csv"
    assert read_captions(kept) == changed


def test_a_correction_that_fails_leaves_the_narrations_as_they_are(
    tree: DataTree, server: LanguageModelServer, run: Run
) -> None:
    before = tree.texts(WHISPER, "one").read_bytes()
    server.behave = lambda exchange: exchange.say(
        "no" if is_of(exchange.body, "one") else sensible(exchange.body)
    )
    code, _ = run(correct_narrations.main)
    assert code == console.PARTLY_FAILED and tree.texts(WHISPER, "one").read_bytes() == before
    server.behave = lambda exchange: exchange.say(sensible(exchange.body))
    code, printed = run(correct_narrations.main)
    assert code == console.DONE and "1 lectures written, 1 reused" in printed


def test_an_interrupted_correction_begins_again(tree: DataTree, run: Run) -> None:
    target, aside = (
        tree.texts(WHISPER, "one"),
        tree.root / "whisper_narration_texts" / "uncorrected" / "one.csv",
    )
    before = target.read_bytes()
    aside.parent.mkdir()
    aside.write_bytes(before)  # put aside, and then the power went
    code, printed = run(correct_narrations.main)
    assert code == console.DONE and "2 lectures written" in printed
    assert aside.read_bytes() == before != target.read_bytes()


def test_without_narrations_there_is_nothing_to_correct(tree: DataTree, run: Run) -> None:
    tree.texts(WHISPER, "one").unlink()
    code, printed = run(correct_narrations.main)
    assert code == console.PARTLY_FAILED and "one: " in printed and "there are no narrations" in printed
    tree.texts(WHISPER, "two").unlink()  # what was corrected before is written again from what was put aside
    code, printed = run(correct_narrations.main)
    assert code == console.PARTLY_FAILED and "1 lectures written" in printed
    assert "the cystic duct is dissected free" in tree.texts(WHISPER, "two").read_text()


def test_a_config_block_is_asked_for(tree: DataTree, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        correct_narrations.main(["--data", str(tree.root)])
    assert "--language-model" in capsys.readouterr().err
