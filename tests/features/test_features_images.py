"""Features of pictures, against one picture at a time through torchvision's transforms."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms

from surgvlp.features.images import image_features, squashed
from surgvlp.models.backbones import ImageInput

INPUT = ImageInput(size=32, mean=(0.5, 0.4, 0.3), std=(0.3, 0.2, 0.1))


@pytest.fixture(scope="module")
def backbone() -> torch.nn.Module:
    """With batch statistics, which must not leak into the features."""
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=0).train()


def pictures(count: int) -> list[NDArray[np.uint8]]:
    """Of different sizes and shapes."""
    generator = np.random.default_rng(0)
    sizes = [(40, 60), (32, 32), (20, 70), (90, 50)]
    return [generator.integers(0, 256, (*sizes[n % 4], 3)).astype(np.uint8) for n in range(count)]


def test_features_are_those_of_one_picture_at_a_time(backbone: torch.nn.Module) -> None:
    read = transforms.Compose(
        [
            transforms.Resize((INPUT.size, INPUT.size)),
            transforms.ToTensor(),
            transforms.Normalize(INPUT.mean, INPUT.std),
        ]
    )
    backbone.eval()
    with torch.no_grad():
        expected = torch.cat([backbone(read(Image.fromarray(one))[None]) for one in pictures(7)])
    backbone.train()
    for batch_size in (1, 3, 7, 64):
        found = image_features(backbone, iter(pictures(7)), "cpu", batch_size, image_input=INPUT)
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
    assert backbone.training and found.dtype == np.float32


def test_half_precision_is_near_and_no_pictures_give_an_empty_array(backbone: torch.nn.Module) -> None:
    whole = image_features(backbone, pictures(3), "cpu", image_input=INPUT)
    half = image_features(backbone, pictures(3), "cpu", bfloat16=True, image_input=INPUT)
    assert half.dtype == np.float32 and not np.array_equal(whole, half)
    np.testing.assert_allclose(half, whole, atol=0.05 * np.abs(whole).max())
    assert image_features(backbone, [], "cpu").shape == (0, backbone.num_features)


def test_size_and_colours_are_the_backbones_own_where_none_are_given(backbone: torch.nn.Module) -> None:
    own = backbone.pretrained_cfg
    stated = ImageInput(size=own["input_size"][-1], mean=own["mean"], std=own["std"])
    expected = image_features(backbone, pictures(2), "cpu", image_input=stated)
    np.testing.assert_array_equal(image_features(backbone, pictures(2), "cpu"), expected)


def test_at_most_two_batches_are_read_ahead(backbone: torch.nn.Module) -> None:
    read, seen = 0, []

    def source() -> Iterator[NDArray[np.uint8]]:
        nonlocal read
        for picture in pictures(20):
            read += 1
            yield picture

    def watched(images: torch.Tensor) -> torch.Tensor:
        nonlocal done
        done += len(images)
        seen.append(read - done)
        return images.mean((2, 3))

    done = 0
    module = torch.nn.Module()
    module.forward = watched  # type: ignore[method-assign]
    found = image_features(module, source(), "cpu", batch_size=4, image_input=INPUT)
    assert found.shape == (20, 3) and max(seen) <= 4


def test_what_reading_raises_comes_out_and_no_thread_stays() -> None:
    def source() -> Iterator[NDArray[np.uint8]]:
        yield pictures(1)[0]
        raise ValueError("the second picture")

    threads = threading.active_count()
    with pytest.raises(ValueError, match="the second picture"):
        image_features(torch.nn.Flatten(), source(), "cpu", batch_size=1, image_input=INPUT)
    assert threading.active_count() == threads


def test_squashing_keeps_a_picture_that_fits_and_shows_all_of_another() -> None:
    square, wide = pictures(2)[1], np.zeros((10, 40, 3), np.uint8)
    wide[:, :2] = 255
    wide[:, -2:] = 255
    assert squashed(square, 32) is square
    small = squashed(wide, 20)
    assert small.shape == (20, 20, 3) and small[:, 0].min() > 200 and small[:, -1].min() > 200
