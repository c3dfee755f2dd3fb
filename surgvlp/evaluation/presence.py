"""What frames show, from text prompts alone: every class of every kind is scored by itself.

As published for CholecT50: each frame is embedded once and compared with the prompts of all kinds of classes;
the score is the sigmoid of the cosine. Several classes can be there at once, so nothing is normalised over
classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from surgvlp import console, predictions
from surgvlp.datasets.cholect50 import central_square
from surgvlp.evaluation.encoder import Encoder
from surgvlp.evaluation.frames import Pictures, normalised_batches
from surgvlp.evaluation.presence_protocol import PresenceProtocol
from surgvlp.evaluation.zero_shot import class_embeddings, side_of
from surgvlp.features.embed import embed_frames, unit
from surgvlp.files import InputError, atomic_path
from surgvlp.predictions import Predictions


@dataclass(frozen=True)
class PresenceVideo:
    """One annotated video.

    Attributes:
        video: its id.
        frame_index: (N,) int64, frame numbers of the annotation files.
        time_s: (N,) float64, seconds from its start.
        labels: for each kind of class (N, C) int64, 1 where the frame shows the class.
        open: gives a reader of its pictures, by position in the labels.
    """

    video: str
    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    labels: Mapping[str, NDArray[np.int64]]
    open: Callable[[], Pictures]


@dataclass(frozen=True)
class ClassPrompts:
    """The classes of one kind: C names, and one list of C prompts a prompt file."""

    names: tuple[str, ...]
    prompt_sets: Sequence[Sequence[str]]


def recognise_presence(
    encoder: Encoder,
    dataset: str,
    videos: Sequence[PresenceVideo],
    classes: Mapping[str, ClassPrompts],
    protocol: PresenceProtocol,
    folder: Path,
    batch_size: int = 64,
) -> dict[str, list[Predictions]]:
    """Score every class in every labelled frame and write `<folder>/<kind>/<video>.npz`, all or none.

    Args:
        encoder: the model.
        dataset: name of the data.
        videos: to score.
        classes: by kind.
        protocol: settled.
        folder: replaced as a whole.
        batch_size: frames in one forward.

    Returns:
        Predictions by kind, in the order of the videos.
    """
    side = side_of(encoder, protocol.name, protocol.preprocessing.size)
    embedded = {
        kind: class_embeddings(encoder, item.prompt_sets, protocol.prompt_tokens)
        for kind, item in classes.items()
    }
    found: dict[str, list[Predictions]] = {kind: [] for kind in classes}
    count = sum(scored_frames(protocol, len(video.frame_index)) for video in videos)
    with (
        atomic_path(folder) as partial,
        console.progress_bar("looking at frames", total=count, unit="frames") as bar,
    ):
        for video in videos:
            kept = scored_frames(protocol, len(video.frame_index))
            ready = _batches(video.open(), kept, protocol, side, batch_size, bar)
            frames = unit(embed_frames(encoder.model, ready, encoder.device))
            if not np.isfinite(frames).all():
                raise InputError(f"the model's embeddings of {video.video} are not finite")
            for kind, vectors in embedded.items():
                item = Predictions(
                    frame_index=video.frame_index[:kept],
                    time_s=video.time_s[:kept],
                    score=scores(frames, vectors, protocol.precision),
                    label=video.labels[kind][:kept],
                    video=video.video,
                    dataset=dataset,
                    class_names=classes[kind].names,
                    model=encoder.name,
                    protocol=protocol.name,
                    protocol_sha256=protocol.sha256,
                )
                predictions.save(item, partial / kind)
                found[kind].append(item)
    return found


def scores(
    frames: NDArray[np.float32], classes: NDArray[np.float32], precision: str = "float32"
) -> NDArray[np.float32]:
    """(N, C) sigmoids of the cosines of (N, D) and (C, D) unit vectors.

    In float16 vectors, cosines and sigmoids are rounded, and sums are taken in float32, as a GPU does under
    autocast: scores then come in steps of 0.0005, and frames tie. The image encoder itself stays in float32.
    """
    kind = np.dtype(precision)
    left, right = (vectors.astype(kind).astype(np.float32) for vectors in (frames, classes))
    cosine = (left @ right.T).astype(kind).astype(np.float64)
    return (1 / (1 + np.exp(-cosine))).astype(kind).astype(np.float32)


def scored_frames(protocol: PresenceProtocol, frames: int) -> int:
    """How many of a video's frames a protocol scores."""
    size = protocol.whole_batches_of
    return frames if size is None else frames - frames % size


def _batches(
    pictures: Pictures,
    count: int,
    protocol: PresenceProtocol,
    side: int,
    batch_size: int,
    bar: console.Bar,
) -> Iterator[torch.Tensor]:
    square = protocol.preprocessing

    def squared(position: int) -> NDArray[np.uint8]:
        return np.asarray(central_square(Image.fromarray(pictures(position)), side))

    for batch in normalised_batches(squared, count, square.mean, square.std, batch_size):
        yield batch
        bar.advance(len(batch))
