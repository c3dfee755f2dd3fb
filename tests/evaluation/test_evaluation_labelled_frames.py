from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from surgvlp import config
from surgvlp.evaluation import labelled_frames
from surgvlp.evaluation.labelled_frames import LabelledFrames, LabelledPart
from surgvlp.features.images import squashed
from surgvlp.features.read_ahead import THREADS
from surgvlp.files import InputError
from surgvlp.lectures.tree import DataTree
from surgvlp.media import images, store
from surgvlp.media.encode import Encoding, VideoWriter


def made(tree: Path, **values: Any) -> LabelledFrames:
    """The four videos of 21 frames, two to learn from and two to test on."""
    given = {"root": str(tree), "dataset": "made", "protocol": "made_frames", "k": 5, **values}
    return config.build(LabelledFrames, given)


def test_every_second_labelled_frame_of_each_video_comes_decoded_with_its_label(tree: Path) -> None:
    train, test = made(tree, every=2, size=16).read()
    assert (train.videos, test.videos) == (["lecture_0", "lecture_1"], ["lecture_2", "lecture_3"])
    assert train.pictures.shape == (22, 3, 16, 16)
    assert train.pictures.transpose(0, 2, 3, 1).flags.c_contiguous
    np.testing.assert_array_equal(train.label, [k // 3 for k in range(0, 21, 2)] * 2)
    np.testing.assert_array_equal(test.video, [0] * 11 + [1] * 11)
    folder = tree / "downstream_datasets/made/frames"
    for row, (video, k) in enumerate((video, k) for video in (2, 3) for k in range(0, 21, 2)):
        whole = Image.open(folder / f"lecture_{video}_{k}.png")
        expected = whole.resize((16, 16), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(test.pictures[row].transpose(1, 2, 0), np.asarray(expected))


def test_videos_can_be_listed_and_the_split_of_a_fixed_protocol_is_its_own(tree: Path) -> None:
    train, test = made(tree, train=["lecture_3", "lecture_0"], test=["lecture_1"]).open()
    assert (train.videos, test.videos, len(test)) == (["lecture_3", "lecture_0"], ["lecture_1"], 21)
    with pytest.raises(InputError, match=r"video49\.csv: there is no such file"):
        made(tree, protocol="cholec80_frames").open()


def test_chosen_rows_are_the_same_pictures(tree: Path) -> None:
    _, test = made(tree).open()
    every = list(test.pictures(8))
    for row, picture in zip([1, 20, 21, 40], test.pictures(8, np.array([1, 20, 21, 40])), strict=True):
        np.testing.assert_array_equal(picture, every[row])


def test_frames_come_from_stores_too(tree: Path, tmp_path: Path) -> None:
    for number in range(4):
        video = tmp_path / f"lecture_{number}.mp4"
        with VideoWriter(video, 64, 36, 2, encoding=Encoding(crf=10)) as writer:
            for path in DataTree(tree).downstream("made").frames(f"lecture_{number}").paths:
                for _ in range(2):
                    writer.write(images.read_image(path))
        store.build(video, tmp_path / "stores" / f"lecture_{number}.frames")
    from_files = made(tree, every=5, size=8).read()[1].pictures.mean((2, 3))
    for folder in (tmp_path, tmp_path / "stores"):
        found = made(tree, every=5, size=8, frames=str(folder)).read()[1].pictures.mean((2, 3))
        assert abs(found - from_files).max() < 30  # a phase apart is 90


def test_few_frames_are_decoded_ahead(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = made(tree).open()[1]
    read = []
    real = images.read_image
    monkeypatch.setattr("surgvlp.evaluation.frames.read_image", lambda path: read.append(path) or real(path))
    pictures = test.pictures(8)
    next(pictures)
    assert len(read) <= 2 * THREADS + 1
    assert len(list(pictures)) == 41


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dataset": "cholec80"}, r"cholec80/csvs: no label files <video>\.csv here"),
        ({"dataset": "mine"}, "unknown data set 'mine'"),
        ({"train": "none"}, r"splits/none\.csv: there is no such file"),
        ({"train": ["lecture_0", "lecture_9"]}, r"lecture_9\.csv: there is no such file"),
        ({"train": ["lecture_1", "lecture_2"]}, "lecture_2 would be learned from and tested on. Give each v"),
        ({"k": 43}, "42 training frames are too few for 43 neighbours"),
        ({"every": 21, "k": 1}, r"all 2 training frames are of one class \(Preparation\)"),
        ({"every": 0}, "'every': 0 is below 1"),
        ({"size": 0}, "'size': 0 is below 1"),
        ({"size": 10_000}, r"'every': 84 labelled frames of 10000 x 10000 take 23\.5 GiB of memory, more "
         r"than 8\. Set it to 3"),
        ({"frames": "/nowhere"}, r"lecture_0\.mp4: there is no such video"),
        ({"evry": 2}, "'config.evry': unknown config key. Did you mean 'every'"),
    ],
)  # fmt: skip
def test_what_cannot_be_probed_is_one_line(tree: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(tree, **values).read()


def test_the_frames_said_to_fit_do_fit(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled_frames, "MOST_BYTES", 30 * 3 * 8 * 8)  # 84 frames are there
    with pytest.raises(InputError, match="Set it to 3"):
        made(tree, size=8).read()
    assert len(made(tree, size=8, every=3).read()[0].label) == 14


def test_a_missing_and_a_damaged_picture_are_named(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy)
    frames = copy / "downstream_datasets/made/frames"
    (frames / "lecture_3_6.png").unlink()
    with pytest.raises(InputError, match=r"lecture_3\.csv, row 8, 'path': there is no frame .*lecture_3_6"):
        made(copy, every=5).open()
    (frames / "lecture_3_6.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"lecture_3_6\.png: not an image"):
        made(copy, every=3).read()


def test_a_part_is_read_whatever_its_pictures_sizes(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy)
    path = copy / "downstream_datasets/made/frames/lecture_2_0.png"
    images.write_image(path, np.full((50, 20, 3), 99, np.uint8))
    part: LabelledPart = made(copy).open()[1]
    np.testing.assert_array_equal(part.read(8).pictures[0], np.full((3, 8, 8), 99))
    assert squashed(images.read_image(path), 8).shape == (8, 8, 3)
