"""Clip-level video-language pretraining (SurgVLP).

    python train.py --work_dir=./configs/surgvlp/ --resume
    python train.py --work_dir=./configs/demo/ --output_dir=./runs/demo --cfg-options seed=2 length.steps=400
    torchrun --nproc-per-node=4 train.py --work_dir=./configs/surgvlp/ --resume

Reads config.py in --work_dir and leaves checkpoints, log.txt, metrics.jsonl and TensorBoard files there or in
--output_dir. Configs are code: run only those you trust.

Exit codes: 0 done, 2 input that cannot be used, 3 diverged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console


def parse_flags(arguments: list[str] | None = None) -> argparse.Namespace:
    """The flags of a training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
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


def main(arguments: list[str] | None = None) -> int:
    """Train; see the top of this file."""
    flags = parse_flags(arguments)
    console.set_up_logging()
    from surgvlp.training.run import train

    train(flags.work_dir, flags.output_dir, flags.resume, flags.cfg_options)
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
