"""Scores of frozen image backbones on a labelled set, beside what such scores mean nothing without.

<output>/probe.json     scores of each network and control, per video too; what they were made from
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.labelled_frames import LabelledFrames, LabelledPart, LabelledPictures
from surgvlp.evaluation.metrics import Interval, bootstrap_interval
from surgvlp.evaluation.networks import Network, features_of, open_networks
from surgvlp.evaluation.probes import (
    NEIGHBOURS,
    PENALTY,
    TEMPERATURE,
    Scores,
    centred_by_video,
    linear_probe_accuracy,
    nearest_neighbour_accuracy,
    score,
)
from surgvlp.evaluation.versions import now, versions
from surgvlp.files import InputError, sha256_of, write_json
from surgvlp.models.modes import usable_device

PROBES = {
    "k-NN": "k-NN, k = {k}",
    "k-NN, centred": "k-NN, each video's mean taken off",
    "linear": "linear probe",
}
Probed = dict[str, Scores]  # of each probe


def probe_backbones(
    *,
    backbones: Sequence[str],
    frames: LabelledFrames,
    output: Path,
    untrained: bool = False,
    size: int | None = None,
    device: str | None = None,
    batch_size: int = 64,
    bfloat16: bool = False,
    command: str = "",
) -> dict[str, Any]:
    """Scores of networks and controls; writes `probe.json` and returns what that holds.

    Controls are each network untrained, on request; the first one with the training labels permuted over all
    training frames; and the most frequent training class, said of every frame.

    Args:
        backbones: see `open_networks`.
        frames: the labelled set; its `size` is not used.
        output: folder.
        untrained: whether the same networks with random weights stand beside.
        size: side in pixels of the pictures; None: what each network was trained on.
        device, batch_size, bfloat16: how to compute.
        command: how this was called, for the record.

    Raises:
        InputError: for anything given that cannot be used; nothing is written then.
    """
    for key, number in (("--batch-size", batch_size), ("--size", 1 if size is None else size)):
        if number < 1:
            raise InputError(f"{number} is below 1", key=key)
    train, test = frames.open()
    target = usable_device(device)
    rows: dict[str, Probed] = {}
    permuted: dict[str, Probed] = {}
    about: dict[str, dict[str, Any]] = {}
    for network in open_networks(backbones, untrained):
        started = time.perf_counter()
        x_train, x_test = (
            features_of(network, part, target, size, batch_size, bfloat16) for part in (train, test)
        )
        seconds = time.perf_counter() - started
        rows[network.name] = probed(x_train, train, x_test, test, frames.k)
        about[network.name] = {
            **_about(network, size),
            "dimensions": x_train.shape[1],
            "frames_per_s": round((len(train) + len(test)) / seconds, 1),
        }
        if not permuted:
            labels = np.random.default_rng(0).permutation(train.label)
            name = f"{network.name}, labels permuted"
            permuted[name] = probed(x_train, train, x_test, test, frames.k, labels)
    content = {
        "rows": _table({**rows, **permuted, "most frequent class": _majority(train.label, test)}),
        "networks": about,
        "labelled_frames": asdict(frames),
        "train": {"videos": train.videos, "frames": len(train)},
        "test": {"videos": test.videos, "frames": len(test)},
        "class_names": test.class_names,
        "temperature": TEMPERATURE,
        "penalty": PENALTY,
        "device": str(target),
        "versions": versions(),
        "command": command,
        "date": now(),
    }
    write_json(output / "probe.json", content)
    return content


def probed(
    x_train: NDArray[np.float32],
    train: LabelledPart | LabelledPictures,
    x_test: NDArray[np.float32],
    test: LabelledPart | LabelledPictures,
    k: int = NEIGHBOURS,
    labels: NDArray[np.int64] | None = None,
) -> Probed:
    """Scores of every probe on features (N, D) of the training and (M, D) of the test frames.

    Args:
        k: neighbours that vote.
        labels: (N,) to learn from; None: the training frames' own.
    """
    given = (x_train, train.label if labels is None else labels, x_test, test.label)
    centred = centred_by_video(x_train, train.video), given[1], centred_by_video(x_test, test.video), given[3]
    return {
        "k-NN": nearest_neighbour_accuracy(*given, k=k, test_videos=test.video),
        "k-NN, centred": nearest_neighbour_accuracy(*centred, k=k, test_videos=test.video),
        "linear": linear_probe_accuracy(*given, test_videos=test.video),
    }


def _majority(train_labels: NDArray[np.int64], test: LabelledPart) -> Probed:
    predicted = np.full(len(test), np.bincount(train_labels).argmax())
    scores = score(predicted, train_labels, test.label, test.video)
    return dict.fromkeys(PROBES, scores)


def _table(rows: Mapping[str, Probed]) -> list[dict[str, Any]]:
    """Scores of each row, and the first's lead over it in accuracy: paired, since the videos are the same."""
    first, *_ = rows.values()
    table = []
    for name, found in rows.items():
        row: dict[str, Any] = {"name": name}
        for probe, scores in found.items():
            lead, interval = _lead(first[probe], scores) if found is not first else (None, None)
            row[probe] = {**asdict(scores), "lead": lead, "lead_interval": interval}
        table.append(row)
    return table


def _lead(best: Scores, other: Scores) -> tuple[float, Interval | None]:
    difference = np.subtract(best.video_accuracy, other.video_accuracy)
    return float(difference.mean()), bootstrap_interval(difference)


def _about(network: Network, size: int | None) -> dict[str, Any]:
    path = Path(network.source)
    return {
        "source": network.source,
        "sha256": sha256_of(path) if path.is_file() else None,
        "size": network.input(size).size,
    }
