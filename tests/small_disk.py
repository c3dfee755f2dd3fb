"""A full disk, for real: a file system of some kilobytes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SCRIPT = """
mount -t tmpfs -o "size=$2" tmpfs "$1" && "${@:3}"
code=$?
find "$1" -type f -printf "%P\\n"
exit $code
"""


def run_on_small_disk(folder: Path, size: str, command: Sequence[object]) -> subprocess.CompletedProcess[str]:
    """Run a command with a disk of `size`, e.g. 64k, at a folder; skips the test where none can be mounted.

    The disk is mounted in a namespace of the command's own, which an ordinary user may have; it is gone
    afterwards, so the files that are left on it stand at the end of stdout.
    """
    if shutil.which("unshare") is None or _run(folder, size, ["true"]).returncode:
        pytest.skip("no small disk can be mounted here: needs root or user namespaces")
    return _run(folder, size, command)


def _run(folder: Path, size: str, command: Sequence[object]) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", SCRIPT, "bash"]
    words = [*namespace, str(folder), size, *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True, timeout=240)
