"""The command line that all trainings share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from surgvlp import console

if TYPE_CHECKING:
    from surgvlp.training.run import Task


def run(description: str | None, arguments: list[str] | None, find_task: Callable[[], type[Task]]) -> int:
    """Read the flags, train, and return the exit code.

    Args:
        description: for --help.
        arguments: of the command line.
        find_task: imports the kind of training; called after the flags are read, as --help need not wait for
            torch.

    Raises:
        InputError, DivergedError: what `train` raises.
    """
    flags = _parse_flags(description, arguments)
    console.set_up_logging()
    from surgvlp.training.run import train

    train(find_task(), flags.work_dir, flags.output_dir, flags.resume, flags.cfg_options)
    return console.DONE


def _parse_flags(description: str | None, arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work_dir", type=Path, required=True, help="folder with config.py")
    parser.add_argument("--output_dir", type=Path, help="where to write; --work_dir unless given")
    parser.add_argument(
        "--resume", action="store_true", help="go on from the newest whole checkpoint, if any"
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="config values to override, as a.b=c",
    )
    return parser.parse_args(arguments)
