"""Word error rates."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgvlp.files import InputError
from surgvlp.lectures import Caption, DataTree, write_captions
from surgvlp.transcription.recogniser import Word
from surgvlp.transcription.score import score_against_scripts, start_errors, word_error_rate


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [
        ("Cut the duct, now.", "cut the duct now", 0.0),
        ("two clips", "2 clips", 0.0),
        ("the colour of the tumour", "the color of the tumor", 0.0),
        ("the patient's liver", "the patient 's liver", 0.0),
        ("cut the cystic duct", "cut the duct", 1 / 4),
        ("cut the duct", "got the the duct", 2 / 3),
        ("cut", "", 1.0),
        ("cut", "a b c", 3.0),
    ],
)
def test_golden_rates(reference: str, hypothesis: str, rate: float) -> None:
    assert word_error_rate(reference, hypothesis) == pytest.approx(rate)


def test_an_empty_reference_has_no_rate() -> None:
    with pytest.raises(InputError, match="no words"):
        word_error_rate("...", "cut")


def test_lectures_are_weighted_by_their_words(tmp_path: Path) -> None:
    tree = DataTree(tmp_path)
    for lecture, said in {"a": "we cut the duct", "b": "look here"}.items():
        write_captions(tree.script(lecture), [Caption(0, 1, said)])
    heard = [Caption(0, 0.5, "we got"), Caption(0.5, 1, "the duct")]
    write_captions(tree.texts("whisper_narration", "a"), heard)
    score = score_against_scripts(tree, ["a", "b"])
    assert score["wer"] == pytest.approx((1 + 2) / 6)  # b was not recognised at all
    assert score["words"] == 6
    assert score["lectures"]["a"] == {"wer": pytest.approx(0.25), "words": 4}
    with pytest.raises(InputError, match="no lectures"):
        score_against_scripts(tree, [])


def test_sentences_start_where_their_first_word_is_heard() -> None:
    said = [
        Caption(1, 2, "We cut."),
        Caption(3, 4, "The patient's duct is seen."),
        Caption(6, 7, "Now, stop."),
    ]
    heard = [
        Word(" We", 1.25, 1.5, 0.9),
        Word(" cut", 1.5, 1.8, 0.9),
        Word(" a", 3.1, 3.2, 0.9),  # the first word of the second sentence is not heard right
        Word(" patient's", 3.2, 3.6, 0.9),
        Word(" duct", 3.6, 3.9, 0.9),
        Word(" Now,", 5.5, 6.2, 0.9),
    ]
    assert start_errors(said, heard) == pytest.approx([0.25, -0.5])
    assert len(start_errors(said, [])) == len(start_errors([], heard)) == 0
