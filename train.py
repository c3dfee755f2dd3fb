"""Clip-level video-language pretraining (SurgVLP).

    python train.py --work_dir=./configs/surgvlp/ --resume
    python train.py --work_dir=./configs/demo/ --output_dir=./runs/demo --cfg-options seed=2 length.steps=400
    torchrun --nproc-per-node=4 train.py --work_dir=./configs/surgvlp/ --resume

Reads config.py in --work_dir and leaves checkpoints, log.txt, metrics.jsonl and TensorBoard files there or in
--output_dir. Configs are code: run only those you trust.

Exit codes: 0 done, 2 input that cannot be used, 3 diverged.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from surgvlp import console
from surgvlp.training import command

if TYPE_CHECKING:
    from surgvlp.training.run import Task


def main(arguments: list[str] | None = None) -> int:
    """Train; see the top of this file."""
    return command.run(__doc__, arguments, _task)


def _task() -> type[Task]:
    from surgvlp.training.video_text.task import VideoTextTask

    return VideoTextTask


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
