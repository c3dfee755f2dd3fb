"""The critical view of safety, as Endoscapes (frames) and Cholec80-CVS (spans of time) write it down.

Endoscapes: Murali et al., arXiv:2312.12429, its `all_metadata.csv`. Cholec80-CVS: Ríos et al., Scientific
Data 2023, its sheet of surgeons' annotations.
Both know three criteria, each in its own order. No frame from the first clip on has a grade.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from surgvlp.files import write_text
from surgvlp.lectures.presence import ANNOTATION_FPS

# Columns of `met`: as `Procedure.critical_view_at` gives them.
TWO_STRUCTURES, CYSTIC_PLATE, TRIANGLE = 0, 1, 2
ENDOSCAPES_HEADER = (
    "vid,frame,avg_cvs,C1,C2,C3,is_ds_keyframe,cvs_annotator_1,cvs_annotator_2,cvs_annotator_3,"
    "mask_path,label_path"
)
CHOLEC80_CVS_HEADER = (
    "video,critical_view,initial_minute,initial_second,final_minute,final_second,two_structures,"
    "cystic_plate,hepatocystic_triangle,total"
)
_GRADED_EVERY_S = 5  # of Endoscapes; frames in between carry the last grade
_FULLY_MET = 2  # Cholec80-CVS grades 0, 1, 2; what is made is met or not


def write_endoscapes(path: Path, number: int, met: np.ndarray) -> None:
    """Write a video's rows of `all_metadata.csv`, with their header.

    Args:
        path: of the file.
        number: of the video.
        met: (N, 3) bool, one row a second from 0 to the first clip. The three raters agree.
    """
    rows = []
    for second, three in enumerate(met[:, [TWO_STRUCTURES, TRIANGLE, CYSTIC_PLATE]].astype(int).tolist()):
        keyframe = second % _GRADED_EVERY_S == 0
        if keyframe:
            c1, c2, c3 = (float(value) for value in three)
            average, votes = f'"[{c1}, {c2}, {c3}]"', f'"{three}"'
        raters = [votes if keyframe else ""] * 3
        rows.append(
            ",".join(
                map(
                    str,
                    [number, ANNOTATION_FPS * second, average, c1, c2, c3, keyframe, *raters, "", ""],
                )
            )
        )
    write_text(path, "\n".join([ENDOSCAPES_HEADER, *rows]) + "\n")


def write_cholec80_cvs(path: Path, number: int, met: np.ndarray) -> None:
    """Write a video's rows of Cholec80-CVS's sheet as a csv, with their header: spans with a criterion met.

    Args:
        path: of the file.
        number: of the video.
        met: (N, 3) bool, one row a second from 0 to the first clip.
    """
    rows: list[str] = []
    begin = 0
    for three, group in itertools.groupby(met.tolist()):
        end = begin + len(list(group))
        if any(three):
            scores = [_FULLY_MET * value for value in three]
            spans = (*divmod(begin, 60), *divmod(end - 1, 60))
            rows.append(",".join(map(str, [number, len(rows) + 1, *spans, *scores, sum(scores)])))
        begin = end
    write_text(path, "\n".join([CHOLEC80_CVS_HEADER, *rows]) + "\n")
