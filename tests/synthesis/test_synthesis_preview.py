"""The contact sheet: one row a lecture, with every phase and tool that occurs in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_corpus import ARGUMENTS

from surgvlp.files import InputError
from surgvlp.media.images import read_image
from surgvlp.synthesis.preview import PALETTE, check_preview, spans, write_preview


def test_a_sheet_has_a_row_for_every_lecture_and_every_colour(corpus: Path, tmp_path: Path) -> None:
    write_preview(tmp_path / "one.png", ARGUMENTS, corpus, 1)
    write_preview(tmp_path / "three.png", ARGUMENTS, corpus, 3)
    one, three = read_image(tmp_path / "one.png"), read_image(tmp_path / "three.png")
    assert one.shape[1] == three.shape[1] >= 1200
    assert 2.5 < three.shape[0] / one.shape[0] < 3
    for colour in PALETTE:
        rgb = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
        assert (one == rgb).all(axis=2).sum() > 500, colour
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "three.png"]


def test_spans_are_runs_of_equal_values() -> None:
    assert spans([0, 0, 1, 0]) == [(0, 2, 0), (2, 3, 1), (3, 4, 0)]
    assert spans([]) == []


def test_what_is_no_picture_s_name() -> None:
    with pytest.raises(InputError, match=r"--preview sheet: not a picture's name\. End it in \.png"):
        check_preview(Path("sheet"))
    check_preview(Path("sheet.PNG"))
