"""The parts of an image backbone's pretraining, built from its settings."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from surgvlp import registry
from surgvlp.datasets import ResumableSampler
from surgvlp.datasets.crops import MultiCrop
from surgvlp.datasets.loader import Loader
from surgvlp.datasets.pretraining_frames import PretrainingFrames
from surgvlp.files import InputError
from surgvlp.models.backbones import build_backbone, check_takes, width_of
from surgvlp.models.cost import image_flops
from surgvlp.models.loading import backbone_from
from surgvlp.models.projection_head import ProjectionHead
from surgvlp.models.student_teacher import BackboneWithHead, StudentTeacher
from surgvlp.training.distributed import Ranks
from surgvlp.training.log import RunLog
from surgvlp.training.loop import Callback, Level, Loop
from surgvlp.training.objective import Batch
from surgvlp.training.optimizers import make_optimizer
from surgvlp.training.run import Task, load_checkpoint_weights
from surgvlp.training.schedules import Plan, Steps, Turn, cosine, lay_out, steps_of
from surgvlp.training.self_distillation.collapse import CollapseWatch
from surgvlp.training.self_distillation.objective import DistillationSchedule, SelfDistillationObjective
from surgvlp.training.self_distillation.probing import Probing
from surgvlp.training.self_distillation.settings import (
    BackboneSettings,
    HeadSettings,
    ScheduledOptimizer,
    SelfDistillationSettings,
    TeacherSettings,
)
from surgvlp.training.streams import LevelStream


class SelfDistillationTask(Task):
    """A student and its teacher on the frames of lectures."""

    settings_type = SelfDistillationSettings

    def __init__(self, settings: SelfDistillationSettings, ranks: Ranks) -> None:
        self.settings: SelfDistillationSettings = settings
        self.ranks = ranks

    def make_model(self, weights: dict[str, Any] | None) -> nn.Module:
        """Both networks.

        Raises:
            InputError: an unknown backbone, weights of another one, or crops that it does not take.
        """
        settings, crops = self.settings.backbone, self.settings.crops
        begun = dataclasses.replace(settings, pretrained=None) if weights is not None else settings
        model = make_networks(begun, self.settings.head)
        for key in ("global_size", "local_size"):
            check_takes(model.student.backbone, getattr(crops, key), settings.name, f"config.crops.{key}")
        if weights is not None:
            load_checkpoint_weights(model, weights)
        return model

    def make_levels(self, model: nn.Module) -> tuple[list[Level], Plan]:
        """The frames, their crops, and DINO's schedules."""
        settings, ranks = self.settings, self.ranks
        dataset: PretrainingFrames = registry.build(
            registry.DATASETS, {"seed": settings.seed, **settings.dataset}, "config.dataset"
        )
        sampler = ResumableSampler(
            len(dataset), settings.batch_size, settings.seed, ranks.rank, ranks.world_size
        )
        loader = Loader(dataset, sampler, dataset.collate, settings.workers)
        crops = MultiCrop(**dataclasses.asdict(settings.crops), neighbours=dataset.neighbours)
        prepare = _Crops(crops, dataset, ranks.device)
        stream = LevelStream(loader, prepare, ranks, settings.seed, dataset.fingerprint())

        level, epoch = lay_out([Turn()], [sampler.batches_per_epoch], settings.length)
        objective = SelfDistillationObjective(
            settings.head.outputs,
            plan_teacher(settings.teacher, epoch),
            settings.teacher.student_temperature,
            settings.teacher.centre_momentum,
            ranks,
        )
        return [Level("frames", stream, objective)], plan_student(settings.optimizer, level, epoch)

    def make_loop(self, model: nn.Module, levels: list[Level], plan: Plan) -> Loop:
        """With AdamW; gradients are clipped tensor by tensor."""
        wanted = self.settings.optimizer
        return Loop(
            model,
            levels,
            make_optimizer(model, wanted.learning_rate, wanted.weight_decay),
            plan,
            self.ranks,
            autocast=self.settings.precision == "bfloat16" and self.ranks.device.type == "cuda",
            clip_gradient_norm=wanted.clip_gradient_norm,
            clip_each=True,
        )

    def make_callbacks(self, loop: Loop, run_log: RunLog) -> list[Callback]:
        """The watch for a collapse, and labelled frames to look at."""
        settings, callbacks = self.settings, list[Callback]()
        if settings.collapse is not None:
            first = steps_of(settings.collapse.after, loop.plan.epoch)
            due = loop.plan.after(settings.logging.every)
            callbacks.append(CollapseWatch(due, first, settings.collapse.least_information))
        if settings.probe is not None:
            due = loop.plan.after(settings.probe.every)
            probing = Probing(settings.probe.labelled, due, run_log, loop.ranks)
            if loop.step == 0:
                probing.look(loop)
            callbacks.append(probing)
        return callbacks

    def describe(self, loop: Loop) -> list[str]:
        """What is trained on what, and what a sample costs."""
        settings, networks = self.settings, cast(StudentTeacher, loop.model)
        dataset = cast(PretrainingFrames, cast(LevelStream, loop.levels[0].stream).loader.dataset)
        crops, neighbours = settings.crops, dataset.neighbours
        large, small = 2 + neighbours, crops.local_crops + 2 * neighbours
        student = image_flops(networks.student, crops.global_size)
        flops = 2 * student + 3 * (large * student + small * image_flops(networks.student, crops.local_size))
        backbone, head = (
            sum(p.numel() for p in part.parameters())
            for part in (networks.student.backbone, networks.student.head)
        )
        return [
            f"{len(loop.plan)} steps of {settings.batch_size} out of {len(dataset)} frames; a sample: "
            f"{large} crops of {crops.global_size} pixels, {small} of {crops.local_size}; "
            f"training {flops / 1e9:.2f} GFLOPs a sample",
            f"{settings.backbone.name}: {backbone / 1e6:.2f} M parameters, head {head / 1e6:.2f} M",
        ]

    def compile(self, model: nn.Module) -> None:
        """Compile both backbones."""
        networks = cast(StudentTeacher, model)
        # a graph for each size of crops, rather than one for any size
        networks.student.backbone.compile(dynamic=False)
        networks.teacher.backbone.compile(dynamic=False)


