"""The edit of a lecture: no gaps, two clocks that agree, an operation that stands still behind cards."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_corpus import states_at

from surgvlp.files import InputError
from surgvlp.synthesis.difficulty import DIFFICULTIES, Difficulty, difficulty
from surgvlp.synthesis.editing.montage import Montage, Segment, draw_montage
from surgvlp.synthesis.operation.procedure import Procedure, draw_procedure
from surgvlp.synthesis.operation.procedures import PROCEDURES

SEEDS = st.integers(0, 2**32)
STRENGTHS = st.floats(0, 1)


def _procedure(seed: int, variation: float = 0.0) -> Procedure:
    kinds = list(PROCEDURES.values())
    return draw_procedure(kinds[seed % len(kinds)], 110, np.random.default_rng(seed), variation)


def _montage(procedure: Procedure, seed: int, cards: float, outside: float) -> Montage:
    return draw_montage(procedure, Difficulty(cards=cards, outside=outside), np.random.default_rng([seed, 1]))


@settings(max_examples=60, deadline=None)
@given(SEEDS, STRENGTHS, STRENGTHS)
def test_segments_fill_the_lecture_and_show_all_of_the_operation(
    seed: int, cards: float, outside: float
) -> None:
    procedure = _procedure(seed)
    montage = _montage(procedure, seed, cards, outside)
    assert montage.segments[0].start == 0
    for one, other in itertools.pairwise(montage.segments):
        assert one.end == other.start
        assert other.operation_start == pytest.approx(
            one.operation_start + (0 if one.stands else one.end - one.start)
        )
    assert all(segment.end > segment.start for segment in montage.segments)
    running = sum(segment.end - segment.start for segment in montage.segments if not segment.stands)
    assert running == pytest.approx(procedure.duration)
    assert montage.operation_time(montage.duration) == pytest.approx(procedure.duration)


@settings(max_examples=40, deadline=None)
@given(SEEDS, STRENGTHS)
def test_the_retimed_operation_is_the_operation_by_the_other_clock(seed: int, variation: float) -> None:
    """What goes on and how far it is are those of the operation's clock, at every moment but a border."""
    procedure = _procedure(seed, variation)
    montage = _montage(procedure, seed, 1.0, 1.0)
    retimed = montage.retimed(procedure)
    assert retimed.duration == montage.duration
    assert retimed.actions[0].start == 0 and retimed.actions[-1].end == montage.duration
    assert all(one.end == other.start for one, other in itertools.pairwise(retimed.actions))
    times = np.random.default_rng(seed).uniform(0, montage.duration, 200)
    clock = np.array([montage.operation_time(time) for time in times])
    borders = np.array([timed.start for timed in procedure.actions])
    inside = np.abs(clock[:, None] - borders).min(axis=1) > 1e-6
    assert np.array_equal(retimed.phases_at(times[inside]), procedure.phases_at(clock[inside]))
    for name, values in states_at(procedure, clock).items():
        assert np.allclose(states_at(retimed, times)[name], values, atol=1e-6), name


def test_a_card_before_a_phase_belongs_to_that_phase() -> None:
    procedure = _procedure(0)
    start = next(timed.start for timed in procedure.actions if timed.phase == 1)
    montage = Montage(
        (
            Segment(0, start, "operation", 0),
            Segment(start, start + 4, "title", start),
            Segment(start + 4, procedure.duration + 4, "operation", start),
        )
    )
    retimed = montage.retimed(procedure)
    assert retimed.phases_at([start - 0.01, start + 0.01, start + 3.9]).tolist() == [0, 1, 1]
    assert [montage.surgical(time) for time in (start - 0.01, start + 0.01, start + 4.01)] == [
        True,
        False,
        True,
    ]


def test_easy_lectures_are_the_operation_and_nothing_else() -> None:
    procedure = _procedure(5)
    montage = draw_montage(procedure, DIFFICULTIES["easy"], np.random.default_rng(0))
    assert montage.segments == (Segment(0.0, procedure.duration, "operation", 0.0),)
    assert montage.retimed(procedure) is procedure


def test_the_dial_turns_one_way() -> None:
    """Each difficulty shows less of the operation than the one before, and every kind of thing besides it."""
    shares, kinds = [], set()
    for name in ("easy", "default", "hard"):
        montages = [
            draw_montage(_procedure(seed), difficulty(name), np.random.default_rng([seed, 2]))
            for seed in range(60)
        ]
        kinds |= {segment.kind for montage in montages for segment in montage.segments}
        times = np.linspace(0, 1, 50)
        shares.append(
            np.mean([montage.surgical(share * montage.duration) for montage in montages for share in times])
        )
    assert shares[0] == 1
    assert shares[0] - 0.05 > shares[1] > shares[2] + 0.05 > 0.5
    assert kinds == {"operation", "title", "drawing", "outside", "black"}


def test_unknown_difficulties_and_strengths_are_refused() -> None:
    with pytest.raises(InputError, match=r"unknown difficulty 'medium'.*easy, default, hard"):
        difficulty("medium")
    with pytest.raises(ValueError, match=r"cards 1\.5 is not between 0 and 1"):
        Difficulty(cards=1.5)
