"""Batched augmentation against torchvision's, one operation at a time, and what is drawn for whom."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as reference

from surgvlp.datasets.resampling import blur_matrices, crop_boxes, resize_matrices
from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD, Views, colour_matrices, hue_rotations
from surgvlp.files import InputError

PLAIN = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
LUMA = torch.tensor([0.299, 0.587, 0.114])


def picture(*shape: int, seed: int = 0, low: int = 60, high: int = 190) -> torch.Tensor:
    """Random uint8 pixels away from black and white, where torchvision would clamp between operations."""
    return torch.randint(low, high, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coloured(image: torch.Tensor, draws: list[float], p_grey: float = 0.0) -> torch.Tensor:
    """(3, H, W) float 0..1 through the matrix of one draw."""
    grey = (image.mean((1, 2)) @ LUMA).view(1, 1)
    matrix = colour_matrices(torch.tensor([draws]), grey, 1.0, p_grey)[0, 0]
    return torch.einsum("cd,dhw->chw", matrix[:, :3], image) + matrix[:, 3:, None]


NEUTRAL = [0.0, 0.5, 0.5, 0.5, 0.5, 1.0]  # jitter is done, each factor at its middle: nothing changes


@pytest.mark.parametrize(
    ("place", "operation"),
    [(1, reference.adjust_brightness), (2, reference.adjust_contrast), (3, reference.adjust_saturation)],
)
@pytest.mark.parametrize("draw", [0.0, 0.3, 0.9])
def test_the_colour_matrix_does_what_torchvision_does(place: int, operation, draw: float) -> None:
    image = picture(3, 20, 20).float() / 255
    draws = NEUTRAL.copy()
    draws[place] = draw
    expected = operation(image, 1 + 0.4 * (2 * draw - 1))
    # torchvision's luma weights are rounded to sum .9999
    torch.testing.assert_close(coloured(image, draws), expected, atol=5e-4, rtol=0)


def test_all_colour_operations_in_one_matrix_are_those_one_after_the_other() -> None:
    image = picture(3, 20, 20, low=100, high=150).float() / 255
    expected = reference.adjust_brightness(image, 0.8)
    expected = reference.adjust_contrast(expected, 1.2)
    expected = reference.adjust_saturation(expected, 0.7)
    draws = [0.0, 0.25, 0.75, 0.125, 0.5, 1.0]
    torch.testing.assert_close(coloured(image, draws), expected, atol=1e-3, rtol=0)


def test_no_jitter_is_the_identity_and_greyscale_is_luma() -> None:
    image = picture(3, 20, 20).float() / 255
    torch.testing.assert_close(coloured(image, [0.9, 0.0, 1.0, 0.0, 1.0, 1.0]), image)
    expected = reference.rgb_to_grayscale(image, num_output_channels=3)
    grey = coloured(image, [0.9, 0.0, 1.0, 0.0, 1.0, 0.1], p_grey=0.2)
    torch.testing.assert_close(grey, expected, atol=5e-4, rtol=0)


def test_hue_turns_colours_and_keeps_greys() -> None:
    turns = torch.tensor([0.0, 1.0, 0.1, -0.1, 1 / 3])
    rotation = hue_rotations(turns)
    torch.testing.assert_close(rotation[0], torch.eye(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(rotation[1], torch.eye(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(rotation[2] @ rotation[3], torch.eye(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(rotation.sum(-1), torch.ones(5, 3), atol=1e-2, rtol=0)
    torch.testing.assert_close(LUMA @ rotation, LUMA.expand(5, 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("turn", [-0.1, -0.05, 0.05, 0.1])
def test_hue_turns_the_way_torchvision_turns(turn: float) -> None:
    image = picture(3, 20, 20, low=110, high=140).float() / 255
    draws = NEUTRAL.copy()
    draws[4] = 0.5 + turn / 0.2
    # HSV keeps the largest channel where YIQ keeps the luma, so compare how the colour differences move
    chroma = torch.eye(3) - LUMA.expand(3, 3)
    ours = (chroma @ (coloured(image, draws) - image).flatten(1)).flatten()
    theirs = (chroma @ (reference.adjust_hue(image, turn) - image).flatten(1)).flatten()
    assert torch.cosine_similarity(ours, theirs, dim=0) > 0.9
    assert 0.8 < ours.norm() / theirs.norm() < 1.25


@given(st.integers(0, 2**32), st.integers(8, 64), st.integers(4, 64))
def test_crop_and_resize_are_torchvisions_antialiased_ones(seed: int, height: int, size: int) -> None:
    image = picture(3, height, height, seed=seed % 1000).float()
    top, left, high, wide = crop_boxes(
        torch.rand(1, 22, generator=generator(seed)), height, (0.08, 1.0), (3 / 4, 4 / 3)
    )[0].tolist()
    down = resize_matrices(torch.tensor([top]), torch.tensor([high]), height, size)[0]
    across = resize_matrices(torch.tensor([left]), torch.tensor([wide]), height, size)[0]
    expected = reference.resized_crop(image, top, left, high, wide, [size, size], antialias=True)
    torch.testing.assert_close(down @ image @ across.T, expected, atol=2e-2, rtol=0)


def test_crop_boxes_are_spread_as_asked() -> None:
    boxes = crop_boxes(torch.rand(4000, 22, generator=generator()), 200, (0.08, 1.0), (3 / 4, 4 / 3))
    top, left, high, wide = boxes.unbind(1)
    assert (boxes >= 0).all() and (top + high <= 200).all() and (left + wide <= 200).all()
    area, ratio = (high * wide) / 200**2, wide / high
    assert 0.07 < area.min() < 0.1 and area.max() > 0.95
    assert ratio.min() > 0.74 and ratio.max() < 1.36
    # what torchvision draws has the same mean area (fewer large boxes fit)
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(0)
    blank = torch.zeros(3, 200, 200)
    theirs = [RandomResizedCrop.get_params(blank, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)]
    mean_area = np.mean([box[2] * box[3] for box in theirs]) / 200**2
    assert float(area.mean()) == pytest.approx(mean_area, abs=0.015)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.0])
def test_blur_is_a_gaussian(sigma: float) -> None:
    image = picture(3, 40, 40).float()
    matrix = blur_matrices(torch.tensor([sigma]), 40)[0]
    expected = reference.gaussian_blur(image, [21, 21], [sigma, sigma])
    torch.testing.assert_close(
        (matrix @ image @ matrix.T)[:, 10:-10, 10:-10], expected[:, 10:-10, 10:-10], atol=1e-2, rtol=0
    )
    torch.testing.assert_close(blur_matrices(torch.zeros(2), 5), torch.eye(5).expand(2, 5, 5))


def test_without_augmentation_frames_are_normalised_and_nothing_else() -> None:
    frames = picture(2, 3, 3, 16, 16, low=0, high=256)
    out = Views(16, augment=False, views=0)(frames, generator())
    assert out.keys() == {"frames"}
    expected = reference.normalize(frames.float() / 255, list(IMAGENET_MEAN), list(IMAGENET_STD))
    torch.testing.assert_close(out["frames"], expected)
    smaller = Views(8, *PLAIN, augment=False, views=0)(frames, generator())["frames"]
    expected = reference.resize(frames.flatten(0, 1).float() / 255, [8, 8], antialias=True)
    torch.testing.assert_close(smaller.flatten(0, 1), expected, atol=1e-4, rtol=0)


def test_frames_are_flipped_by_clip_for_half_of_the_clips() -> None:
    frames = picture(200, 2, 3, 8, 8)
    out = Views(8, *PLAIN, views=0)(frames, generator())["frames"] * 255
    seen = out.round().byte()
    flipped, kept = ((seen == way).flatten(1).all(1) for way in (frames.flip(-1), frames))
    assert (flipped ^ kept).all() and 70 < int(flipped.sum()) < 130


def test_views_are_drawn_for_each_clip_and_hold_within_it() -> None:
    still = picture(6, 1, 3, 24, 24).expand(6, 4, 3, 24, 24)
    out = Views(24)(still, generator())
    for name in ("view1", "view2"):
        assert out[name].shape == (6, 4, 3, 24, 24)
        assert (out[name] == out[name][:, :1]).all()
    same = picture(1, 1, 3, 24, 24).expand(6, 1, 3, 24, 24)
    views = Views(24)(same, generator())
    drawn = torch.cat([views["view1"], views["view2"]]).flatten(1)
    assert len(torch.unique(drawn, dim=0)) == 12


def test_the_released_way_draws_for_each_frame_and_leaves_frames_alone() -> None:
    still = picture(2, 1, 3, 24, 24).expand(2, 4, 3, 24, 24)
    out = Views(24, *PLAIN, compat="released")(still, generator())
    torch.testing.assert_close(out["frames"], still / 255)
    assert len(torch.unique(out["view1"].flatten(0, 1).flatten(1), dim=0)) == 8
    smaller = Views(12, *PLAIN, views=0, compat="released")(still, generator())["frames"]
    expected = reference.resize(still.flatten(0, 1).float() / 255, [12, 12], antialias=True)
    torch.testing.assert_close(smaller.flatten(0, 1), expected, atol=1e-4, rtol=0)


def test_views_repeat_with_the_generator_and_go_on_with_it() -> None:
    frames = picture(4, 2, 3, 16, 16)
    views = Views(16)
    one, other, running = views(frames, generator(5)), views(frames, generator(5)), generator(5)
    first, second = views(frames, running), views(frames, running)
    for name in ("frames", "view1", "view2"):
        assert torch.equal(one[name], other[name]) and torch.equal(one[name], first[name])
    assert not torch.equal(first["view1"], second["view1"])


def test_values_stay_those_of_an_image() -> None:
    out = Views(16, *PLAIN)(picture(50, 1, 3, 16, 16, low=0, high=256), generator())
    for view in out.values():
        assert view.min() >= -1e-6 and view.max() <= 1 + 1e-6


def test_frames_can_be_cropped_and_jittered_lightly() -> None:
    frames = picture(20, 2, 3, 32, 32)
    plain = Views(32, *PLAIN, views=0)(frames, generator())["frames"]
    light = Views(32, *PLAIN, views=0, frames_crop=0.6, frames_jitter=0.5)(frames, generator())["frames"]
    assert light.shape == plain.shape and not torch.isclose(light, plain).all()
    kept = Views(32, *PLAIN, augment=False, views=0, frames_crop=0.6, frames_jitter=0.5)(frames, generator())
    torch.testing.assert_close(kept["frames"], frames / 255)
    jitter_only = Views(32, *PLAIN, views=0, frames_jitter=0.5)(frames, generator())["frames"]
    # without a crop a frame's pixels stay in place: its colours are an affine map of what they were
    source = frames[0].float().permute(1, 0, 2, 3).flatten(1).double()
    for target in (jitter_only[0], jitter_only[0].flip(-1)):
        design = torch.cat([source, torch.ones(1, source.shape[1])]).T
        target = target.permute(1, 0, 2, 3).flatten(1).double().T
        fitted = design @ torch.linalg.lstsq(design, target).solution
        if (fitted - target).abs().max() < 0.02:
            break
    else:
        pytest.fail("the frames were not only jittered")


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="compat"):
        Views(8, compat="latest")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="frames_crop"):
        Views(8, frames_crop=math.inf)
    with pytest.raises(ValueError, match="square frames"):
        Views(8)(picture(2, 3, 3, 8, 9), generator())
