"""Self-distillation over crops: DINO, and SurgFM's augmented distillation where crops of neighbours join."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from surgvlp.losses.self_distillation import (
    TEACHER_CROPS,
    assignment_entropies,
    self_distillation,
    sharpened,
)
from surgvlp.models.student_teacher import StudentTeacher
from surgvlp.training.distributed import Ranks
from surgvlp.training.objective import Batch, Objective


@dataclass(frozen=True)
class DistillationSchedule:
    """What changes from step to step.

    Attributes:
        momentum: (steps,) of the teacher.
        teacher_temperature: (steps,).
        frozen_steps: for how many of the first steps the head's last layer stays.
    """

    momentum: NDArray[np.float64]
    teacher_temperature: NDArray[np.float64]
    frozen_steps: int


class SelfDistillationObjective(Objective):
    """Every crop of the student is to say what the teacher says of the anchor's two large crops.

    The teacher sees only those two. SurgFM's crops of neighbouring frames stand among the student's: with two
    neighbours there are 16 crops and 30 pairs (Surg-3M, arXiv:2503.19740), without them DINO's 10 and 18.

    Args:
        outputs: K, width of the head.
        schedule: by step.
        student_temperature: tau_s.
        centre_momentum: how slowly the centre follows the teacher's mean logits.
        ranks: the centre is the mean over all of them.
    """

    gathers = False  # samples are not compared with each other

    def __init__(
        self,
        outputs: int,
        schedule: DistillationSchedule,
        student_temperature: float,
        centre_momentum: float,
        ranks: Ranks,
    ) -> None:
        self._schedule, self._student_temperature = schedule, student_temperature
        self._centre_momentum, self._ranks = centre_momentum, ranks
        self._centre = torch.zeros(outputs, device=ranks.device)
        self._seen = torch.zeros_like(self._centre)  # mean logits of the step, for the centre after it
        self._temperature = 0.0

    def before_step(self, model: nn.Module, step: int) -> None:
        """Set what the step's schedule says."""
        self._temperature = float(self._schedule.teacher_temperature[step])
        cast(StudentTeacher, model).student.head.freeze_last_layer = step < self._schedule.frozen_steps

    def embed(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Logits: `teacher` (B, 2, K), `global` (B, G, K), `local` (B, L, K).

        Two calls of the student's backbone, one of the teacher's, whatever the number of crops.
        """
        networks = cast(StudentTeacher, model)
        crops = batch["global_crops"], batch["local_crops"]
        with torch.no_grad():
            teacher = networks.teacher(crops[0][:, :TEACHER_CROPS].flatten(0, 1))
        samples, outputs = len(crops[0]), teacher.shape[-1]
        seen, counts = [some.flatten(0, 1) for some in crops], [samples * some.shape[1] for some in crops]
        global_, local = networks.student(*seen).split(counts)
        return {
            "teacher": teacher.view(samples, TEACHER_CROPS, outputs),
            "global": global_.view(samples, -1, outputs),
            "local": local.view(samples, -1, outputs),
        }

    def loss(self, embeddings: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """`loss`, and the two entropies of the teacher's outputs, see `assignment_entropies`.

        All of this rank's own samples.
        """
        teacher = embeddings["teacher"]
        probabilities, logarithms = sharpened(teacher, self._centre, self._temperature)
        student = [value for name, value in embeddings.items() if name != "teacher"]
        loss = self_distillation(student, probabilities, self._student_temperature)
        self._seen = teacher.mean((0, 1))
        each, mean = assignment_entropies(probabilities, logarithms)
        return {"loss": loss, "teacher_entropy": each, "mean_entropy": mean}

    def after_step(self, model: nn.Module, step: int) -> None:
        """Let the teacher follow the student, and the centre the teacher."""
        cast(StudentTeacher, model).update_teacher(float(self._schedule.momentum[step]))
        if self._ranks.world_size > 1:
            dist.all_reduce(self._seen)
            self._seen /= self._ranks.world_size
        # on a GPU a bad step is noticed later: until then the centre at least stays what it was
        seen = self._seen.where(self._seen.isfinite(), self._centre)
        self._centre.lerp_(seen, 1 - self._centre_momentum)

    def state_dict(self) -> dict[str, Any]:
        return {"centre": self._centre}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._centre.copy_(state["centre"])
