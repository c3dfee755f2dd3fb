"""Endoscapes' and Cholec80-CVS's tables, as published and as made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surgvlp.files import InputError
from surgvlp.lectures.critical_view import (
    GradedSpan,
    read_cholec80_cvs,
    read_endoscapes,
    read_endoscapes_split,
)

HEADER = "vid,frame,avg_cvs,C1,C2,C3,is_ds_keyframe"
SHEET = (
    "video,critical_view,initial_minute,initial_second,final_minute,final_second,two_structures,"
    "cystic_plate,hepatocystic_triangle,total"
)


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_frames_come_in_order_and_the_majority_decides(tmp_path: Path) -> None:
    path = written(
        tmp_path / "all_metadata.csv",
        HEADER,
        '2,100,"[0.3333333333333333, 0.6666666666666666, 1.0]",0,1,1,False',
        '2,75,"[0.0, 0.0, 0.3333333333333333]",0,0,0,True',
        "2,125,,,,,False",
        '1.0,25,"[1, 1, 1]",1,1,1,True',
    )
    videos = read_endoscapes(path)
    assert list(videos) == [1, 2]
    assert videos[2].frame_index.tolist() == [75, 100]
    assert videos[2].keyframe.tolist() == [True, False]
    assert videos[2].met.tolist() == [[False, False, False], [False, True, True]]
    assert np.allclose(videos[2].share[0], [0, 0, 1 / 3])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('2,x,"[0, 0, 0]",0,0,0,True', "row 2, 'frame': 'x' is not a whole number from 0"),
        ('2,25,"[0, 0]",0,0,0,True', "row 2, 'avg_cvs': '[0, 0]' is not a list of three shares"),
        ('2,25,"[0, 0, NaN]",0,0,0,True', "'[0, 0, NaN]' is not a list of three shares"),
        ('2,25,"[0, 0, true]",0,0,0,True', "'[0, 0, true]' is not a list of three shares"),
        ("2,25," + "[" * 9 + ",0,0,0,True", "is not a list of three shares"),
        ('2,25,"[0, 0, 0]",0,0,0,yes', "row 2, 'is_ds_keyframe': 'yes' is not True or False"),
        (
            '2,25,"[0, 0, 0]",0,0,0,True\n2,25,"[1, 0, 0]",1,0,0,True',
            "frame 25 of video 2 stands there twice",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, said: str) -> None:
    path = written(tmp_path / "all_metadata.csv", HEADER, row)
    with pytest.raises(InputError) as error:
        read_endoscapes(path)
    assert said in str(error.value) and "all_metadata.csv" in str(error.value)


def test_splits_are_in_scientific_notation(tmp_path: Path) -> None:
    path = written(tmp_path / "train_vids.txt", "1.000000000000000000e+00", "1.200000000000000000e+01")
    assert read_endoscapes_split(path) == [1, 12]
    written(path, "1.5")
    with pytest.raises(InputError, match=r"'1\.5' is not a whole number"):
        read_endoscapes_split(path)


def test_spans_keep_the_order_of_criteria(tmp_path: Path) -> None:
    path = written(tmp_path / "sheet.csv", SHEET, "4,1,1,5,2,10,2,0,1,3", "4,2,3,0,3,0,2,2,2,6")
    assert read_cholec80_cvs(path) == {4: [GradedSpan(65, 130, (2, 1, 0)), GradedSpan(180, 180, (2, 2, 2))]}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("4,1,2,10,1,5,2,0,1,3", "row 2: ends at 65 s, before its start at 130 s"),
        ("4,1,1,5,2,10,3,0,1,4", "row 2: a score is 0, 1 or 2"),
        ("4,1,one,5,2,10,2,0,1,3", "row 2, 'initial_minute': 'one' is not a whole number"),
    ],
)
def test_a_bad_span_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_cholec80_cvs(written(tmp_path / "sheet.csv", SHEET, row))
    assert said in str(error.value)
