"""A large file over HTTP: whole and as expected, or not there at all."""

from __future__ import annotations

import hashlib
import http.client
import logging
import urllib.request
from pathlib import Path

from surgvlp.console import progress_bar
from surgvlp.files import InputError, atomic_path

log = logging.getLogger(__name__)

TIMEOUT_S = 60  # without a byte
MEBIBYTE = 1 << 20


def download(url: str, target: Path, sha256: str | None) -> None:
    """Fetch `url` into `target`; where no sha256 is known, the one found is logged, to be compared.

    Raises:
        InputError: no connection, an error page, fewer bytes than announced, or another sha256.
    """
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, atomic_path(target) as path:
            if answer.headers.get_content_type() == "text/html":
                raise InputError(f"{url} answers with a web page", remedy=_by_hand(url, target))
            length = int(answer.headers.get("Content-Length") or 0)
            size = length / MEBIBYTE if length else None
            with progress_bar(f"download {target.name}", size, "MiB") as bar, path.open("wb") as file:
                while block := answer.read(MEBIBYTE):
                    file.write(block)
                    digest.update(block)
                    bar.advance(len(block) / MEBIBYTE)
                received = file.tell()
            if length and received != length:
                raise InputError(
                    f"{url} broke off after {received} of {length} bytes", remedy="Run again to start it anew"
                )
            if sha256 and digest.hexdigest() != sha256:
                raise InputError(
                    f"{url} has sha256 {digest.hexdigest()}, expected {sha256}", remedy=_by_hand(url, target)
                )
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"cannot fetch {url} ({error})", remedy=_by_hand(url, target)) from error
    if not sha256:
        log.info("%s has sha256 %s; none is known to compare it with", target, digest.hexdigest())


def _by_hand(url: str, target: Path) -> str:
    return f"Connect to the network, or download {url} elsewhere and copy it to {target}"
