"""The prediction file: one `.npz` a video, all that metrics and reports read (DESIGN section 3)."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError, atomic_path, checked_id


@dataclass(frozen=True)
class Predictions:
    """Scores and labels of one video.

    Attributes:
        frame_index: (N,) int64, number of each frame in the video's data set.
        time_s: (N,) float64, seconds from the start of the video.
        score: (N, C) float32, higher is more likely.
        label: (N,) int64 class numbers from 0, or (N, C) for several classes at once; -1: no label.
        video, dataset, model: names.
        class_names: C names.
        protocol, protocol_sha256: the evaluation protocol that made the scores.
    """

    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    score: NDArray[np.float32]
    label: NDArray[np.int64]
    video: str
    dataset: str
    class_names: tuple[str, ...]
    model: str
    protocol: str
    protocol_sha256: str

    def __post_init__(self) -> None:
        count = len(self.frame_index)
        if self.score.ndim != 2 or self.score.shape[1] != len(self.class_names):
            raise InputError(
                f"{self.video}: score has shape {self.score.shape}, classes are {len(self.class_names)}"
            )
        if not (len(self.time_s) == len(self.score) == len(self.label) == count):
            raise InputError(f"{self.video}: frame_index, time_s, score and label differ in length")


def save(predictions: Predictions, folder: str | Path) -> Path:
    """Write `<folder>/<video>.npz` atomically and return its path."""
    target = Path(folder) / f"{checked_id(predictions.video)}.npz"
    arrays = {field.name: np.asarray(getattr(predictions, field.name)) for field in fields(predictions)}
    with atomic_path(target) as path, path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return target


def load(path: str | Path) -> Predictions:
    """Read one prediction file, ours or another system's; no pickles.

    Raises:
        InputError: not such a file, a missing array, a wrong shape.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"not a prediction file ({error})", file=path) from error
    missing = [field.name for field in fields(Predictions) if field.name not in arrays]
    if missing:
        raise InputError(f"lacks {', '.join(missing)}", file=path)
    return Predictions(
        frame_index=arrays["frame_index"].astype(np.int64),
        time_s=arrays["time_s"].astype(np.float64),
        score=arrays["score"].astype(np.float32),
        label=arrays["label"].astype(np.int64),
        class_names=tuple(str(name) for name in arrays["class_names"]),
        **{name: str(arrays[name]) for name in ("video", "dataset", "model", "protocol", "protocol_sha256")},
    )


def load_folder(folder: str | Path) -> list[Predictions]:
    """All prediction files of a folder, by name; InputError where there are none."""
    paths = sorted(Path(folder).glob("*.npz"))
    if not paths:
        raise InputError("no prediction files (*.npz) here", file=folder)
    return [load(path) for path in paths]
