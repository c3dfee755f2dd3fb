"""Reading CholecSeg8k's masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surgvlp.files import InputError
from surgvlp.lectures.masks import CHOLECSEG8K, UNLABELLED, read_mask
from surgvlp.media.images import write_image


def _write(path: Path, greys: list[int]) -> Path:
    write_image(path, np.repeat(np.array(greys, np.uint8)[None, :, None], 3, axis=2))
    return path


def test_a_published_mask_s_greys_become_class_ids(tmp_path: Path) -> None:
    # The paper's table writes each grey as a colour, "#505050" for 50, with its decimal digits.
    greys = [50, 11, 21, 13, 12, 31, 23, 24, 25, 32, 22, 33, 5]
    mask = read_mask(_write(tmp_path / "mask.png", [*greys, 255, 0]))
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[*range(13), UNLABELLED, UNLABELLED]]


def test_classes_are_told_apart_by_grey_and_by_colour() -> None:
    assert len({each.grey for each in CHOLECSEG8K}) == len({each.colour for each in CHOLECSEG8K}) == 13


def test_what_is_no_mask(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mask\.png: grey 80 is no class"):
        read_mask(_write(tmp_path / "mask.png", [50, 80]))
    write_image(tmp_path / "colour.png", np.array([[CHOLECSEG8K[2].colour]], np.uint8))
    with pytest.raises(InputError, match="a coloured image"):
        read_mask(tmp_path / "colour.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match="not an image"):
        read_mask(tmp_path / "text.png")
    with pytest.raises(InputError, match="cannot be read"):
        read_mask(tmp_path / "none.png")
