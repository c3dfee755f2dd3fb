"""Language models that write texts: what is asked of one, and the config block that names it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from surgvlp import config
from surgvlp.files import InputError

Message = Mapping[str, str]  # role ("system", "user", "assistant") and content
SMALLEST_CONTEXT = 4096
OWN_FIELDS = frozenset({"messages", "model", "n", "stream"})  # of a request


@dataclass(frozen=True)
class LanguageModelConfig:
    """The config block: `config = dict(...)` in a Python file.

    Attributes:
        model: the name by which the server knows it; without `server` a transformers model, name or folder.
        server: base address of an OpenAI-compatible server, "http://127.0.0.1:8080/v1" of llama.cpp or
            ":8000/v1" of vLLM; None: the model runs here.
        api_key_file: a file that holds the server's key and nothing else.
        context_tokens: how much the model can read and write together; longer lectures are asked in pieces.
        timeout_s: of one answer, seconds from the request to its last byte.
        attempts: how often an answer that is not valid is asked for again, and a server that has trouble.
        request: further fields of the request, or other values; None leaves a field out. Thinking is switched
            off at vLLM and llama.cpp by `dict(chat_template_kwargs=dict(enable_thinking=False))`.
        device: where a model without server runs; "auto" is a GPU where there is one.
        prompt_price, completion_price: of a million tokens; the cost is reported where one is given.
    """

    model: str
    server: str | None = None
    api_key_file: str | None = None
    context_tokens: int = 8192
    timeout_s: float = 300.0
    attempts: int = 3
    request: dict[str, Any] = field(default_factory=dict)
    device: str = "auto"
    prompt_price: float = 0.0
    completion_price: float = 0.0


class Answer(NamedTuple):
    """What a model said.

    Attributes:
        text: all of it.
        prompt_tokens, completion_tokens: as counted by the model; 0 where it does not say.
        cut: the text ends where the tokens ended.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    cut: bool = False


class LanguageModel(Protocol):
    """What answers questions; `ServerModel` over http, `LocalModel` in this process.

    Attributes:
        settings: what decides the answers, plain values.
    """

    settings: dict[str, Any]

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any], most_tokens: int) -> Answer:
        """Answer a conversation, if possible with JSON of that schema; nothing is promised of the text.

        Raises:
            ServerDownError: nobody answered; the next lecture may have more luck.
            ModelUnusableError: it would be the same for every lecture.
            InputError: this question cannot be answered; it is too long, for example.
        """


class ServerDownError(InputError):
    """A server that answered before, or might yet, gave no answer; some of them in a row end a run."""


class ModelUnusableError(InputError):
    """No lecture can be written with this model: nobody there, a wrong key, no such model."""


def read_language_model_config(path: str | Path) -> LanguageModelConfig:
    """Read and check the config block.

    Raises:
        InputError: an unknown key, a wrong type, an address that is none, a number out of range.
    """
    found = config.build(LanguageModelConfig, config.read(path))
    if found.server is not None:
        _check_address(found.server, path)
    elif found.api_key_file is not None or found.request:
        key = "api_key_file" if found.api_key_file is not None else "request"
        raise InputError("this key is for servers", file=path, key=key, remedy="Give 'server', or delete it")
    _check_request(found.request, path)
    for key, least in (("context_tokens", SMALLEST_CONTEXT), ("timeout_s", 0.1), ("attempts", 1)):
        if not least <= getattr(found, key) < float("inf"):
            raise InputError(f"it must be {least} or more", file=path, key=key)
    for key in ("prompt_price", "completion_price"):
        if not 0 <= getattr(found, key) < float("inf"):
            raise InputError("it must be 0 or more", file=path, key=key)
    return found


def build_language_model(settings: LanguageModelConfig) -> LanguageModel:
    """The model that the block names; nothing is loaded or connected to before the first question.

    Raises:
        InputError: the key file cannot be used.
    """
    if settings.server is not None:
        from surgvlp.transcription.language_model.server import ServerModel

        return ServerModel(settings)
    from surgvlp.transcription.language_model.local import LocalModel

    return LocalModel(settings)


def _check_request(request: Mapping[str, Any], path: str | Path) -> None:
    for key in sorted(OWN_FIELDS & set(request)):
        raise InputError(f"the field '{key}' is not for the config", file=path, key="request")
    try:
        json.dumps(request, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"it cannot be written as JSON ({error})", file=path, key="request") from error


def _check_address(server: str, path: str | Path) -> None:
    try:
        parts = urlsplit(server)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable or any(letter.isspace() or not letter.isprintable() for letter in server):
        raise InputError(
            "this is no http or https address", file=path, key="server", remedy="Write http://HOST:PORT/v1"
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InputError(
            "an address without name, password, '?' and '#' is wanted",
            file=path,
            key="server",
            remedy="A key belongs into the file that 'api_key_file' names",
        )
