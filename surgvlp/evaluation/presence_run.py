"""One evaluation of what frames show, from a checkpoint to prediction files and the record beside them.

<output>/predictions/<kind>/<video>.npz   kinds are tool, or triplet, instrument, verb, target
<output>/evaluation.json                  scores, settled protocol, prompts, model, data, versions, command
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from surgvlp.evaluation.average_precision import PresenceScores, score_presence
from surgvlp.evaluation.encoder import open_encoder
from surgvlp.evaluation.presence import (
    ClassPrompts,
    PresenceVideo,
    recognise_presence,
    scored_frames,
)
from surgvlp.evaluation.presence_protocol import PresenceProtocol
from surgvlp.evaluation.protocol import GIVEN_VIDEOS, Source
from surgvlp.evaluation.versions import now, versions
from surgvlp.files import InputError, checked_id, write_json
from surgvlp.predictions import Predictions

Scorer = Callable[[Mapping[str, Sequence[Predictions]]], dict[str, PresenceScores]]


@dataclass(frozen=True)
class ModelChoice:
    """Which model to evaluate and how to run it; see `open_encoder`."""

    checkpoint: Path | None = None
    config: Path | None = None
    untrained: bool = False
    device: str | None = None
    batch_size: int = 64


def dataset_root(data: Path, dataset: str) -> Path:
    """Folder of an annotated data set: `<data>/downstream_datasets/<dataset>`, e.g. of `made/cholect50`.

    Raises:
        InputError: a name that is none, or no such folder.
    """
    root = data.joinpath("downstream_datasets", *(checked_id(part) for part in dataset.split("/")))
    if not root.is_dir():
        raise InputError("there is no such data set", file=root, key="--dataset")
    return root


def videos_to_score(protocol: PresenceProtocol, given: str | None, annotated: Sequence[str]) -> list[str]:
    """The ids that `--videos` means: those given, else the protocol's, else all that are annotated.

    Raises:
        InputError: one that is not annotated, or stands there twice.
    """
    if given is not None:
        videos = [video.strip() for video in given.split(",")]
    else:
        videos = list(annotated if protocol.videos == GIVEN_VIDEOS else protocol.videos)
    missing = sorted(set(videos) - set(annotated))
    if missing or not videos:
        raise InputError(
            f"there are no annotations of {', '.join(missing[:5]) or 'any video'}",
            key="--videos",
            remedy=f"There are those of {', '.join(annotated[:5]) or 'none'}"
            + (f" and {len(annotated) - 5} more" if len(annotated) > 5 else ""),
        )
    if len(set(videos)) < len(videos):
        raise InputError("a video stands there twice", key="--videos")
    return videos


def evaluate_presence(
    *,
    data: Path,
    dataset: str,
    videos: Sequence[PresenceVideo],
    classes: Mapping[str, ClassPrompts],
    protocol: PresenceProtocol,
    source: Source,
    score: Scorer,
    output: Path,
    model: ModelChoice,
    command: str = "",
) -> dict[str, Any]:
    """Score what frames show, write predictions and `evaluation.json`, and return what that holds.

    Args:
        data: root of the data tree.
        dataset: name below `downstream_datasets/`.
        videos: with their labels.
        classes: by kind, with their prompts.
        protocol: as read.
        source: of the pictures.
        score: gives the rows of the table from the predictions by kind.
        output: folder; its `predictions/` is replaced as a whole.
        model: what to evaluate.
        command: how this was called, for the record.

    Raises:
        InputError: for anything given that cannot be used; nothing is written then.
    """
    if model.batch_size < 1:
        raise InputError(f"{model.batch_size} frames make no batch", key="--batch-size")
    prompts = {kind: item.prompt_sets for kind, item in classes.items()}
    settled = protocol.settled(prompts, [video.video for video in videos], source)
    _check_labels(videos, classes, settled)
    encoder = open_encoder(model.checkpoint, model.config, model.untrained, model.device)
    started = time.perf_counter()
    found = recognise_presence(
        encoder, dataset, videos, classes, settled, output / "predictions", model.batch_size
    )
    seconds = time.perf_counter() - started
    rows = score(found)
    frames = next(iter(rows.values())).frames
    content = {
        "rows": {name: asdict(row) for name, row in rows.items()},
        "model": encoder.name,
        "dataset": dataset,
        "data": str(data.absolute()),
        "videos": [video.video for video in videos],
        "frames": frames,
        "frames_not_scored": sum(len(video.frame_index) for video in videos) - frames,
        "protocol": asdict(settled),
        "protocol_sha256": settled.sha256,
        "prompts": prompts,
        "frames_per_s": round(frames / seconds, 1),
        "device": str(encoder.device),
        "versions": versions(),
        "command": command,
        "date": now(),
    }
    write_json(output / "evaluation.json", content)
    return content


def score_kinds(found: Mapping[str, Sequence[Predictions]]) -> dict[str, PresenceScores]:
    """One row a kind."""
    return {kind: score_presence(items) for kind, items in found.items()}


def _check_labels(
    videos: Sequence[PresenceVideo], classes: Mapping[str, ClassPrompts], protocol: PresenceProtocol
) -> None:
    """Before minutes go into embedding: something has to be there that could be found."""
    for video in videos:
        if not scored_frames(protocol, len(video.frame_index)):
            raise InputError(
                f"{video.video} has fewer frames than the {protocol.whole_batches_of} that protocol "
                f"{protocol.name} scores at once",
                key="--videos",
            )
    for kind in classes:
        kept = (video.labels[kind][: scored_frames(protocol, len(video.frame_index))] for video in videos)
        if not any(label.any() for label in kept):
            raise InputError(f"no frame of these videos shows any {kind}", key="--videos")
