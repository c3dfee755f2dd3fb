"""Retrieval scores against a slow reference and by hand."""

from __future__ import annotations

import numpy as np
import torch

from surgvlp.training.validation import retrieval


def _slow(query: np.ndarray, candidates: np.ndarray) -> dict[str, float]:
    ranks = []
    for row in range(len(query)):
        cosine = [
            float(query[row] @ other / (np.linalg.norm(query[row]) * np.linalg.norm(other)))
            for other in candidates
        ]
        ranks.append(sum(value > cosine[row] for value in cosine))
    scores = {f"R@{k}": sum(rank < k for rank in ranks) / len(ranks) for k in (1, 5, 10)}
    return {**scores, "median_rank": float(np.median(ranks)) + 1}


def test_retrieval_is_that_of_the_slow_reference() -> None:
    random = np.random.default_rng(0)
    video = random.normal(size=(23, 6))
    text = video + 1.5 * random.normal(size=(23, 6))
    scores = retrieval(torch.from_numpy(video), torch.from_numpy(text))
    for direction, expected in (("text_to_video", _slow(text, video)), ("video_to_text", _slow(video, text))):
        for name, value in expected.items():
            assert abs(scores[f"{direction}_{name}"] - value) < 1e-6
    recalls = [value for name, value in scores.items() if "R@" in name]
    assert len(recalls) == 6 and abs(scores["mean_recall"] - np.mean(recalls)) < 1e-9


def test_candidates_that_are_equal_do_not_count_against_a_pair() -> None:
    text = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    scores = retrieval(text, text)
    assert scores["text_to_video_R@1"] == scores["video_to_text_R@1"] == 1.0
    assert scores["text_to_video_median_rank"] == 1.0
