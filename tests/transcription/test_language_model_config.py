"""The config block of a language model."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgvlp.files import InputError
from surgvlp.transcription.language_model.protocol import LanguageModelConfig, read_language_model_config


def _read(tmp_path: Path, text: str) -> LanguageModelConfig:
    path = tmp_path / "model.py"
    path.write_text(f"config = dict({text})\n")
    return read_language_model_config(path)


def test_a_block_names_a_server_or_a_model_that_runs_here(tmp_path: Path) -> None:
    assert _read(tmp_path, 'server="http://127.0.0.1:8080/v1", model="qwen", timeout_s=60').timeout_s == 60
    assert _read(tmp_path, 'server="https://[::1]/v1", model="qwen"').server == "https://[::1]/v1"
    assert _read(tmp_path, 'model="models/qwen"').server is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "'config.model': this key is missing"),
        ("model='a', sever='b'", "'config.sever': unknown config key. Did you mean 'server'?"),
        ("model='a', server='ftp://b'", "'server': this is no http or https address"),
        ("model='a', server='localhost:8080'", "'server': this is no http or https address"),
        ("model='a', server='http:///v1'", "'server': this is no http or https address"),
        ("model='a', server='http://b:port'", "'server': this is no http or https address"),
        ("model='a', server='http://b:99999'", "'server': this is no http or https address"),
        ("model='a', server='http://b/\\r\\nX: y'", "'server': this is no http or https address"),
        ("model='a', server='http://me:word@b/v1'", "without name, password"),
        ("model='a', server='http://b/v1?key=c'", "without name, password"),
        ("model='a', api_key_file='k'", "'api_key_file': this key is for servers"),
        ("model='a', request=dict(top_p=1)", "'request': this key is for servers"),
        ("model='a', server='http://b', request=dict(stream=True)", "'request': the field 'stream'"),
        ("model='a', server='http://b', request=dict(stop={1})", "'request': it cannot be written as JSON"),
        ("model='a', context_tokens=100", "'context_tokens': it must be 4096 or more"),
        ("model='a', timeout_s=0", "'timeout_s': it must be 0.1 or more"),
        ("model='a', timeout_s=float('inf')", "'timeout_s': it must be"),
        ("model='a', attempts=0", "'attempts': it must be 1 or more"),
        ("model='a', prompt_price=-1", "'prompt_price': it must be 0 or more"),
    ],
)
def test_a_block_that_is_none_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError) as error:
        _read(tmp_path, text)
    assert reason in str(error.value)
