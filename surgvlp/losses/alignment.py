"""Frames of a video against its texts in order: the order told must align better than the order reversed."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from surgvlp.losses.precision import in_full_precision
from surgvlp.losses.soft_dtw import soft_dtw

Choices = Literal["frames", "texts"]
SMALLEST_NORM = 1e-12  # as in torch.nn.functional.normalize


@in_full_precision
def alignment_cost(
    frames: Tensor,
    texts: Tensor,
    frame_mask: Tensor | None = None,
    text_mask: Tensor | None = None,
    temperature: float = 0.1,
    over: Choices = "frames",
) -> Tensor:
    """-log softmax of the cosines over temperature: how surprising it is that a frame and a text go together.

    Args:
        frames: (B, T, D), of any scale.
        texts: (B, N, D), of any scale.
        frame_mask: (B, T) bool, which frames are there. None: all. What is not there may hold anything.
        text_mask: (B, N) bool, likewise.
        temperature: divides the cosines.
        over: what the softmax chooses among: "frames" for each text, as the released code does, or "texts"
            for each frame, as equation 2 of the PeskaVLP paper writes it.

    Returns:
        (B, T, N), infinite where the frame or the text is not there.

    Raises:
        ValueError: shapes that do not belong together, or masks that are not boolean.
    """
    if frames.dim() != 3 or texts.dim() != 3 or frames.shape[::2] != texts.shape[::2]:
        raise ValueError(
            "expected frames (B, T, D) and texts (B, N, D), "
            f"got {tuple(frames.shape)} and {tuple(texts.shape)}"
        )
    there = torch.ones((), dtype=torch.bool, device=frames.device)
    if frame_mask is not None:
        there = there & _checked(frame_mask, frames)[:, :, None]
        frames = frames.masked_fill(~frame_mask[:, :, None], 0)
    if text_mask is not None:
        there = there & _checked(text_mask, texts)[:, None, :]
        texts = texts.masked_fill(~text_mask[:, :, None], 0)
    logits: Tensor = _Cosines.apply(frames, texts) / temperature
    axis = 1 if over == "frames" else 2
    if there.dim() == 0:
        return -F.log_softmax(logits, axis)
    return -F.log_softmax(logits.masked_fill(~there, -torch.inf), axis).masked_fill(~there, -torch.inf)


@in_full_precision
def align_both_ways(
    frames: Tensor,
    texts: Tensor,
    frame_mask: Tensor | None = None,
    text_mask: Tensor | None = None,
    temperature: float = 0.1,
    over: Choices = "frames",
) -> Tensor:
    """Soft-DTW of every video with its texts in order, and in the order reversed in time.

    Reversing the texts only swaps columns of the cost, so that is computed once and both directions share one
    pass through the tables.

    Args:
        frames: (B, T, D), in time.
        texts: (B, N, D), in time.
        frame_mask: (B, T) bool, which frames are there. None: all. The others are left out wherever they
            stand, and may hold anything.
        text_mask: (B, N) bool, likewise.
        temperature: of the cost and of the soft-DTW, as published.
        over: see `alignment_cost`.

    Returns:
        (2, B): in order, reversed; equal where a sample has one frame or one text, 0 where it has none.

    Raises:
        ValueError: shapes that do not belong together, or masks that are not boolean.
    """
    cost = alignment_cost(frames, texts, frame_mask, text_mask, temperature, over)
    samples, rows, columns = cost.shape
    place = torch.arange(columns, device=cost.device).expand(samples, -1)
    order, last = place, place.new_full((samples, 1), columns - 1)
    frame_counts = text_counts = None
    if frame_mask is not None:
        cost = cost.gather(1, _kept_first(frame_mask)[:, :, None].expand(cost.shape))
        frame_counts = frame_mask.sum(1).repeat(2)
    if text_mask is not None:
        order, last = _kept_first(text_mask), text_mask.sum(1, keepdim=True) - 1
        text_counts = text_mask.sum(1).repeat(2)
    # What is left out stands behind the last text in both directions.
    backward = order.gather(1, torch.where(place <= last, last - place, place))
    both = torch.stack([order, backward])[:, :, None].expand(2, samples, rows, columns)
    tables = cost.expand(2, -1, -1, -1).gather(3, both).flatten(0, 1)
    return soft_dtw(tables, frame_counts, text_counts, temperature).view(2, -1)


def _checked(mask: Tensor, sequence: Tensor) -> Tensor:
    if mask.shape != sequence.shape[:2] or mask.dtype != torch.bool:
        raise ValueError(
            f"expected a mask of {tuple(sequence.shape[:2])} booleans, "
            f"got {mask.dtype} of shape {tuple(mask.shape)}"
        )
    return mask


def _kept_first(mask: Tensor) -> Tensor:
    """(B, N) -> (B, N) places: those that the mask keeps, in order, then the others."""
    return mask.logical_not().argsort(dim=1, stable=True)


class _Cosines(torch.autograd.Function):
    """(B, T, D), (B, N, D) -> (B, T, N) cosines.

    Frames are most of what the objective touches: 6 MB for 64 frames of 32 videos. Normalising them through
    autograd makes several arrays of that size and takes longer than all alignments; here forward reads them
    twice, and backward writes nothing of that size but their gradient. With f the frame, u the text at unit
    length and s their cosine, ds / df = (u - s f / |f|) / |f|, and likewise for the text.
    """

    @staticmethod
    def forward(ctx: Any, frames: Tensor, texts: Tensor) -> Tensor:
        lengths = torch.linalg.vector_norm(frames, dim=2, keepdim=True).clamp_min(SMALLEST_NORM)
        text_lengths = torch.linalg.vector_norm(texts, dim=2, keepdim=True).clamp_min(SMALLEST_NORM)
        units = texts / text_lengths
        cosines = torch.bmm(frames, units.transpose(1, 2)).div_(lengths)
        ctx.save_for_backward(frames, lengths, units, text_lengths, cosines)
        return cosines

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        frames, lengths, units, text_lengths, cosines = ctx.saved_tensors
        along = gradients[0] * cosines
        scaled = gradients[0] / lengths
        to_frames = to_texts = None
        if ctx.needs_input_grad[0]:
            shrink = along.sum(2, keepdim=True) / lengths.square()
            to_frames = torch.bmm(scaled, units).addcmul_(frames, shrink, value=-1)
        if ctx.needs_input_grad[1]:
            to_texts = torch.bmm(scaled.transpose(1, 2), frames)
            to_texts = to_texts.addcmul_(units, along.sum(1)[:, :, None], value=-1).div_(text_lengths)
        return to_frames, to_texts
