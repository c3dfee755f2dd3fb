"""What test_self_distillation.py starts under torchrun with two gloo processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from test_loop import Numbers
from torch import nn

from surgvlp.models.projection_head import ProjectionHead
from surgvlp.models.student_teacher import BackboneWithHead, StudentTeacher
from surgvlp.training.distributed import Ranks, processes
from surgvlp.training.loop import Level, Loop
from surgvlp.training.objective import Batch
from surgvlp.training.optimizers import make_optimizer
from surgvlp.training.schedules import Duration, Turn, plan_run
from surgvlp.training.self_distillation.objective import DistillationSchedule, SelfDistillationObjective

STEPS, BATCH, OUTPUTS = 5, 6, 16


class Crops(Numbers):
    """The same crops on every number of ranks; each rank takes its part of a batch."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__(seed=3)
        self.ranks = ranks

    def __next__(self) -> Batch:
        large, small = (torch.randn(BATCH, n, 3, 4, 4, generator=self.generator) for n in (4, 6))
        share = BATCH // self.ranks.world_size
        rows = slice(self.ranks.rank * share, (self.ranks.rank + 1) * share)
        index = torch.arange(BATCH)[rows]
        return {"global_crops": large[rows], "local_crops": small[rows], "sample_index": index}


def trained(ranks: Ranks) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre and teacher's weights after a few steps, the last layer frozen for the first two."""
    torch.manual_seed(0)
    backbones = [nn.Sequential(nn.Flatten(), nn.Linear(48, 12), nn.GELU()) for _ in range(2)]
    head = ProjectionHead(12, OUTPUTS, hidden=8, bottleneck=4)
    model = StudentTeacher(BackboneWithHead(backbones[0], head), backbones[1])
    schedule = DistillationSchedule(np.full(STEPS, 0.8), np.full(STEPS, 0.04), frozen_steps=2)
    objective = SelfDistillationObjective(OUTPUTS, schedule, 0.1, 0.9, ranks)
    plan = plan_run([Turn()], [STEPS], Duration(steps=STEPS), 0.01)
    loop = Loop(
        model, [Level("frames", Crops(ranks), objective)], make_optimizer(model, 0.01, 0.0), plan, ranks
    )
    loop.clip_gradient_norm, loop.clip_each = 3.0, True
    loop.run()
    weights = torch.cat([p.detach().flatten() for p in model.teacher.parameters()])
    return objective.state_dict()["centre"], weights


def main() -> None:
    with processes("cpu") as ranks:
        centre, teacher = trained(ranks)
        alone_centre, alone_teacher = trained(Ranks())
        everybody = ranks.collect([centre, teacher])
        found = {
            "world_size": ranks.world_size,
            "ranks_agree": all(torch.equal(a, b) for a, b in zip(*everybody, strict=True)),
            "centre_difference": float((centre - alone_centre).abs().max()),
            "teacher_difference": float((teacher - alone_teacher).abs().max()),
        }
        if ranks.rank == 0:
            Path(sys.argv[1]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
