"""What a check found, and what to do about it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

# missing: nothing works without it. warning: something works worse, or not at all. note: good to know.
State = Literal["ok", "note", "warning", "missing"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        name: what was looked at.
        state: how it is.
        found: what is there, a sentence without its full stop.
        remedy: what to do; None where nothing is to be done.
    """

    name: str
    state: State
    found: str
    remedy: str | None = None


def pip_install(*requirements: str) -> str:
    """The command that installs these."""
    return f"Run: python -m pip install {shlex.join(requirements)}"
