"""A network that learns from a slowly moving average of itself."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from surgvlp.models.projection_head import ProjectionHead


class BackboneWithHead(nn.Module):
    """Crops in parts (N_i, 3, S_i, S_i), each of one size -> logits (sum of N_i, K), in their order.

    One call of the backbone a size, one of the head. Entries: `backbone.*`, `head.*`, as published.
    """

    def __init__(self, backbone: nn.Module, head: ProjectionHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.head: ProjectionHead = head

    def forward(self, *parts: Tensor) -> Tensor:
        return self.head(torch.cat([self.backbone(part) for part in parts]))


class StudentTeacher(nn.Module):
    """A student, and a teacher that starts as its copy and gets no gradients.

    Args:
        student: with stochastic depth, if any.
        teacher_backbone: of the same architecture without it; its weights do not matter.
    """

    def __init__(self, student: BackboneWithHead, teacher_backbone: nn.Module) -> None:
        super().__init__()
        self.student: BackboneWithHead = student
        self.teacher = BackboneWithHead(teacher_backbone, copy.deepcopy(student.head))
        self.teacher.load_state_dict(student.state_dict())
        self.teacher.requires_grad_(False)

    @torch.no_grad()
    def update_teacher(self, momentum: float) -> None:
        """teacher <- momentum * teacher + (1 - momentum) * student, all parameters in one call.

        Buffers, that is batch norm's statistics, are each network's own, as in DINO.
        """
        teacher: list[Tensor] = list(self.teacher.parameters())
        student: list[Tensor] = list(self.student.parameters())
        torch._foreach_lerp_(teacher, student, 1 - momentum)
