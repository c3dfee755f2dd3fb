"""The narrator's grammar: enough to say, and nothing that the prompts say too."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from surgvlp.lectures.prompts import read_prompts
from surgvlp.synthesis.operation.actions import ProcedureType
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.speech.grammar import ASIDE, OTHER, all_sentences, draw_sentence, grammar, normalised


@pytest.fixture(scope="module", params=PROCEDURES)
def kind(request: pytest.FixtureRequest) -> ProcedureType:
    """Each type of procedure."""
    return PROCEDURES[request.param]


@pytest.fixture(scope="module")
def sentences(kind: ProcedureType) -> dict[str, set[str]]:
    """Everything that can be said about a type, normalised, by key."""
    return {
        key: {normalised(sentence) for template in templates for sentence in all_sentences(template)}
        for key, templates in grammar(kind.name).items()
    }


def test_there_is_much_to_say_about_everything(kind: ProcedureType, sentences: dict[str, set[str]]) -> None:
    assert set(grammar(kind.name)) == {*kind.actions, *kind.phases, ASIDE, OTHER}
    full = kind.name == "cholecystectomy"
    for action in kind.actions:
        assert len(grammar(kind.name)[action]) >= (7 if full else 4), action
        assert len(sentences[action]) >= 12, action
    assert len(set().union(*sentences.values())) > (6000 if full else 2000)
    vocabulary = {word for said in sentences.values() for sentence in said for word in sentence.split()}
    assert len(vocabulary) > (700 if full else 450)


def test_prompts_share_no_sentence_with_the_grammar(
    kind: ProcedureType, sentences: dict[str, set[str]]
) -> None:
    everything = set().union(*sentences.values())
    for name in kind.prompts:
        path = resources.files("surgvlp.synthesis").joinpath("prompts", f"{name}.txt")
        with resources.as_file(path) as file:
            prompts = [normalised(prompt) for prompt in read_prompts(file, len(kind.phases))]
        assert len(set(prompts)) == len(kind.phases)
        assert not everything.intersection(prompts)
        for prompt in prompts:
            assert not any(sentence in prompt or prompt in sentence for sentence in everything)


def test_drawn_sentences_are_among_all_and_well_formed(
    kind: ProcedureType, sentences: dict[str, set[str]]
) -> None:
    generator = np.random.default_rng(0)
    for key, templates in grammar(kind.name).items():
        for template in templates:
            sentence = draw_sentence(template, generator)
            assert normalised(sentence) in sentences[key]
            assert sentence[0].isupper() and sentence.endswith(".")
            assert not set(sentence) & set("()|<>=[]"), sentence
            assert "  " not in sentence and " ," not in sentence and ",." not in sentence
            assert 3 <= len(sentence.split()) <= 25
