"""Multi-crop against one crop at a time by torch, PIL and torchvision, and what is drawn how often."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional as reference

from surgvlp.datasets.crops import MultiCrop, coloured, colours, cut_by_matrices, cut_one_by_one
from surgvlp.datasets.resampling import crop_boxes, cubic_matrices
from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD, LUMA
from surgvlp.files import InputError

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1 / 255, 1 / 255, 1 / 255)}  # what comes out is in 0..255
ALL = {"global_scale": (1.0, 1.0), "local_scale": (1.0, 1.0)}
RATIO = (3 / 4, 4 / 3)
CUTS = [cut_by_matrices, cut_one_by_one]
G1, G2, GT = [0], [1], [2, 3]  # positions of the large crops


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(*shape: int, seed: int = 0) -> torch.Tensor:
    """Smooth random pixels (..., 3, H, W) uint8 away from black and white."""
    *before, height, width = shape
    coarse = torch.rand(int(np.prod(before)), 1, height // 6, width // 6, generator=generator(seed))
    fine = F.interpolate(coarse * 130 + 60, (height, width), mode="bicubic").clamp(40, 210)
    return fine.round().byte().view(shape)


def solid(batch: int, *colours_: tuple[int, int, int], side: int = 24) -> torch.Tensor:
    """(B, P, 3, S, S): pictures of one colour each."""
    colour = torch.tensor(colours_, dtype=torch.uint8)[None, :, :, None, None]
    return colour.expand(batch, -1, -1, side, side).contiguous()


def whole(frames: torch.Tensor) -> torch.Tensor:
    """The sizes of pictures without padding."""
    return torch.tensor(frames.shape[-2:]).expand(*frames.shape[:2], 2).contiguous()


def share(hits: torch.Tensor) -> float:
    return float(hits.float().mean())


def drawn_boxes(count: int, *sizes: tuple[int, int], seed: int = 0) -> torch.Tensor:
    """`count` boxes in a picture of each size."""
    size = torch.tensor(sizes).repeat_interleave(count, 0)
    return crop_boxes(torch.rand(len(size), 22, generator=generator(seed)), size, (0.05, 1.0), RATIO)


@given(st.integers(1, 90), st.integers(1, 60), st.integers(0, 2**32))
def test_cubic_matrices_are_torchs_antialiased_bicubic(height: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, height))
    length = int(rng.integers(1, height - first + 1))
    row = torch.rand(1, 3, 1, height, generator=generator(seed % 1000))
    matrix = cubic_matrices(torch.tensor([first]), torch.tensor([length]), height, size)[0]
    part = row[..., first : first + length]
    expected = F.interpolate(part, (1, size), mode="bicubic", antialias=True)
    torch.testing.assert_close(row @ matrix.T, expected, atol=2e-5, rtol=0)
    turned = cubic_matrices(torch.tensor([first]), torch.tensor([length]), height, size, torch.tensor([True]))
    torch.testing.assert_close(turned[0], matrix.flip(0))


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.7, 2.0])
def test_crops_are_those_of_torch_one_at_a_time(sigma: float) -> None:
    pictures, boxes = scene(2, 3, 60, 90), drawn_boxes(4, (60, 90), (60, 90))
    flip = torch.arange(8) % 2 == 0
    for cut, tolerance in zip(CUTS, (0.01, 1.2), strict=True):
        found = cut(pictures.float() if cut is cut_by_matrices else pictures, boxes, flip, flip * sigma, 32)
        for row, (top, left, height, width) in enumerate(boxes.tolist()):
            part = pictures[row // 4, None, :, top : top + height, left : left + width].float()
            expected = F.interpolate(part, (32, 32), mode="bicubic", antialias=True)[0]
            expected = expected.flip(-1) if flip[row] else expected
            if flip[row] and sigma:
                expected = reference.gaussian_blur(expected, [21, 21], [sigma, sigma])
            inner = (slice(None), slice(8, -8), slice(8, -8))  # how a blur treats borders is taste
            seen, wanted = (value[inner] if sigma else value for value in (found[row], expected))
            torch.testing.assert_close(seen, wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("cut", CUTS)
def test_crops_and_blur_are_pils(cut) -> None:
    picture, boxes = scene(1, 3, 80, 110), drawn_boxes(12, (80, 110), seed=3)
    image = Image.fromarray(picture[0].permute(1, 2, 0).numpy())
    sigma = torch.linspace(0.1, 2.0, 12)
    pixels = picture.float() if cut is cut_by_matrices else picture
    found = cut(pixels, boxes, torch.zeros(12, dtype=torch.bool), sigma, 40)
    for crop, radius, (top, left, height, width) in zip(found, sigma.tolist(), boxes.tolist(), strict=True):
        expected = image.crop((left, top, left + width, top + height)).resize((40, 40), Image.BICUBIC)
        expected = np.asarray(expected.filter(ImageFilter.GaussianBlur(radius)), np.float32)
        away = np.abs(crop.permute(1, 2, 0).numpy() - expected)
        assert away.mean() < 1 and away.max() < 8  # PIL adds up three boxes, and has other borders


def test_boxes_in_oblong_pictures_are_spread_as_torchvision_spreads_them() -> None:
    size, scale = (90, 200), (0.3, 1.0)
    draws = torch.rand(6000, 22, generator=generator())
    ours = crop_boxes(draws, torch.tensor(size).expand(6000, 2), scale, RATIO)
    top, left, high, wide = ours.unbind(1)
    assert (ours[:, :2] >= 0).all() and (top + high <= 90).all() and (left + wide <= 200).all()
    torch.manual_seed(0)
    blank = torch.zeros(3, *size)
    theirs = torch.tensor([RandomResizedCrop.get_params(blank, scale, RATIO) for _ in range(6000)])
    # most tries do not fit; then it is the central 90 x 120
    fallback = torch.tensor([0, 40, 90, 120])
    assert share((ours == fallback).all(1)) == pytest.approx(share((theirs == fallback).all(1)), abs=0.02)
    for column in range(4):
        mine, other = ours[:, column].double(), theirs[:, column].double()
        assert float(mine.mean()) == pytest.approx(float(other.mean()), abs=0.05 * float(other.std()) + 0.5)
        assert float(mine.std()) == pytest.approx(float(other.std()), rel=0.1)


@pytest.mark.parametrize(
    ("place", "strength", "operation"),
    [
        (1, 0.4, reference.adjust_brightness),
        (2, 0.4, reference.adjust_contrast),
        (3, 0.2, reference.adjust_saturation),
    ],
)
@pytest.mark.parametrize("draw", [0.0, 0.3, 1.0])
def test_colours_are_jittered_as_torchvision_does(
    place: int, strength: float, operation, draw: float
) -> None:
    draws = torch.tensor([[0.0, 0.5, 0.5, 0.5, 0.0, 1.0]])  # the hue's draw changes nothing
    draws[0, place] = draw
    image = scene(1, 3, 24, 24).float()
    expected = operation(image / 255, 1 + strength * (2 * draw - 1)) * 255
    found = coloured(image, colours(draws), torch.tensor(LUMA))
    torch.testing.assert_close(found, expected, atol=0.2, rtol=0)


def test_all_colour_operations_together_are_those_one_after_the_other() -> None:
    draws = torch.tensor([[0.0, 0.25, 0.75, 0.125, 0.9, 1.0], [0.0, 0.25, 0.75, 0.125, 0.9, 0.1]])
    image = scene(1, 3, 24, 24).float().expand(2, 3, 24, 24)
    expected = reference.adjust_brightness(image / 255, 0.8)
    expected = reference.adjust_contrast(expected, 1.2)
    expected = reference.adjust_saturation(expected, 0.85)
    expected[1] = reference.rgb_to_grayscale(expected[1], num_output_channels=3)
    found = coloured(image, colours(draws), torch.tensor(LUMA))
    torch.testing.assert_close(found, expected * 255, atol=0.4, rtol=0)
    neither = coloured(image, colours(torch.full((2, 6), 0.99)), torch.tensor(LUMA))
    torch.testing.assert_close(neither, image, atol=0.01, rtol=0)


@pytest.mark.parametrize(("neighbours", "large", "small"), [(0, 2, 8), (2, 4, 12)])
def test_shapes_with_and_without_neighbours(neighbours: int, large: int, small: int) -> None:
    frames = scene(3, 1 + neighbours, 3, 36, 48)
    out = MultiCrop(20, 12, neighbours)(frames, whole(frames), generator())
    assert out["global_crops"].shape == (3, large, 3, 20, 20)
    assert out["local_crops"].shape == (3, small, 3, 12, 12)
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in out.values())
    with pytest.raises(ValueError, match="expected"):
        MultiCrop(20, 12, 2 - neighbours)(frames, whole(frames), generator())


def test_crops_come_in_their_order() -> None:
    frames = solid(60, (150, 60, 60), (60, 150, 60), (60, 60, 150))
    out = MultiCrop(16, 8, local_crops=3, **PLAIN)(frames, whole(frames), generator())
    of = {name: value.mean((0, 3, 4)).argmax(-1).tolist() for name, value in out.items()}
    assert of == {"global_crops": [0, 0, 1, 2], "local_crops": [0, 0, 0, 1, 1, 2, 2]}


def test_every_crop_is_drawn_for_itself_and_repeats_with_the_generator() -> None:
    frames = scene(1, 1, 3, 48, 64).expand(5, 3, 3, 48, 64)
    crops, running = MultiCrop(24, 12), generator(5)
    one, other = crops(frames, whole(frames), generator(5)), crops(frames, whole(frames), generator(5))
    first, second = crops(frames, whole(frames), running), crops(frames, whole(frames), running)
    for name, value in one.items():
        assert torch.equal(value, other[name]) and torch.equal(value, first[name])
        assert len(torch.unique(torch.cat([value, second[name]]).flatten(0, 1).flatten(1), dim=0)) == 2 * len(
            value.flatten(0, 1)
        )


def test_global_random_state_is_neither_read_nor_moved() -> None:
    frames = scene(2, 3, 3, 36, 36)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = MultiCrop(16, 8)(frames, whole(frames), generator())
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    other = MultiCrop(16, 8)(frames, whole(frames), generator())
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("cut", CUTS)
def test_the_padding_never_shows(cut) -> None:
    sizes = [(40, 64), (40, 30), (25, 64)]
    frames = torch.zeros(3, 3, 40, 64, dtype=torch.uint8)
    dirty = torch.full_like(frames, 255)
    for number, (height, width) in enumerate(sizes):
        frames[number, :, :height, :width] = dirty[number, :, :height, :width] = scene(3, height, width)
    boxes, none = drawn_boxes(50, *sizes), torch.zeros(150)
    clean, other = (
        cut(value.float() if cut is cut_by_matrices else value, boxes, none > 0, none + 1.0, 16)
        for value in (frames, dirty)
    )
    assert torch.equal(clean, other)


@pytest.mark.parametrize("neighbours", [0, 2])
def test_the_way_of_a_gpu_gives_the_crops_of_a_cpu(neighbours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = scene(3, 1 + neighbours, 3, 48, 66)
    crops = MultiCrop(20, 12, neighbours, **PLAIN)
    by_cpu = crops(frames, whole(frames), generator())

    def by_matrices(pictures: torch.Tensor, *drawn: torch.Tensor, **side: int) -> torch.Tensor:
        return cut_by_matrices(pictures.float(), *drawn, **side)

    monkeypatch.setattr("surgvlp.datasets.crops.cut_one_by_one", by_matrices)
    for name, value in crops(frames, whole(frames), generator()).items():
        away = (value - by_cpu[name]).abs()  # a solarized pixel may be on the other side of 128
        assert away.mean() < 0.6 and share(away < 2.5) > 0.995


def test_padding_and_memory_layout_do_not_change_the_crops() -> None:
    frames = scene(4, 3, 3, 36, 48)
    padded = F.pad(frames, (0, 30, 0, 9))
    crops = MultiCrop(20, 12)
    plain = crops(frames, whole(frames), generator())
    for name, value in crops(padded, whole(frames), generator()).items():
        torch.testing.assert_close(value, plain[name], atol=1e-5, rtol=0)
    last = frames.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    for name, value in crops(last, whole(frames), generator()).items():
        assert torch.equal(value, plain[name])


def test_values_are_normalised_by_imagenet() -> None:
    frames = solid(400, (90, 90, 90))
    out = MultiCrop(8, 8, neighbours=0, local_crops=1)(frames, whole(frames), generator())["local_crops"]
    pixels = out[:, 0].mean((2, 3)) * torch.tensor(IMAGENET_STD) + torch.tensor(IMAGENET_MEAN)
    untouched = (pixels - 90 / 255).abs().amax(1) < 1e-5
    assert 0.13 < share(untouched) < 0.27  # without jitter; what else is done does not change a plain grey


def drawn(frames: torch.Tensor, **keys: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Large and small crops with values in 0..255."""
    out = MultiCrop(24, 24, **PLAIN, **keys)(frames, whole(frames), generator(1))  # type: ignore[arg-type]
    return out["global_crops"], out["local_crops"]


