"""Plans: whose turn, which epoch, which learning rate, when something is due."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.files import InputError
from surgvlp.training.schedules import Duration, Turn, plan_run, warmup_cosine


def test_warmup_rises_linearly_and_the_cosine_ends_where_the_run_ends() -> None:
    rate = warmup_cosine(steps=10, warmup_steps=4, highest=2.0)
    np.testing.assert_allclose(rate[:4], [0.5, 1.0, 1.5, 2.0])
    # step s of the 6 after the warm-up: 2 * 0.5 * (1 + cos(pi * s / 6))
    np.testing.assert_allclose(rate[4:], [2.0, 1.8660254, 1.5, 1.0, 0.5, 0.1339746], rtol=1e-6)


@given(st.integers(1, 300), st.integers(0, 400), st.floats(1e-6, 1.0))
def test_learning_rates_are_positive_and_never_above_the_highest(
    steps: int, warmup: int, highest: float
) -> None:
    rate = warmup_cosine(steps, warmup, highest)
    assert len(rate) == steps
    assert (rate > 0).all() and (rate <= highest * (1 + 1e-12)).all()


def test_published_turns_keysteps_every_third_epoch_abstracts_every_fifth_neither_in_the_first() -> None:
    turns = [Turn(), Turn(every_epochs=3), Turn(every_epochs=5)]
    plan = plan_run(turns, [4, 2, 1], Duration(epochs=7), learning_rate=1.0)
    slow = []
    for epoch in range(7):  # the released loop, with its skipped slots
        slow += [(0, epoch)] * 4
        slow += [(1, epoch)] * 2 * (epoch % 3 == 0 and epoch != 0)
        slow += [(2, epoch)] * 1 * (epoch % 5 == 0 and epoch != 0)
    assert list(zip(plan.level.tolist(), plan.epoch.tolist(), strict=True)) == slow
    assert plan.learning_rate[-1] < 0.01  # the released schedule ends at about half of the highest rate


@given(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=4), st.integers(40, 300))
def test_shares_hold_over_every_stretch_from_the_start(weights: list[float], steps: int) -> None:
    shares = [weight / sum(weights) for weight in weights]
    plan = plan_run([Turn(share=share) for share in shares], [5] * len(shares), Duration(steps=steps), 1.0)
    for level, share in enumerate(shares):
        taken = np.cumsum(plan.level == level)
        assert np.abs(taken - share * np.arange(1, steps + 1)).max() < len(shares)


def test_what_is_due_every_so_often_is_always_due_at_the_end() -> None:
    plan = plan_run([Turn()], [4], Duration(epochs=3), 1.0)
    assert (np.flatnonzero(plan.after(Duration(steps=5))) + 1).tolist() == [5, 10, 12]
    assert (np.flatnonzero(plan.after(Duration(epochs=2))) + 1).tolist() == [8, 12]


def test_a_run_of_steps_stops_within_an_epoch() -> None:
    plan = plan_run([Turn()], [4], Duration(steps=6), 1.0)
    assert plan.epoch.tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([Turn(share=0.5), Turn(share=0.4)], "sum to 1"),
        ([Turn(share=1.0), Turn()], "must all be given"),
        ([Turn(), Turn(every_epochs=9)], "never has its turn"),
    ],
)
def test_turns_that_make_no_plan_are_refused(turns: list[Turn], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan_run(turns, [3, 3], Duration(epochs=2), 1.0)


def test_a_duration_is_epochs_or_steps() -> None:
    for wrong in ({}, {"epochs": 1, "steps": 1}, {"steps": 0}):
        with pytest.raises(InputError, match="epochs or steps"):
            Duration(**wrong)
