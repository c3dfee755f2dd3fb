"""How well clips and narrations that were not trained on find each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from surgvlp.datasets import Views
from surgvlp.datasets.loader import ClipDataset, collate
from surgvlp.training import randomness
from surgvlp.training.distributed import Ranks
from surgvlp.training.log import RunLog
from surgvlp.training.loop import Loop
from surgvlp.training.objectives import ClipObjective
from surgvlp.training.streams import on_device

RECALLED = (1, 5, 10)


class Validation:
    """Callback: loss and retrieval scores on fixed clips of a split, in eval mode, on the first rank.

    The released code validates in training mode, on clips drawn anew, three times an epoch. Here clips and
    views are the same each time, and nothing is drawn from generators that training uses.

    Args:
        dataset: of the split; `dataset[(0, index)]` is a fixed clip.
        objective: as in training, over this data set's texts.
        views: without augmentation of `frames`.
        due: (steps,) bool, after which steps.
        batch_size: clips of a forward pass, and of the batches in which the loss compares.
        log: where to write.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        objective: ClipObjective,
        views: Views,
        due: NDArray[np.bool_],
        batch_size: int,
        log: RunLog,
    ) -> None:
        self._dataset, self._objective, self._views = dataset, objective, views
        self._due, self._batch_size, self._log = due, batch_size, log

    def after_step(self, loop: Loop) -> None:
        if not self._due[loop.step - 1]:
            return
        loop.check_finite()
        with self._log.aside():
            scores = self.scores(loop.model, loop.ranks, loop.autocast) if loop.ranks.rank == 0 else None
            scores = loop.ranks.from_first(scores)
        epoch = int(loop.plan.epoch[loop.step - 1]) + 1
        self._log.record("validation", loop.step, {"epoch": epoch, **scores})
        if loop.best is None or scores["mean_recall"] > loop.best["mean_recall"]:
            loop.best = {"step": loop.step, "mean_recall": scores["mean_recall"]}

    @torch.no_grad()
    def scores(self, model: nn.Module, ranks: Ranks, autocast: bool = False) -> dict[str, float]:
        """`loss`, and for either direction `R@1`, `R@5`, `R@10` (0..1) and `median_rank` (from 1)."""
        training = model.training
        model.eval()
        parts: list[dict[str, Tensor]] = []
        with torch.autocast(ranks.device.type, dtype=torch.bfloat16, enabled=autocast):
            for batch in self._batches(ranks.device):
                parts.append(
                    {name: value.float() for name, value in self._objective.embed(model, batch).items()}
                )
        model.train(training)
        embeddings = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        return {"loss": self._loss(embeddings), **retrieval(embeddings["video"], embeddings["texts"][:, 0])}

    def _batches(self, device: torch.device) -> Iterator[dict[str, Any]]:
        generator = randomness.generator(torch.device("cpu"), 0)
        wanted = ("text_index", "input_ids", "attention_mask")
        for first in range(0, len(self._dataset), self._batch_size):
            indices = range(first, min(first + self._batch_size, len(self._dataset)))
            batch = collate([self._dataset[(0, index)] for index in indices], self._dataset.texts)
            yield on_device(batch, self._views, generator, device, wanted)

    def _loss(self, embeddings: dict[str, Tensor]) -> float:
        """Mean over full batches, or of all there is: a smaller batch has fewer negatives."""
        size = min(self._batch_size, len(embeddings["video"]))
        losses = []
        for first in range(0, len(embeddings["video"]) - size + 1, size):
            part = {name: value[first : first + size] for name, value in embeddings.items()}
            losses.append(self._objective.loss(part, {})["loss"])
        return float(torch.stack(losses).mean())


def retrieval(video: Tensor, text: Tensor) -> dict[str, float]:
    """Clip-to-text and text-to-clip retrieval of pairs that stand in the same row.

    The rank of a pair is the number of candidates with a strictly larger cosine (equal ones, such as
    one sentence said twice, do not count against it).

    Args:
        video, text: (N, D), of any length.

    Returns:
        `text_to_video_R@1` ... (share of queries with rank below 1, 5, 10), `text_to_video_median_rank`
        (from 1), the same for `video_to_text`, and `mean_recall`, the mean of the six recalls.
    """
    similarity = nn.functional.normalize(text, dim=-1) @ nn.functional.normalize(video, dim=-1).T
    scores: dict[str, float] = {}
    for direction, rows in (("text_to_video", similarity), ("video_to_text", similarity.T)):
        rank = (rows > rows.diagonal()[:, None]).sum(1)
        for k in RECALLED:
            scores[f"{direction}_R@{k}"] = float((rank < k).float().mean())
        scores[f"{direction}_median_rank"] = float(rank.double().quantile(0.5)) + 1
    recalls = [value for name, value in scores.items() if "R@" in name]
    return {**scores, "mean_recall": sum(recalls) / len(recalls)}
