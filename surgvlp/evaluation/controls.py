"""What a score means nothing without: the scores of things that cannot know, or know too little.

The untrained network and a training with texts permuted between clips are runs like any other; their
prediction files go through the same table. Here are the two controls that need no training of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp import console
from surgvlp.evaluation.metrics import confusion_matrix, macro_f1
from surgvlp.files import InputError, usable_cores
from surgvlp.lectures.labels import FrameLabels, PhaseDataset
from surgvlp.media.images import read_image
from surgvlp.predictions import Predictions


def permuted_scores(
    predictions: Sequence[Predictions], repeats: int = 100, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy (V,) and macro-F1 (V,) of each video, its predictions permuted in time; means of `repeats`.

    A permutation keeps how often each class is predicted and forgets where, so this is what a model that has
    only the right class frequencies scores.
    """
    generator = np.random.default_rng(seed)
    accuracy, f1 = np.zeros(len(predictions)), np.zeros(len(predictions))
    for index, item in enumerate(predictions):
        labelled = item.label >= 0
        label, predicted = item.label[labelled], item.score[labelled].argmax(axis=1)
        for _ in range(repeats):
            confusion = confusion_matrix(label, generator.permutation(predicted), len(item.class_names))
            accuracy[index] += np.trace(confusion) / confusion.sum() / repeats
            f1[index] += macro_f1(confusion) / repeats
    return accuracy, f1


def colour_baseline(
    dataset: PhaseDataset, train_videos: Sequence[str], test: Sequence[Predictions]
) -> list[Predictions]:
    """Predictions of a logistic regression on each frame's mean and standard deviation of RGB.

    It learns from the labels of `train_videos`, which zero-shot recognition never sees, and still knows no
    more than colour: what it scores can be had without seeing anything.

    Args:
        dataset: where labels and image files are.
        train_videos: ids to learn from.
        test: predictions of the run it stands beside; the same videos and frames are predicted.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train = {video: dataset.frames(video) for video in train_videos}
    unseen = {item.video: dataset.frames(item.video) for item in test}
    count = sum(len(labels.label) for labels in (*train.values(), *unseen.values()))
    with console.progress_bar("colour baseline", total=count, unit="frames") as bar:
        x_train = np.concatenate([_colours(labels, bar) for labels in train.values()])
        x_test = {video: _colours(labels, bar) for video, labels in unseen.items()}
    y_train = np.concatenate([labels.label for labels in train.values()])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(x_train, y_train)
    known = model.classes_
    results = []
    for item in test:
        score = np.zeros((len(unseen[item.video].label), len(dataset.class_names)), dtype=np.float32)
        score[:, known] = model.predict_proba(x_test[item.video])
        results.append(_beside(item, unseen[item.video], score))
    return results


def _colours(labels: FrameLabels, bar: console.Bar) -> NDArray[np.float64]:
    """(N, 6): mean and standard deviation of red, green, blue of each frame, 0 to 255."""

    def describe(path: Path) -> NDArray[np.float64]:
        # Whole numbers are exact; what rounding leaves of where pixels lie, standardising would blow up.
        pixels = read_image(path).reshape(-1, 3).astype(np.uint32)
        mean = pixels.sum(axis=0, dtype=np.int64) / len(pixels)
        square = (pixels * pixels).sum(axis=0, dtype=np.int64) / len(pixels)
        return np.concatenate([mean, np.sqrt(np.maximum(square - mean * mean, 0))])

    rows = []
    with ThreadPoolExecutor(usable_cores()) as pool:
        for row in pool.map(describe, labels.paths):
            rows.append(row)
            bar.advance()
    return np.stack(rows)


def _beside(item: Predictions, labels: FrameLabels, score: NDArray[np.float32]) -> Predictions:
    """The scores of exactly the frames that `item` holds."""
    position = np.searchsorted(labels.frame_index, item.frame_index)
    position = np.minimum(position, len(labels.frame_index) - 1)
    if not np.array_equal(labels.frame_index[position], item.frame_index):
        raise InputError(f"the predictions of {item.video!r} hold frames that the labels do not")
    return replace(item, score=score[position], model="colour baseline")
