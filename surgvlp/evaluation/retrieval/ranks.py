"""How well videos and texts find each other: ranks and recalls of pairs that stand in the same row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from surgvlp.files import InputError

RECALLED = (1, 5, 10)
DIRECTIONS = ("text_to_video", "video_to_text")
ROWS_AT_ONCE = 1024  # so that memory grows with the number of pairs, not with its square


def retrieval(
    video: ArrayLike | Tensor, text: ArrayLike | Tensor, texts: Sequence[str] | None = None
) -> dict[str, float]:
    """Recalls and median ranks of N pairs in both directions, see `ranks`.

    Args:
        video, text: (N, D), of any length; row i of one belongs to row i of the other.
        texts: the N texts, which tell what is the same text; without them, rows of `text` that are equal are.

    Returns:
        `text_to_video_R@1` ... (share of queries with rank below 1, 5, 10), `text_to_video_median_rank`
        (from 1), the same for `video_to_text`, and `mean_recall`, the mean of the six recalls.

    Raises:
        InputError: embeddings that are not finite.
    """
    return recalls(ranks(video, text, texts))


def ranks(
    video: ArrayLike | Tensor, text: ArrayLike | Tensor, texts: Sequence[str] | None = None
) -> dict[str, NDArray[np.float64]]:
    """For either direction the rank (N,) of each query's own candidate, from 0, over all N candidates.

    The rank is the number of candidates with a strictly larger cosine, among those that bear another text
    than the query's own pair. One sentence is said in many lectures, and its videos answer it equally well:
    that they come before the pair's own is no error, and in the other direction the sentence is the same
    answer however often it stands there. (Link prediction knows this as the filtered rank: Bordes et al.,
    Translating Embeddings, 2013, section 4.1.) Each pair still has to lift its own video above all videos of
    other texts; a general sentence gains nothing by being said often.

    Candidates of another text with exactly the same cosine count half, as they would in random order: a
    network that maps everything to one point must not come out first everywhere.

    Args, Raises: as of `retrieval`.
    """
    videos, words = _unit(video), _unit(text)
    if len(videos) != len(words) or not len(videos):
        raise ValueError(f"{len(videos)} videos and {len(words)} texts make no pairs")
    bears = _numbered(texts, words)
    return {
        "text_to_video": _ranks(words, videos, bears),
        "video_to_text": _ranks(videos, words, bears),
    }


def recalls(found: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    """What `retrieval` returns, from what `ranks` does."""
    scores: dict[str, float] = {}
    for direction in DIRECTIONS:
        rank = found[direction]
        for k in RECALLED:
            scores[f"{direction}_R@{k}"] = float(np.mean(rank < k))
        scores[f"{direction}_median_rank"] = float(np.median(rank)) + 1
    recall = [value for name, value in scores.items() if "R@" in name]
    return {**scores, "mean_recall": sum(recall) / len(recall)}


def chance(texts: Sequence[str]) -> dict[str, float]:
    """`R@1`, `R@5`, `R@10` that candidates in random order reach on average, in either direction."""
    _, number, count = np.unique(np.asarray(texts), return_inverse=True, return_counts=True)
    candidates = len(texts) - count[number] + 1  # those of other texts, and the pair's own
    return {f"R@{k}": float(np.mean(np.minimum(1, k / candidates))) for k in RECALLED}


def _ranks(queries: Tensor, candidates: Tensor, bears: Tensor) -> NDArray[np.float64]:
    found = []
    for rows in torch.arange(len(queries), device=queries.device).split(ROWS_AT_ONCE):
        cosine = queries[rows] @ candidates.T
        own = cosine.gather(1, rows[:, None])
        other = bears[rows, None] != bears
        larger, as_large = (other & (cosine > own)).sum(1), (other & (cosine >= own)).sum(1)
        found.append((larger + as_large).double() / 2)
    ranked: NDArray[np.float64] = torch.cat(found).cpu().numpy()
    return ranked


def _numbered(texts: Sequence[str] | None, words: Tensor) -> Tensor:
    """(N,) equal numbers for equal texts."""
    if texts is None:
        return torch.unique(words, dim=0, return_inverse=True)[1]
    return torch.from_numpy(np.unique(np.asarray(texts), return_inverse=True)[1]).to(words.device)


def _unit(vectors: ArrayLike | Tensor) -> Tensor:
    given: Any = vectors
    unit = torch.nn.functional.normalize(torch.as_tensor(given).float(), dim=-1)
    if not unit.isfinite().all():
        # NaN compares as false with everything: each pair would rank first.
        raise InputError("embeddings that are not finite cannot be ranked", remedy="Take another checkpoint")
    return unit