def test_half_of_the_crops_are_flipped() -> None:
    ramp = torch.linspace(60, 120, 24).byte().expand(500, 3, 3, 24, 24).contiguous()
    for crops in drawn(ramp, **ALL):
        falling = crops[..., :4].mean((2, 3, 4)) > crops[..., -4:].mean((2, 3, 4))
        assert ((falling.float().mean(0) - 0.5).abs() < 0.08).all()


def test_four_in_five_are_jittered_and_one_in_five_is_grey() -> None:
    large, small = drawn(solid(800, *[(120, 80, 40)] * 3))
    for crops in (large[:, [*G1, *GT]], small):
        pixels = crops.mean((3, 4))
        grey = (pixels.amax(-1) - pixels.amin(-1)) < 0.5
        assert ((grey.float().mean(0) - 0.2).abs() < 0.06).all()
        same = (pixels - torch.tensor([120.0, 80.0, 40.0])).abs().amax(-1) < 0.5
        assert ((same.float().mean(0) - 0.2 * 0.8).abs() < 0.06).all()


def test_brightness_is_jittered_by_up_to_two_fifths_and_hue_never() -> None:
    _, small = drawn(solid(800, *[(100, 100, 100)] * 3))
    level = small.mean((2, 3, 4))
    assert 59.5 < level.min() < 62 and 138 < level.max() < 140.5
    assert float(level.std()) == pytest.approx(80 / 12**0.5 * 0.8**0.5, rel=0.1)
    _, small = drawn(solid(200, *[(120, 80, 40)] * 3))
    chroma = small.mean((3, 4)) - small.mean((2, 3, 4))[..., None]
    turned = (chroma[..., 0] + chroma[..., 2]) / (chroma[..., 0] - chroma[..., 2]).clamp(min=1)
    assert (turned.abs() < 0.02).all()  # green stays in the middle of red and blue


