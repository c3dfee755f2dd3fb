"""Text pooling: the closed form against the published algorithm taken literally, and the sentence encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from surgvlp.files import InputError
from surgvlp.models.text_encoder import BertEncoder, SentenceEncoder
from surgvlp.models.tokenizer import Tokenizer, text_model_path, trimmed

TEXTS = [
    "I use the hook to dissect the gallbladder.",
    "hooks",
    "The grasper holds the clippers, dissecting",
    "the clip holds " * 9,
    "",
]
MAX_LENGTH = 24


def published_pooling(hidden: Tensor, words: list[list[str]]) -> Tensor:
    """The released aggregation as it is described: walk over the tokens of every sentence.

    Args:
        hidden: (N, layers, L, D).
        words: the N x L tokens as text.

    Returns:
        (N, D): mean over the L positions of the merged words, then the sum over layers.
    """
    merged = torch.zeros_like(hidden)
    for sample, tokens in enumerate(words):
        place = -1
        for position, token in enumerate(tokens):
            if not token.startswith("##"):
                place += 1
            merged[sample, :, place] += hidden[sample, :, position]
            if token == "[SEP]":
                break
    return merged.mean(2).sum(1)


@pytest.fixture(scope="module")
def tokenizer(tiny_bert: str) -> Tokenizer:
    return Tokenizer(tiny_bert)


def encoder(folder: str, **options: object) -> BertEncoder:
    return BertEncoder(folder, text_embedding_dim=16, **options).eval()  # type: ignore[arg-type]


def hidden_states(model: BertEncoder, tokens: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Of every layer at the full padded length, as the released code runs the transformer."""
    return model.model(**tokens, output_hidden_states=True).hidden_states


def test_pooling_is_the_published_algorithm(tiny_bert: str, tokenizer: Tokenizer) -> None:
    model = encoder(tiny_bert)
    tokens = tokenizer(TEXTS, MAX_LENGTH)
    words = [tokenizer._tokenizer.convert_ids_to_tokens(row.tolist()) for row in tokens["input_ids"]]
    assert any(word.startswith("##") for row in words for word in row)
    expected = published_pooling(torch.stack(hidden_states(model, tokens)[-4:], dim=1), words)
    torch.testing.assert_close(model(tokens), expected, atol=1e-6, rtol=1e-5)


def test_gradients_are_those_of_the_published_algorithm(tiny_bert: str, tokenizer: Tokenizer) -> None:
    model = encoder(tiny_bert)
    tokens = tokenizer(TEXTS, MAX_LENGTH)
    words = [tokenizer._tokenizer.convert_ids_to_tokens(row.tolist()) for row in tokens["input_ids"]]
    used = [parameter for name, parameter in model.named_parameters() if "pooler" not in name]
    slow = published_pooling(torch.stack(hidden_states(model, tokens)[-4:], dim=1), words)
    expected = torch.autograd.grad(slow.square().sum(), used)
    found = torch.autograd.grad(model(tokens).square().sum(), used)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_trimming_keeps_the_padded_length_in_the_mean(tiny_bert: str, tokenizer: Tokenizer) -> None:
    model = encoder(tiny_bert)
    tokens = tokenizer(TEXTS[:2], MAX_LENGTH)
    short = trimmed(tokens)
    assert short["input_ids"].shape[1] < MAX_LENGTH
    torch.testing.assert_close(model(short), model(tokens))
    # The same sentences padded to twice the length: half the embedding, as 1 / L says.
    torch.testing.assert_close(2 * model(tokenizer(TEXTS[:2], 2 * MAX_LENGTH)), model(tokens))


def test_a_model_made_half_or_double_gives_what_it_is_made_of(tiny_bert: str, tokenizer: Tokenizer) -> None:
    model, tokens = encoder(tiny_bert), tokenizer(["the hook", "a clip"])
    expected = model(tokens)
    for kind in (torch.float64, torch.bfloat16):
        found = model.to(kind)(tokens)
        assert found.dtype == kind
        torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)


def test_what_stands_beside_the_tokens_is_left_alone(tiny_bert: str, tokenizer: Tokenizer) -> None:
    model, tokens = encoder(tiny_bert), tokenizer(["the hook", "a clip"])
    collated = {**tokens, "cap_lens": torch.tensor([4, 4])}
    assert torch.equal(model(collated), model(tokens))
    assert model({name: value[:0] for name, value in tokens.items()}).shape == (0, model.embedding_dim)


@pytest.mark.parametrize("method", ["sum", "mean"])
def test_without_token_aggregation_padding_counts(tiny_bert: str, tokenizer: Tokenizer, method: str) -> None:
    model = encoder(tiny_bert, text_agg_tokens=False, text_aggregate_method=method, text_last_n_layers=2)
    tokens = tokenizer(TEXTS[:3], MAX_LENGTH)
    states = torch.stack(hidden_states(model, tokens)[-2:]).mean(2)
    expected = states.sum(0) if method == "sum" else states.mean(0)
    torch.testing.assert_close(model(tokens), expected)
    torch.testing.assert_close(model(trimmed(tokens)), expected)


def test_one_layer_means_the_pooler_and_norm_means_unit_length(tiny_bert: str, tokenizer: Tokenizer) -> None:
    tokens = tokenizer(TEXTS, MAX_LENGTH)
    model = encoder(tiny_bert, text_last_n_layers=1)
    torch.testing.assert_close(model(tokens), model.model(**tokens).pooler_output)
    normed = encoder(tiny_bert, text_norm=True)(tokens)
    torch.testing.assert_close(normed.norm(dim=1), torch.ones(len(TEXTS)))


