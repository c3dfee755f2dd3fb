"""The frames that lie nearest to each prompt: what the model takes a phase to look like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgvlp.predictions import Predictions

Picture = Callable[[str, int], NDArray[np.uint8]]  # (video, frame_index) -> (H, W, 3) RGB

APART_S = 10.0  # neighbours of a near frame look the same; five of them would show nothing more


@dataclass(frozen=True)
class NearFrame:
    """One frame, its score for the class, and whether its label (-1: none) is that class."""

    picture: NDArray[np.uint8]
    video: str
    time_s: float
    score: float
    label: int
    right: bool


def nearest_frames(
    predictions: Sequence[Predictions], picture: Picture, count: int = 5
) -> list[list[NearFrame]]:
    """For each class the `count` frames of highest score over all videos, best first.

    Frames of one video are at least 10 s apart.
    """
    classes = len(predictions[0].class_names)
    return [
        [
            NearFrame(
                picture=picture(item.video, int(item.frame_index[row])),
                video=item.video,
                time_s=float(item.time_s[row]),
                score=float(item.score[row, index]),
                label=int(item.label[row]),
                right=bool(item.label[row] == index),
            )
            for item, row in _best(predictions, index, count)
        ]
        for index in range(classes)
    ]


def _best(predictions: Sequence[Predictions], index: int, count: int) -> list[tuple[Predictions, int]]:
    score = np.concatenate([item.score[:, index] for item in predictions])
    video = np.concatenate([np.full(len(item.score), place) for place, item in enumerate(predictions)])
    row = np.concatenate([np.arange(len(item.score)) for item in predictions])
    taken: list[tuple[Predictions, int]] = []
    for at in np.argsort(-score, kind="stable"):
        item, place = predictions[video[at]], int(row[at])
        near = (
            other is item and abs(item.time_s[place] - item.time_s[used]) < APART_S for other, used in taken
        )
        if not any(near):
            taken.append((item, place))
            if len(taken) == count:
                break
    return taken
