"""`surgvlp.tokenize`: the published keywords and what comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import surgvlp
from surgvlp.files import InputError
from surgvlp.published import tokenize as module

IDS = [2, 5, 6, 7, 8, 3]  # [CLS] i use the hook [SEP]


def test_one_string_and_several_have_the_same_form(bert: Path) -> None:
    one = surgvlp.tokenize("I use the HOOK", model_name=bert)
    assert {name: tuple(one[name].shape) for name in ("input_ids", "attention_mask", "token_type_ids")} == {
        "input_ids": (1, 77),
        "attention_mask": (1, 77),
        "token_type_ids": (1, 77),
    }
    assert one["input_ids"][0].tolist() == IDS + [0] * 71 and one["cap_lens"] == [6]
    many = surgvlp.tokenize(["I use the HOOK", "a duct"], max_length=8, model_name=str(bert), device="cpu")
    assert many["input_ids"].tolist() == [[*IDS, 0, 0], [2, 15, 16, 3, 0, 0, 0, 0]]
    assert many["cap_lens"] == [6, 4] and many["input_ids"].dtype == torch.int64


def test_padding_and_cutting_are_the_callers(bert: Path) -> None:
    texts = ["the " * 20, "a duct"]
    assert surgvlp.tokenize(texts, max_length=8, model_name=bert)["cap_lens"] == [8, 4]
    longest = surgvlp.tokenize(texts, "longest", 77, True, bert)
    assert longest["input_ids"].shape == (2, 22)
    whole = surgvlp.tokenize(texts[:1], padding=False, truncation=False, max_length=8, model_name=bert)
    assert whole["input_ids"].shape == (1, 22)
    with pytest.raises(InputError, match=r"different lengths make no array.*padding="):
        surgvlp.tokenize(texts, padding=False, model_name=bert)


def test_the_tokenizer_is_loaded_once(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module._tokenizer.cache_clear()
    monkeypatch.chdir(bert.parent)
    for name in (bert, str(bert), bert.name):
        surgvlp.tokenize("the hook", model_name=name)
    assert module._tokenizer.cache_info().misses == 1


def test_what_is_no_text_is_said(bert: Path, tmp_path: Path) -> None:
    for text in ([], [3], [["the hook"]]):
        with pytest.raises(InputError, match="'text': expected a text or a list of texts"):
            surgvlp.tokenize(text, model_name=bert)
    (tmp_path / "config.json").write_text((bert / "config.json").read_text())
    with pytest.raises(InputError, match=r"cannot load the text model .*no vocabulary"):
        surgvlp.tokenize("the hook", model_name=tmp_path)
