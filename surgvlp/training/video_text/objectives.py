"""Videos against texts: how a batch becomes embeddings, and embeddings a loss."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models.build import DualEncoder
from surgvlp.training.objective import Batch, Objective
from surgvlp.training.video_text.texts import TextEmbedding


class VideoTextObjective(Objective, Protocol):
    """An objective over videos and texts, which validation can score by retrieval too.

    `embed` gives `video` (B, D) and `texts` (B, K, D), the text that the video belongs to first.

    Attributes:
        views: augmented views that `embed` reads beside `frames`.
        reads: the other tensors of a batch that it reads.
    """

    views: int
    reads: tuple[str, ...]


class ClipObjective(VideoTextObjective):
    """A clip, and augmented views of it where the loss wants them, against its narrations (SurgVLP).

    Args:
        loss: called `(video, [texts of source 0, texts of source 1, ...])`, or `(video, view1, view2, [...])`
            where its `views` is 2.
        texts_per_source: how many of a sample's K texts each source has, the anchor's first, e.g. (1, 2).
        embed_texts: of the data set.
    """

    def __init__(self, loss: nn.Module, texts_per_source: Sequence[int], embed_texts: TextEmbedding) -> None:
        self._loss, self._texts_per_source, self._embed_texts = loss, tuple(texts_per_source), embed_texts
        self.views = int(cast(int, loss.views))
        self.reads = embed_texts.reads

    def embed(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """`video`, `view1`, ... (B, D) and `texts` (B, K, D), none of unit length."""
        names = ["video", *(f"view{number + 1}" for number in range(self.views))]
        # One forward for the clip and its views: their frames share batch statistics, as published.
        clips = torch.cat([batch["frames" if name == "video" else name] for name in names])
        videos = cast(DualEncoder, model).encode_video(clips).chunk(len(names))
        return {**dict(zip(names, videos, strict=True)), "texts": self._embed_texts(model, batch)}

    def loss(self, embeddings: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """`loss`, and `accuracy`: the share of clips whose own anchor is the nearest of the batch."""
        clips = [value for name, value in embeddings.items() if name != "texts"]
        texts = embeddings["texts"].split(self._texts_per_source, dim=1)
        loss = self._loss(*clips, [source.flatten(0, 1) for source in texts])
        return {"loss": loss, "accuracy": _accuracy(embeddings)}


class ParentChildObjective(VideoTextObjective):
    """A video against the text that sums it up and the texts of its parts in order (HecVL, PeskaVLP).

    Keystep and video level alike; see `surgvlp.losses.parent_child`. Released losses, which know no
    `step_mask`, count the padding among the children, as there.

    Args:
        loss: called `(video, [parent, children])`, with `frames`, `step_mask` or `pos_step` as it takes them.
        embed_texts: of the data set, whose samples have the parent first.
    """

    def __init__(self, loss: nn.Module, embed_texts: TextEmbedding) -> None:
        self._loss, self._embed_texts = loss, embed_texts
        self._takes = tuple(inspect.signature(loss.forward).parameters)
        self.views = 0
        self.reads = (*embed_texts.reads, "step_mask")

    def embed(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """`video` (B, D), `texts` (B, 1 + C, D), `step_mask` (B, C) and, for an order, `frames` (B, T, D)."""
        frames = cast(DualEncoder, model).encode_frames(batch["frames"])
        embeddings = {"video": frames.mean(1), "texts": self._embed_texts(model, batch)}
        if "frames" in self._takes:
            embeddings["frames"] = frames
        return {**embeddings, "step_mask": batch["step_mask"]}

    def loss(self, embeddings: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """`loss`, and `accuracy`: the share of videos whose own parent is the nearest of the batch."""
        parent, children = embeddings["texts"][:, 0], embeddings["texts"][:, 1:]
        there = embeddings["step_mask"].bool()  # gathered over ranks it comes as numbers
        place = torch.arange(there.shape[1], device=there.device)
        optional = {"frames": embeddings.get("frames"), "step_mask": there}
        optional["pos_step"] = torch.where(there, place, -1)
        taken = {name: value for name, value in optional.items() if name in self._takes}
        loss = self._loss(embeddings["video"], [parent, children], **taken)
        return {"loss": loss, "accuracy": _accuracy(embeddings)}


def make_objective(
    loss: nn.Module, texts_per_source: Sequence[int], embed_texts: TextEmbedding, has_children: bool
) -> VideoTextObjective:
    """The objective that goes with a loss.

    Args:
        loss: says by how it is called what it compares.
        texts_per_source: of the data set.
        embed_texts: of the data set.
        has_children: whether the data set's samples are parents with children.

    Raises:
        InputError: a loss for something else than the data set has.
    """
    takes = inspect.signature(loss.forward).parameters
    name = type(loss).__name__
    if has_children:
        if "parent_and_children" in takes:
            return ParentChildObjective(loss, embed_texts)
        complaint = f"{name} does not compare a video with a parent text and its children"
        known = "ParentChildInfoNCE, ParentChildOrder, hier_infonce or hier_infonce_dtw"
    else:
        if "texts" in takes:
            return ClipObjective(loss, texts_per_source, embed_texts)
        complaint = f"{name} does not compare a clip with several sources of text"
        known = "InfoNCEWithNeighbours, InfoNCEWithViews or SSL_VL_Loss_new"
    raise InputError(complaint, key="config.levels.loss.type", remedy=f"Take {known}")


@torch.no_grad()
def _accuracy(embeddings: dict[str, Tensor]) -> Tensor:
    firsts = nn.functional.normalize(embeddings["texts"][:, 0], dim=-1)
    nearest = (embeddings["video"] @ firsts.T).argmax(1)
    return (nearest == torch.arange(len(nearest), device=nearest.device)).float().mean()
