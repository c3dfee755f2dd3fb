from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.evaluation.narrated_phases import Narration, learn_phases
from surgvlp.evaluation.phase_grammar import STAGES, PhaseGrammar, read_grammar
from surgvlp.files import InputError
from surgvlp.lectures.texts import Caption, read_captions

NAMES = ("begin", "cut", "wash", "end")
GIVEN: dict[str, Any] = {
    "about": "a made operation",
    "phases": {
        "begin": {"seconds": 20, "first": 1, "then": ["cut"]},
        "cut": {"seconds": 60, "then": {"wash": 3, "end": 1}},
        "wash": {"seconds": 10, "then": ["cut", "end"]},
        "end": {"seconds": 5, "then": []},
    },
}


def drawn_grammar(seed: int, classes: int = 4) -> PhaseGrammar:
    generator = np.random.default_rng(seed)
    following = generator.dirichlet(np.ones(classes), classes) * (1 - np.eye(classes))
    return PhaseGrammar(
        tuple(f"c{index}" for index in range(classes)),
        generator.dirichlet(np.ones(classes)),
        following / following.sum(axis=1, keepdims=True),
        generator.uniform(2, 100, classes),
    )


def test_a_written_grammar_says_what_it_says() -> None:
    grammar = read_grammar(GIVEN, NAMES)
    np.testing.assert_array_equal(grammar.initial, [1, 0, 0, 0])
    np.testing.assert_array_equal(grammar.following[1], [0, 0, 0.75, 0.25])
    np.testing.assert_array_equal(grammar.following[2], [0, 0.5, 0, 0.5])
    last = grammar.transition(3.0)[-1]
    assert last[-1] == 1 and last[:-1].sum() == 0  # the last one never ends
    assert grammar.about == "a made operation"


@given(st.integers(0, 1000), st.floats(0.01, 5))
def test_a_grammar_means_the_same_at_any_frame_rate(seed: int, step: float) -> None:
    grammar = drawn_grammar(seed)
    whole, half = grammar.transition(step), grammar.transition(step / 2)
    np.testing.assert_allclose(half @ half, whole, atol=1e-10)
    np.testing.assert_allclose(whole.sum(axis=1), 1)


def test_a_visit_lasts_as_long_as_it_says() -> None:
    """From its beginning to its end, when all that follow last for ever: mean, and spread of 58 % of it."""
    grammar = replace(
        drawn_grammar(3), following=np.eye(4)[[1, 1, 1, 1]], seconds=np.array([30.0, 1e12, 1, 1])
    )
    times = np.arange(0, 600, 0.25)
    states = np.zeros(4 * STAGES)
    states[0] = 1
    step, there = grammar.transition(0.25), []
    for _ in times:
        there.append(states[:STAGES].sum())
        states = states @ step
    ended = -np.diff(there, append=0.0)
    mean = ended @ (times + 0.125)
    assert mean == pytest.approx(30, rel=0.01)
    assert np.sqrt(ended @ (times - mean) ** 2) == pytest.approx(30 / np.sqrt(STAGES), rel=0.02)


def test_what_is_written_is_read_back() -> None:
    grammar = drawn_grammar(5)
    content = json.loads(json.dumps(grammar.content()))
    back = read_grammar(content, grammar.class_names)
    np.testing.assert_allclose(back.following, grammar.following, rtol=1e-3)
    twice = read_grammar(back.content(), grammar.class_names)
    assert twice.sha256 == back.sha256 != drawn_grammar(6).sha256


def test_a_permuted_grammar_is_the_same_about_other_phases() -> None:
    grammar = drawn_grammar(1, classes=7)
    other = grammar.permuted()
    assert sorted(other.seconds) == sorted(grammar.seconds) and (other.seconds != grammar.seconds).all()
    values = [np.sort(np.linalg.eigvals(one.following).real) for one in (grammar, other)]
    np.testing.assert_allclose(*values, atol=1e-9)


@pytest.mark.parametrize(
    ("phase", "entry", "complaint"),
    [
        ("cut", {"seconds": 0}, "'phases.cut': a phase lasts longer than 0"),
        ("cut", {"seconds": "long"}, "seconds is 'long', not a number"),
        ("cut", {}, "seconds is None, not a number"),
        ("cut", {"seconds": 1, "then": ["cutt"]}, "'phases.cut.then': 'cutt' is no phase"),
        ("cut", {"seconds": 1, "then": ["cut"]}, "'cut' follows itself"),
        ("cut", {"seconds": 1, "then": {"end": -1}}, "then is -1, not a number from 0"),
        ("cut", {"second": 1}, "expected seconds, first and then"),
        ("cutt", {"seconds": 1}, "unknown phase 'cutt'"),
    ],
)
def test_what_is_no_grammar_is_said(phase: str, entry: dict[str, Any], complaint: str) -> None:
    content = {"phases": {**GIVEN["phases"], phase: entry}}
    with pytest.raises(InputError, match=complaint):
        read_grammar(content, NAMES, "grammar.json")
    with pytest.raises(InputError, match="nothing about the phase 'end'"):
        read_grammar({"phases": {name: GIVEN["phases"][name] for name in NAMES[:3]}}, NAMES)
    with pytest.raises(InputError, match="holds no phases"):
        read_grammar([1], NAMES)


