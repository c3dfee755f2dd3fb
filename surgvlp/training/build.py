"""The parts of a run, built from its settings: model, data, levels, optimizer, validation."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from surgvlp import registry
from surgvlp.datasets import ResumableSampler, Views, make_loader
from surgvlp.datasets.loader import LevelDataset
from surgvlp.files import InputError
from surgvlp.models.build import DualEncoder, build_model
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.training.distributed import Ranks
from surgvlp.training.log import RunLog
from surgvlp.training.objectives import VideoTextObjective, make_objective
from surgvlp.training.settings import (
    LevelSettings,
    OptimizerSettings,
    Settings,
    ValidationSettings,
    ViewsSettings,
)
from surgvlp.training.streams import LevelStream
from surgvlp.training.texts import TextEmbedding, pool_texts
from surgvlp.training.validation import ValidatedLevel, Validation


def make_model(settings: Settings, ranks: Ranks, weights: dict[str, Any] | None) -> DualEncoder:
    """The model on its device.

    Args:
        weights: those of a checkpoint; no others are fetched then.

    Raises:
        InputError: what `build_model` raises, or weights of another model.
    """
    model = build_model(settings.model_config, weights_follow=weights is not None)
    if weights is not None:
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(
                f"the checkpoint's weights are not this model's: {str(error).splitlines()[-1].strip()}",
                remedy="Resume with the version of surgvlp that wrote it (see environment.json)",
            ) from error
    memory = torch.channels_last if settings.channels_last else torch.contiguous_format
    return model.to(ranks.device).to(memory_format=memory)


def make_tokenizer(settings: Settings) -> Tokenizer:
    """The tokenizer of the model's text encoder."""
    text = settings.model_config["backbone_text"]
    return Tokenizer(text.get("name") or text["text_bert_type"])


def make_dataset(config: dict[str, Any], settings: Settings, where: str) -> LevelDataset:
    """A data set from its config; the run's seed is its seed unless it names one."""
    seeded = {"seed": settings.seed, **config}
    dataset: LevelDataset = registry.build(
        registry.DATASETS, seeded, where, tokenizer=make_tokenizer(settings)
    )
    return dataset


def make_level(
    level: LevelSettings, settings: Settings, model: DualEncoder, ranks: Ranks
) -> tuple[LevelStream, VideoTextObjective]:
    """A level's batches and its objective."""
    where = f"config.levels.{level.name}"
    objective, dataset = _objective(level, level.dataset, settings, model, ranks, f"{where}.dataset")
    try:
        sampler = ResumableSampler(
            len(dataset), level.batch_size, settings.seed, ranks.rank, ranks.world_size
        )
    except InputError as error:
        raise InputError(f"level {level.name}: {error}") from error
    loader = make_loader(dataset, sampler, settings.workers)
    views = _views(level.views, objective, augment=True)
    return LevelStream(loader, views, ranks, settings.seed, objective.reads), objective


def make_validation(
    validation: ValidationSettings,
    settings: Settings,
    model: nn.Module,
    ranks: Ranks,
    due: NDArray[np.bool_],
    run_log: RunLog,
) -> Validation:
    """Validation of the levels that have a data set for it, each with its own loss and views."""
    levels = []
    for level in settings.levels:
        if level.name not in validation.datasets:
            continue
        where = f"config.validation.datasets.{level.name}"
        keys = validation.datasets[level.name]
        objective, dataset = _objective(level, keys, settings, model, ranks, where)
        views = _views(level.views, objective, augment=False)
        # what one process had to hold in training, with gradients, the first one can hold alone
        forward_size = max(1, level.batch_size // ranks.world_size)
        levels.append(ValidatedLevel(level.name, dataset, objective, views, level.batch_size, forward_size))
    return Validation(levels, due, run_log)


def make_optimizer(settings: OptimizerSettings, model: nn.Module) -> torch.optim.Optimizer:
    """Adam over what is trained, fused: one pass over memory, and it can withhold a step on the device."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)


def _objective(
    level: LevelSettings,
    dataset_config: dict[str, Any],
    settings: Settings,
    model: nn.Module,
    ranks: Ranks,
    where: str,
) -> tuple[VideoTextObjective, LevelDataset]:
    loss = registry.build(registry.LOSSES, level.loss, f"config.levels.{level.name}.loss")
    dataset = make_dataset(dataset_config, settings, where)
    embed_texts = TextEmbedding(pool_texts(model, dataset.texts, ranks.device))
    has_children = "step_mask" in dataset[(0, 0)]
    return make_objective(loss, dataset.texts_per_source, embed_texts, has_children), dataset


def _views(settings: ViewsSettings, objective: VideoTextObjective, augment: bool) -> Views:
    return Views(**dataclasses.asdict(settings), augment=augment, views=objective.views)
