"""Embedding in batches gives what embedding one by one gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig

from surgvlp.features.embed import embed_frames, embed_texts
from surgvlp.models.build import DualEncoder, build_model
from surgvlp.models.tokenizer import Tokenizer

WORDS = ["the", "hook", "dissects", "gallbladder", "and", "grasper", "holds", "it", "clips", "duct"]


@pytest.fixture(scope="module", params=["BertEncoder", "SentenceEncoder"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder: Path = tmp_path_factory.mktemp("bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    ).save_pretrained(folder)
    text = {
        "BertEncoder": {"text_bert_type": str(folder), "text_embedding_dim": 16},
        "SentenceEncoder": {"name": str(folder), "embedding_dim": 16},
    }[request.param]
    torch.manual_seed(0)
    image = {"type": "img_backbones/ImageEncoder", "num_classes": 16, "backbone_name": "test_resnet"}
    model = build_model(
        {
            "type": "SurgVLP",
            "backbone_img": image,
            "backbone_text": {"type": f"text_backbones/{request.param}", "pretrained": False, **text},
        }
    )
    return model, Tokenizer(str(folder))


sentences = st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), max_size=9)


@settings(max_examples=25, deadline=None)
@given(texts=sentences, batch_size=st.integers(1, 10))
def test_texts_do_not_feel_batch_order_or_padding(
    pair: tuple[DualEncoder, Tokenizer], texts: list[str], batch_size: int
) -> None:
    model, tokenizer = pair
    found = embed_texts(model, tokenizer, texts, 24, "cpu", batch_size)
    assert found.shape == (len(texts), 16) and found.dtype == np.float32
    model.eval()
    for row, text in zip(found, texts, strict=True):
        alone = model.encode_text(tokenizer([text], 24))[0].detach().numpy()
        np.testing.assert_allclose(row, alone, atol=1e-5, rtol=1e-4)


def test_frames_and_clips_do_not_feel_batches(pair: tuple[DualEncoder, Tokenizer]) -> None:
    model, _ = pair
    frames = torch.randn(7, 3, 32, 32)
    whole = embed_frames(model, [frames], "cpu")
    np.testing.assert_allclose(embed_frames(model, frames.split(3), "cpu"), whole, atol=1e-5)
    clips = frames[:6].view(2, 3, 3, 32, 32)
    np.testing.assert_allclose(
        embed_frames(model, [clips], "cpu"), whole[:6].reshape(2, 3, 16).mean(1), atol=1e-5
    )
    assert embed_frames(model, [], "cpu").shape == (0, 16)


def test_the_model_is_left_as_it_was(pair: tuple[DualEncoder, Tokenizer]) -> None:
    model, tokenizer = pair
    model.train()
    model.backbone_img.model.eval()  # a backbone held in evaluation mode, as fine-tuning does
    modes = {name: module.training for name, module in model.named_modules()}
    state = {name: value.clone() for name, value in model.state_dict().items()}
    embed_frames(model, [torch.randn(4, 3, 32, 32)], "cpu")
    embed_texts(model, tokenizer, ["the hook", "grasper"], 12, "cpu")
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())

    def broken() -> object:
        yield torch.randn(2, 3, 32, 32)
        raise OSError("a frame that cannot be read")

    with pytest.raises(OSError, match="cannot be read"):
        embed_frames(model, broken(), "cpu")  # type: ignore[arg-type]
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert torch.is_grad_enabled()
