"""The published architecture: its sizes, its entry names, its call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from surgvlp.files import InputError
from surgvlp.models.build import DualEncoder, build_model
from surgvlp.models.packing import ROWS, packed
from surgvlp.models.text_encoder import summed_tokens
from surgvlp.models.tokenizer import Tokenizer

BERT_BASE = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": 28996}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> DualEncoder:
    """The full model, without memory behind its parameters."""
    folder = tmp_path_factory.mktemp("bert_base")
    (folder / "config.json").write_text(json.dumps(BERT_BASE))
    with torch.device("meta"):
        return build_model(
            {
                "type": "SurgVLP",
                "backbone_img": {
                    "type": "img_backbones/ImageEncoder",
                    "num_classes": 768,
                    "pretrained": "imagenet",
                    "backbone_name": "resnet_50",
                    "img_norm": False,
                },
                "backbone_text": {
                    "type": "text_backbones/BertEncoder",
                    "text_bert_type": str(folder),
                    "text_last_n_layers": 4,
                    "text_aggregate_method": "sum",
                    "text_norm": False,
                    "text_embedding_dim": 768,
                    "text_freeze_bert": False,
                    "text_agg_tokens": True,
                },
                "neck": None,
                "head": None,
                "pretrained": "",
            },
            weights_follow=True,
        )


def test_published_parameter_counts(published: DualEncoder) -> None:
    def count(module: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(published.backbone_img) == 25_081_664
    assert count(published.backbone_text) == 108_310_272
    assert count(published) == 133_391_936


def _norm(prefix: str, width: int) -> dict[str, tuple[int, ...]]:
    parts = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (width,))
    return {f"{prefix}.{name}": shape for name, shape in parts.items()} | {
        f"{prefix}.num_batches_tracked": ()
    }


def _resnet_entries() -> dict[str, tuple[int, ...]]:
    root = "backbone_img.model"
    entries: dict[str, tuple[int, ...]] = {f"{root}.conv1.weight": (64, 3, 7, 7)} | _norm(f"{root}.bn1", 64)
    into = 64
    for layer, blocks in enumerate((3, 4, 6, 3), start=1):
        inner, out = 32 * 2**layer, 128 * 2**layer
        for block in range(blocks):
            at = f"{root}.layer{layer}.{block}"
            shapes = (inner, into, 1, 1), (inner, inner, 3, 3), (out, inner, 1, 1)
            for number, shape in enumerate(shapes, start=1):
                entries[f"{at}.conv{number}.weight"] = shape
                entries |= _norm(f"{at}.bn{number}", shape[0])
            if block == 0:
                entries[f"{at}.downsample.0.weight"] = (out, into, 1, 1)
                entries |= _norm(f"{at}.downsample.1", out)
            into = out
    return entries


def _bert_entries() -> dict[str, tuple[int, ...]]:
    def linear(at: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
        return {f"{at}.weight": (out, into), f"{at}.bias": (out,)}

    def norm(at: str) -> dict[str, tuple[int, ...]]:
        return {f"{at}.weight": (768,), f"{at}.bias": (768,)}

    root = "backbone_text.model"
    entries: dict[str, tuple[int, ...]] = norm(f"{root}.embeddings.LayerNorm")
    for name, rows in (("word", 28996), ("position", 512), ("token_type", 2)):
        entries[f"{root}.embeddings.{name}_embeddings.weight"] = (rows, 768)
    for layer in range(12):
        at = f"{root}.encoder.layer.{layer}"
        for name in ("query", "key", "value"):
            entries |= linear(f"{at}.attention.self.{name}", 768, 768)
        entries |= linear(f"{at}.attention.output.dense", 768, 768) | norm(f"{at}.attention.output.LayerNorm")
        entries |= linear(f"{at}.intermediate.dense", 3072, 768)
        entries |= linear(f"{at}.output.dense", 768, 3072) | norm(f"{at}.output.LayerNorm")
    return entries | linear(f"{root}.pooler.dense", 768, 768)


def test_published_state_dict_entries(published: DualEncoder) -> None:
    head = {"backbone_img.global_embedder.weight": (768, 2048), "backbone_img.global_embedder.bias": (768,)}
    expected = _resnet_entries() | head | _bert_entries()
    found = {name: tuple(value.shape) for name, value in published.state_dict().items()}
    assert len(found) == 519
    assert found == expected


@pytest.fixture(scope="module")
def small_config(tiny_bert: str) -> dict:
    return {
        "type": "PeskaVLP",
        "backbone_img": {
            "type": "img_backbones/ImageEncoder",
            "num_classes": 16,
            "backbone_name": "test_resnet",
        },
        "backbone_text": {
            "type": "text_backbones/BertEncoder",
            "text_bert_type": tiny_bert,
            "text_embedding_dim": 16,
        },
    }


def test_published_call_gives_what_the_mode_names(small_config: dict, tiny_bert: str) -> None:
    model = build_model(small_config).eval()
    frames = torch.randn(3, 3, 32, 32)
    tokens = Tokenizer(tiny_bert)(["i use the hook", "the grasper holds"], max_length=12)
    both = model(frames, tokens, mode="all")
    assert {name: tuple(value.shape) for name, value in both.items()} == {
        "img_emb": (3, 16),
        "text_emb": (2, 16),
    }
    assert torch.equal(model(inputs_img=frames, mode="video")["img_emb"], both["img_emb"])
    assert list(model(inputs_text=tokens, mode="text")) == ["text_emb"]
    with pytest.raises(ValueError, match="loss"):
        model(frames, tokens, mode="loss")


@given(lengths=st.lists(st.integers(1, 24), min_size=1, max_size=3 * ROWS))
def test_texts_packed_by_length_come_back_in_their_old_order(lengths: list[int]) -> None:
    mask = (torch.arange(24) < torch.tensor(lengths)[:, None]).long()
    ids = torch.arange(mask.numel()).view_as(mask) * mask
    columns: list[int] = []

    def encode(tokens: Mapping[str, Any]) -> Tensor:
        assert tokens["padded_length"] == 24 and len(tokens["input_ids"]) <= ROWS
        columns.extend([tokens["input_ids"].shape[1]] * len(tokens["input_ids"]))
        return tokens["input_ids"].sum(1)

    assert torch.equal(packed(encode, {"input_ids": ids, "attention_mask": mask}), ids.sum(1))
    rows = sorted(lengths)
    assert columns == [max(rows[at - at % ROWS : at - at % ROWS + ROWS]) for at in range(len(rows))]


def test_sums_over_tokens_keep_their_precision_under_autocast() -> None:
    layers = torch.randn(3, 5, 7, 8, dtype=torch.float64)
    mask = (torch.arange(7) < torch.tensor([[1], [3], [7], [0], [5]])).long()
    expected = (layers * mask[:, :, None]).sum((0, 2))
    with torch.autocast("cpu", torch.bfloat16):
        found = summed_tokens(layers.float().unbind(), mask)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


def test_many_texts_of_all_lengths_embed_as_each_alone(small_config: dict, tiny_bert: str) -> None:
    model, tokenizer = build_model(small_config).eval(), Tokenizer(tiny_bert)
    texts = ["the hook holds " * (number % 7) + "gallbladder" for number in range(2 * ROWS + 3)]
    together = model(inputs_text={**tokenizer(texts), "cap_lens": [1] * len(texts)}, mode="text")["text_emb"]
    for number in (0, 5, 2 * ROWS + 2):
        alone = model.encode_text(tokenizer([texts[number]]))[0]
        torch.testing.assert_close(together[number], alone, atol=1e-6, rtol=1e-4)


def test_a_clip_is_the_mean_of_its_unnormalised_frames(small_config: dict) -> None:
    model = build_model(small_config).eval()
    clips = torch.randn(2, 4, 3, 32, 32)
    expected = torch.stack([model.encode_image(clip).mean(0) for clip in clips])
    torch.testing.assert_close(model.encode_video(clips), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"typ": "SurgVLP"}, "'model_config.typ'.*Did you mean 'type'"),
        ({"type": "SurgVLq"}, "Did you mean 'SurgVLP'"),
        ({"pretrain": ""}, "Did you mean 'pretrained'"),
        ({"head": {"type": "Linear"}}, "'model_config.head'"),
        ({"backbone_img": {"type": "img_backbones/ImageEncoder"}}, "backbone_img.num_classes.*missing"),
    ],
)
def test_a_config_nobody_documents_is_refused(small_config: dict, change: dict, message: str) -> None:
    config = {**small_config, **change}
    if "typ" in change:
        del config["type"]
        message = "'model_config.type': this key is missing"
    with pytest.raises(InputError, match=message):
        build_model(config)


def test_encoders_of_different_widths_are_refused(small_config: dict) -> None:
    config = {**small_config, "backbone_img": {**small_config["backbone_img"], "num_classes": 8}}
    with pytest.raises(InputError, match="width 8, text embeddings 16"):
        build_model(config)


def test_weights_are_not_fetched_where_a_path_gives_them(small_config: dict, tmp_path: Path) -> None:
    model = build_model(small_config)
    torch.save(model.state_dict(), tmp_path / "released.pth")
    text = small_config["backbone_text"]
    bare = tmp_path / "bert_without_weights"
    bare.mkdir()
    config_file = Path(text["text_bert_type"]) / "config.json"
    (bare / "config.json").write_text(config_file.read_text())
    config = {**small_config, "backbone_text": {**text, "text_bert_type": str(bare)}}
    with pytest.raises(InputError, match="cannot load the text model"):
        build_model(config)
    loaded = build_model({**config, "pretrained": str(tmp_path / "released.pth")})
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