def make_networks(settings: BackboneSettings, head: HeadSettings) -> StudentTeacher:
    """Student and teacher of a config; raises what `build_backbone` and `backbone_from` do."""
    from_imagenet = settings.pretrained == "imagenet"
    backbone = build_backbone(settings.name, from_imagenet, settings.drop_path_rate)
    if settings.pretrained is not None and not from_imagenet:
        backbone.load_state_dict(backbone_from(settings.pretrained, settings.name).state_dict())
    student = BackboneWithHead(backbone, ProjectionHead(width_of(backbone), **dataclasses.asdict(head)))
    return StudentTeacher(student, build_backbone(settings.name))


def plan_student(settings: ScheduledOptimizer, level: Steps, epoch: Steps) -> Plan:
    """Learning rate and weight decay by step."""
    steps, warmup = len(level), steps_of(settings.warmup, epoch)
    _check_shorter(warmup, steps, "optimizer.warmup")
    rate = cosine(steps, settings.learning_rate, settings.final_learning_rate, warmup)
    return Plan(level, epoch, rate, cosine(steps, settings.weight_decay, settings.final_weight_decay))


def plan_teacher(settings: TeacherSettings, epoch: Steps) -> DistillationSchedule:
    """Momentum and temperature by step, and how long the last layer stays."""
    # as in DINO the temperature stays the same through an epoch
    warmup = np.linspace(
        settings.first_temperature, settings.temperature, max(1, settings.temperature_warmup_epochs)
    )
    temperature = np.where(
        epoch < settings.temperature_warmup_epochs,
        warmup[np.minimum(epoch, len(warmup) - 1)],
        settings.temperature,
    )
    frozen_steps = steps_of(settings.freeze_last_layer, epoch)
    _check_shorter(frozen_steps, len(epoch), "teacher.freeze_last_layer")
    return DistillationSchedule(
        momentum=cosine(len(epoch), settings.momentum, 1.0),
        teacher_temperature=temperature,
        frozen_steps=frozen_steps,
    )


def _check_shorter(part: int, whole: int, key: str) -> None:
    if part >= whole:
        raise InputError(
            f"it takes {part} of the run's {whole} steps",
            key=f"config.{key}",
            remedy="Make it shorter, or None, or the run longer",
        )


class _Crops:
    """From a loader's batch of frames to crops on the device."""

    def __init__(self, crops: MultiCrop, dataset: PretrainingFrames, device: torch.device) -> None:
        self._crops, self._dataset, self._device = crops, dataset, device

    def __call__(self, batch: dict[str, Any], generator: torch.Generator) -> Batch:
        index = batch["sample_index"]
        self._crops.check(batch["size"], lambda sample: self._dataset.describe(int(index[sample])))
        frames, size = (batch[name].to(self._device, non_blocking=True) for name in ("frames", "size"))
        return {**self._crops(frames, size, generator), "sample_index": index}
