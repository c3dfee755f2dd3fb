"""Pairs of video and text at three levels, and the embeddings of both: each frame is embedded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from surgvlp import console
from surgvlp.datasets.sampling import spread
from surgvlp.evaluation.encoder import Encoder
from surgvlp.evaluation.frames import batches
from surgvlp.evaluation.protocol import Preprocessing
from surgvlp.features.embed import embed_frames, embed_texts
from surgvlp.files import InputError
from surgvlp.lectures.texts import Caption, read_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.media.store import duration, open_frames

LEVELS = ("clip", "keystep", "video")


@dataclass(frozen=True)
class LecturePairs:
    """One lecture's pairs.

    Attributes:
        name: its id.
        frames: its frame store or video.
        pairs: by level the stretches of video and the text of each, all within the video.
    """

    name: str
    frames: Path
    pairs: Mapping[str, Sequence[Caption]]


@dataclass(frozen=True)
class LectureEmbeddings:
    """One lecture embedded; nothing is of unit length.

    Attributes:
        video, text: by level (N, D), row i of the one belongs to row i of the other.
        frame: (T, D) of single frames, in order of time.
        keystep: (T,) the keystep of each of them, from 0.
    """

    video: Mapping[str, NDArray[np.float32]]
    text: Mapping[str, NDArray[np.float32]]
    frame: NDArray[np.float32]
    keystep: NDArray[np.int64]


def read_pairs(
    tree: DataTree, lecture: str, narrations: str, frames: Path
) -> tuple[LecturePairs, dict[str, int]]:
    """A lecture's narrations, keysteps and abstract, and how many of each lie behind the end of its video.

    The text of a keystep is its column `text`; several rows of an abstract are wordings of one, and the first
    is taken. The abstract's stretch is the whole video.

    Args:
        tree: where the texts are.
        lecture: its id.
        narrations: a kind of narration of the data tree, or "script" for what was really said.
        frames: its frame store or video.

    Raises:
        InputError: a file that is missing or cannot be used.
    """
    end = duration(open_frames(frames))
    said = tree.script(lecture) if narrations == "script" else tree.texts(narrations, lecture)
    if not said.is_file():
        raise InputError(
            "there are no such narrations of this lecture",
            file=said,
            key="--narrations",
            remedy="Transcribe it, or give the kind that is there (made lectures have: script)",
        )
    read = {
        "clip": read_captions(said),
        "keystep": read_captions(tree.texts("keystep", lecture)),
        "video": [Caption(0.0, end, read_captions(tree.texts("abstract", lecture))[0].text)],
    }
    pairs = {
        level: [Caption(c.start, min(c.end, end), c.text) for c in captions if c.start < end]
        for level, captions in read.items()
    }
    return LecturePairs(lecture, frames, pairs), {
        level: len(read[level]) - len(kept) for level, kept in pairs.items() if len(read[level]) > len(kept)
    }


def keystep_frames(
    keysteps: Sequence[Caption], frames_per_s: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Times of frames within keysteps, and where they belong.

    Where keysteps overlap, a frame belongs to the one that began last.

    Returns:
        times (T,) in seconds, rising; the keystep of each (T,), counted over those that have a frame; and
        which these are (N,).
    """
    starts, ends = np.array([(item.start, item.end) for item in keysteps]).reshape(-1, 2).T
    times = np.arange(0, ends.max(initial=0) * frames_per_s) / frames_per_s
    begun = np.searchsorted(starts, times, side="right") - 1
    inside = (begun >= 0) & (times < ends[np.maximum(begun, 0)]) if len(starts) else begun >= 0
    used, keystep = np.unique(begun[inside], return_inverse=True)
    return times[inside], keystep.astype(np.int64), used


def embed_lectures(
    encoder: Encoder,
    lectures: Sequence[LecturePairs],
    *,
    preprocessing: Preprocessing,
    size: int,
    frames_per_pair: int,
    frames_per_s: float,
    text_tokens: Mapping[str, int],
    batch_size: int,
) -> Iterator[LectureEmbeddings]:
    """Embed lectures one by one.

    Args:
        encoder: the model.
        lectures: what to embed.
        preprocessing, size: of frames, see `batches`.
        frames_per_pair: of a stretch of video, spread evenly over it; their embeddings are averaged.
        frames_per_s: of the single frames within keysteps.
        text_tokens: by level what texts are padded or cut to.
        batch_size: frames in one forward.
    """
    wanted = [_rows(lecture, frames_per_pair, frames_per_s) for lecture in lectures]
    total = sum(len(rows.needed) for rows in wanted)
    with console.progress_bar("embedding lectures", total=total, unit="frames") as bar:
        for lecture, rows in zip(lectures, wanted, strict=True):
            found = _embed_rows(encoder, lecture, rows.needed, preprocessing, size, batch_size, bar)
            yield LectureEmbeddings(
                video={level: found[place].mean(axis=1) for level, place in rows.of_level.items()},
                text={
                    level: embed_texts(
                        encoder.model,
                        encoder.tokenizer,
                        [item.text for item in items],
                        text_tokens[level],
                        encoder.device,
                    )
                    for level, items in lecture.pairs.items()
                },
                frame=found[rows.of_frames],
                keystep=rows.keystep,
            )


@dataclass(frozen=True)
class _Rows:
    """Rows of a frame store: `needed` (R,), each once; `of_level` {level: (N, frames_per_pair)} and
    `of_frames` (T,) say where in it they stand; `keystep` (T,)."""

    needed: NDArray[np.int64]
    of_level: Mapping[str, NDArray[np.int64]]
    of_frames: NDArray[np.int64]
    keystep: NDArray[np.int64]


def _rows(lecture: LecturePairs, frames_per_pair: int, frames_per_s: float) -> _Rows:
    times = {
        level: [spread(item.start, item.end, frames_per_pair) for item in items]
        for level, items in lecture.pairs.items()
    }
    single, keystep, _ = keystep_frames(lecture.pairs["keystep"], frames_per_s)
    every = np.concatenate([*(time for level in LEVELS for time in times[level]), single])
    needed, place = np.unique(open_frames(lecture.frames).nearest(every), return_inverse=True)
    counts = [len(times[level]) * frames_per_pair for level in LEVELS]
    *of_level, of_frames = np.split(place, np.cumsum(counts))
    return _Rows(
        needed=needed,
        of_level={
            level: part.reshape(-1, frames_per_pair) for level, part in zip(LEVELS, of_level, strict=True)
        },
        of_frames=of_frames,
        keystep=keystep,
    )


def _embed_rows(
    encoder: Encoder,
    lecture: LecturePairs,
    rows: NDArray[np.int64],
    preprocessing: Preprocessing,
    size: int,
    batch_size: int,
    bar: console.Bar,
) -> NDArray[np.float32]:
    frames = open_frames(lecture.frames)

    def counted() -> Iterator[torch.Tensor]:
        ready = batches(
            lambda position: frames.read(rows[position : position + 1])[0],
            len(rows),
            preprocessing,
            size,
            batch_size,
        )
        for batch in ready:
            yield batch
            bar.advance(len(batch))

    return embed_frames(encoder.model, counted(), encoder.device)
