"""The narrator's sentences: templates with choices, from `phrases/`, drawn at random or all expanded."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from importlib import resources

import numpy as np

# A template as its parts in order, each a tuple of alternatives.
Template = tuple[tuple[str, ...], ...]
ASIDE, OTHER = "aside", "other"  # what has nothing to do with the picture; what comes earlier or later

_CHOICE = re.compile(r"\(([^()]*)\)")


@functools.cache
def grammar(name: str) -> dict[str, tuple[Template, ...]]:
    """The templates of `phrases/<name>.txt`, under their keys.

    For a type of procedure these are every action, every phase, and both kinds of asides; for its
    `<type>_keysteps` see `account`; for "any", what any narrator may say.
    """
    words: dict[str, str] = {}
    templates: dict[str, list[Template]] = {}
    keys: list[str] = []
    for line in _lines(name):
        if line.startswith("= "):
            word, choices = line[2:].split(": ")
            words[f"<{word}>"] = f"({choices})"
        elif line.startswith("["):
            keys = line.strip("[]").split(", ")
        else:
            for word, choices in words.items():
                line = line.replace(word, choices)
            for key in keys:
                templates.setdefault(key, []).append(_parsed(line))
    return {name: tuple(lines) for name, lines in templates.items()}


def _lines(name: str) -> Iterator[str]:
    """The lines of a file that say something; "+ other" stands for all of another file."""
    file = resources.files("surgvlp.synthesis.speech").joinpath("phrases", f"{name}.txt")
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("+ "):
            yield from _lines(line[2:])
        elif line and not line.startswith("#"):
            yield line


def draw_sentence(template: Template, generator: np.random.Generator) -> str:
    """One sentence of a template."""
    return _sentence(part[generator.integers(len(part))] for part in template)


def draw_phrase(template: Template, generator: np.random.Generator) -> str:
    """What a template says, without a capital letter or a full stop."""
    return _phrase(part[generator.integers(len(part))] for part in template)


def as_sentence(phrase: str) -> str:
    """The phrase with a capital letter and a full stop, unless it is a question."""
    return phrase[:1].upper() + phrase[1:] + ("" if phrase.endswith("?") else ".")


def all_sentences(template: Template) -> Iterator[str]:
    """Every sentence of a template."""
    return (_sentence(parts) for parts in itertools.product(*template))


def normalised(sentence: str) -> str:
    """Lower-case words only, for comparing sentences."""
    return " ".join(re.findall(r"[a-z0-9]+", sentence.lower()))


def _parsed(line: str) -> Template:
    pieces = _CHOICE.split(line)  # text, choices, text, ...
    return tuple(tuple(piece.split("|")) if number % 2 else (piece,) for number, piece in enumerate(pieces))


def _phrase(parts: Iterable[str]) -> str:
    return " ".join("".join(parts).split()).replace(" ,", ",")


def _sentence(parts: Iterable[str]) -> str:
    return as_sentence(_phrase(parts))
