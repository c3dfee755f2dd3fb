"""The parts of a video-language training, built from its settings."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from surgvlp import registry
from surgvlp.datasets import ResumableSampler, Views, text_loader
from surgvlp.datasets.loader import LevelDataset
from surgvlp.files import InputError
from surgvlp.models.build import DualEncoder, build_model, resolved
from surgvlp.models.cost import sample_cost
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.training.distributed import Ranks
from surgvlp.training.log import RunLog
from surgvlp.training.loop import Callback, Level, Loop
from surgvlp.training.optimizers import make_optimizer
from surgvlp.training.run import Task, load_checkpoint_weights
from surgvlp.training.schedules import Plan, plan_run
from surgvlp.training.streams import LevelStream
from surgvlp.training.video_text.batches import on_device
from surgvlp.training.video_text.objectives import VideoTextObjective, make_objective
from surgvlp.training.video_text.settings import LevelSettings, VideoTextSettings, ViewsSettings
from surgvlp.training.video_text.texts import TextEmbedding, pool_texts
from surgvlp.training.video_text.validation import ValidatedLevel, Validation


class VideoTextTask(Task):
    """A dual encoder on one level or several."""

    settings_type = VideoTextSettings

    def __init__(self, settings: VideoTextSettings, ranks: Ranks) -> None:
        self.settings: VideoTextSettings = settings
        self.ranks = ranks

    @classmethod
    def resolved(cls, settings: VideoTextSettings) -> VideoTextSettings:
        """With the name of the backbone whose weights the visual encoder starts from."""
        return dataclasses.replace(settings, model_config=resolved(settings.model_config))

    def make_model(self, weights: dict[str, Any] | None) -> nn.Module:
        """The dual encoder.

        Raises:
            InputError: what `build_model` raises, or weights of another model.
        """
        model = build_model(self.settings.model_config, weights_follow=weights is not None)
        if weights is not None:
            load_checkpoint_weights(model, weights)
        return model

    def make_levels(self, model: nn.Module) -> tuple[list[Level], Plan]:
        """Each level's batches and objective."""
        settings = self.settings
        levels = [self._level(level, model) for level in settings.levels]
        streams = [cast(LevelStream, level.stream) for level in levels]
        plan = plan_run(
            [level.turn for level in settings.levels],
            [stream.loader.sampler.batches_per_epoch for stream in streams],
            settings.length,
            settings.optimizer.learning_rate,
            settings.optimizer.warmup_steps,
            settings.optimizer.weight_decay,
        )
        return levels, plan

    def make_loop(self, model: nn.Module, levels: list[Level], plan: Plan) -> Loop:
        """With Adam, as published or with decoupled decay."""
        wanted = self.settings.optimizer
        return Loop(
            model,
            levels,
            make_optimizer(model, wanted.learning_rate, wanted.weight_decay, wanted.betas, wanted.name),
            plan,
            self.ranks,
            autocast=self.settings.precision == "bfloat16" and self.ranks.device.type == "cuda",
            clip_gradient_norm=wanted.clip_gradient_norm,
        )

    def make_callbacks(self, loop: Loop, run_log: RunLog) -> list[Callback]:
        """Validation, if it is wanted."""
        if self.settings.validation is None:
            return []
        return [self._validation(loop.model, loop.plan.after(self.settings.validation.every), run_log)]

    def describe(self, loop: Loop) -> list[str]:
        """What each level trains on, what a sample costs, and the number of images."""
        model, images, lines = cast(DualEncoder, loop.model), 0, []
        for number, (settings, level) in enumerate(zip(self.settings.levels, loop.levels, strict=True)):
            dataset = cast(LevelStream, level.stream).loader.dataset
            texts, views = cast(LevelDataset, dataset).texts, cast(VideoTextObjective, level.objective).views
            sample = dataset[(0, 0)]
            frames, count = len(sample["frames"]) * (1 + views), len(sample["text_index"])
            cost = sample_cost(model, frames, settings.views.size, count, texts.tokens["input_ids"].shape[1])
            steps = int((loop.plan.level == number).sum())
            images += steps * settings.batch_size * frames
            lines.append(
                f"level {level.name}: {steps} steps of {settings.batch_size} out of {len(dataset)} samples; "
                f"a sample: {frames} frames of {settings.views.size} pixels, {count} texts; {cost.flops}"
            )
        return [*lines, cost.parameters, f"{images} images"]

    def compile(self, model: nn.Module) -> None:
        """Compile the image encoder."""
        cast(DualEncoder, model).backbone_img.compile()

    def _level(self, level: LevelSettings, model: nn.Module) -> Level:
        settings, ranks = self.settings, self.ranks
        where = f"config.levels.{level.name}"
        objective, dataset = self._objective(level, level.dataset, model, f"{where}.dataset")
        try:
            sampler = ResumableSampler(
                len(dataset), level.batch_size, settings.seed, ranks.rank, ranks.world_size
            )
        except InputError as error:
            raise InputError(f"level {level.name}: {error}") from error
        loader = text_loader(dataset, sampler, settings.workers)
        views = _views(level.views, objective, augment=True)
        prepare = partial(on_device, views=views, device=ranks.device, wanted=objective.reads)
        texts = hashlib.sha256("\n".join(dataset.texts.texts).encode()).hexdigest()
        return Level(level.name, LevelStream(loader, prepare, ranks, settings.seed, texts), objective)

    def _validation(self, model: nn.Module, due: NDArray[np.bool_], run_log: RunLog) -> Validation:
        """Validation of the levels that have a data set for it, each with its own loss and views."""
        validation = self.settings.validation
        assert validation is not None
        levels = []
        for level in self.settings.levels:
            if level.name not in validation.datasets:
                continue
            where = f"config.validation.datasets.{level.name}"
            objective, dataset = self._objective(level, validation.datasets[level.name], model, where)
            views = _views(level.views, objective, augment=False)
            # what one process had to hold in training, with gradients, the first one can hold alone
            forward_size = max(1, level.batch_size // self.ranks.world_size)
            levels.append(
                ValidatedLevel(level.name, dataset, objective, views, level.batch_size, forward_size)
            )
        return Validation(levels, due, run_log)

    def _objective(
        self, level: LevelSettings, dataset_config: dict[str, Any], model: nn.Module, where: str
    ) -> tuple[VideoTextObjective, LevelDataset]:
        loss = registry.build(registry.LOSSES, level.loss, f"config.levels.{level.name}.loss")
        # the run's seed is the data set's unless it names one
        seeded = {"seed": self.settings.seed, **dataset_config}
        dataset: LevelDataset = registry.build(
            registry.DATASETS, seeded, where, tokenizer=_tokenizer(self.settings.model_config)
        )
        embed_texts = TextEmbedding(pool_texts(model, dataset.texts, self.ranks.device))
        has_children = "step_mask" in dataset[(0, 0)]
        return make_objective(loss, dataset.texts_per_source, embed_texts, has_children), dataset


def _tokenizer(model_config: dict[str, Any]) -> Tokenizer:
    """The tokenizer of the model's text encoder."""
    text = model_config["backbone_text"]
    return Tokenizer(text.get("name") or text["text_bert_type"])


def _views(settings: ViewsSettings, objective: VideoTextObjective, augment: bool) -> Views:
    return Views(**dataclasses.asdict(settings), augment=augment, views=objective.views)
