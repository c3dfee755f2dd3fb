"""A transformers model in this process: a tiny one with random weights, and what its nonsense costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from surgvlp.files import InputError
from surgvlp.lectures import Caption, DataTree, write_captions
from surgvlp.transcription.language_model.asking import Asker
from surgvlp.transcription.language_model.cache import AnswerCache
from surgvlp.transcription.language_model.local import LocalModel
from surgvlp.transcription.language_model.protocol import (
    LanguageModelConfig,
    ModelUnusableError,
    build_language_model,
)
from surgvlp.transcription.language_model.writer import KeystepWriter
from surgvlp.transcription.text_job import write_texts

END = "<end>"
TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
SCHEMA = {"type": "object", "properties": {"summary": {"type": "string"}}}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is cut?"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two small layers over bytes, as a folder that transformers reads."""
    folder = tmp_path_factory.mktemp("llama")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate([END, *letters])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, chat_template=TEMPLATE)
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=5000,
        bos_token_id=None,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _model(folder: Path, **keys: Any) -> LocalModel:
    return LocalModel(LanguageModelConfig(model=str(folder), device="cpu", **keys))


def test_an_answer_is_the_likeliest_continuation_of_the_conversation(folder: Path) -> None:
    answer = _model(folder).answer(MESSAGES, SCHEMA, 40)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder).eval()
    asked = tokenizer(
        '[system]Be brief.[user]What is cut?[assistant]{"summary": "', return_tensors="pt"
    ).input_ids
    tokens = asked
    for _ in range(40):
        with torch.no_grad():
            following = model(tokens).logits[:, -1].argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, following], 1)
    found = tokenizer.decode(tokens[0, asked.shape[1] :], skip_special_tokens=True)
    assert answer.text == '{"summary": "' + found
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cut) == (asked.shape[1], 40, True)


def test_an_answer_has_a_most_of_seconds(folder: Path) -> None:
    answer = _model(folder, timeout_s=0.1).answer(MESSAGES, SCHEMA, 4000)
    assert answer.cut and 0 < answer.completion_tokens < 4000


def test_a_question_that_is_too_long_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a question of \d+ tokens and its answer do not fit into the 5000"):
        _model(folder).answer([{"role": "user", "content": "a" * 5000}], SCHEMA, 100)


def test_a_model_that_is_none_is_one_line(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.save({"a": torch.zeros(1)}, tmp_path / "pytorch_model.bin")  # pickles are not read
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelUnusableError, match=r"cannot be loaded.*Check 'model'"):
            _model(place).answer(MESSAGES, SCHEMA, 10)


def test_the_nonsense_of_a_random_model_costs_only_the_lecture(folder: Path, tmp_path: Path) -> None:
    tree = DataTree(tmp_path)
    for lecture in ("one", "two"):
        narrations = [Caption(9 * row, 9 * row + 8, f"the duct {lecture} is cut") for row in range(4)]
        write_captions(tree.texts("whisper_narration", lecture), narrations)
    config = LanguageModelConfig(model=str(folder), attempts=2, timeout_s=0.2)
    asker = Asker(build_language_model(config), AnswerCache(tmp_path / "answers"), config)
    summary = write_texts(tree, ["one", "two"], "whisper_narration", KeystepWriter(asker))
    assert set(summary.failed) == {"one", "two"} and summary.exit_code == 2
    assert all("no usable answer in 2 attempts" in reason for reason in summary.failed.values())
    assert asker.usage.requests == asker.usage.refused == 4 and asker.usage.cached == 0
    assert asker.usage.completion_tokens >= 4 and not (tmp_path / "answers").exists()