@pytest.mark.parametrize(
    "options",
    [{"text_aggregate_method": "max"}, {"text_last_n_layers": 6}, {"text_embedding_dim": 768}],
)
def test_values_without_a_meaning_are_refused(tiny_bert: str, options: dict) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        BertEncoder(tiny_bert, **{"text_embedding_dim": 16, **options})


def test_published_freezing_stops_gradients_of_the_transformer_only(tiny_bert: str) -> None:
    assert not any(p.requires_grad for p in encoder(tiny_bert, text_freeze_bert=True).parameters())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6), st.integers(0, 5), st.booleans())
def test_a_text_never_feels_its_neighbours(
    tiny_bert: str, tokenizer: Tokenizer, texts: list[str], pick: int, sentence: bool
) -> None:
    torch.manual_seed(1)
    model = SentenceEncoder(tiny_bert, 8).eval() if sentence else encoder(tiny_bert)
    pick %= len(texts)
    together = model(tokenizer(texts, MAX_LENGTH))[pick]
    torch.testing.assert_close(model(tokenizer([texts[pick]], MAX_LENGTH))[0], together, atol=1e-6, rtol=1e-4)


def test_sentence_encoder_is_the_masked_mean_then_a_linear_map(tiny_bert: str, tokenizer: Tokenizer) -> None:
    model = SentenceEncoder(tiny_bert, 8)
    tokens = tokenizer(TEXTS, MAX_LENGTH)
    last = model.model(**tokens).last_hidden_state
    lengths = tokens["attention_mask"].sum(1)
    expected = torch.stack([row[:length].mean(0) for row, length in zip(last, lengths, strict=True)])
    torch.testing.assert_close(model.pooled(tokens), expected)
    torch.testing.assert_close(model(tokens), model.project(model.pooled(tokens)))
    torch.testing.assert_close(model.pooled(tokenizer(TEXTS[:3], 40, "longest")), expected[:3])


def test_a_frozen_sentence_model_stays_frozen_and_without_dropout(
    tiny_bert: str, tokenizer: Tokenizer
) -> None:
    model = SentenceEncoder(tiny_bert, 8).train()
    tokens = tokenizer(TEXTS, MAX_LENGTH)
    assert torch.equal(model.pooled(tokens), model.pooled(tokens))
    model(tokens).sum().backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None} == {
        "projection.weight",
        "projection.bias",
    }
    thawed = SentenceEncoder(tiny_bert, 8, freeze=False).train()
    assert not torch.equal(thawed.pooled(tokens), thawed.pooled(tokens))
    thawed(tokens).sum().backward()
    assert thawed.model.embeddings.word_embeddings.weight.grad is not None


def test_packaged_sentence_model_knows_paraphrases() -> None:
    name = "package:all-MiniLM-L6-v2"
    model, tokenizer = SentenceEncoder(name, 8), Tokenizer(name)
    pooled = model.pooled(
        tokenizer(
            [
                "the surgeon clips the cystic duct",
                "a clip is placed on the cystic duct by the surgeon",
                "the weather will be sunny tomorrow",
            ]
        )
    )
    unit = torch.nn.functional.normalize(pooled, dim=1)
    similarity = unit @ unit.T
    assert similarity[0, 1] > 0.8 > 0.2 > similarity[0, 2]


def test_tokens_are_cut_padded_and_lower_cased(tokenizer: Tokenizer) -> None:
    tokens = tokenizer(["I USE the hook", "the " * 50], max_length=8)
    assert tokens["input_ids"].tolist() == [[2, 5, 6, 7, 8, 3, 0, 0], [2, 7, 7, 7, 7, 7, 7, 3]]
    assert tokens["attention_mask"].sum(1).tolist() == [6, 8]
    assert set(tokens) == {"input_ids", "attention_mask", "token_type_ids"}
    assert all(value.dtype == torch.int64 for value in tokens.values())
    assert tokenizer(["hook", "the hook"], 8, padding="longest")["input_ids"].shape == (2, 4)


def test_clinical_bert_reads_lower_case_whatever_its_folder_says(tmp_path: Path, tiny_bert: str) -> None:
    folder = tmp_path / "Bio_ClinicalBERT"
    shutil.copytree(tiny_bert, folder)
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    ids = Tokenizer(str(folder))(["Hook HOOK hook"], 8)["input_ids"]
    assert ids.tolist() == [[2, 8, 8, 8, 3, 0, 0, 0]]


def test_missing_text_models_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no package holds 'all-mini'"):
        text_model_path("package:all-mini")
    with pytest.raises(InputError, match="cannot load the text model"):
        Tokenizer(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="cannot load the text model") as raised:
        SentenceEncoder(str(tmp_path), 8)
    assert "\n" not in str(raised.value)


def test_torn_text_weights_are_refused(tmp_path: Path, tiny_bert: str) -> None:
    shutil.copytree(tiny_bert, tmp_path / "torn")
    weights = tmp_path / "torn" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot load the text model"):
        BertEncoder(str(tmp_path / "torn"), text_embedding_dim=16)


def test_incomplete_text_weights_are_refused(tmp_path: Path, tiny_bert: str) -> None:
    shutil.copytree(tiny_bert, tmp_path / "partial")
    path = tmp_path / "partial" / "model.safetensors"
    weights = load_file(path)
    del weights["encoder.layer.0.output.dense.bias"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack 1 entries, first encoder\.layer\.0\.output\.dense\.bias"):
        BertEncoder(str(tmp_path / "partial"), text_embedding_dim=16)
