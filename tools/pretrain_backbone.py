"""Pretrain an image backbone by self-distillation on the frames of lectures (DINO; SurgeNet, SurgFM).

    python tools/pretrain_backbone.py --work_dir configs/backbones/surgenet_caformer_s18/ --resume
    python tools/pretrain_backbone.py --work_dir configs/backbones/demo_dino/ --output_dir runs/dino
    torchrun --nproc-per-node=8 tools/pretrain_backbone.py --work_dir configs/backbones/surgfm_convnext_large/

Reads config.py in --work_dir and leaves checkpoints, log.txt, metrics.jsonl and TensorBoard files there or in
--output_dir. `surgvlp.models.load_backbone` reads the checkpoints. Configs are code: run only those you
trust.

Exit codes: 0 done, 2 input that cannot be used, 3 diverged or collapsed (a checkpoint to look at is left).
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
    from surgvlp.training.self_distillation.task import SelfDistillationTask

    return SelfDistillationTask


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
