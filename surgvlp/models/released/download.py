"""A large file over HTTP: whole and as expected, or not there; what broke off goes on where it was."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import http.client
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from surgvlp.console import progress_bar
from surgvlp.files import DiskFullError, InputError, sha256_of, write_text

log = logging.getLogger(__name__)

TIMEOUT_S = 60  # without a byte
MEBIBYTE = 1 << 20


def download(url: str, target: Path, sha256: str | None) -> None:
    """Fetch `url` into `target`; where no sha256 is known, the one found is logged, to be compared.

    Several processes may ask at once: one fetches, the others wait for it. What a broken connection leaves is
    kept beside the target if the server can go on from there and can tell whether its file is the same.

    Raises:
        InputError: no connection, an error page, fewer bytes than announced, another sha256, a full disk.
    """
    if not url.startswith(("https://", "http://")):
        raise InputError(f"{url!r} is no address of the web", remedy="Begin it with https://")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _partial_file(target) as partial:
            if target.is_file():  # another process had begun before
                return
            _receive(url, target, partial)
            os.fsync(partial.fileno())
            found = sha256_of(partial.name)
            if sha256 and found != sha256:
                partial.truncate(0)
                raise InputError(f"{url} has sha256 {found}, expected {sha256}", remedy=_by_hand(url, target))
            os.replace(partial.name, target)
            _version_file(target).unlink(missing_ok=True)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError("the disk is full", file=target, remedy="Free some space") from error
        raise InputError(f"cannot fetch {url} ({error})", remedy=_by_hand(url, target)) from error
    if not sha256:
        log.info("%s has sha256 %s; none is known to compare it with", target, found)


def _receive(url: str, target: Path, partial: IO[bytes]) -> None:
    """Fill `partial`, going on where it ends if the server still has the file that it was begun with."""
    keep = True  # what is there, while no answer has come
    try:
        with _answer(url, os.fstat(partial.fileno()).st_size, _version(target)) as answer:
            _check_answer(url, target, answer)
            begin = partial.seek(0, os.SEEK_END) if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
            partial.truncate(begin)
            _version_file(target).unlink(missing_ok=True)
            version = _version_in(answer.headers)
            keep = bool(version and (begin or answer.headers.get("Accept-Ranges") == "bytes"))
            if version and keep:
                write_text(_version_file(target), version)
            length = begin + int(answer.headers.get("Content-Length") or 0)
            _copy(answer, partial, length, begin, target.name)
        received = partial.tell()
        if length > begin and received != length:
            remedy = "Run again, and it goes on from there" if keep else "Run again to start it anew"
            raise InputError(f"{url} broke off after {received} of {length} bytes", remedy=remedy)
    except BaseException:
        if not keep:
            partial.truncate(0)
        raise


def _answer(url: str, size: int, version: str | None) -> Any:
    """The server's answer: the rest of a file of this version after `size` bytes, or else all of it."""
    if size and version:
        rest = {"Range": f"bytes={size}-", "If-Range": version}
        try:
            answer = urllib.request.urlopen(urllib.request.Request(url, headers=rest), timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
        else:
            offered = answer.headers.get("Content-Range") or ""
            if answer.status != http.HTTPStatus.PARTIAL_CONTENT or offered.startswith(f"bytes {size}-"):
                return answer
            answer.close()
    return urllib.request.urlopen(url, timeout=TIMEOUT_S)


def _check_answer(url: str, target: Path, answer: Any) -> None:
    if answer.headers.get_content_type() == "text/html":
        raise InputError(f"{url} answers with a web page", remedy=_by_hand(url, target))
    if url.startswith("https:") and not answer.url.startswith("https:"):
        raise InputError(f"{url} leads to {answer.url}, which anybody on the way could change")


def _copy(answer: Any, partial: IO[bytes], length: int, begin: int, name: str) -> None:
    size = length / MEBIBYTE if length > begin else None
    with progress_bar(f"download {name}", size, "MiB", begin / MEBIBYTE) as bar:
        while block := answer.read(MEBIBYTE):
            partial.write(block)
            bar.advance(len(block) / MEBIBYTE)
        partial.flush()


@contextlib.contextmanager
def _partial_file(target: Path) -> Iterator[IO[bytes]]:
    """What is there of a download, open for writing and locked against other processes; removed if empty."""
    path = _partial_path(target)
    while True:
        file = path.open("ab")
        # flock: a lock of lockf's would end when this process closes the file anywhere, after hashing it say
        fcntl.flock(file, fcntl.LOCK_EX)
        # while we waited, the one before may have renamed or removed what we opened
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
        file.close()
    try:
        yield file
    finally:
        if os.fstat(file.fileno()).st_size == 0:
            path.unlink(missing_ok=True)
            _version_file(target).unlink(missing_ok=True)
        file.close()


def _version_in(headers: Any) -> str | None:
    """What tells one state of the server's file from another; weak tags promise too little."""
    tag = headers.get("ETag") or ""
    return tag if tag.startswith('"') else headers.get("Last-Modified")


def _version(target: Path) -> str | None:
    try:
        return _version_file(target).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _partial_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.download")


def _version_file(target: Path) -> Path:
    return target.with_name(f".{target.name}.version")


def _by_hand(url: str, target: Path) -> str:
    return f"Connect to the network, or download {url} elsewhere and copy it to {target}"
