"""Which tools frames show, from text prompts alone: Cholec80's seven tools.

Labels are Cholec80's `tool_annotations/`, one frame a second (Twinanda et al., "EndoNet", IEEE TMI 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from surgvlp.evaluation.frames import NO_IMAGE, ImageFiles, Pictures, VideoFiles
from surgvlp.evaluation.presence import ClassPrompts, PresenceVideo
from surgvlp.evaluation.presence_protocol import PresenceProtocol, read_presence_protocol
from surgvlp.evaluation.presence_run import (
    ModelChoice,
    dataset_root,
    evaluate_presence,
    score_kinds,
    videos_to_score,
)
from surgvlp.files import InputError
from surgvlp.lectures.labels import FrameLabels, check_images
from surgvlp.lectures.presence import ANNOTATION_FPS, CHOLEC80_TOOLS, read_tools
from surgvlp.lectures.prompts import read_prompts

SUFFIX = "-tool"


def evaluate_tools(
    *,
    data: Path,
    dataset: str,
    protocol: str,
    prompt_files: Sequence[Path],
    output: Path,
    model: ModelChoice,
    frames: Path | None = None,
    videos: str | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Score tool presence in annotated videos, see `evaluate_presence`.

    Args:
        data: root of the data tree.
        dataset: name below `downstream_datasets/`; its `tool_annotations/<video>-tool.txt` are the labels,
            `frames/<video>_<second + the protocol's frame offset>.png` the pictures.
        protocol: name, or path of a `.json` file.
        prompt_files: line i for tool i; several files are an ensemble.
        output: folder; its `predictions/` is replaced as a whole.
        model: what to evaluate.
        frames: folder of frame stores or videos, `<video>.frames` or `<video>.mp4`, instead of image files.
        videos: ids with commas between; None: the protocol's, or all that are annotated.
        command: how this was called, for the record.

    Raises:
        InputError: for anything given that cannot be used; nothing is written then.
    """
    rules = read_presence_protocol(protocol, "Cholec80 tools")
    root = dataset_root(data, dataset)
    prompt_sets = [read_prompts(path, len(CHOLEC80_TOOLS)) for path in prompt_files]
    paths = (root / "tool_annotations").glob(f"[!.]*{SUFFIX}.txt")
    annotated = sorted(path.stem.removesuffix(SUFFIX) for path in paths)
    source = VideoFiles(frames, first_frame_number=0) if frames else ImageFiles()
    return evaluate_presence(
        data=data,
        dataset=dataset,
        videos=[_video(root, video, rules, source) for video in videos_to_score(rules, videos, annotated)],
        classes={"tool": ClassPrompts(CHOLEC80_TOOLS, prompt_sets)},
        protocol=rules,
        source=source.source,
        score=score_kinds,
        output=output,
        model=model,
        command=command,
    )


def _video(root: Path, video: str, rules: PresenceProtocol, source: ImageFiles | VideoFiles) -> PresenceVideo:
    annotations = root / "tool_annotations" / f"{video}{SUFFIX}.txt"
    labels = read_tools(annotations)
    seconds = labels.frame_index // ANNOTATION_FPS
    if (np.diff(seconds) < 1).any():
        raise InputError(
            f"has rows less than {ANNOTATION_FPS} frames apart, which show one picture",
            file=annotations,
            remedy="Keep one row a second",
        )
    numbers = (seconds + rules.frame_offset).tolist()
    paths = [root / "frames" / f"{video}_{number}.png" for number in numbers]
    present = labels.present.astype(np.int64)
    if isinstance(source, VideoFiles):
        source.check_end(video, seconds[-1], annotations, len(seconds) + 1)
    else:
        check_images(paths, annotations, 2, NO_IMAGE)

    def reader() -> Pictures:
        return source.open(video, FrameLabels(paths, seconds, present))

    return PresenceVideo(
        video=video,
        frame_index=labels.frame_index,
        time_s=labels.frame_index / ANNOTATION_FPS,
        labels={"tool": present},
        open=reader,
    )
