"""What Whisper invents is found by kind, and what lecturers say is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.lectures import read_captions
from surgvlp.transcription.inventions import Judged, compression_ratio, judge, loops
from surgvlp.transcription.recogniser import Word

EVERYWHERE = [(0.0, float("inf"))]
NOWHERE: list[tuple[float, float]] = []


def _words(
    text: str, probability: float = 0.9, seconds: float | None = None, start: float = 0.0
) -> list[Word]:
    parts = text.split()
    each = 0.3 if seconds is None else seconds / len(parts)
    return [
        Word(f" {part}", round(start + index * each, 3), round(start + (index + 1) * each, 3), probability)
        for index, part in enumerate(parts)
    ]


def _reasons(words: list[Word], speech: list[tuple[float, float]]) -> list[tuple[str, str]]:
    return [(row.segment.text, row.reason) for row in judge(words, speech)]


@pytest.mark.parametrize(
    ("text", "probability", "speech", "reason"),
    [
        ("[Music]", 0.9, EVERYWHERE, "sound_label"),
        ("♪ ♪", 0.9, EVERYWHERE, "sound_label"),
        ("(upbeat music)", 0.9, EVERYWHERE, "sound_label"),
        ("Subtitles by the Amara.org community", 0.99, EVERYWHERE, "phantom_phrase"),
        ("Don't forget to subscribe!", 0.99, EVERYWHERE, "phantom_phrase"),
        ("Thank you.", 0.14, EVERYWHERE, "phantom_phrase"),
        ("Thanks for watching!", 0.9, NOWHERE, "phantom_phrase"),
        ("Merci d'avoir regardé cette vidéo.", 0.2, EVERYWHERE, "phantom_phrase"),
        ("The duct is over there", 0.3, NOWHERE, "no_voice"),
        ("And...", 0.04, EVERYWHERE, "wild_guess"),
        # said, and heard well: a lecturer's thanks, asides in brackets, unsure words where somebody speaks
        ("Thank you.", 0.9, EVERYWHERE, ""),
        ("Thank you for your attention.", 0.8, EVERYWHERE, ""),
        ("We thank you for watching this critical step with us.", 0.2, EVERYWHERE, ""),
        ("(here) we clip the cystic artery", 0.9, EVERYWHERE, ""),
        ("The duct is over there", 0.3, EVERYWHERE, ""),
        ("The duct is over there", 0.9, NOWHERE, ""),
        ("No, no, no, no!", 0.9, EVERYWHERE, ""),
        ("very very very slowly", 0.9, EVERYWHERE, ""),
    ],
)
def test_golden_rows(text: str, probability: float, speech: list[tuple[float, float]], reason: str) -> None:
    assert _reasons(_words(text, probability), speech) == [(text, reason)]


def test_more_words_than_anyone_can_say() -> None:
    text = "and the omentum is retracted towards the left upper quadrant"
    assert _reasons(_words(text, seconds=2.0), EVERYWHERE) == [(text, "")]
    assert _reasons(_words(text, seconds=0.5), EVERYWHERE) == [(text, "impossible_rate")]
    assert _reasons(_words("Cut here.", seconds=0.02), EVERYWHERE) == [("Cut here.", "")]  # times may slip


def test_a_loop_is_left_out_and_what_stands_around_it_is_kept() -> None:
    words = _words("We clip the duct the duct the duct the duct the duct and cut it.")
    assert _reasons(words, EVERYWHERE) == [
        ("We clip the duct", ""),
        ("the duct the duct the duct the duct", "repetition_loop"),
        ("and cut it.", ""),
    ]
    again = _words("Thank you. Thank you. Thank you. Thank you. Now the liver.")
    assert [reason for _, reason in _reasons(again, EVERYWHERE)] == [
        "",
        *["repetition_loop"] * 3,
        "",
    ]
    nearly = " ".join(f"we see the bile duct and we see the bile duct {end}" for end in "abcdef")
    assert compression_ratio(nearly) > 2.4
    assert [reason for _, reason in _reasons(_words(nearly, seconds=19), EVERYWHERE)] == ["repetition_loop"]


_SPOKEN = st.lists(
    st.tuples(
        st.sampled_from(["clip", "the", "duct", "Cut.", "now", "you", "liver.", "...", "♪"]),
        st.floats(0.0, 1.5),
        st.floats(0.0, 1.0),
        st.floats(0.0, 1.0),
    ),
    max_size=40,
)
_SPANS = st.lists(st.floats(0.1, 5), max_size=8)


@given(_SPOKEN, _SPANS)
def test_every_word_is_in_one_row_in_order(
    steps: list[tuple[str, float, float, float]], lengths: list[float]
) -> None:
    words, now = [], 0.0
    for text, pause, length, probability in steps:
        words.append(Word(f" {text}", now + pause, now + pause + length, probability))
        now += pause + length
    edges = [sum(lengths[:index]) for index in range(len(lengths) + 1)]
    speech = list(zip(edges[::2], edges[1::2], strict=False))
    judged = list(judge(words, speech))
    assert [word for row in judged for word in row.segment.words] == words


@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.integers(1, 6), st.integers(0, 30))
def test_what_is_no_loop_is_never_one(letters: list[str], unit: int, place: int) -> None:
    said = [letter for index, letter in enumerate(letters) if index == 0 or letter != letters[index - 1]]
    plain = loops(_words(" ".join(said)))
    assert plain == _loops_slowly(said)
    # a planted one is found whole, wherever it stands
    words = [f"x{number}" for number in range(place)]
    planted = [f"y{number}" for number in range(unit)] * max(4, -(-8 // unit))
    found = loops(_words(" ".join([*words, *planted, "end"])))
    assert found == [False] * (place + unit) + [True] * (len(planted) - unit) + [False]


def _loops_slowly(said: list[str]) -> list[bool]:
    """Every start and every unit by string comparison; the first start and the shortest unit win."""
    flags, first = [False] * len(said), 0
    while first < len(said):
        found = [
            (unit, times)
            for unit in range(1, 21)
            for times in range(40, 2, -1)
            if said[first : first + unit] * times == said[first : first + unit * times]
            and ((times >= 4 and times * unit >= 8) or (times >= 3 and times * unit >= 12))
        ]
        if found:
            unit, times = found[0]
            flags[first + unit : first + unit * times] = [True] * (unit * times - unit)
            first += unit * times
        else:
            first += 1
    return flags


def test_real_lectures_lose_nothing(shared_data: Path) -> None:
    """All rows of five lectures by two recognisers, in their own times, as if each word were half sure."""
    rows: list[Judged] = []
    for path in sorted((shared_data / "svl_sample").glob("*_narration_texts/*.csv")):
        words = []
        for row in read_captions(path):
            words += _words(f"{row.text}.", 0.5, row.end - row.start, row.start)
        rows += judge(sorted(words, key=lambda word: word.start), EVERYWHERE)
    lost = [row.segment.text for row in rows if row.reason]
    assert len(rows) > 500
    assert lost == []
