"""Backbones by name: what comes out, what goes in, and names that are wrong."""

from __future__ import annotations

import pytest
import torch
from timm.data import IMAGENET_DEFAULT_MEAN
from torch import nn

from surgvlp.files import InputError
from surgvlp.models.backbones import ImageInput, build_backbone, feature_map, input_of, width_of
from surgvlp.models.variants import VARIANTS


@pytest.mark.parametrize(
    ("name", "sides", "stride"),
    [
        ("resnet_18", (64, 96), 32),
        ("test_resnet", (64, 96), 32),
        ("mobilenetv3_small_100", (64, 96), 32),
        ("convnext_atto", (64, 96), 32),
        ("pvt_v2_b0", (64, 96), 32),
        ("test_vit", (64, 96), 16),
        ("vit_tiny_patch16_224", (96, 96), 16),
        ("vit_small_patch14_reg4_dinov2@336", (56, 98), 14),
        ("vit_small_patch16_dinov3_surgenet", (64, 96), 16),
        ("caformer_s18_relu", (64, 96), 32),
    ],
)
def test_features_have_the_width_said_and_the_map_is_theirs_before_pooling(
    name: str, sides: tuple[int, int], stride: int
) -> None:
    backbone = build_backbone(name).eval()
    images = torch.randn(2, 3, *sides)
    with torch.inference_mode():
        features, maps = backbone(images), feature_map(backbone, images)
    assert features.shape == (2, width_of(backbone))
    assert (maps.shape[0], maps.shape[2:]) == (2, (sides[0] // stride, sides[1] // stride))
    assert input_of(backbone).mean == IMAGENET_DEFAULT_MEAN


def test_the_map_is_the_pictures_own_row_by_row_and_pools_to_the_features() -> None:
    backbone = build_backbone("resnet_18").eval()
    images = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(feature_map(backbone, images).mean((2, 3)), backbone(images))
    transformer = build_backbone("test_vit").eval()
    tokens = transformer.forward_features(images)[0, 1:]
    torch.testing.assert_close(feature_map(transformer, images)[0, :, 1, 2], tokens[1 * 6 + 2])


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet_50", 224),
        ("test_resnet.r160_in1k", 160),
        ("vit_small_patch14_dinov2@336", 336),
        ("vit_small_patch16_dinov3_surgenet", 336),
        ("vit_tiny_patch16_224", 224),
    ],
)
def test_the_input_is_the_architectures_size_with_imagenets_statistics(name: str, size: int) -> None:
    with torch.device(
        "meta"
    ):  # timm notes other statistics for the last one's own weights, which are not here
        assert input_of(build_backbone(name)) == ImageInput(size)


def test_a_size_decides_the_position_embedding() -> None:
    with torch.device("meta"):
        small, large = (build_backbone(f"vit_tiny_patch16_224@{side}") for side in (64, 256))
    assert (small.pos_embed.shape[1], large.pos_embed.shape[1]) == (17, 257)


def test_stochastic_depth_reaches_the_blocks() -> None:
    backbone = build_backbone("convnext_atto", drop_path_rate=0.3)
    rates = [getattr(module, "drop_prob", None) for module in backbone.modules()]
    assert max(rate for rate in rates if rate is not None) == pytest.approx(0.3)
    assert build_backbone("caformer_s18_relu", drop_path_rate=0.1).stages[3].blocks[2].drop_path1.drop_prob


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "nextvit_small"])
def test_no_stochastic_depth_is_none_where_timms_default_is_some(name: str) -> None:
    with torch.device("meta"):
        backbone = build_backbone(name)
    assert not any(getattr(module, "drop_prob", None) for module in backbone.modules())


@pytest.mark.parametrize("name", ["vgg11", "hrnet_w18_small"])
def test_a_backbone_that_knows_no_stochastic_depth_is_built_without(name: str) -> None:
    with torch.device("meta"):
        assert width_of(build_backbone(name))


def test_the_variants_have_the_published_numbers_of_parameters() -> None:
    with torch.device("meta"):
        relu, star = build_backbone("caformer_s18_relu"), build_backbone("caformer_s18")
    counts = [sum(parameter.numel() for parameter in module.parameters()) for module in (relu, star)]
    assert counts == [23_237_888, 23_237_936]
    assert not any(type(module).__name__ == "StarReLU" for module in relu.modules())


def test_rotary_periods_survive_being_saved() -> None:
    one, other = (build_backbone("vit_small_patch16_dinov3_surgenet").eval() for _ in range(2))
    one.rope.periods.mul_(1.5)
    other.load_state_dict(one.state_dict())
    images = torch.randn(1, 3, 32, 48)
    with torch.inference_mode():
        torch.testing.assert_close(other(images), one(images))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet_5O", {}, "no backbone is called 'resnet_5O'. Did you mean 'resnet_50'"),
        ("caformer_s18_rel", {}, "Did you mean 'caformer_s18_relu'"),
        ("resnet18.no_such_tag", {}, "no backbone is called 'resnet18.no_such_tag'"),
        ("qqqq", {}, "Use resnet_18, .* or a timm model's name"),
        ("vit_tiny_patch16_224@big", {}, "is no number of pixels"),
        ("vit_tiny_patch16_224@0", {}, "is no number of pixels"),
        ("vit_tiny_patch16_224@225", {}, "no multiple of its patches of 16 pixels"),
        ("convnext_atto@96", {}, "convnext_atto@96 cannot be built so.*img_size"),
        ("resnet_18", {"drop_path_rate": 0.1}, "neither stochastic depth"),
        ("vgg11", {"drop_path_rate": 0.1}, "vgg11 cannot be built so.*drop_path_rate"),
        ("caformer_s18_relu", {"pretrained": True}, "has no ImageNet weights"),
        ("resnet50t", {"pretrained": True}, "cannot fetch ImageNet weights of resnet50t"),
    ],
)
def test_what_cannot_be_built_is_one_clear_line(name: str, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_backbone(name, **options)


def test_a_backbone_without_a_map_says_so() -> None:
    with pytest.raises(InputError, match="keeps no map"):
        feature_map(nn.Linear(3, 2), torch.zeros(1, 3))


def test_every_variant_takes_the_crops_of_pretraining() -> None:
    assert set(VARIANTS) >= {"caformer_s18_relu", "vit_base_patch16_dinov3_surgenet"}
    for name in ("caformer_s18_relu", "vit_small_patch16_dinov3_surgenet"):
        backbone = build_backbone(name).eval()
        with torch.inference_mode():
            assert backbone(torch.randn(1, 3, 96, 96)).shape == (1, width_of(backbone))