def test_noise_is_one_grey_level_in_a_fifth_of_the_second_and_the_neighbours_large_crops() -> None:
    large, small = drawn(solid(500, *[(80, 80, 80)] * 3))
    noisy = large.std((3, 4)).mean(2) > 0.1
    assert share(noisy[:, G1]) == 0
    for crop in (*G2, *GT):
        assert share(noisy[:, crop]) == pytest.approx(0.2, abs=0.06)
    assert (small.std((3, 4)) < 0.01).all()
    # around what was there: neither darker nor brighter than before
    untouched = (large.mean((2, 3, 4)) - 80).abs() < 0.2
    found = large[noisy & untouched]
    assert float(found.std((2, 3)).mean()) == pytest.approx(1, abs=0.03)
    assert float(found.mean()) == pytest.approx(80, abs=0.02)


def test_only_the_second_large_crop_is_solarized_in_a_fifth() -> None:
    large, small = drawn(solid(300, *[(252, 252, 252)] * 3))
    dark = large.mean((2, 3, 4)) < 128  # the darkest jitter leaves 151
    assert share(dark[:, G2]) == pytest.approx(0.2, abs=0.07)
    assert not dark[:, [*G1, *GT]].any() and (small > 128).all()
    shade, _ = drawn(solid(100, *[(85, 85, 85)] * 3))  # the brightest jitter makes it 119, nothing to invert
    assert shade.min() > 45 and shade.max() < 126


