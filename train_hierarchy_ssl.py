"""Video-language pretraining at clip, keystep and video level in one run (HecVL, PeskaVLP).

    python train_hierarchy_ssl.py --work_dir=./configs/hecvl/ --resume
    python train_hierarchy_ssl.py --work_dir=./configs/peskavlp/ --output_dir=./runs/peskavlp --resume
    torchrun --nproc-per-node=4 train_hierarchy_ssl.py --work_dir=./configs/peskavlp/ --resume

The loop is that of train.py; the config says which levels there are and when each has its turn. Reads
config.py in --work_dir and leaves checkpoints, log.txt, metrics.jsonl and TensorBoard files there or in
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
