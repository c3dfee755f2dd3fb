"""What a run ran with: versions, git state, command, machine."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import surgvlp

LIBRARIES = ("torchvision", "timm", "transformers", "numpy", "opencv-python-headless")


def environment(device: torch.device, world_size: int) -> dict[str, Any]:
    """Plain data for environment.json and checkpoints."""
    return {
        "surgvlp": surgvlp.__version__,
        "git": git_state(Path(surgvlp.__file__).parent),
        "command": sys.argv,
        "python": platform.python_version(),
        "libraries": {"torch": str(torch.__version__), **{name: _version(name) for name in LIBRARIES}},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "processes": world_size,
        "threads": torch.get_num_threads(),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the working tree that holds `folder`, and which files differ from it; None outside of git."""
    commit = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain")
    return None if commit is None else {"commit": commit, "changed": (changed or "").splitlines()}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