def test_blur_is_drawn_by_role() -> None:
    grain = torch.randint(20, 80, (400, 3, 3, 24, 24), dtype=torch.uint8, generator=generator())
    large, small = drawn(grain, **ALL)

    def blurred(crops: torch.Tensor) -> float:
        """Share with neighbouring pixels alike; a radius below .37 cannot be told from none."""
        middle = crops.mean(1) - crops.mean((1, 2, 3))[:, None, None]
        alike = (middle[..., 1:] * middle[..., :-1]).mean((1, 2)) / middle.square().mean((1, 2))
        return share(alike > 0.12) / ((2 - 0.37) / 1.9)

    assert blurred(large[:, 0]) == pytest.approx(1, abs=0.07)
    assert blurred(large[:, 1]) == pytest.approx(0.1, abs=0.06)
    for crops in (large[:, 2], large[:, 3], small[:, 0], small[:, -1]):
        assert blurred(crops) == pytest.approx(0.5, abs=0.1)


def test_large_and_small_crops_take_their_shares_of_the_area() -> None:
    places = torch.arange(96) // 4 % 2 * 40 + 30  # stripes: changes of sign tell how much is seen
    frames = torch.zeros(40, 3, 3, 96, 96, dtype=torch.uint8)
    across, down = frames + places.byte(), frames + places.byte()[:, None]
    settings = {"local_size": 96, "global_size": 96, **PLAIN}
    for name, low, high in (("global_crops", 0.4, 1.0), ("local_crops", 0.05, 0.4)):
        width, height = (
            stripes(MultiCrop(**settings)(value, whole(value), generator(2))[name], axis)
            for value, axis in ((across, -2), (down, -1))
        )
        area = width * height / 96**2
        assert low - 0.1 < area.min() < low + 0.06 and high - 0.15 < area.max() < high + 0.1


