"""Results of Amazon Transcribe, in the documented format, become the second narrations."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from surgvlp import console
from surgvlp.files import InputError
from surgvlp.lectures import DataTree, read_captions
from surgvlp.transcription.aws_transcribe import read_aws_words
from surgvlp.transcription.recogniser import Word

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import import_transcripts


def _word(content: str, start: float, end: float, confidence: float = 0.98, **more: Any) -> dict[str, Any]:
    return {
        "start_time": f"{start}",
        "end_time": f"{end}",
        "alternatives": [{"confidence": f"{confidence}", "content": content}],
        "type": "pronunciation",
        **more,
    }


def _mark(content: str) -> dict[str, Any]:
    return {"alternatives": [{"confidence": "0.0", "content": content}], "type": "punctuation"}


ITEMS = [
    _word("The", 0.54, 0.7),
    _word("patient's", 0.7, 1.2),
    _word("galbladder", 1.2, 2.0, 0.41),
    _mark(","),
    _word("CO2", 2.1, 2.6),
    _word("12.5", 2.6, 3.0),
    _mark("."),
    _word("Stones", 3.4, 3.9),
    _word("are", 3.9, 4.0),
    _word("removed", 4.0, 4.6),
    _mark("."),
]


def _result(items: Any = ITEMS, **more: Any) -> dict[str, Any]:
    """A result file as the service's documentation shows it."""
    text = "The patient's galbladder, CO2 12.5. Stones are removed."
    return {
        "jobName": "lecture",
        "accountId": "111122223333",
        "status": "COMPLETED",
        "results": {
            "transcripts": [{"transcript": text}],
            "items": items,
            "audio_segments": [
                {"id": 0, "transcript": text, "start_time": "0.54", "end_time": "4.6", "items": [*range(11)]}
            ],
        },
        **more,
    }


def _write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def _run(*arguments: object) -> int:
    return console.exit_code(lambda: import_transcripts.main([str(argument) for argument in arguments]))


def test_a_result_becomes_narrations_raw_texts_and_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, tree = _write(tmp_path / "talk-1.json", _result()), DataTree(tmp_path / "data")
    assert _run("--results", result, "--out", tree.root) == console.DONE
    assert "1 lectures done, 0 reused, 0 without speech, 0 failed; 2 narrations" in capsys.readouterr().out
    rows = read_captions(tree.texts("aws_narration", "talk-1"))
    assert [(row.start, row.end, row.text) for row in rows] == [
        (0.54, 3.0, "the patient 's galbladder co2 12.5"),
        (3.4, 4.6, "stones are removed"),
    ]
    with tree.raw("aws_narration", "talk-1").open(newline="") as stream:
        raw = list(csv.DictReader(stream))
    assert [row["text"] for row in raw] == ["The patient's galbladder, CO2 12.5.", "Stones are removed."]
    words = json.loads(tree.words("aws_narration", "talk-1").read_text())
    assert words[2] == {"word": " galbladder,", "start": 1.2, "end": 2.0, "probability": 0.41}
    assert tree.read_status("talk-1")["transcription_aws_narration"]["outcome"] == "done"

    assert _run("--results", result, "--out", tree.root, "--spelling", "surgical", "--lemmas") == console.DONE
    assert "1 words respelled" in capsys.readouterr().out
    rows = read_captions(tree.texts("aws_narration", "talk-1"))
    assert [row.text for row in rows] == ["the patient 's gallbladder co2 12.5", "stone be remove"]


def test_speakers_at_the_same_time_are_put_in_order_and_the_best_alternative_is_taken(tmp_path: Path) -> None:
    second = _word("Yes", 0.6, 0.8, speaker_label="spk_1")
    second["alternatives"].append({"confidence": "0.2", "content": "Yet"})
    items = [_mark("."), _word("Look", 0.5, 0.7), _word("here", 0.9, 1.1), second, _mark("!")]
    del items[1]["alternatives"][0]["confidence"]  # documented as optional
    path = _write(tmp_path / "a.json", _result(items))
    assert read_aws_words(path) == [
        Word(" Look", 0.5, 0.7, 1.0),
        Word(" Yes!", 0.6, 0.8, 0.98),
        Word(" here", 0.9, 1.1, 0.98),
    ]


def test_nobody_spoke(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path / "quiet.json", _result([]))
    assert _run("--results", tmp_path, "--out", tmp_path / "data") == console.DONE
    assert "quiet: no speech found, no csv written" in capsys.readouterr().out
    assert not (tmp_path / "data" / "aws_narration_texts").exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "not valid JSON"),
        ([], "results.items"),
        ({"TranscriptionJob": {}}, "results.items"),
        ({"results": {"items": {}}}, "results.items"),
        (_result(status="FAILED"), "FAILED"),
        (_result(["word"]), r"results\.items\[0\]"),
        (_result([*ITEMS, _word("cut", 5, 6, type="noise")]), r"items\[11\]\.type.*'noise'"),
        (
            _result([{"type": "pronunciation", "start_time": "0", "end_time": "1"}]),
            r"alternatives\[0\]\.content",
        ),
        (_result([_word("cut", 5, 4)]), "runs from 5 s to 4 s"),
        (_result([_word("cut", -1, 4)]), "runs from -1 s"),
        (_result([{**_word("cut", 1, 2), "start_time": "soon"}]), r"items\[0\]\.start_time.*'soon'"),
        (_result([{**_word("cut", 1, 2), "end_time": None}]), "end_time.*None"),
        (_result([_word("cut", 1, float("nan"))]), "end_time.*'nan'"),
        (_result([_word("cut", 1, 2, float("inf"))]), "confidence.*'inf'"),
    ],
)
def test_a_bad_result_is_one_line_with_file_and_item(tmp_path: Path, content: Any, named: str) -> None:
    with pytest.raises(InputError, match=named) as error:
        read_aws_words(_write(tmp_path / "bad.json", content))
    assert "bad.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_results_among_good_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in (("good", _result()), ("bad", "{")):
        _write(tmp_path / f"{name}.json", content)
    out = tmp_path / "data"
    assert _run("--results", tmp_path, "--out", out) == console.PARTLY_FAILED
    printed = capsys.readouterr().out
    assert "bad.json, row 1: not valid JSON" in printed
    assert "1 lectures done" in printed and "1 failed" in printed
    assert _run("--results", tmp_path / "bad.json", tmp_path / "none.json", "--out", out) == console.BAD_INPUT
    assert "none.json: there is no such file" in capsys.readouterr().out
    assert _run("--results", out / "status" / "..", "--out", out) == console.BAD_INPUT
    assert "no .json file" in capsys.readouterr().err
    (tmp_path / "a b.json").touch()
    assert _run("--results", tmp_path / "a b.json", "--out", out) == console.BAD_INPUT
    assert "not a usable id" in capsys.readouterr().err
