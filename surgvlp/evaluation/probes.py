"""What frozen features know of labels: weighted k-NN and a linear probe, as pure functions of features.

Neither chooses anything on the test set: k, the temperature and the penalty are fixed, so that numbers of one
data set compare across networks and across the steps of a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from surgvlp.evaluation.metrics import Interval, bootstrap_interval, confusion_matrix, macro_f1
from surgvlp.files import InputError

Features = Tensor | NDArray[Any]

NEIGHBOURS, TEMPERATURE = 20, 0.07
PENALTY = 0.01
_SIMILARITIES = 2**25  # held at a time: 128 MiB


@dataclass(frozen=True)
class Scores:
    """Scores of a probe, 0 to 1.

    Attributes:
        accuracy, macro_f1: per video, then the mean over videos; a video's macro-F1 is over the classes that
            are labelled or predicted in it. That is the rule of the house's protocols.
        accuracy_interval, macro_f1_interval: 95 % bootstrap over videos; None for a single video.
        video_accuracy, video_macro_f1: of each video, in the order of their numbers.
        unseen: test frames whose class has no training frame; they count as wrong.
    """

    accuracy: float
    macro_f1: float
    accuracy_interval: Interval | None
    macro_f1_interval: Interval | None
    video_accuracy: tuple[float, ...]
    video_macro_f1: tuple[float, ...]
    unseen: int


def nearest_neighbour_accuracy(
    train: Features,
    train_labels: ArrayLike,
    test: Features,
    test_labels: ArrayLike,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    test_videos: ArrayLike | None = None,
) -> Scores:
    """Scores of the classes that `nearest_neighbour_votes` elect.

    Args:
        train, test: (N, D) and (M, D) features of any length, on one device.
        train_labels, test_labels: (N,) and (M,) classes from 0.
        k: neighbours that vote.
        temperature: of their weights.
        test_videos: (M,) whole numbers, the video of each test frame; None: all are of one.

    Raises:
        InputError: labels that `check_labels` refuses, or features that are not finite.
    """
    votes = nearest_neighbour_votes(train, train_labels, test, k, temperature)
    return score(votes.argmax(1).cpu().numpy(), train_labels, test_labels, test_videos)


def linear_probe_accuracy(
    train: Features,
    train_labels: ArrayLike,
    test: Features,
    test_labels: ArrayLike,
    test_videos: ArrayLike | None = None,
) -> Scores:
    """Scores of the classes that `linear_probe_logits` are highest for; arguments and errors as above."""
    logits = linear_probe_logits(train, train_labels, test)
    return score(logits.argmax(1).cpu().numpy(), train_labels, test_labels, test_videos)


def centred_by_video(features: Features, videos: ArrayLike) -> Tensor:
    """(N, D) features less the mean of their video's: (N, D) float32.

    What all frames of a video share (its light, camera and patient) is often most of a feature, and then
    neighbours are frames of look-alike videos, whatever happens in them. This shows what is beside that. It
    takes the whole video, but no labels.

    Args:
        videos: (N,) whole numbers from 0, the video of each frame.
    """
    values = _features(features, "given")
    video = torch.as_tensor(np.asarray(videos), device=values.device)
    count = int(video.max()) + 1
    total = values.new_zeros(count, values.shape[1]).index_add_(0, video, values)
    frames = torch.bincount(video, minlength=count).clamp(min=1)
    return values - (total / frames[:, None])[video]


def nearest_neighbour_votes(
    train: Features,
    train_labels: ArrayLike,
    test: Features,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """Votes of classes: sum over the k nearest by cosine of exp(cosine / temperature).

    DINO's evaluation (Caron et al. 2021, arXiv:2104.14294), after Wu et al. 2018 (arXiv:1805.01978), section
    3.4. Similarities are held for so many test rows at a time that they take 128 MiB.

    Returns:
        (M, C) float32 on the features' device, each row up to a factor; C one more than the largest training
        label.
    """
    check_labels(train_labels, k)
    train, test = _features(train, "training"), _features(test, "test")
    train, test = F.normalize(train), F.normalize(test)
    labels = torch.as_tensor(np.asarray(train_labels), device=train.device)
    votes = test.new_zeros(len(test), int(labels.max()) + 1)
    rows = max(1, _SIMILARITIES // len(train))
    for chunk, found in zip(test.split(rows), votes.split(rows), strict=True):
        cosine, neighbour = (chunk @ train.T).topk(k)
        # less the nearest one's, a factor of the row: so a low temperature does not overflow
        weight = ((cosine - cosine[:, :1]) / temperature).exp()
        found.scatter_add_(1, labels[neighbour], weight)
    return votes


def linear_probe_logits(train: Features, train_labels: ArrayLike, test: Features) -> Tensor:
    """Multinomial logistic regression on features that are standardised on the training frames.

    Minimises mean cross-entropy + PENALTY / 2 |W|², the bias free, in full batches by L-BFGS from zero: a
    convex problem, so nothing is random. Penalising the mean, not the sum, keeps the probe the same when
    more frames are taken. scikit-learn's solver finds the same and takes as long or twice as long.

    Returns:
        (M, C) float32 on the features' device, C one more than the largest training label.
    """
    check_labels(train_labels, k=1)
    train, test = _features(train, "training"), _features(test, "test")
    mean, scale = train.mean(0), train.std(0)
    # What rounding leaves of a constant feature (of a collapsed network, all are) would be blown up to noise.
    resolution = 10 * torch.finfo(train.dtype).eps * train.abs().amax(0)
    scale = torch.where(scale > resolution, scale, torch.inf)
    weight, bias = _fitted((train - mean) / scale, torch.as_tensor(np.asarray(train_labels)))
    return (test - mean) / scale @ weight + bias


def score(
    predicted: NDArray[np.int64],
    train_labels: ArrayLike,
    test_labels: ArrayLike,
    test_videos: ArrayLike | None = None,
) -> Scores:
    """Scores of (M,) predicted classes against (M,) labels, see `Scores`."""
    train, test = np.asarray(train_labels), np.asarray(test_labels)
    videos = np.zeros(len(test), np.int64) if test_videos is None else np.asarray(test_videos)
    if not len(predicted) == len(test) == len(videos) > 0:
        raise InputError(
            f"{len(predicted)} predictions, {len(test)} labels and {len(videos)} videos' numbers"
        )
    classes = int(max(train.max(), test.max(), predicted.max())) + 1
    confusions = [
        confusion_matrix(test[videos == video], predicted[videos == video], classes)
        for video in np.unique(videos)
    ]
    accuracy = np.array([np.trace(confusion) / confusion.sum() for confusion in confusions])
    f1 = np.array([macro_f1(confusion) for confusion in confusions])
    return Scores(
        accuracy=float(accuracy.mean()),
        macro_f1=float(f1.mean()),
        accuracy_interval=bootstrap_interval(accuracy),
        macro_f1_interval=bootstrap_interval(f1),
        video_accuracy=tuple(accuracy.tolist()),
        video_macro_f1=tuple(f1.tolist()),
        unseen=int(np.isin(test, train, invert=True).sum()),
    )


def check_labels(train_labels: ArrayLike, k: int, class_names: Sequence[str] = ()) -> None:
    """Raise InputError where nothing can be learned from these (N,) labels, or k of them cannot vote."""
    labels = np.asarray(train_labels)
    if k < 1:
        raise InputError(f"{k} neighbours cannot vote", remedy="Take k from 1 on")
    if len(labels) < k:
        raise InputError(
            f"{len(labels)} training frames are too few for {k} neighbours to vote",
            remedy="Take more frames, or a smaller k",
        )
    if (labels == labels[0]).all():
        name = class_names[labels[0]] if class_names else labels[0]
        raise InputError(
            f"all {len(labels)} training frames are of one class ({name}), so every probe would be right or "
            "wrong whatever the network sees",
            remedy="Take more videos, or frames of all of each",
        )


def _fitted(train: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (D, C) and bias (C,) of the regression on standardised (N, D) features."""
    labels = labels.to(train.device)
    parameters = train.new_zeros(train.shape[1] + 1, int(labels.max()) + 1, requires_grad=True)
    solver = torch.optim.LBFGS(
        [parameters], max_iter=500, tolerance_grad=1e-5, tolerance_change=1e-9, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        weight, bias = parameters[:-1], parameters[-1]
        loss = F.cross_entropy(train @ weight + bias, labels) + PENALTY / 2 * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        solver.step(closure)
    return parameters[:-1].detach(), parameters[-1].detach()


def _features(values: Features, which: str) -> Tensor:
    features = torch.as_tensor(values).detach().float()
    if not features.isfinite().all():
        raise InputError(
            f"the {which} features are not finite",
            remedy="Look at the network's weights: a training that diverged leaves such",
        )
    return features
