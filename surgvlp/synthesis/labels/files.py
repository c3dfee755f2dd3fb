"""A lecture's label files: which there are, where they lie, writing and removing them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.files import write_text
from surgvlp.lectures.labels import HYSTERECTOMY
from surgvlp.lectures.presence import ANNOTATION_FPS
from surgvlp.lectures.texts import Caption, write_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.synthesis.editing.overlays import Box
from surgvlp.synthesis.labels import autolaparo, cholec80, cholecseg8k, cholect50, critical_view, overlays
from surgvlp.synthesis.labels.links import link
from surgvlp.synthesis.labels.truth import Truth
from surgvlp.synthesis.operation.actions import ProcedureType


def dataset_name(kind: ProcedureType) -> str:
    """Name below `downstream_datasets/` of the made data set of a type of operation."""
    return "made" if kind.name == "cholecystectomy" else f"made_{kind.name}"


@dataclass(frozen=True)
class LabelFiles:
    """The label files of one lecture.

    Args:
        tree: where they lie.
        lecture: its id.
        number: of the video, from 1, in data sets that name videos by number.
        kind: the operation.
    """

    tree: DataTree
    lecture: str
    number: int
    kind: ProcedureType

    @property
    def root(self) -> Path:
        """Folder of the data set."""
        return self.tree.root / "downstream_datasets" / dataset_name(self.kind)

    @property
    def video(self) -> str:
        """Name of the video in Cholec80 and CholecSeg8k."""
        return f"video{self.number:02d}"

    @property
    def phases(self) -> Path:
        """The phases of the frames."""
        return self.root / "csvs" / f"{self.lecture}.csv"

    def frame(self, second: int) -> Path:
        """The picture at a second."""
        return self.root / "frames" / f"{self.lecture}_{second}.png"

    def write_phases(self, truth: Truth) -> None:
        """Write the phases in our layout, without rows for cards and drawings, and in the real data set's."""
        seconds, labels = np.flatnonzero(truth.labelled).tolist(), truth.phase + 1
        rows = [f"{self.lecture}_{second}.png,{labels[second]}" for second in seconds]
        write_text(self.phases, "\n".join(["path,label", *rows]) + "\n")
        if truth.type.phases == HYSTERECTOMY:
            path = self.root / "autolaparo" / "labels" / f"label_{self.number:02d}.txt"
            autolaparo.write_phases(path, truth.phase)
            link(
                self.tree.video(self.lecture), self.root / "autolaparo" / "videos" / f"{self.number:02d}.mp4"
            )
        path = self.root / "cholec80" / "phase_annotations" / f"{self.video}-phase.txt"
        cholec80.write_phase_annotations(path, truth.frame_phase, truth.type.phases)
        link(self.tree.video(self.lecture), self.root / "cholec80" / "videos" / f"{self.video}.mp4")

    def write_tools(self, truth: Truth) -> None:
        """Write the tools in Cholec80's layout."""
        path = self.root / "cholec80" / "tool_annotations" / f"{self.video}-tool.txt"
        cholec80.write_tools(path, truth.tools, truth.tool_names)

    def write_triplets(self, truth: Truth) -> None:
        """Write the triplets in CholecT50's layout, whose pictures are the frames that are there."""
        folder, name = self.root / "cholect50", f"VID{self.number:02d}"
        cholect50.write_triplets(folder, name, truth.triplets, truth.type.triplets)
        frames = [self.frame(second) for second in range(len(truth.triplets))]
        cholect50.link_frames(folder / "data" / name, frames)

    def write_critical_view(self, truth: Truth) -> None:
        """Write Endoscapes' and Cholec80-CVS's rows of this video, if its operation has that view."""
        if len(truth.critical_view):
            path = self.critical_view("endoscapes")
            critical_view.write_endoscapes(path, self.number, truth.critical_view)
            path = self.critical_view("cholec80_cvs")
            critical_view.write_cholec80_cvs(path, self.number, truth.critical_view)

    def graded_frame(self, second: int) -> Path:
        """The picture at a second in Endoscapes; the folders of its splits have links to it."""
        return self.root / "endoscapes" / "all" / f"{self.number}_{ANNOTATION_FPS * second}.jpg"

    def critical_view(self, name: str) -> Path:
        """This video's rows of Endoscapes' or Cholec80-CVS's table."""
        return self.root / name / "videos" / f"{self.number}.csv"

    def write_overlays(self, truth: Truth, size: tuple[int, int], boxes: Sequence[Sequence[Box]]) -> None:
        """Write boxes and which seconds are surgical; arguments as of `overlays.write_coco`."""
        names = [self.frame(second).name for second in range(len(boxes))]
        overlays.write_coco(self.tree.root / "overlays" / f"{self.lecture}.json", names, size, boxes)
        path = self.tree.root / "surg3m" / "annotations" / f"{self.lecture}.json"
        overlays.write_surg3m_frames(path, self.lecture, truth.surgical, boxes)

    def write_texts(self, truth: Truth, title: str, duration: float) -> None:
        """Write keysteps and abstract; the abstract as published, with tags and title before it."""
        write_captions(self.tree.texts("keystep", self.lecture), truth.keysteps)
        tags = ";".join(tag.capitalize() for tag in title.split(" ", 1))
        text = f"Video tag: {tags}. Title: {title}. Abstract: {truth.abstract}"
        write_captions(self.tree.texts("abstract", self.lecture), [Caption(0.0, round(duration, 3), text)])

    def write_mask(self, frame: int, picture: np.ndarray, ids: np.ndarray) -> None:
        """Write a frame and its mask in CholecSeg8k's layout, see `cholecseg8k.write_masks`."""
        cholecseg8k.write_masks(self.root / "cholecseg8k", self.video, frame, picture, ids)


def remove_labels(tree: DataTree, lecture: str, number: int) -> None:
    """Remove a lecture's label files of every data set, and what a killed process left half-written."""
    names = (
        rf"{re.escape(lecture)}(_[0-9]+)?|(video|VID|label_)?{number:02d}(-phase|-tool)?|{number}(_[0-9]+)?"
    )
    pattern = re.compile(rf"({names})(\.[a-z0-9]+)?|\.({names})\.[a-z0-9]+\.[0-9]+\.partial")
    for folder in (
        *tree.root.glob("downstream_datasets/made*"),
        tree.root / "surg3m",
        tree.root / "overlays",
    ):
        _remove_matching(folder, pattern)
    for kind in ("keystep", "abstract"):
        tree.texts(kind, lecture).unlink(missing_ok=True)


def _remove_matching(folder: Path, pattern: re.Pattern[str]) -> None:
    if folder.is_dir():
        for path in folder.iterdir():
            if pattern.fullmatch(path.name):
                (shutil.rmtree if path.is_dir() else Path.unlink)(path)
            elif path.is_dir():
                _remove_matching(path, pattern)