def stripes(crops: torch.Tensor, axis: int) -> torch.Tensor:
    """(B · C,) pixels of the picture in view, from how many stripes of 4 pixels there are."""
    profile = crops.flatten(0, 1).mean(1).mean(axis)
    above = profile > profile.mean(1, keepdim=True)
    return ((above[:, 1:] != above[:, :-1]).sum(1) + 0.5) * 4


def test_a_picture_smaller_than_a_crop_is_refused_by_its_name() -> None:
    crops = MultiCrop(24, 12, neighbours=2)
    size = torch.full((3, 3, 2), 24)
    crops.check(size, str)
    size[1, 2] = torch.tensor([40, 11])
    with pytest.raises(InputError, match=r"'local_size': lecture 1: a picture of 40 x 11 pixels .* of 12"):
        crops.check(size, lambda sample: f"lecture {sample}")


@pytest.mark.parametrize(
    "keys",
    [
        {"global_size": 0},
        {"neighbours": -1},
        {"local_crops": 0},
        {"global_scale": (0.5, 1.1)},
        {"local_scale": (0.5, 0.4)},
        {"local_scale": (0.0, 0.4)},
    ],
)
def test_senseless_settings_are_refused_by_their_key(keys: dict) -> None:
    with pytest.raises(InputError, match=f"'{next(iter(keys))}'"):
        MultiCrop(**keys)
