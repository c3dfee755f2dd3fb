"""Cholec80's own distribution: `phase_annotations/` for every frame, `tool_annotations/` for every 25th.

Twinanda et al., "EndoNet", IEEE TMI 2017. Frame n stands for n / 25 seconds, whatever the video's own rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from surgvlp.files import write_text
from surgvlp.lectures.presence import ANNOTATION_FPS, CHOLEC80_TOOLS


def write_phase_annotations(path: Path, phase: np.ndarray, class_names: Sequence[str]) -> None:
    """Write `<video>-phase.txt`.

    Args:
        path: of the file.
        phase: (N,) class of each frame, 25 a second. Cholec80 names the phase while the camera is out of
            the body too, and loaders count lines, so every frame has one.
        class_names: what the classes are called.
    """
    rows = [f"{frame}\t{class_names[number]}" for frame, number in enumerate(phase.tolist())]
    write_text(path, "\n".join(["Frame\tPhase", *rows]) + "\n")


def write_tools(path: Path, tools: np.ndarray, names: Sequence[str] = CHOLEC80_TOOLS) -> None:
    """Write `<video>-tool.txt`.

    Args:
        path: of the file.
        tools: (N, T) bool, one row a second from 0.
        names: of the T columns; Cholec80 has seven.
    """
    rows = [
        "\t".join(map(str, [ANNOTATION_FPS * second, *row]))
        for second, row in enumerate(tools.astype(int).tolist())
    ]
    write_text(path, "\n".join(["\t".join(("Frame", *names)), *rows]) + "\n")
