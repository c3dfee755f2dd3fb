"""Zero-shot phase recognition: every frame gets the class whose prompt lies nearest in the shared space.

As published: cosine of frame and prompt embeddings, one frame at a time, in float32, no smoothing over time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from surgvlp import console, predictions
from surgvlp.evaluation.encoder import Encoder
from surgvlp.evaluation.frames import ImageFiles, VideoFiles, batches
from surgvlp.evaluation.protocol import Protocol
from surgvlp.features.embed import embed_frames, embed_texts, unit
from surgvlp.files import InputError, atomic_path
from surgvlp.lectures.labels import PhaseDataset
from surgvlp.predictions import Predictions


def class_embeddings(
    encoder: Encoder, prompt_sets: Sequence[Sequence[str]], max_length: int
) -> NDArray[np.float32]:
    """(C, D) unit vectors, one a class.

    Several prompts a class (an ensemble, one set a file): the mean of their unit vectors, made a unit vector
    again, as CLIP does.
    """
    embedded = [
        unit(embed_texts(encoder.model, encoder.tokenizer, list(prompts), max_length, encoder.device))
        for prompts in prompt_sets
    ]
    return unit(np.mean(embedded, axis=0))


def recognise_phases(
    encoder: Encoder,
    dataset: PhaseDataset,
    videos: Sequence[str],
    prompt_sets: Sequence[Sequence[str]],
    protocol: Protocol,
    folder: Path,
    frames: ImageFiles | VideoFiles,
    batch_size: int = 64,
) -> list[Predictions]:
    """Predict the phase of every labelled frame and write `<folder>/<video>.npz`, all of them or none.

    Labels, frames, prompts and whether the protocol allows them are checked before anything is embedded.

    Args:
        encoder: the model.
        dataset: labels and class names.
        videos: ids to evaluate.
        prompt_sets: one list of C prompts a prompt file.
        protocol: as read; the one that is written has these prompts and videos filled in.
        folder: replaced as a whole.
        frames: where pictures come from.
        batch_size: frames in one forward.

    Raises:
        InputError: for what is wrong in the labels, frames, prompts or split.
    """
    _check_fits(protocol, dataset, prompt_sets)
    side = side_of(encoder, protocol.name, protocol.preprocessing.crop)
    settled = protocol.settled(prompt_sets, videos, frames.source)
    labels = {video: dataset.frames(video) for video in videos}
    for video in videos:
        frames.check(dataset, video, labels[video])
    classes = class_embeddings(encoder, prompt_sets, protocol.prompt_tokens)
    written = []
    count = sum(len(item.label) for item in labels.values())
    with (
        atomic_path(folder) as partial,
        console.progress_bar("recognising phases", total=count, unit="frames") as bar,
    ):
        for video, frame_labels in labels.items():
            ready = batches(
                frames.open(video, frame_labels),
                len(frame_labels.label),
                protocol.preprocessing,
                side,
                batch_size,
            )
            item = Predictions(
                frame_index=frame_labels.frame_index,
                time_s=(frame_labels.frame_index - protocol.first_frame_number).astype(np.float64),
                score=_scores(encoder, ready, classes, bar),
                label=frame_labels.label,
                video=video,
                dataset=dataset.name,
                class_names=dataset.class_names,
                model=encoder.name,
                protocol=settled.name,
                protocol_sha256=settled.sha256,
            )
            predictions.save(item, partial)
            written.append(item)
    return written


def _scores(
    encoder: Encoder,
    ready: Iterator[torch.Tensor],
    classes: NDArray[np.float32],
    bar: console.Bar,
) -> NDArray[np.float32]:
    """(N, C) cosines of a video's frames with the classes."""

    def counted() -> Iterator[torch.Tensor]:
        for batch in ready:
            yield batch
            bar.advance(len(batch))

    return unit(embed_frames(encoder.model, counted(), encoder.device)) @ classes.T


def side_of(encoder: Encoder, protocol: str, side: int | Literal["model"]) -> int:
    """The side in pixels that a protocol says, or the model's own; InputError where nothing says that."""
    if side != "model":
        return side
    if encoder.size is None:
        raise InputError(
            f"protocol {protocol} takes frames of the model's size, and its config names none",
            remedy="Give --config with the config file of its training",
        )
    return encoder.size


def _check_fits(protocol: Protocol, dataset: PhaseDataset, prompt_sets: Sequence[Sequence[str]]) -> None:
    if not prompt_sets:
        raise InputError("no prompts")
    if protocol.dataset != dataset.name:
        raise InputError(
            f"protocol {protocol.name} is for {protocol.dataset}, not {dataset.name}",
            remedy="Take the protocol of this data set, or write one of your own",
        )
    if protocol.frame_offset != dataset.frame_offset:
        raise InputError(
            f"protocol {protocol.name} adds {protocol.frame_offset} to frame numbers, the data set "
            f"{dataset.frame_offset}"
        )
    for prompts in prompt_sets:
        if len(prompts) != len(dataset.class_names):
            raise InputError(f"{len(prompts)} prompts for {len(dataset.class_names)} classes")
