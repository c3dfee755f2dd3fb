"""Class prompts: a text file whose line i describes class i."""

from __future__ import annotations

from pathlib import Path

from surgvlp.files import InputError
from surgvlp.lectures.tables import read_utf8


def read_prompts(path: str | Path, classes: int) -> list[str]:
    """Read one prompt a class; several prompts a class are several files of the same length.

    Args:
        path: UTF-8 text, line i (from 0) for class i. A last line end may be there or not, as published.
        classes: how many classes the data set has.

    Raises:
        InputError: no such file, a blank line, or not `classes` lines.
    """
    lines = read_utf8(path).splitlines()
    if len(lines) != classes:
        raise InputError(
            f"{len(lines)} lines for {classes} classes",
            file=path,
            remedy="Write one line a class, in the order of the labels",
        )
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            raise InputError("a blank line", file=path, row=row, remedy="Describe the class in words")
    return [line.strip() for line in lines]
