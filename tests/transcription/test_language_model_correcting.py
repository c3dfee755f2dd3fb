"""Corrected narrations by a language model behind a real server, good or misbehaving."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import pytest
from language_model_lectures import SAID, WHISPER, Run, is_of, narrations_of
from language_model_servers import (
    LanguageModelServer,
    sensible,
    write_config,
)

from surgvlp import console
from surgvlp.lectures import Caption, DataTree, read_captions, write_captions
from surgvlp.transcription.language_model.server import ServerModel

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import correct_narrations


def test_narrations_are_corrected_in_place_and_the_others_kept_beside(
    tree: DataTree, server: LanguageModelServer, run: Run
) -> None:
    before = tree.texts(WHISPER, "one").read_bytes()
    code, printed = run(correct_narrations.main)
    assert code == console.DONE
    assert "2 lectures written" in printed and "4 sentences corrected, 0 corrections refused" in printed
    kept = tree.uncorrected(WHISPER, "one")
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
    assert read_captions(tree.uncorrected(WHISPER, "one")) == changed


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


@pytest.mark.parametrize("trouble", ["no answer", "key refused", "interrupted"])
def test_narrations_transcribed_again_after_a_first_try_that_failed_are_corrected(
    trouble: str, tree: DataTree, server: LanguageModelServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> object:
        raise KeyboardInterrupt

    target, aside = tree.texts(WHISPER, "one"), tree.uncorrected(WHISPER, "one")
    server.behave = lambda exchange: exchange.say("no")
    if trouble == "key refused":
        server.behave = lambda exchange: exchange.reply({}, 401)
    if trouble == "interrupted":
        monkeypatch.setattr(ServerModel, "answer", interrupt)
    code, _ = run(correct_narrations.main)
    assert code != console.DONE and not aside.exists()
    monkeypatch.undo()
    server.behave = lambda exchange: exchange.say(sensible(exchange.body))
    again = narrations_of("one")[:6]
    write_captions(target, again)
    code, printed = run(correct_narrations.main)
    assert code == console.DONE and "2 lectures written, 0 reused, 0 kept" in printed
    assert read_captions(aside) == again
    assert [row.text for row in read_captions(target)][4] == "the cystic duct is dissected free"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("folder", ["uncorrected", "status", "whisper_narration_texts"])
def test_interrupted_while_it_is_put_in_place_a_correction_begins_again(
    folder: str, error: BaseException, tree: DataTree, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(source: Path, to: Path) -> None:
        if Path(to).stem == "one" and Path(to).parent.name == folder:
            raise error
        replaced(source, to)

    target, aside = tree.texts(WHISPER, "one"), tree.uncorrected(WHISPER, "one")
    before, replaced = target.read_bytes(), os.replace
    monkeypatch.setattr(os, "replace", stopping)
    code, _ = run(correct_narrations.main)
    assert code in (console.INTERRUPTED, console.BAD_INPUT) and target.read_bytes() == before
    assert not list(tree.root.rglob("*.partial"))
    monkeypatch.undo()
    code, printed = run(correct_narrations.main)
    assert code == console.DONE and "2 lectures written, 0 reused, 0 kept" in printed
    assert aside.read_bytes() == before != target.read_bytes()
    assert "0 lectures written, 2 reused" in run(correct_narrations.main)[1]


def test_what_was_put_aside_survives_a_replacement_that_fails(
    tree: DataTree, server: LanguageModelServer, run: Run
) -> None:
    target, aside = tree.texts(WHISPER, "one"), tree.uncorrected(WHISPER, "one")
    before = target.read_bytes()
    run(correct_narrations.main)
    again = [Caption(row.start, row.end, f"{row.text} indeed") for row in narrations_of("one")]
    write_captions(target, again)
    server.behave = lambda exchange: exchange.say("no")
    code, _ = run(correct_narrations.main, "--replace")
    assert code == console.PARTLY_FAILED
    assert aside.read_bytes() == before and read_captions(target) == again


def test_corrections_by_another_model_stay_until_told_otherwise(
    tree: DataTree, server: LanguageModelServer, run: Run, tmp_path: Path
) -> None:
    run(correct_narrations.main)
    target, aside = tree.texts(WHISPER, "one"), tree.uncorrected(WHISPER, "one")
    before, said = target.read_bytes(), aside.read_bytes()
    write_config(tmp_path / "model.py", server.url, model="other")
    server.behave = lambda exchange: exchange.say('{"corrections": []}')
    _, printed = run(correct_narrations.main)
    assert "0 lectures written, 0 reused, 2 kept" in printed and "2 are by another writer" in printed
    assert target.read_bytes() == before
    _, printed = run(correct_narrations.main, "--replace")
    assert "2 lectures written" in printed
    assert read_captions(target) == narrations_of("one") and aside.read_bytes() == said


def test_without_narrations_there_is_nothing_to_correct(tree: DataTree, run: Run) -> None:
    tree.texts(WHISPER, "one").unlink()
    code, printed = run(correct_narrations.main)
    assert code == console.PARTLY_FAILED and "there are no narrations" in printed
    assert f"one: {tree.texts(WHISPER, 'one')}: " in printed and "uncorrected" not in printed
    tree.texts(WHISPER, "two").unlink()  # what was corrected before is written again from what was put aside
    code, printed = run(correct_narrations.main)
    assert code == console.PARTLY_FAILED and "1 lectures written" in printed
    assert "the cystic duct is dissected free" in tree.texts(WHISPER, "two").read_text()


def test_a_config_block_is_asked_for(tree: DataTree, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        correct_narrations.main(["--data", str(tree.root)])
    assert "--language-model" in capsys.readouterr().err
