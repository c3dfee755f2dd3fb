"""A network that learns from a slowly moving average of itself."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from surgvlp.models.projection_head import ProjectionHead


class BackboneWithHead(nn.Module):
    """Images (N, 3, H, W) -> (N, K). Entries: `backbone.*`, `head.*`, as published."""

    def __init__(self, backbone: nn.Module, head: ProjectionHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.head: ProjectionHead = head

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.backbone(images))


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
        torch._foreach_mul_(teacher, momentum)
        torch._foreach_add_(teacher, student, alpha=1 - momentum)
