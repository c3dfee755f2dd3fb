"""Cutting by topic, and choosing sentences and titles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgvlp.transcription.extracts import PHRASE_WORDS, as_text, phrases, representative, telling
from surgvlp.transcription.segmentation import centred, segment


def _unit(rows: list[list[float]]) -> np.ndarray:
    vectors = np.array(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@st.composite
def lectures(draw: st.DrawFn, most: int = 8) -> tuple[np.ndarray, list[float], float]:
    """Unit vectors, starts and end of a few sentences, some at the same time."""
    count = draw(st.integers(1, most))
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    steps = draw(st.lists(st.sampled_from([0, 3, 8, 30]), min_size=count, max_size=count))
    starts = np.cumsum(steps).tolist()
    vectors = _unit((generator.normal(0, 1, (count, 3)) + 0.5).tolist())
    return vectors, starts, starts[-1] + draw(st.integers(0, 20))


def _cost(vectors: np.ndarray, cuts: tuple[int, ...], penalty: float) -> float:
    cost = 0.0
    for first, last in itertools.pairwise([*cuts, len(vectors)]):
        rows = vectors[first:last].astype(np.float64)
        cost += float(((rows - rows.mean(0)) ** 2).sum()) + penalty
    return cost


def _is_allowed(cuts: tuple[int, ...], times: list[float], shortest_s: float, fewest: int) -> bool:
    pairs = list(itertools.pairwise([*cuts, len(times) - 1]))
    return len(cuts) == 1 or all(
        times[last] - times[first] >= shortest_s and last - first >= fewest for first, last in pairs
    )


@settings(max_examples=80)
@given(
    lecture=lectures(),
    penalty=st.floats(0.01, 2),
    shortest_s=st.sampled_from([0.0, 10.0, 35.0]),
    fewest=st.integers(1, 3),
)
def test_no_other_way_to_cut_is_better(
    lecture: tuple[np.ndarray, list[float], float], penalty: float, shortest_s: float, fewest: int
) -> None:
    vectors, starts, end = lecture
    cuts = tuple(segment(vectors, starts, end, penalty, shortest_s, fewest))
    times = [*starts, end]
    assert cuts[0] == 0 and list(cuts) == sorted(set(cuts))
    assert _is_allowed(cuts, times, shortest_s, fewest)
    inner = range(1, len(vectors))
    every = ((0, *chosen) for count in range(len(vectors)) for chosen in itertools.combinations(inner, count))
    allowed = [way for way in every if _is_allowed(way, times, shortest_s, fewest)]
    best = min(_cost(centred(vectors), way, penalty) for way in allowed)
    assert _cost(centred(vectors), cuts, penalty) == pytest.approx(best, abs=1e-6)


def test_topics_are_told_apart() -> None:
    topics = np.repeat(np.eye(3), [4, 6, 5], axis=0)
    generator = np.random.default_rng(0)
    vectors = _unit((topics + generator.normal(0, 0.15, topics.shape)).tolist())
    starts = [5.0 * row for row in range(15)]
    assert segment(vectors, starts, 75, penalty=1.0, shortest_s=10) == [0, 4, 10]
    assert segment(vectors, starts, 75, penalty=1.0, shortest_s=40) == [0]
    assert segment(vectors, starts, 75, penalty=100.0, shortest_s=10) == [0]


def test_nothing_said_has_no_segments() -> None:
    assert segment(np.empty((0, 4), np.float32), [], 0) == []


def test_few_sentences_make_one_segment() -> None:
    starts = [0.0, 60.0, 120.0, 180.0, 240.0]
    for count in range(1, 6):
        assert segment(np.eye(5, dtype=np.float32)[:count], starts[:count], 300) == [0]


def _coverage(vectors: np.ndarray, rows: tuple[int, ...]) -> float:
    return float(np.clip(vectors @ vectors[list(rows)].T, 0, 1).max(1).sum())


@settings(max_examples=40)
@given(lecture=lectures(), count=st.integers(1, 4))
def test_representative_sentences_stand_for_nearly_as_much_as_the_best(
    lecture: tuple[np.ndarray, list[float], float], count: int
) -> None:
    vectors, _, _ = lecture
    rows = representative(vectors, count)
    assert rows == sorted(set(rows)) and 1 <= len(rows) <= count
    choices = itertools.combinations(range(len(vectors)), min(count, len(vectors)))
    best = max(_coverage(vectors, choice) for choice in choices)
    assert _coverage(vectors, tuple(rows)) >= (1 - 1 / np.e) * best - 1e-2
    [first] = representative(vectors, 1)
    assert _coverage(vectors, (first,)) == pytest.approx(
        max(_coverage(vectors, (row,)) for row in range(len(vectors))), abs=1e-4
    )


def test_what_is_said_twice_is_chosen_once() -> None:
    vectors = _unit([[1, 0], [0, 1], [1, 0], [1, 0]])
    assert representative(vectors, 4) == [0, 1]
    assert representative(np.empty((0, 2), np.float32), 3) == []


def test_sentences_that_say_nothing_alone_are_passed_over() -> None:
    assert telling(["carefully now", "the duct is clipped twice", "word " * 31]) == [1]
    assert telling(["carefully now", "good"]) == [0, 1]


def test_a_title_begins_and_ends_with_a_meaning() -> None:
    assert phrases("the cystic duct is, uh, clipped") == ["cystic duct"]
    assert phrases("a window in the mesoappendix is made") == ["window in the mesoappendix"]
    assert phrases("and so it is") == phrases("") == phrases("duct") == []
    assert phrases("Calot's triangle")[0] == "calot's triangle"
    longest = phrases("grasper pulls gallbladder towards shoulder right now")
    assert max(len(phrase.split()) for phrase in longest) == PHRASE_WORDS[1]


def test_a_text_has_full_stops() -> None:
    assert as_text(["the duct is clipped", "it is cut."]) == "the duct is clipped. it is cut."
