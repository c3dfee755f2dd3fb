"""Spelling towards a glossary, lemmas, and the vocabulary that a recogniser is told of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from surgvlp.files import InputError
from surgvlp.lectures import Caption, read_captions
from surgvlp.transcription.cleaning import Cleaning, clean, clean_text
from surgvlp.transcription.spelling import Speller, lemmatise
from surgvlp.transcription.vocabulary import glossary, vocabulary_prompt


@pytest.fixture(scope="module")
def surgical() -> Speller:
    return Speller(glossary("surgical"))


@pytest.mark.parametrize(
    ("heard", "corrected"),
    [
        ("the galbladder is freed", "the gallbladder is freed"),
        ("Galladder removed.", "Gallbladder removed."),
        ("a laproscopic cholecystectomi", "a laparoscopic cholecystectomy"),
        ("two trocers and a graspper", "two trocars and a grasper"),
        ("the patient's peritonium", "the patient's peritoneum"),
        ("the omentm's edge", "the omentum's edge"),
        ("open Callot's triangle", "open Calot's triangle"),
        ("the infundivulum above calotts triangle", "the infundibulum above calotts triangle"),
        ("the monobolar hook in hartman pouch", "the monopolar hook in Hartmann pouch"),
    ],
)
def test_words_that_nobody_knows_become_terms(surgical: Speller, heard: str, corrected: str) -> None:
    words = sum(a != b for a, b in zip(heard.split(), corrected.split(), strict=True))
    assert surgical.correct(heard) == (corrected, words)


@pytest.mark.parametrize(
    "text",
    [
        "Two trocars, graspers and clips; mesenteries were mobilised.",  # terms and their forms
        "The colour of the tumour, the color of the tumor.",  # British and American
        "Dr. Portel and Mr. Umentum from Strassburg",  # names inside a sentence
        "ERCP, MRCP, CO2 at 12.5 mmHg, 5mm, 3-0 Vicryl, LIVR",  # acronyms, numbers, units
        "it's the patient's, isn't it? I'm sure we've",
        "coln duc vain",  # below five letters, or English
        "anteriorly and posteriorly, laterally",
    ],
)
def test_what_is_right_stays(surgical: Speller, text: str) -> None:
    assert surgical.correct(text) == (text, 0)


def test_of_two_words_as_near_none_is_taken() -> None:
    speller = Speller(["retroxaa", "retroxbb"])
    assert speller.correct("the retroxab") == ("the retroxab", 0)
    assert speller.correct("the retroxaab") == ("the retroxaa", 1)


_TERMS = ["gallbladder", "peritoneum", "cystic duct", "trocar", "Calot", "omentum"]


@given(st.lists(st.text("abcdeilmnoprtu", min_size=1, max_size=12) | st.sampled_from(_TERMS), max_size=6))
def test_correcting_is_idempotent_and_near_and_leaves_known_words(words: list[str]) -> None:
    speller = Speller(_TERMS)
    text = " ".join(words)
    once, changed = speller.correct(text)
    assert speller.correct(once) == (once, 0)
    assert sum(a != b for a, b in zip(text.split(), once.split(), strict=True)) == changed
    for before, after in zip(text.split(), once.split(), strict=True):
        if before != after:
            assert not speller.knows(before)
            assert speller.knows(after)
            assert OSA.distance(before.lower(), after.lower()) <= 2


@given(st.integers(0, 10), st.sampled_from(["gallbladder", "peritoneum", "mesentery", "appendectomy"]))
def test_one_wrong_letter_in_a_long_term_is_mended(surgical: Speller, place: int, term: str) -> None:
    place = min(place, len(term) - 1)
    wrong = f"{term[:place]}q{term[place + 1 :]}"
    assert surgical.correct(f"the {wrong}") == (f"the {term}", 1)


def test_real_lectures_are_hardly_touched(surgical: Speller, shared_data: Path) -> None:
    """Published texts were checked for spelling already: of 6,000 words next to none may change."""
    words, changes = 0, []
    for path in (shared_data / "svl_sample").glob("*_narration_texts/*.csv"):
        for row in read_captions(path):
            corrected, _ = surgical.correct(row.text)
            words += len(row.text.split())
            changes += [
                pair for pair in zip(row.text.split(), corrected.split(), strict=True) if pair[0] != pair[1]
            ]
    assert words > 6000
    assert len(changes) <= 6, changes


@pytest.mark.parametrize(
    ("text", "lemmas"),
    [
        ("the stones were removed", "the stone be remove"),
        ("the patient 's left side has adhesions", "the patient 's left side have adhesion"),
        ("12.5 mm and two clips are applied", "12.5 mm and two clip be apply"),
        ("the vas and the wound", "the vas and the wound"),
        ("", ""),
    ],
)
def test_golden_lemmas(text: str, lemmas: str) -> None:
    assert Cleaning(lemmas=True).text(text) == (lemmas, 0)


@given(st.text("abcdeilmnoprstu '0", max_size=40))
def test_lemmas_of_lemmas_are_the_same(text: str) -> None:
    once = lemmatise(clean_text(text), frozenset())
    assert lemmatise(once, frozenset()) == once
    assert len(once.split()) == len(clean_text(text).split())


def test_published_aws_texts_are_lemmas_as_ours(shared_data: Path) -> None:
    same = total = 0
    for path in (shared_data / "svl_sample/aws_narration_texts").glob("*.csv"):
        for row in read_captions(path):
            text = row.text.lower()
            pairs = list(zip(text.split(), Cleaning(lemmas=True).text(text)[0].split(), strict=True))
            same, total = same + sum(a == b for a, b in pairs), total + len(pairs)
    assert total > 1700
    assert same / total > 0.98


def test_rows_say_how_many_words_were_respelled(surgical: Speller) -> None:
    cleaned = clean(
        [Caption(0, 1, "The galbladder's bed."), Caption(1, 2, "It is rinsed.")], Cleaning(surgical, True)
    )
    assert [row.text for row in cleaned.captions] == ["the gallbladder 's bed", "it be rinse"]
    assert cleaned.respelled == 1


def test_vocabularies(tmp_path: Path) -> None:
    terms, said = tmp_path / "terms.txt", tmp_path / "said.txt"
    terms.write_text("# mine\ncystic duct\n\n trocar \n")
    said.write_text("We clip the duct.\nWe cut it.\n")
    assert vocabulary_prompt("") == ""
    assert vocabulary_prompt("cystic duct, trocar") == "cystic duct, trocar"
    assert vocabulary_prompt(str(terms)) == "cystic duct, trocar"
    assert vocabulary_prompt(str(said)) == "We clip the duct. We cut it."
    assert vocabulary_prompt("x" * 5000) == "x" * 5000
    assert "Calot's triangle" in vocabulary_prompt("surgical")
    assert glossary(str(terms)) == ["cystic duct", "trocar"]
    terms.write_text("# nothing\n")
    for bad in (terms, tmp_path / "absent.txt"):
        with pytest.raises(InputError, match=bad.name):
            glossary(str(bad))


def test_the_shipped_glossary_says_each_term_once() -> None:
    terms = glossary("surgical")
    assert len(terms) > 400
    assert len({term.lower() for term in terms}) == len(terms)
