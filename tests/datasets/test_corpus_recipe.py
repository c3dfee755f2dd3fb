"""Corpus recipes: the published ones as filters, exclusion lists in every form, stable shares."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.datasets.corpus_recipe import Recipe
from surgvlp.files import InputError, read_json, write_json
from surgvlp.lectures import DataTree

SURGENET = """video_path,procedure,source
chole01.mp4,cholecystectomy,Cholec80
hei01,cholecystectomy,HeiChole
ramie01,esophagectomy,RAMIE-UMCU
rarp01,prostatectomy,RARP-AvL
esad01,prostatectomy,ESAD
mb01,gastric_bypass;gastrectomy,MultiBypass140
odd01,,
"""
LECTURES = ["chole01", "hei01", "ramie01", "rarp01", "esad01", "mb01", "odd01", "tube01"]


@pytest.fixture
def csv(tmp_path: Path) -> str:
    (tmp_path / "surgenet.csv").write_text(SURGENET)
    return str(tmp_path / "surgenet.csv")


def used(recipe: Recipe, tree: DataTree | None = None) -> set[str]:
    return set(LECTURES) - set(recipe.reasons(LECTURES, tree))


def test_surgenets_recipes_are_filters_over_one_corpus(csv: str) -> None:
    assert used(Recipe()) == set(LECTURES)
    public = Recipe(csv, leave_out_sources=("RAMIE-UMCU", "RARP-AvL"))
    assert used(public) == {"chole01", "hei01", "esad01", "mb01"}
    assert public.reasons(LECTURES, None) == {
        "ramie01": "from RAMIE-UMCU",
        "rarp01": "from RARP-AvL",
        "odd01": "of no known source",
        "tube01": "of no known source",  # nobody says that it is public
    }
    chole = Recipe(csv, procedures=("cholecystectomy",))
    assert used(chole) == {"chole01", "hei01"}
    assert chole.reasons(["mb01", "odd01"], None) == {
        "mb01": "of another procedure",
        "odd01": "of no known procedure",
    }
    assert used(Recipe(csv, procedures=("gastrectomy", "esophagectomy"))) == {"ramie01", "mb01"}
    public_prostates = Recipe(csv, ("prostatectomy",), leave_out_sources=("RARP-AvL",))
    assert used(public_prostates) == {"esad01"}


def test_surg3ms_labels_say_what_a_lecture_shows(tmp_path: Path) -> None:
    entries = [
        {"youtubeId": "hei01", "procedureName": ["splenectomy", "colectomy"], "robotic": False},
        {"youtubeId": "mb01", "procedureName": ["colectomy"], "robotic": True},
        {"youtubeId": "elsewhere", "procedureName": ["rectopexy"], "robotic": True},
    ]
    write_json(tmp_path / "surg3m" / "labels.json", entries)
    tree = DataTree(tmp_path)
    assert used(Recipe(procedures=("splenectomy",)), tree) == {"hei01"}
    assert used(Recipe(procedures=("colectomy",)), tree) == {"hei01", "mb01"}
    assert used(Recipe(procedures=("rectopexy",)), tree) == set()
    assert used(Recipe(str(tmp_path / "surg3m" / "labels.json"), ("colectomy",))) == {"hei01", "mb01"}
    with pytest.raises(InputError, match=r"labels\.json.*does not say which data set"):
        used(Recipe(leave_out_sources=("Cholec80",)), tree)


def test_the_published_numbers_of_surg3m_come_out(shared_data: Path) -> None:
    labels = str(shared_data / "surg3m" / "labels.json")
    lectures = [entry["youtubeId"] for entry in read_json(labels)]
    for procedure, count in (("colectomy", 308), ("cecectomy", 2)):
        assert len(lectures) - len(Recipe(labels, (procedure,)).reasons(lectures, None)) == count


def test_names_that_nobody_has_are_answered_with_the_nearest(csv: str) -> None:
    with pytest.raises(
        InputError, match=r"'recipe\.procedures': no lecture of .*surgenet\.csv has 'prostate"
    ):
        used(Recipe(csv, procedures=("prostatectomie",)))
    with pytest.raises(InputError, match="Did you mean 'prostatectomy'"):
        used(Recipe(csv, procedures=("prostatectomie",)))
    # a private source that is misspelt would be trained on
    with pytest.raises(InputError, match=r"'recipe\.leave_out_sources'.*Did you mean 'RAMIE-UMCU'"):
        used(Recipe(csv, leave_out_sources=("RAMIE_UMCU",)))
    with pytest.raises(InputError, match="Known: cholecystectomy, esophagectomy"):
        used(Recipe(csv, procedures=("x",)))


def test_files_of_labels_that_cannot_be_used_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'recipe\.labels': .*must be known.*Give Surg-3M's labels\.json"):
        used(Recipe(procedures=("colectomy",)))
    with pytest.raises(InputError, match=r"surg3m/labels\.json: there is no such file"):
        used(Recipe(procedures=("colectomy",)), DataTree(tmp_path))
    (tmp_path / "no.csv").write_text("video_path,procedure\na.mp4,colectomy\n")
    with pytest.raises(InputError, match=r"no\.csv, row 1, 'source'"):
        used(Recipe(str(tmp_path / "no.csv"), leave_out_sources=("b",)))
    (tmp_path / "twice.csv").write_text("video_path,source\na.mp4,Private\na,Public\n")
    with pytest.raises(InputError, match=r"twice\.csv, row 3, 'video_path': 'a' stands there twice"):
        used(Recipe(str(tmp_path / "twice.csv"), leave_out_sources=("Private",)))
    with pytest.raises(InputError, match=r"'recipe\.share': expected more than 0"):
        Recipe(share=0.0)


def test_a_share_is_of_its_size_and_spread_over_every_lecture() -> None:
    numbers = np.arange(20000)
    chosen = Recipe(share=0.1).chosen("lecture", numbers)
    assert abs(len(chosen) - 2000) < 5 * 42  # deviations of a binomial
    assert np.abs(np.histogram(chosen, 10, (0, 20000))[0] - 200).max() < 5 * 14
    gaps = np.bincount(np.diff(chosen))[1:6] / len(chosen)
    assert np.abs(gaps - 0.1 * 0.9 ** np.arange(5)).max() < 0.03  # geometric: neighbours are drawn apart
    assert len(np.intersect1d(chosen, Recipe(share=0.1).chosen("other", numbers))) < 300
    assert len(np.intersect1d(chosen, Recipe(share=0.1, seed=1).chosen("lecture", numbers))) < 300


@given(
    st.sets(st.integers(0, 10**9), min_size=1), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 2**31)
)
def test_a_share_is_stable(numbers: set[int], one: float, other: float, seed: int) -> None:
    ordered = np.array(sorted(numbers))
    small, large = (Recipe(share=share, seed=seed) for share in sorted((one, other)))
    inside = set(small.chosen("a", ordered).tolist())
    assert inside <= set(large.chosen("a", ordered).tolist())
    # what else there is has no say
    assert inside & set(ordered[::2].tolist()) == set(small.chosen("a", ordered[::2]).tolist())
    assert np.array_equal(Recipe().chosen("a", ordered), ordered)


def test_a_share_is_the_same_on_every_machine_and_in_every_version() -> None:
    def told(number: int) -> float:
        """splitmix64's finaliser in Python's own integers."""
        start = int.from_bytes(hashlib.sha256(b"7/-x_Y").digest()[:8], "little")
        mixed = (number * 0x9E3779B97F4A7C15 + start) % 2**64
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
        return (mixed ^ mixed >> 31) / 2**64

    numbers = np.array([*range(24), *range(10**9, 10**9 + 200)])
    chosen = Recipe(share=0.25, seed=7).chosen("-x_Y", numbers).tolist()
    assert chosen == [number for number in numbers.tolist() if told(number) < 0.25]
    assert [number for number in chosen if number < 24] == [4, 12, 15, 19, 21]
