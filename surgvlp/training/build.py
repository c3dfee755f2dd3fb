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
from surgvlp.datasets.loader import ClipDataset
from surgvlp.files import InputError
from surgvlp.models.build import DualEncoder, build_model
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.training.distributed import Ranks
from surgvlp.training.log import RunLog
from surgvlp.training.objectives import ClipObjective, pool_texts
from surgvlp.training.settings import (
    LevelSettings,
    OptimizerSettings,
    Settings,
    ValidationSettings,
    ViewsSettings,
)
from surgvlp.training.streams import ClipStream
from surgvlp.training.validation import Validation


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


def make_dataset(config: dict[str, Any], settings: Settings, where: str) -> ClipDataset:
    """A data set from its config; the run's seed is its seed unless it names one."""
    seeded = {"seed": settings.seed, **config}
    dataset: ClipDataset = registry.build(
        registry.DATASETS, seeded, where, tokenizer=make_tokenizer(settings)
    )
    return dataset


def make_level(
    level: LevelSettings, settings: Settings, model: DualEncoder, ranks: Ranks
) -> tuple[ClipStream, ClipObjective]:
    """A level's batches and its objective."""
    where = f"config.levels.{level.name}"
    objective, dataset = _objective(level, level.dataset, settings, model, ranks, where)
    sampler = ResumableSampler(len(dataset), level.batch_size, settings.seed, ranks.rank, ranks.world_size)
    loader = make_loader(dataset, sampler, settings.workers)
    views = _views(level.views, objective, augment=True)
    stream = ClipStream(loader, views, ranks, settings.seed, tokens=objective.reads_tokens)
    return stream, objective


def make_validation(
    validation: ValidationSettings,
    settings: Settings,
    model: nn.Module,
    ranks: Ranks,
    due: NDArray[np.bool_],
    run_log: RunLog,
) -> Validation:
    """Validation with the loss and views of the first level."""
    level = settings.levels[0]
    where = "config.validation.dataset"
    objective, dataset = _objective(level, validation.dataset, settings, model, ranks, where)
    views = _views(level.views, objective, augment=False)
    return Validation(dataset, objective, views, due, validation.batch_size, run_log)


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
) -> tuple[ClipObjective, ClipDataset]:
    loss = registry.build(registry.LOSSES, level.loss, f"config.levels.{level.name}.loss")
    dataset = make_dataset(dataset_config, settings, where)
    pooled = pool_texts(model, dataset.texts, ranks.device)
    return ClipObjective(loss, dataset.texts_per_source, pooled), dataset


def _views(settings: ViewsSettings, objective: ClipObjective, augment: bool) -> Views:
    return Views(**dataclasses.asdict(settings), augment=augment, views=objective.views)
