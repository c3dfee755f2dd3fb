"""Timed texts: narrations, keysteps and abstracts, one csv a lecture with columns start,end[,step],text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvlp.files import InputError, write_text
from surgvlp.lectures.tables import check_header, parse_rows, read_rows, read_utf8, seconds

_COLUMNS = ("start", "end", "text")


@dataclass(frozen=True)
class Caption:
    """What is said, or done, between two times of a lecture.

    Attributes:
        start: seconds from the start of the video, >= 0.
        end: seconds, >= start.
        text: one sentence (narration), a description (keystep) or a summary (abstract); never empty.
        step: the short title that some keystep and narration files carry beside the text, else "".
    """

    start: float
    end: float
    text: str
    step: str = ""


def read_captions(path: str | Path) -> list[Caption]:
    """Read one lecture's narrations, keysteps or abstract, in the order of their starts.

    Raises:
        InputError: naming file, row and column, for a missing file or column, no rows, a time that is no
            number, negative, or ends before it starts, an empty or NaN text, starts that run backwards,
            and rows that stand there twice.
    """
    return _captions(read_rows(path, _COLUMNS), path)


def read_captions_and_cells(path: str | Path) -> tuple[list[Caption], list[dict[str, str]]]:
    """As `read_captions`, with all cells of each row; both empty for a file that holds no text at all.

    That is a file of nothing, of a header, or of rows whose texts are all blank.
    """
    content = read_utf8(path)
    lines = [line for line in content.splitlines() if line.strip(" \t,")]
    if len(lines) < 2:
        if lines:  # one that has no header is no empty file, but a mistake
            check_header([name.strip() for name in lines[0].split(",")], _COLUMNS, path)
        return [], []
    rows = list(parse_rows(content, path, _COLUMNS))
    if all(is_blank(cells["text"]) for _, cells in rows):
        return [], []
    return _captions(rows, path), [cells for _, cells in rows]


def write_captions(
    path: str | Path, captions: Sequence[Caption], columns: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Write captions atomically, so that `read_captions` gives them back; it refuses what that would refuse.

    The column `step` is written where a caption has one. Texts are written without surrounding white space.
    `columns` are further ones, a cell for each caption; `read_captions` passes over them.
    """
    if not captions:
        raise InputError("no captions to write", file=path)
    _check(list(enumerate(captions, start=2)), path)
    with_step = any(caption.step for caption in captions)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    columns = columns or {}
    writer.writerow(["start", "end", *(["step"] if with_step else []), "text", *columns])
    for caption, *more in zip(captions, *columns.values(), strict=True):
        step = [caption.step.strip()] if with_step else []
        writer.writerow([float(caption.start), float(caption.end), *step, caption.text.strip(), *more])
    write_text(path, stream.getvalue())


def is_blank(text: str) -> bool:
    """Whether a cell holds no text: pandas writes NaN as an empty cell, numpy as "nan"."""
    return text.strip().lower() in ("", "nan")


def _captions(rows: Iterable[tuple[int, Mapping[str, str]]], path: str | Path) -> list[Caption]:
    numbered = []
    for row, cells in rows:
        start = seconds(cells["start"], file=path, row=row, key="start")
        end = seconds(cells["end"], file=path, row=row, key="end")
        numbered.append((row, Caption(start, end, cells["text"], cells.get("step", ""))))
    _check(numbered, path)
    return [caption for _, caption in numbered]


def _check(numbered: Iterable[tuple[int, Caption]], path: str | Path) -> None:
    seen: dict[Caption, int] = {}
    latest, latest_row = 0.0, 1
    for row, caption in numbered:
        if is_blank(caption.text):
            raise InputError("empty or NaN text", file=path, row=row, key="text", remedy="Delete the row")
        if not 0 <= caption.start <= caption.end < float("inf"):
            raise InputError(
                f"it runs from {caption.start:g} s to {caption.end:g} s",
                file=path,
                row=row,
                key="end",
                remedy="start must be 0 or more, and end not before start",
            )
        if caption.start < latest:
            raise InputError(
                f"times run backwards: {caption.start:g} s after {latest:g} s in row {latest_row}",
                file=path,
                row=row,
                key="start",
                remedy="Sort the rows by start",
            )
        if caption in seen:
            raise InputError(
                f"the same as row {seen[caption]}", file=path, row=row, remedy="Delete one of them"
            )
        seen[caption] = row
        latest, latest_row = caption.start, row
