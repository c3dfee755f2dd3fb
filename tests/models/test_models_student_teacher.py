"""The projection head, and the teacher that follows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surgvlp.models.projection_head import ProjectionHead
from surgvlp.models.student_teacher import BackboneWithHead, StudentTeacher


def networks(norm_last_layer: bool = True) -> StudentTeacher:
    torch.manual_seed(0)
    backbones = [nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8)) for _ in range(2)]
    head = ProjectionHead(8, outputs=32, hidden=16, bottleneck=4, norm_last_layer=norm_last_layer)
    return StudentTeacher(BackboneWithHead(backbones[0], head), backbones[1])


def test_the_head_computes_what_the_published_one_does_under_its_names() -> None:
    torch.manual_seed(0)
    head = ProjectionHead(8, outputs=32, hidden=16, bottleneck=4)
    shapes = {name: tuple(value.shape) for name, value in head.state_dict().items()}
    assert shapes == {
        "mlp.0.weight": (16, 8),
        "mlp.0.bias": (16,),
        "mlp.2.weight": (16, 16),
        "mlp.2.bias": (16,),
        "mlp.4.weight": (4, 16),
        "mlp.4.bias": (4,),
        "last_layer.weight_g": (32, 1),
        "last_layer.weight_v": (32, 4),
    }
    published = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 4))
    published.load_state_dict({k.removeprefix("mlp."): v for k, v in head.state_dict().items() if "mlp" in k})
    last = nn.utils.parametrizations.weight_norm(nn.Linear(4, 32, bias=False), dim=0)
    last.parametrizations.weight.original0.data.copy_(head.last_layer.weight_g)
    last.parametrizations.weight.original1.data.copy_(head.last_layer.weight_v)
    features = torch.randn(5, 8)
    torch.testing.assert_close(head(features), last(nn.functional.normalize(published(features), dim=-1)))
    assert head(features).abs().max() <= 1 + 1e-6  # cosines: both sides have unit length


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_last_layer_gets_no_gradient_and_lets_it_through(frozen: bool) -> None:
    model = networks(norm_last_layer=False)
    model.student.head.freeze_last_layer = frozen
    model.student(torch.randn(6, 3, 2, 2)).square().sum().backward()
    assert all(p.grad is None for p in model.student.head.last_layer.parameters()) == frozen
    assert model.student.backbone[1].weight.grad.abs().sum() > 0


def test_rows_of_unit_length_are_not_trained_in_length() -> None:
    trained = {name for name, p in networks().student.head.named_parameters() if p.requires_grad}
    assert "last_layer.weight_g" not in trained and "last_layer.weight_v" in trained


def test_the_teacher_starts_equal_and_follows_by_the_published_average() -> None:
    model = networks()
    before = {name: value.clone() for name, value in model.teacher.named_parameters()}
    student = dict(model.student.named_parameters())
    assert all(torch.equal(before[name], student[name]) for name in before)
    for parameter in model.student.parameters():
        parameter.data.add_(torch.randn_like(parameter))
    model.update_teacher(0.75)
    for name, value in model.teacher.named_parameters():
        torch.testing.assert_close(value, 0.75 * before[name] + 0.25 * student[name])
        assert not value.requires_grad


def test_the_teachers_batch_statistics_are_its_own() -> None:
    model = networks()
    model.student(torch.randn(6, 3, 2, 2))
    model.update_teacher(0.0)
    assert model.teacher.backbone[2].running_mean.abs().sum() == 0
