"""Evaluations read back: prediction folders by run, pooled over seeds, with their data where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp import predictions as prediction_files
from surgvlp.evaluation.controls import colour_baseline
from surgvlp.evaluation.nearest import Picture
from surgvlp.files import InputError, read_json
from surgvlp.lectures.labels import PhaseDataset
from surgvlp.lectures.tree import DataTree
from surgvlp.media.images import read_image
from surgvlp.predictions import Predictions


@dataclass(frozen=True)
class EvaluationFolder:
    """One folder of predictions.

    Attributes:
        predictions: as on disk.
        about: its `evaluation.json`; None for another system's predictions.
        prefix: goes in front of video names where several folders are pooled.
    """

    predictions: list[Predictions]
    about: dict[str, Any] | None
    prefix: str

    def pooled(self) -> list[Predictions]:
        """Predictions under the names that the report shows."""
        return [replace(item, video=self.prefix + item.video) for item in self.predictions]

    def dataset(self) -> PhaseDataset | None:
        """The labelled data it was made from, if it says and it is still there."""
        if self.about is None:
            return None
        tree = DataTree(self.about["data"])
        found = tree.downstream(self.about["dataset"], self.about["protocol"]["compat"])
        return found if found.root.is_dir() else None


def open_run(folders: Sequence[Path]) -> list[EvaluationFolder]:
    """The folders of one run: one, or one a seed.

    A folder is what an evaluation wrote (with `predictions/` in it) or holds the prediction files itself.
    With several, each video is shown with the part of its folder's path that tells the folders apart: made
    corpora of different seeds name their lectures alike.

    Raises:
        InputError: no predictions, or an `evaluation.json` that belongs to others.
    """
    return [_open(folder, prefix) for folder, prefix in zip(folders, _prefixes(folders), strict=True)]


def pooled(folders: Sequence[EvaluationFolder]) -> list[Predictions]:
    """Predictions of all folders, sorted by the video names shown."""
    return sorted((item for folder in folders for item in folder.pooled()), key=lambda item: item.video)


def picture_reader(folders: Sequence[EvaluationFolder]) -> Picture | None:
    """Reads a frame by (shown video name, frame_index); None where not all of the data is at hand."""
    paths: dict[str, tuple[PhaseDataset, str]] = {}
    for folder in folders:
        dataset = folder.dataset()
        if dataset is None or not (dataset.root / "frames").is_dir():
            return None
        paths |= {folder.prefix + item.video: (dataset, item.video) for item in folder.predictions}

    def picture(video: str, frame_index: int) -> NDArray[np.uint8]:
        dataset, name = paths[video]
        labels = dataset.frames(name)
        return read_image(labels.paths[int(np.searchsorted(labels.frame_index, frame_index))])

    return picture


def colour_run(folders: Sequence[EvaluationFolder], train_split: str) -> list[Predictions]:
    """The colour baseline for the frames of a run, trained on `train_split` of each folder's own data.

    Raises:
        InputError: the data of a folder is not at hand, or has no such split.
    """
    results = []
    for folder in folders:
        dataset = folder.dataset()
        if folder.about is None or dataset is None:
            raise InputError("the colour baseline needs the frames, and this run does not say where they are")
        train = DataTree(folder.about["data"]).split(train_split)
        items = colour_baseline(dataset, train, folder.predictions)
        results.append(replace(folder, predictions=items))
    return pooled(results)


def _open(folder: Path, prefix: str) -> EvaluationFolder:
    inner = folder / "predictions"
    items = prediction_files.load_folder(inner if inner.is_dir() else folder)
    record = folder / "evaluation.json"
    about = read_json(record) if record.is_file() else None
    if about is not None:
        needed = {"data", "dataset", "protocol", "protocol_sha256", "prompts", "command"}
        if not isinstance(about, dict) or not needed <= set(about) or not isinstance(about["protocol"], dict):
            raise InputError(
                "not the record of an evaluation", file=record, remedy="Run the evaluation again"
            )
        if any(item.protocol_sha256 != about["protocol_sha256"] for item in items):
            raise InputError(
                "belongs to other predictions than those beside it",
                file=record,
                remedy="Run the evaluation again",
            )
    return EvaluationFolder(items, about, prefix)


def _prefixes(folders: Sequence[Path]) -> list[str]:
    """The first part of each path in which they differ, e.g. `seed_2/`; nothing for a single folder."""
    if len(folders) == 1:
        return [""]
    parts = [folder.absolute().parts for folder in folders]
    for level in zip(*parts, strict=False):
        if len(set(level)) == len(folders):
            return [f"{name}/" for name in level]
    return [f"{number}/" for number in range(1, len(folders) + 1)]
