"""Words to expect: glossaries of terms, and the text that prepares a recogniser for them."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from surgvlp.files import InputError
from surgvlp.lectures.tables import read_utf8

SURGICAL = "surgical"


def vocabulary_prompt(vocabulary: str) -> str:
    """What a recogniser is told to have come before, so that it expects these terms.

    Args:
        vocabulary: terms or sentences as they are ("cystic duct, trocar"); "surgical" for the glossary that
            comes with the package; or a text file, terms one a line, or sentences, which help more.

    Raises:
        InputError: a file without a term in it, or no UTF-8 text.
    """
    if vocabulary == SURGICAL:
        return " ".join(_lines(_shipped("surgical_prompt.txt"), "surgical_prompt.txt"))
    if not _is_file(vocabulary):
        return vocabulary.strip()
    lines = _lines(read_utf8(vocabulary), vocabulary)
    return (" " if all(line[-1] in ".!?;:," for line in lines) else ", ").join(lines)


def glossary(name: str) -> list[str]:
    """Terms of a glossary, one a line of a text file; lines that begin with # are remarks.

    Args:
        name: "surgical" for the one that comes with the package, or a file.

    Raises:
        InputError: no such file, no UTF-8 text, or no term in it.
    """
    if name == SURGICAL:
        return _lines(_shipped("surgical.txt"), "surgical.txt")
    return _lines(read_utf8(name), name)


def _is_file(vocabulary: str) -> bool:
    try:
        return Path(vocabulary).is_file()
    except OSError:  # terms that are longer than a file's name may be
        return False


def _shipped(name: str) -> str:
    return importlib.resources.files(__package__).joinpath("glossaries", name).read_text(encoding="utf-8")


def _lines(text: str, file: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines()]
    terms = [line for line in lines if line and not line.startswith("#")]
    if not terms:
        raise InputError("no term in this file", file=file, remedy="Write one a line")
    return terms
