"""How well videos and texts that were not trained on find each other, at every level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from surgvlp import randomness
from surgvlp.datasets import Views
from surgvlp.datasets.loader import LevelDataset, collate
from surgvlp.evaluation.retrieval.ranks import retrieval
from surgvlp.models.modes import evaluating
from surgvlp.training.distributed import Ranks
from surgvlp.training.log import RunLog
from surgvlp.training.loop import Loop
from surgvlp.training.video_text.batches import on_device
from surgvlp.training.video_text.objectives import VideoTextObjective


@dataclass(frozen=True)
class ValidatedLevel:
    """What validation looks at of one level.

    Attributes:
        name: the level's.
        dataset: of a split that is not trained on; `dataset[(0, index)]` is a fixed sample.
        objective: as in training, over this data set's texts.
        views: without augmentation of `frames`.
        batch_size: samples that the loss compares, as in training.
        forward_size: samples of a forward pass.
    """

    name: str
    dataset: LevelDataset
    objective: VideoTextObjective
    views: Views
    batch_size: int
    forward_size: int


class Validation:
    """Callback: loss and retrieval scores on fixed samples of each level, in eval mode, on the first rank.

    The released code validates in training mode, on clips drawn anew, three times an epoch, and the first
    level only. Here samples and views are the same each time, and nothing is drawn from generators that
    training uses. The best step is the one with the highest mean recall, averaged over the levels.

    Args:
        levels: one or more.
        due: (steps,) bool, after which steps.
        log: where to write.
    """

    def __init__(self, levels: Sequence[ValidatedLevel], due: NDArray[np.bool_], log: RunLog) -> None:
        self._levels, self._due, self._log = levels, due, log

    def after_step(self, loop: Loop) -> None:
        if not self._due[loop.step - 1]:
            return
        loop.check_finite()
        with self._log.aside():
            scores = loop.ranks.on_first(lambda: self.scores(loop.model, loop.ranks, loop.autocast))
        epoch = int(loop.plan.epoch[loop.step - 1]) + 1
        for name, values in scores.items():
            self._log.record("validation", loop.step, {"epoch": epoch, "level": name, **values})
        recall = sum(values["mean_recall"] for values in scores.values()) / len(scores)
        if loop.best is None or recall > loop.best["mean_recall"]:
            loop.best = {"step": loop.step, "mean_recall": recall}

    def scores(self, model: nn.Module, ranks: Ranks, autocast: bool = False) -> dict[str, dict[str, float]]:
        """By level: `loss`, and what `retrieval` gives for videos and the first text of each."""
        scores = {}
        with evaluating(model):
            for level in self._levels:
                with torch.autocast(ranks.device.type, dtype=torch.bfloat16, enabled=autocast):
                    embeddings, texts = _embed(level, model, ranks.device)
                found = retrieval(embeddings["video"], embeddings["texts"][:, 0], texts)
                scores[level.name] = {"loss": _mean_loss(level, embeddings), **found}
        return scores


def _embed(
    level: ValidatedLevel, model: nn.Module, device: torch.device
) -> tuple[dict[str, Tensor], list[str]]:
    """All of the level's samples, one after another, and the first text of each."""
    parts: list[dict[str, Tensor]] = []
    texts: list[str] = []
    generator = randomness.generator(torch.device("cpu"), 0)
    dataset = level.dataset
    for first in range(0, len(dataset), level.forward_size):
        indices = range(first, min(first + level.forward_size, len(dataset)))
        batch = collate([dataset[(0, index)] for index in indices], dataset.texts)
        texts += [dataset.texts.texts[row] for row in batch["text_index"][:, 0].tolist()]
        batch = on_device(batch, generator, level.views, device, level.objective.reads)
        embedded = level.objective.embed(model, batch)
        parts.append({name: value.float() for name, value in embedded.items()})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}, texts


def _mean_loss(level: ValidatedLevel, embeddings: dict[str, Tensor]) -> float:
    """Mean over full batches, or of all there is: a smaller batch has fewer negatives."""
    size = min(level.batch_size, len(embeddings["video"]))
    losses = []
    for first in range(0, len(embeddings["video"]) - size + 1, size):
        part = {name: value[first : first + size] for name, value in embeddings.items()}
        losses.append(level.objective.loss(part, {})["loss"])
    return float(torch.stack(losses).mean())
