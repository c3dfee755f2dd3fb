"""What the command lines of all evaluations share."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKPOINT = "training state, its run's folder, an exported folder, or a released file"


def evaluation_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the flags that name a model, the data tree, and how to compute and print."""
    flags = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    flags.add_argument("--checkpoint", type=Path, help=CHECKPOINT)
    flags.add_argument(
        "--config", type=Path, help="config file, or folder with config.py; for released files"
    )
    flags.add_argument(
        "--untrained", action="store_true", help="the control: random weights, but for what came pretrained"
    )
    flags.add_argument("--data", type=Path, required=True, help="root of the data tree")
    flags.add_argument("--batch-size", type=int, default=64, help="frames in one forward (default: 64)")
    flags.add_argument("--device", help="cpu, cuda, cuda:1 (default: a GPU where there is one)")
    flags.add_argument("--json", action="store_true", help="print the scores as JSON instead of a table")
    return flags


def command_line(tool: str, arguments: Sequence[str] | None) -> str:
    """How a tool was called, for the record; `arguments` are None where they came from the shell."""
    return shlex.join(["python", *(sys.argv if arguments is None else [tool, *arguments])])
