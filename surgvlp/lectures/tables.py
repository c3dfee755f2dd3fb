"""Reading csv tables so that everything wrong with one is an error that names the file, row and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from surgvlp.files import InputError, checked_id


def read_rows(path: str | Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (row number, {column: cell}) of a UTF-8 csv with a header; blank lines are passed over.

    The header is row 1, as spreadsheets count. Cells are stripped of surrounding white space.

    Raises:
        InputError: no such file, not UTF-8, no header, a missing or doubled column, a row of another
            length than the header, or no rows at all.
    """
    yield from parse_rows(read_utf8(path), path, required)


def lecture_cells(path: str | Path, column: str) -> Iterator[tuple[int, str, str]]:
    """Yield (row number, lecture, cell of `column`) of a csv whose column `video_path` names lectures.

    Raises:
        InputError: as `read_rows`; no id, or a lecture that stands there twice.
    """
    seen: set[str] = set()
    for row, cells in read_rows(path, ("video_path", column)):
        lecture = checked_id(cells["video_path"].removesuffix(".mp4"), file=path, row=row)
        if lecture in seen:
            raise InputError(f"'{lecture}' stands there twice", file=path, row=row, key="video_path")
        seen.add(lecture)
        yield row, lecture, cells[column]


def parse_rows(text: str, path: str | Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """As `read_rows`, from a text that was read from `path`."""
    records = csv.reader(io.StringIO(text, newline=""), strict=True)
    row = 0
    try:
        header = [name.strip() for name in next(records, [])]
        check_header(header, required, path)
        row = 1
        found = 0
        for row, record in enumerate(records, start=2):
            if not any(cell.strip() for cell in record):
                continue
            if len(record) != len(header):
                raise InputError(
                    f"{len(record)} cells where the header has {len(header)}",
                    file=path,
                    row=row,
                    remedy="Put quotes around texts that contain commas",
                )
            found += 1
            yield row, {name: cell.strip() for name, cell in zip(header, record, strict=True)}
    except csv.Error as error:
        raise InputError(f"not a csv row ({error})", file=path, row=row + 1) from error
    if not found:
        raise InputError(
            "a header and no rows", file=path, remedy="Fill it, or take the lecture out of the split"
        )


def read_utf8(path: str | Path) -> str:
    """Text of a file, a byte order mark dropped and line ends kept; InputError if it cannot be had."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError("there is no such file", file=path) from error
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", file=path, remedy="Save it as UTF-8") from error


def seconds(cell: str, *, file: str | Path, row: int, key: str) -> float:
    """A time in seconds, finite and not negative."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InputError(
            f"{cell!r} is not a time", file=file, row=row, key=key, remedy="Write seconds from 0, e.g. 12.5"
        )
    return value


def check_header(header: list[str], required: Sequence[str], path: str | Path) -> None:
    """Refuse the first row of a file that lacks a required column, or has one twice."""
    if not header:
        raise InputError("the file is empty", file=path, remedy=f"Its first row is: {','.join(required)}")
    for name in required:
        if name not in header:
            raise InputError(
                f"no column '{name}', the header is {','.join(header)!r}",
                file=path,
                row=1,
                key=name,
                remedy=f"The first row needs: {','.join(required)}",
            )
    for name in header:
        if header.count(name) > 1:
            raise InputError("this column stands there twice", file=path, row=1, key=name)
