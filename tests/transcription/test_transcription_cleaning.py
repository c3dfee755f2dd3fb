"""The published cleaning: golden texts, and cleaning what is clean changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.lectures import Caption, read_captions
from surgvlp.transcription.cleaning import clean, clean_text


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (
            " The surgeon stands at the patient's right side.",
            "the surgeon stands at the patient 's right side",
        ),
        ("the patient’s legs", "the patient 's legs"),
        ("It's a five-millimeter port!", "its a five millimeter port"),
        ("I'm careful; that's not a problem", "i m careful thats not a problem"),
        ('a well-posed   plane,\tand\n"so" on...', "a well posed plane and so on"),
        ("CO2 at 12.5 mmHg, 1,000 ml (50%)", "co2 at 12.5 mmhg 1000 ml 50"),
        ("one. 2. three_four", "one 2 three four"),
        ("Après l'ÉTÉ", "après l été"),
        ("[Music] ♪", "music"),
        ("... ?!", ""),
    ],
)
def test_golden_texts(raw: str, cleaned: str) -> None:
    assert clean_text(raw) == cleaned


@given(st.text(max_size=60) | st.text("aI1.,' s’t-t", max_size=30))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert once == " ".join(once.split())


def test_published_texts_are_clean(shared_data: Path) -> None:
    for path in (shared_data / "svl_sample/whisper_narration_texts").glob("*.csv"):
        captions = read_captions(path)
        assert clean(captions).captions == captions


def test_empty_and_repeated_rows_are_dropped_and_counted() -> None:
    rows = [Caption(0, 1, "..."), Caption(1, 2, "Cut."), Caption(1, 2, "cut"), Caption(2, 3, "Cut")]
    cleaned = clean(rows)
    assert cleaned.captions == [Caption(1, 2, "cut"), Caption(2, 3, "cut")]
    assert (cleaned.empty, cleaned.repeated) == (1, 1)
