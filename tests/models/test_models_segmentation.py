"""Segmentation networks: published files, fresh pyramids over any staged backbone, pictures of any size."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from source_networks import CAFormer, ConvNeXtV2, PVTv2, randomised
from source_transformers import PublishedPyramid
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models import load_segmenter
from surgvlp.models.backbones import build_backbone
from surgvlp.models.segmentation import Segmenter

NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "metaformer": (lambda: CAFormer(nn.ReLU, 3), (64, 128, 320, 512)),
    "convnext": (lambda: ConvNeXtV2(3), (96, 192, 384, 768)),
    "pvtv2": (lambda: PVTv2(3), (64, 128, 320, 512)),
}


def published(prefix: str, classes: int) -> tuple[nn.Module, nn.Module, dict[str, Tensor]]:
    make, widths = NETWORKS[prefix]
    backbone, pyramid = randomised(make(), 1), randomised(PublishedPyramid(widths, classes), 2)
    state = {f"{prefix}.{key}": value for key, value in backbone.state_dict().items()}
    state |= {f"FPN.{key}": value for key, value in pyramid.state_dict().items()}
    return backbone, pyramid, state


@pytest.mark.parametrize("prefix", NETWORKS)
def test_a_published_file_gives_the_published_arithmetic_where_that_works(
    prefix: str, tmp_path: Path
) -> None:
    backbone, pyramid, state = published(prefix, classes=4)
    assert len(pyramid.state_dict()) == 31
    assert {"FPN.p5.bias", "FPN.p2.skip_conv.bias", "FPN.seg_blocks.0.block.2.block.1.bias"} < state.keys()
    torch.save(state, tmp_path / "segmenter.pth")
    segmenter = load_segmenter(tmp_path / "segmenter.pth", 4).eval()
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        expected, found = pyramid(backbone.stage_maps(images)), segmenter(images)
    assert found.shape == (2, 4, 64, 96)
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)


def test_any_size_is_the_published_arithmetic_on_a_filled_picture(tmp_path: Path) -> None:
    backbone, pyramid, state = published("convnext", classes=4)
    torch.save(state, tmp_path / "segmenter.pth")
    segmenter = load_segmenter(tmp_path / "segmenter.pth", 4).eval()
    for sides in ((84, 125), (31, 33), (64, 32)):
        images = torch.randn(1, 3, *sides)
        rows, columns = (torch.arange(math.ceil(side / 32) * 32).clamp(max=side - 1) for side in sides)
        filled = images[:, :, rows][..., columns]
        with torch.inference_mode():
            expected = pyramid(backbone.stage_maps(filled))[..., : sides[0], : sides[1]]
            torch.testing.assert_close(segmenter(images), expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["convnext_atto", "pvt_v2_b0"])
def test_what_is_seen_stays_in_its_place_at_sizes_that_no_stage_divides(name: str) -> None:
    torch.manual_seed(0)
    segmenter = Segmenter(build_backbone(name), 3).eval()
    picture = F.interpolate(torch.randn(1, 3, 6, 8), size=(256, 320), mode="bicubic")
    with torch.inference_mode():
        divided = segmenter(picture)
        logits = segmenter(resized(picture, 250, 314))
    assert logits.shape == (1, 3, 250, 314)
    likeness = [correlation(divided, resized(shifted, 256, 320)) for shifted in (logits, logits.roll(32, 2))]
    assert likeness[0] > 0.85 > likeness[1] + 0.2


def resized(picture: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(picture, size=(height, width), mode="bilinear", antialias=True)


def correlation(one: Tensor, other: Tensor) -> float:
    """Over places, the mean of channels."""
    centred = [maps - maps.mean((2, 3), keepdim=True) for maps in (one, other)]
    return float(F.cosine_similarity(*(maps.flatten(2) for maps in centred), dim=2).mean())


def test_a_backbone_alone_gets_a_fresh_pyramid_and_a_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = randomised(ConvNeXtV2())
    torch.save({"teacher": source.state_dict()}, tmp_path / "backbone.pth")
    with caplog.at_level(logging.INFO, "surgvlp"):
        segmenter = load_segmenter(tmp_path / "backbone.pth", 5).eval()
    assert "the pyramid over it is fresh" in caplog.text
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        maps = segmenter.backbone.forward_intermediates(images, intermediates_only=True)
        torch.testing.assert_close(maps[-1], source.stage_maps(images)[-1], atol=1e-4, rtol=1e-4)
        assert segmenter(images).shape == (1, 5, 64, 64)


def test_what_does_not_fit_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "segmenter.pth"
    _, _, state = published("convnext", classes=4)
    torch.save(state, path)
    with pytest.raises(InputError, match=r"FPN.segmentation_head.0.bias \(4,\) instead of \(6,\).*6 classes"):
        load_segmenter(path, 6)
    torch.save({key: value for key, value in state.items() if "seg_blocks.3" not in key}, path)
    with pytest.raises(InputError, match="3 missing"):
        load_segmenter(path, 4)
    torch.save({**state, "other.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"1 unexpected \(backbone.other.weight\)"):
        load_segmenter(path, 4)


def test_a_backbone_without_stages_is_refused() -> None:
    with pytest.raises(InputError, match="no maps at strides 4, 8, 16 and 32"):
        Segmenter(build_backbone("test_vit"), 2)
