"""Image encoders by torchvision and timm names, and what a model costs."""

from __future__ import annotations

import pytest
import torch

from surgvlp.files import InputError
from surgvlp.models.build import build_model
from surgvlp.models.cost import sample_cost
from surgvlp.models.image_encoder import ImageEncoder


@pytest.mark.parametrize(
    "name",
    ["resnet_18", "resnet10t", "mobilenetv3_small_100", "convnext_atto", "vit_tiny_patch16_224"],
)
def test_any_backbone_gives_the_width_asked_for(name: str) -> None:
    encoder = ImageEncoder(12, "random", name).eval()
    size = 224 if name.startswith("vit") else 64
    embedding = encoder(torch.randn(2, 3, size, size))
    assert embedding.shape == (2, 12)
    assert {key.split(".")[0] for key in encoder.state_dict()} == {"model", "global_embedder"}
    torch.testing.assert_close(
        encoder.global_embedder(encoder.model(torch.ones(1, 3, size, size))).shape, (1, 12)
    )


def test_norm_means_unit_length() -> None:
    encoder = ImageEncoder(12, "random", "test_resnet", img_norm=True)
    embedding = encoder(torch.randn(4, 3, 32, 32))
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone_name": "resnet_5O"}, "no backbone is called 'resnet_5O'.*Did you mean 'resnet_50'"),
        ({"pretrained": "yes"}, "'yes' is neither 'imagenet' nor 'random'"),
        # timm knows no weights for this one, which is what being offline looks like from here.
        ({"backbone_name": "resnet50t", "pretrained": "imagenet"}, "cannot fetch.*set it to 'random'"),
    ],
)
def test_what_cannot_be_built_is_one_clear_line(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImageEncoder(12, **options)


def test_cost_is_the_sum_worked_out_by_hand(tiny_bert: str) -> None:
    model = build_model(
        {
            "type": "SurgVLP",
            "backbone_img": {
                "type": "img_backbones/ImageEncoder",
                "num_classes": 8,
                "backbone_name": "resnet_18",
            },
            "backbone_text": {
                "type": "text_backbones/SentenceEncoder",
                "name": tiny_bert,
                "embedding_dim": 8,
            },
        }
    ).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    length, width, inner, layers = 10, 16, 32, 5
    cost = sample_cost(model, frames=2, size=224, texts=3, length=length)
    # Four projections, two products of attention, two of the feed-forward part; then pooler and projection.
    layer = 4 * length * width**2 + 2 * length**2 * width + 2 * length * width * inner
    text = layers * layer + width * width + width * 8
    assert 1 <= cost.text_forward_flops / (2 * 3 * text) <= 1.1  # the rest are layer norms
    assert cost.image_forward_flops / 2 == pytest.approx(2 * 1.82e9, rel=0.01)  # torchvision says 1.81 GMACs
    assert cost.training_flops == 3 * cost.image_forward_flops + cost.text_forward_flops
    frozen = sum(parameter.numel() for parameter in model.backbone_text.model.parameters())
    total = sum(parameter.numel() for parameter in model.parameters())
    assert cost.trainable_parameters == total - frozen
    assert cost.image_parameters + cost.text_parameters == total
    assert model.training and model.backbone_img.model.bn1.training
    assert not model.backbone_text.model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
