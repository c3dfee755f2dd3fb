"""The command line that train.py and train_hierarchy_ssl.py share."""

from __future__ import annotations

import argparse
from pathlib import Path

from surgvlp import console


def run(description: str | None, arguments: list[str] | None) -> int:
    """Read the flags, train, and return the exit code.

    Raises:
        InputError, DivergedError: what `train` raises.
    """
    flags = _parse_flags(description, arguments)
    console.set_up_logging()
    from surgvlp.training.run import train

    train(flags.work_dir, flags.output_dir, flags.resume, flags.cfg_options)
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
