"""The timeline of a made operation: phases in order, actions without gaps, anatomy that follows."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from surgvlp.lectures.labels import CHOLECYSTECTOMY
from surgvlp.synthesis.actions import ACTIONS, PHASES, PLANS, TOOLS
from surgvlp.synthesis.procedure import SHORTEST_S, STATE, Procedure, draw_procedure

seeds, lengths = st.integers(0, 2**32), st.floats(SHORTEST_S, 900)


def _draw(seed: int, seconds: float = 110) -> Procedure:
    return draw_procedure(seconds, np.random.default_rng(seed))


def _first(procedure: Procedure, name: str) -> float:
    return min(timed.start for timed in procedure.actions if timed.action.name == name)


def test_phases_are_cholec80s() -> None:
    assert PHASES == CHOLECYSTECTOMY


@settings(max_examples=60, deadline=None)
@given(seed=seeds, seconds=lengths)
def test_actions_fill_the_time_and_phases_come_in_order(seed: int, seconds: float) -> None:
    procedure = _draw(seed, seconds)
    assert max(SHORTEST_S, 0.8 * seconds) <= procedure.duration + 1e-6
    assert procedure.duration <= max(SHORTEST_S, 1.2 * seconds) + 1e-6
    assert procedure.actions[0].start == 0 and procedure.actions[-1].end == procedure.duration
    for before, after in itertools.pairwise(procedure.actions):
        assert before.end == after.start
        assert before.end - before.start > 1
    order = [phase for phase, _ in itertools.groupby(timed.phase for timed in procedure.actions)]
    assert order[:4] == [0, 1, 2, 3]
    assert set(order) == set(range(7))
    assert order.index(4) < order.index(6)
    for number, phase in enumerate(PHASES):
        lasts = sum(timed.end - timed.start for timed in procedure.actions if timed.phase == number)
        assert lasts > 0.8 * PLANS[phase].seconds


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_nothing_is_cut_before_it_is_clipped_and_the_bag_is_used_in_order(seed: int) -> None:
    procedure = _draw(seed)
    for earlier, later in (
        ("lift_fundus", "clip_duct"),
        ("clip_duct", "cut_duct"),
        ("clip_artery", "cut_artery"),
        ("bag_in", "bag_open"),
        ("bag_open", "gallbladder_into_bag"),
        ("gallbladder_into_bag", "push_down_in_bag"),
        ("push_down_in_bag", "bag_close"),
        ("bag_close", "grasp_bag"),
        ("grasp_bag", "bag_to_port"),
        ("bag_to_port", "bag_out"),
    ):
        assert _first(procedure, earlier) < _first(procedure, later)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_the_anatomy_ends_operated_on(seed: int) -> None:
    procedure = _draw(seed)
    times = np.linspace(0, procedure.duration, 500)
    states = procedure.states_at(times)
    assert {name: values[0] for name, values in states.items()} == STATE
    for name in (
        "lift",
        "exposure",
        "duct_cut",
        "artery_cut",
        "dissected",
        "loose",
        "bag_in",
        "carried",
        "bagged",
        "bag_out",
    ):
        assert states[name][-1] == 1, name
    assert states["duct_clips"][-1] == states["artery_clips"][-1] == 3
    assert states["omentum"][-1] < 0.2
    for name in set(STATE) - {"omentum", "pool", "bag_open"}:
        assert (np.diff(states[name]) >= 0).all(), name
    for vessel in ("duct", "artery"):
        assert states[f"{vessel}_clips"][states[f"{vessel}_cut"] > 0].min() == 3


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_phase_and_action_at_a_time_agree_with_a_search_through_all(seed: int) -> None:
    procedure = _draw(seed)
    times = np.random.default_rng(seed).uniform(0, procedure.duration, 50)
    slow = [next(timed for timed in procedure.actions if timed.start <= time < timed.end) for time in times]
    assert [procedure.action_at(time) for time in times] == slow
    assert procedure.phases_at(times).tolist() == [timed.phase for timed in slow]
    assert procedure.action_at(-3) == procedure.actions[0]
    assert procedure.action_at(procedure.duration + 3) == procedure.actions[-1]


def test_no_tool_gives_a_phase_away() -> None:
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for seed in range(60):
        for timed in _draw(seed, 110 + 5 * seed).actions:
            for tool in {use.tool for use in timed.action.uses}:
                seconds[tool][PHASES[timed.phase]] += timed.end - timed.start
    assert set(seconds) == set(TOOLS)
    for tool, by_phase in seconds.items():
        share = max(by_phase.values()) / sum(by_phase.values())
        assert len(by_phase) >= 2, tool
        assert share < (0.95 if tool == "clipper" else 0.75), tool
    assert len(seconds["grasper"]) == 7
    assert len(seconds["irrigator"]) >= 6


def test_every_action_happens() -> None:
    seen = {timed.action.name for seed in range(100) for timed in _draw(seed, 110 + 5 * seed).actions}
    assert seen == set(ACTIONS)
