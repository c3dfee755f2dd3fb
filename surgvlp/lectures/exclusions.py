"""Lists of lectures that a training or a search must not see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from surgvlp.files import InputError, checked_id, did_you_mean, read_json
from surgvlp.lectures.tables import read_utf8
from surgvlp.lectures.tree import DataTree, read_split


def read_exclusions(names: Sequence[str], tree: DataTree | None) -> set[str]:
    """Ids of lectures to keep out: of tests to come, for example.

    Args:
        names: names of splits of the tree; or paths of lists: .csv as splits are, .txt with an id a line,
            .json with a list of ids or an object of such lists (Surg-3M's `split.json`), of which
            `path.json:testing` takes one.
        tree: the data tree, None where there is none.

    Raises:
        InputError: a list that is not there or none.
    """
    return {lecture for name in names for lecture in _exclusion(name, tree)}


def _exclusion(name: str, tree: DataTree | None) -> list[str]:
    path, _, part = name.partition(".json:")
    if part or name.endswith(".json"):
        return _ids_of_json(Path(f"{path}.json") if part else Path(name), part)
    if name.endswith(".csv"):
        return read_split(name)
    if name.endswith(".txt"):
        lines = read_utf8(name).splitlines()
        return [_id(line, name, row) for row, line in enumerate(lines, start=1) if line.strip()]
    if tree is None:
        raise InputError(
            f"'{name}' is no .csv, .json or .txt", key="exclude", remedy="Give root too if it is a split"
        )
    return tree.split(name)


def _ids_of_json(path: Path, part: str) -> list[str]:
    content = read_json(path)
    if part:
        names = content if isinstance(content, dict) else {}
        if part not in names:
            raise InputError(f"no list '{part}' in it", file=path, remedy=did_you_mean(part, names))
        content = names[part]
    lists = content.values() if isinstance(content, dict) else [content]
    if not all(isinstance(ids, list) and all(isinstance(name, str) for name in ids) for ids in lists):
        raise InputError("not a list of ids, nor lists of them by name", file=path, key="exclude")
    return [_id(name, path) for ids in lists for name in ids]


def _id(text: str, path: str | Path, row: int | None = None) -> str:
    return checked_id(text.strip().removesuffix(".mp4"), file=path, row=row)
