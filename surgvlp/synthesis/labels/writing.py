"""Labelling one made lecture: which labels are wanted, what is there already, and writing it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from surgvlp.files import InputError
from surgvlp.lectures.tree import DataTree
from surgvlp.media.decode import FrameIndex, FrameReader, index_frames
from surgvlp.media.images import write_image
from surgvlp.synthesis.editing.cards import title_of
from surgvlp.synthesis.labels.files import LabelFiles, remove_labels
from surgvlp.synthesis.labels.truth import Truth, truth_of
from surgvlp.synthesis.lecture import Lecture, code_sha256, lecture_id
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.pictures.classes import FOLDED

KINDS = ("phases", "tools", "triplets", "critical_view", "overlays", "texts", "masks")
STEP = "labels"  # its record in status/<id>.json


@dataclass(frozen=True)
class Labels:
    """Which labels to write.

    Args:
        kinds: some of `KINDS`.
        masks_every: frames from one mask to the next.
    """

    kinds: tuple[str, ...]
    masks_every: int = 25

    def check(self) -> None:
        """Raise InputError for what cannot be written."""
        for kind in self.kinds:
            if kind not in KINDS:
                known = ", ".join(KINDS)
                raise InputError(f"--labels: there is no kind {kind!r}", remedy=f"Known: {known}, or all")
        if self.masks_every < 1:
            raise InputError("--masks-every must be at least 1")


ALL_BUT_MASKS = Labels(tuple(kind for kind in KINDS if kind != "masks"))  # which take longest


def is_labelled(tree: DataTree, number: int, labels: Labels) -> bool:
    """Whether a lecture that is made has these labels, of its present video and by the present code."""
    lecture = lecture_id(number)
    status = tree.read_status(lecture)
    record = status.get(STEP, {})
    if "masks" in labels.kinds and record.get("masks_every") != labels.masks_every:
        return False
    if "phases" in labels.kinds:
        kind = PROCEDURES[status["synthesis"]["procedure"]]
        if not LabelFiles(tree, lecture, number + 1, kind).phases.is_file():
            return False
    same = record.get("code") == code_sha256() and record.get("video_sha256") == _video_sha256(status)
    return same and set(labels.kinds) <= set(record.get("kinds", []))


def write_labels(tree: DataTree, number: int, drawn: Lecture, labels: Labels) -> None:
    """Write a lecture's labels, beside pictures out of the encoded video, as with real ones."""
    lecture = lecture_id(number)
    if STEP in tree.read_status(lecture):  # of another video, fewer kinds, or a process that was killed
        remove_labels(tree, lecture, number + 1)
    tree.write_status(lecture, STEP, {})
    files = LabelFiles(tree, lecture, number + 1, drawn.procedure.type)
    index = index_frames(tree.video(lecture))
    seconds = math.ceil(min(drawn.procedure.duration, index.end_s))
    truth = truth_of(drawn.procedure, drawn.montage, seconds, drawn.writing)
    with FrameReader(tree.video(lecture), index) as reader:
        if not {"phases", "triplets", "critical_view"}.isdisjoint(labels.kinds):
            graded = len(truth.critical_view) if "critical_view" in labels.kinds else 0
            _write_frames(files, reader, index, seconds, graded)
        if "masks" in labels.kinds:
            _write_masks(files, reader, drawn, labels.masks_every)
    _write_tables(files, truth, drawn, labels)
    video = _video_sha256(tree.read_status(lecture))
    record = {**asdict(labels), "kinds": list(labels.kinds), "video_sha256": video, "code": code_sha256()}
    tree.write_status(lecture, STEP, record)


def _write_frames(
    files: LabelFiles, reader: FrameReader, index: FrameIndex, seconds: int, graded: int
) -> None:
    """Write the pictures, and those of the first `graded` seconds for Endoscapes too."""
    files.frame(0).parent.mkdir(parents=True, exist_ok=True)
    if graded:
        files.graded_frame(0).parent.mkdir(parents=True, exist_ok=True)
    numbers = index.shown_at(np.arange(seconds, dtype=np.float64))
    for second, (_, frame) in enumerate(reader.read(numbers)):
        write_image(files.frame(second), frame)
        if second < graded:
            write_image(files.graded_frame(second), frame)


def _write_masks(files: LabelFiles, reader: FrameReader, drawn: Lecture, every: int) -> None:
    surgical = [drawn.montage.surgical(time) for time in drawn.film.times.tolist()]
    numbers = np.arange(0, len(surgical), every)
    numbers = numbers[np.array(surgical)[numbers]]
    for number, (_, frame) in zip(numbers.tolist(), reader.read(numbers), strict=True):
        files.write_mask(number, frame, np.array(FOLDED, np.uint8)[drawn.film.mask(number)])


def _write_tables(files: LabelFiles, truth: Truth, drawn: Lecture, labels: Labels) -> None:
    film = drawn.film
    if "phases" in labels.kinds:
        files.write_phases(truth)
    if "tools" in labels.kinds:
        files.write_tools(truth)
    if "triplets" in labels.kinds:
        files.write_triplets(truth)
    if "critical_view" in labels.kinds:
        files.write_critical_view(truth)
    if "overlays" in labels.kinds:
        shown = np.searchsorted(film.times, np.arange(len(truth.phase)), side="right") - 1
        files.write_overlays(truth, (film.height, film.width), [film.overlays(n) for n in shown.tolist()])
    if "texts" in labels.kinds:
        files.write_texts(truth, title_of(drawn.procedure), drawn.procedure.duration)


def _video_sha256(status: dict[str, dict[str, Any]]) -> Any:
    return status.get("synthesis", {}).get("sha256")