def spoken_lectures(grammar: PhaseGrammar, count: int, seed: int) -> tuple[list[Narration], list[np.ndarray]]:
    """Lectures of 100 s drawn from a grammar, a sentence of 4 s every 5 s; every third says another phase."""
    generator = np.random.default_rng(seed)
    narrations, truths = [], []
    step, classes = grammar.transition(1.0), len(grammar.class_names)
    for number in range(count):
        states = [int(generator.choice(len(step), p=grammar.start()))]
        for _ in range(99):
            states.append(int(generator.choice(len(step), p=step[states[-1]])))
        phases = [state // STAGES for state in states]
        captions = [Caption(float(start), start + 4.0, "words") for start in range(0, 100, 5)]
        said = np.array([phases[int(caption.start) + 2] for caption in captions])
        wrong = generator.random(len(said)) < 1 / 3
        said = np.where(wrong, generator.integers(classes, size=len(said)), said)
        score = generator.normal(0.2, 0.02, (len(said), classes))
        score[np.arange(len(said)), said] += 0.1
        narrations.append(Narration(f"lecture_{number}", captions, score.astype(np.float32)))
        truths.append(np.array(phases))
    return narrations, truths


def test_a_grammar_is_learned_from_what_is_said() -> None:
    wanted = read_grammar(
        {
            "phases": {
                "begin": {"seconds": 20, "first": 1, "then": ["cut"]},
                "cut": {"seconds": 35, "then": {"wash": 3, "end": 1}},
                "wash": {"seconds": 20, "then": ["end"]},
                "end": {"seconds": 30, "then": []},
            }
        },
        NAMES,
    )
    narrations, truths = spoken_lectures(wanted, 32, 0)
    found = learn_phases(narrations, NAMES)
    assert np.abs(found.grammar.initial - wanted.initial).max() < 0.1
    assert np.abs(found.grammar.following - wanted.following)[:3].max() < 0.2
    # The third phase seems longer than it is: lectures of 100 s end within it.
    np.testing.assert_allclose(found.grammar.seconds[:2], wanted.seconds[:2], rtol=0.2)
    alone = [item.score.argmax(axis=1) == truth[2::5] for item, truth in zip(narrations, truths, strict=True)]
    together = [
        found.posterior[item.lecture].argmax(axis=1) == truth[: item.seconds]
        for item, truth in zip(narrations, truths, strict=True)
    ]
    assert np.concatenate(alone).mean() < 0.78 and np.concatenate(together).mean() > 0.88
    # Sure of itself about as often as it is right: the temperature was found without a label.
    certainty = np.concatenate([rows.max(axis=1) for rows in found.posterior.values()])
    assert abs(certainty.mean() - np.concatenate(together).mean()) < 0.06
    again = learn_phases(narrations, NAMES, given=wanted)
    assert again.grammar is wanted and again.temperature == pytest.approx(found.temperature, rel=0.5)


def test_neither_the_order_of_lectures_nor_how_many_go_at_once_matters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrations, _ = spoken_lectures(drawn_grammar(2), 5, 1)
    given = drawn_grammar(2)
    one = learn_phases(narrations, NAMES, given)
    monkeypatch.setattr("surgvlp.evaluation.narrated_phases.SECONDS_AT_ONCE", 200)
    two = learn_phases(narrations[::-1], NAMES, given)
    assert one.temperature == pytest.approx(two.temperature, rel=1e-4)
    for name, rows in one.posterior.items():
        np.testing.assert_allclose(rows, two.posterior[name], atol=1e-4)
    with pytest.raises(InputError, match="no narrations"):
        learn_phases([], NAMES)


def test_real_narrations_are_read_as_they_are(shared_data: Path) -> None:
    """Five real lectures: long silences, sentences that overlap, hundreds of them."""
    folder = shared_data / "svl_sample" / "whisper_narration_texts"
    generator = np.random.default_rng(0)
    narrations = []
    for path in sorted(folder.glob("*.csv")):
        captions = read_captions(path)
        score = generator.normal(0.3, 0.05, (len(captions), 4)).astype(np.float32)
        narrations.append(Narration(path.stem, captions, score))
    found = learn_phases(narrations, NAMES, drawn_grammar(1))
    for item in narrations:
        rows = found.posterior[item.lecture]
        assert len(rows) == item.seconds
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-9)
