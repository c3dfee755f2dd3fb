"""Keysteps and abstracts: about what happened in this very lecture, in words of their own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgvlp.synthesis.operation.procedure import SHORTEST_S, Procedure, draw_procedure
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.speech.account import abstract, keysteps
from surgvlp.synthesis.speech.grammar import all_sentences, grammar, normalised


def _draw(seed: int, kind: str = "cholecystectomy", seconds: float = 200, variation: float = 1) -> Procedure:
    return draw_procedure(PROCEDURES[kind], seconds, np.random.default_rng(seed), variation)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(sorted(PROCEDURES)),
    seconds=st.floats(SHORTEST_S, 1200),
    variation=st.sampled_from([0, 1]),
)
def test_keysteps_follow_one_another_to_the_end_and_tell_what_happens_then(
    seed: int, kind: str, seconds: float, variation: float
) -> None:
    procedure = _draw(seed, kind, seconds, variation)
    steps = keysteps(procedure, np.random.default_rng(seed))
    assert steps == keysteps(procedure, np.random.default_rng(seed))
    assert steps[0].start == 0 and steps[-1].end == round(procedure.duration, 3)
    written = grammar(f"{kind}_keysteps")
    for before, after in itertools.pairwise(steps):
        assert before.end == after.start
    for step in steps:
        assert step.end > step.start
        middle = procedure.action_at((step.start + step.end) / 2)
        titles = [normalised(line) for line in map(_first, written[procedure.type.phases[middle.phase]])]
        assert any(normalised(step.step).startswith(title) for title in titles)
        happened = {
            timed.action.name
            for timed in procedure.actions
            if step.start <= timed.end - 0.01 and timed.start + 0.01 <= step.end
        }
        clauses = {
            normalised(text) for name in happened for line in written[name] for text in all_sentences(line)
        }
        left = normalised(step.text)
        for clause in sorted(clauses, key=len, reverse=True):
            left = left.replace(clause, "")
        assert set(left.split()) <= {"the", "surgeon", "and"}


def _first(template: tuple[tuple[str, ...], ...]) -> str:
    return next(iter(all_sentences(template)))


@pytest.mark.parametrize("kind", PROCEDURES)
def test_every_phase_and_action_can_be_told_and_not_in_the_narrator_s_or_the_prompts_words(kind: str) -> None:
    own, written = PROCEDURES[kind], grammar(f"{kind}_keysteps")
    assert {*own.phases, *own.actions, "abstract", "bleeding", "dry", "end"} <= set(written)
    missing = {f"without {phase}" for order in own.rare_orders for phase in set(own.phases) - set(order)}
    assert missing <= set(written)
    said = {
        normalised(text) for lines in grammar(kind).values() for line in lines for text in all_sentences(line)
    }
    told = {normalised(text) for lines in written.values() for line in lines for text in all_sentences(line)}
    assert not said & told


def test_an_abstract_tells_what_is_special_about_the_lecture() -> None:
    for seed in range(40):
        procedure = _draw(seed)
        text = abstract(procedure, np.random.default_rng(seed))
        assert text == abstract(procedure, np.random.default_rng(seed))
        assert ("robotic" in text) == procedure.robotic and ("laparoscopic" in text) != procedure.robotic
        phases = {procedure.type.phases[phase] for phase, _ in procedure.segments()}
        assert ("without a bag" in text) == ("GallbladderPackaging" not in phases)
        met = procedure.critical_view_at(procedure.critical_view_ends).all()
        missed = "not fully" in text or "not completely" in text or "before all criteria" in text
        assert missed != met
        assert text.count(".") >= 8 and "{" not in text and ".." not in text
    assert len({abstract(_draw(3), np.random.default_rng(seed)) for seed in range(5)}) > 1
