"""Which procedures a lecture shows, by Surg-3M's `labels.json` (Che et al., arXiv:2503.19740) or a csv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgvlp.files import InputError, checked_id, read_json
from surgvlp.lectures.tables import lecture_cells

_FORM = 'Write: {"youtubeId": "<id>", "procedureName": ["<name>"]}'


def read_procedures(path: str | Path) -> dict[str, frozenset[str]]:
    """Read `[{"youtubeId": id, "procedureName": [name, ...]}, ...]`, or a csv with `video_path,procedure`.

    Other keys and columns are passed over. Several procedures in a cell have ; between them.

    Returns:
        {id: procedures}, empty for a lecture of which none is named.

    Raises:
        InputError: no such file, an entry that is none, or a lecture that stands there twice.
    """
    found: dict[str, frozenset[str]] = {}
    for lecture, names, row in _of_csv(path) if Path(path).suffix == ".csv" else _of_manifest(path):
        if lecture in found:
            raise InputError(f"'{lecture}' stands there twice", file=path, row=row)
        found[lecture] = frozenset(name.strip() for name in names)
    return found


def _of_manifest(path: str | Path) -> Iterator[tuple[str, list[str], None]]:
    entries = read_json(path)
    if not isinstance(entries, list):
        raise InputError("not a list of lectures", file=path)
    for place, entry in enumerate(entries, start=1):
        lecture = entry.get("youtubeId") if isinstance(entry, dict) else None
        names = entry.get("procedureName") if isinstance(entry, dict) else None
        listed = isinstance(names, list) and all(isinstance(name, str) and name.strip() for name in names)
        if not isinstance(lecture, str) or not isinstance(names, list) or not listed:
            what = "not a lecture with its procedures"
            raise InputError(what, file=path, key=f"entry {place}", remedy=_FORM)
        yield checked_id(lecture, file=path), names, None


def _of_csv(path: str | Path) -> Iterator[tuple[str, list[str], int]]:
    for row, lecture, cell in lecture_cells(path, "procedure"):
        yield lecture, [name for name in cell.split(";") if name.strip()], row
