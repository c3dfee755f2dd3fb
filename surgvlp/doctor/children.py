"""Checks in processes of their own: a broken library may crash or hang where it is imported."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from surgvlp.doctor.finding import Finding

TIMEOUT_S = 120  # torch alone takes 40 s where a disk or a busy machine is slow
_MARK = "surgvlp-doctor:"  # libraries print too
_PROGRAM = (
    "import os, sys; sys.path[:] = sys.argv[1].split(os.pathsep); "
    "from surgvlp.doctor.children import serve; serve(*sys.argv[2:])"
)


def run_checks(
    module: str, arguments: Sequence[str] = (), timeout_s: float = TIMEOUT_S
) -> tuple[list[Finding], str | None]:
    """Call `surgvlp.doctor.<module>.findings(*arguments)` in a process of its own.

    Returns:
        What it found, and how it broke off: None where it did not.
    """
    command = [sys.executable, "-c", _PROGRAM, os.pathsep.join(sys.path), module, *arguments]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        text = printed.decode("utf-8", "replace") if isinstance(printed, bytes) else printed
        return _read(text), f"no answer within {timeout_s:g} s"
    return _read(done.stdout), None if done.returncode == 0 else _ending(done)


def serve(module: str, *arguments: str) -> None:
    """In the other process: print each finding as soon as it is there."""
    found: Iterable[Finding] = importlib.import_module(f"surgvlp.doctor.{module}").findings(*arguments)
    try:
        for finding in found:
            print(f"\n{_MARK}{json.dumps(asdict(finding))}", flush=True)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # a half-loaded library may hang in its own clean-up
    sys.stdout.flush()
    os._exit(0)


def _read(printed: str) -> list[Finding]:
    lines = [line.removeprefix(_MARK) for line in printed.splitlines() if line.startswith(_MARK)]
    return [Finding(**json.loads(line)) for line in lines]


def _ending(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"crashed with {signal.Signals(-done.returncode).name}"
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return said[-1][:300] if said else f"exit code {done.returncode}"
