from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from surgvlp.evaluation.frames import ImageFiles, VideoFiles, batches, resize_and_crop
from surgvlp.evaluation.protocol import read_protocol
from surgvlp.files import InputError
from surgvlp.lectures.tree import DataTree
from surgvlp.media import store
from surgvlp.media.encode import Encoding, VideoWriter

PUBLISHED = read_protocol("cholec80_frames").preprocessing


@settings(max_examples=20, deadline=None)
@given(st.integers(40, 500), st.integers(40, 900))
def test_geometry_is_torchvisions(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    published = transforms.Compose([transforms.Resize((360, 640)), transforms.CenterCrop(224)])
    np.testing.assert_array_equal(
        resize_and_crop(image, [360, 640], 224), np.asarray(published(Image.fromarray(image)))
    )
    short_side = transforms.Compose([transforms.Resize(64), transforms.CenterCrop(64)])
    np.testing.assert_array_equal(
        resize_and_crop(image, "short side", 64), np.asarray(short_side(Image.fromarray(image)))
    )


def test_batches_are_the_published_transform_in_order() -> None:
    images = np.random.default_rng(1).integers(0, 256, (11, 50, 70, 3), dtype=np.uint8)
    transform = transforms.Compose(
        [
            transforms.Resize((360, 640)),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(PUBLISHED.mean, PUBLISHED.std),
        ]
    )
    expected = torch.stack([transform(Image.fromarray(image)) for image in images])
    found = list(batches(lambda at: images[at], 11, PUBLISHED, 224, 4))
    assert [len(batch) for batch in found] == [4, 4, 3]
    torch.testing.assert_close(torch.cat(found), expected)


def test_no_more_than_two_batches_are_decoded_ahead() -> None:
    lock, decoded = threading.Lock(), []

    def picture(at: int) -> np.ndarray:
        with lock:
            decoded.append(at)
        return np.zeros((10, 10, 3), dtype=np.uint8)

    for number, _ in enumerate(batches(picture, 100, PUBLISHED, 224, 5)):
        assert max(decoded) < 5 * (number + 2)
    assert sorted(decoded) == list(range(100))


def test_a_frame_that_cannot_be_read_ends_it(tree: Path) -> None:
    labels = DataTree(tree).downstream("made").frames("lecture_0")
    pictures = ImageFiles().open("lecture_0", labels)
    labels.paths[7] = tree / "prompts" / "made_phases.txt"
    with pytest.raises(InputError, match=r"made_phases\.txt: not an image"):
        list(batches(pictures, 21, PUBLISHED, 224, 4))


@pytest.mark.parametrize("kind", ["videos", "frame store"])
def test_frames_come_from_videos_and_frame_stores_too(tree: Path, tmp_path: Path, kind: str) -> None:
    dataset = DataTree(tree).downstream("made")
    labels = dataset.frames("lecture_0")
    with VideoWriter(tmp_path / "lecture_0.mp4", 64, 36, 2, encoding=Encoding(crf=10)) as writer:
        for path in labels.paths:
            for _ in range(2):
                writer.write(np.asarray(Image.open(path)))
    if kind == "frame store":
        store.build(tmp_path / "lecture_0.mp4", tmp_path / "lecture_0.frames")
    source = VideoFiles(tmp_path, first_frame_number=0)
    assert source.source == kind
    source.check(dataset, "lecture_0", labels)
    pictures = source.open("lecture_0", labels)
    for position in (0, 10, 20):
        original = np.asarray(Image.open(labels.paths[position]))
        assert abs(pictures(position).mean((0, 1)) - original.mean((0, 1))).max() < 30  # a phase apart is 90
    with pytest.raises(InputError, match="there is no such video"):
        source.check(dataset, "lecture_1", labels)
    labels.frame_index[-1] = 60
    with pytest.raises(InputError, match=r"lecture_0.csv, row 22: labels go to second 60"):
        source.check(dataset, "lecture_0", labels)
