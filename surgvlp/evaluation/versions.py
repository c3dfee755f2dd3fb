"""What numbers depend on beside the model: versions and the date."""

from __future__ import annotations

import importlib.metadata
import platform
from datetime import datetime

PACKAGES = ("surgvlp", "torch", "torchvision", "timm", "transformers", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def now() -> str:
    """Local date and time to the minute, with its zone."""
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
