"""Running the real train.py on a config."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    """Write `config` as a work_dir's config.py."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.py").write_text(f"config = {config!r}\n")
    return folder


def command(work_dir: Path, output: Path, *flags: str, script: str = "train.py") -> list[str]:
    """The command line of the real train.py, or of the other one."""
    script = str(REPOSITORY / script)
    return [sys.executable, script, f"--work_dir={work_dir}", f"--output_dir={output}", *flags]


def train(work_dir: Path, output: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run train.py to its end."""
    return subprocess.run(
        command(work_dir, output, *flags), capture_output=True, text=True, timeout=120, check=False
    )
