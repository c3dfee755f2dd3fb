"""The client of OpenAI-compatible servers, against real servers that misbehave."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from language_model_servers import Exchange, LanguageModelServer

from surgvlp.files import InputError
from surgvlp.transcription.language_model.protocol import (
    LanguageModelConfig,
    ModelUnusableError,
    ServerDownError,
)
from surgvlp.transcription.language_model.server import MOST_BYTES, ServerModel

MESSAGES = [{"role": "user", "content": "Say something."}]
SCHEMA = {"type": "object"}


def _model(server: LanguageModelServer | str, **keys: Any) -> ServerModel:
    url = server if isinstance(server, str) else server.url
    config = LanguageModelConfig(**{"model": "test", "server": url, "timeout_s": 20.0, **keys})
    return ServerModel(config, pause_s=0.001)


def _answered(behave: Callable[[Exchange], None], **keys: Any) -> tuple[str, LanguageModelServer]:
    with LanguageModelServer(behave) as server:
        return _model(server, **keys).answer(MESSAGES, SCHEMA, 50).text, server


def _in_turn(*behaviours: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
    """Each behaviour once, the last one from then on."""
    left = list(behaviours)
    return lambda exchange: (left.pop(0) if len(left) > 1 else left[0])(exchange)


def test_a_request_is_what_openai_compatible_servers_expect(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret\n")
    with LanguageModelServer(lambda exchange: exchange.say("hello")) as server:
        request = {"top_p": 0.5, "seed": None, "temperature": 0.2}
        model = _model(server.url + "/", api_key_file=str(key), request=request)
        answer = model.answer(MESSAGES, SCHEMA, 50)
    assert answer == ("hello", 100, 10, False)
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["Authorization"] == "Bearer sk-secret"
    assert server.requests == [
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
            },
            "model": "test",
            "messages": MESSAGES,
            "max_tokens": 50,
            "temperature": 0.2,
            "top_p": 0.5,
        }
    ]


def test_a_server_that_takes_no_schema_is_asked_without(tmp_path: Path) -> None:
    def without_schema(exchange: Exchange) -> None:
        if "response_format" in exchange.body:
            exchange.reply({"error": {"message": "response_format is not supported"}}, 400)
        else:
            exchange.say("plain")

    with LanguageModelServer(without_schema) as server:
        model = _model(server)
        assert [model.answer(MESSAGES, SCHEMA, 50).text for _ in range(3)] == ["plain"] * 3
    assert ["response_format" in body for body in server.requests] == [True, False, False, False]


def test_a_question_that_is_refused_does_not_lose_the_schema() -> None:
    with LanguageModelServer(lambda exchange: exchange.reply({"error": "too\nlong\x1b[31m"}, 400)) as server:
        model = _model(server)
        with pytest.raises(InputError, match=r"refuses the question \(400 too long \[31m\)"):
            model.answer(MESSAGES, SCHEMA, 50)
        server.behave = lambda exchange: exchange.say("short")
        model.answer(MESSAGES, SCHEMA, 50)
    assert "response_format" in server.requests[-1]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_trouble_that_passes_is_tried_again(status: int) -> None:
    text, server = _answered(
        _in_turn(lambda exchange: exchange.reply({}, status), lambda exchange: exchange.say("back"))
    )
    assert text == "back" and len(server.requests) == 2


def test_a_server_that_dies_in_the_middle_of_an_answer_is_asked_again() -> None:
    text, server = _answered(_in_turn(Exchange.die, Exchange.die, lambda exchange: exchange.say("back")))
    assert text == "back" and len(server.requests) == 3
    with pytest.raises(ServerDownError, match=r"no answer in 2 attempts; the last: .*middle of the answer"):
        _answered(Exchange.die, attempts=2)


def test_retry_after_is_respected_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    told = ["7", "86400", "Wed, 21 Oct 2026 07:28:00 GMT", "-3", "9" * 5000]
    waits = [lambda exchange, at=at: exchange.reply({}, 429, Retry_After=at) for at in told]
    _answered(_in_turn(*waits, lambda exchange: exchange.say("at last")), attempts=6)
    assert pauses == pytest.approx([7, 60, 0.004, 0.008, 0.016])


@pytest.mark.parametrize("trickle", [False, True])
def test_a_stalled_answer_ends_when_its_time_is_over(trickle: bool) -> None:
    with LanguageModelServer(lambda exchange: exchange.stall(trickle)) as server:
        with pytest.raises(ServerDownError, match=r"no whole answer within 0.3 s.*'timeout_s'"):
            _model(server, timeout_s=0.3).answer(MESSAGES, SCHEMA, 50)
        assert len(server.requests) == 1  # waiting once is enough


@pytest.mark.parametrize("told", [True, False])
def test_a_huge_answer_is_not_read_to_its_end(told: bool) -> None:
    def endless(exchange: Exchange) -> None:
        exchange.send_response(200)
        if told:
            exchange.send_header("Content-Length", str(1 << 40))
        exchange.end_headers()
        for _ in range(10 * MOST_BYTES >> 16):
            exchange.wfile.write(b" " * (1 << 16))

    with pytest.raises(InputError, match="more than 4194304 bytes"):
        _answered(endless)


def test_redirections_are_not_followed(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret")
    with LanguageModelServer(lambda exchange: exchange.say("gotcha")) as other:
        for status in (301, 302, 307, 308):
            with pytest.raises(ModelUnusableError, match="redirections are not followed"):
                _answered(
                    lambda exchange, status=status: exchange.reply(b"", status, Location=other.url),
                    api_key_file=str(key),
                )
    assert other.requests == []


def test_what_would_be_the_same_for_every_lecture_is_said_so_and_without_the_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret")
    for status, reason in ((401, "refuses the key"), (403, "refuses the key"), (404, "has no model 'test'")):
        with pytest.raises(ModelUnusableError, match=reason) as error:
            _answered(
                lambda exchange, status=status: exchange.reply({"message": "no"}, status),
                api_key_file=str(key),
            )
        assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "echo",
    [
        lambda key: (401, json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}})),
        lambda key: (401, json.dumps({"error": key.replace("s", "\\u0073")}).replace("\\\\", "\\")),
        lambda key: (400, f"<html>{'.' * 185}{key}</html>"),  # cut in its middle
        lambda key: (404, key * 1000),
        lambda key: (503, key),
        lambda key: (200, key),
    ],
    ids=["json", "escaped", "cut", "often", "passing", "no completion"],
)
def test_a_key_that_the_server_says_back_appears_in_no_message(
    echo: Callable[[str], tuple[int, str]], tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret")
    status, body = echo("sk-secret")
    with pytest.raises(InputError) as error:
        _answered(lambda exchange: exchange.reply(body.encode(), status), api_key_file=str(key), attempts=1)
    assert "sk-" not in str(error.value) and "secret" not in str(error.value)
    assert status == 200 or "***" in str(error.value)


def test_a_key_in_a_status_line_or_an_answer_is_hidden_and_a_placeholder_is_no_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret")

    def no_http(exchange: Exchange) -> None:
        exchange.wfile.write(f"{exchange.headers['Authorization']}\r\n\r\n".encode())

    with pytest.raises(ServerDownError, match=r"Bearer \*\*\*"):
        _answered(no_http, api_key_file=str(key), attempts=1)
    text, _ = _answered(lambda exchange: exchange.say("it is sk-secret"), api_key_file=str(key))
    assert text == "it is ***"
    key.write_text("none")
    text, _ = _answered(lambda exchange: exchange.say("none of it"), api_key_file=str(key))
    assert text == "none of it"


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405])
def test_after_a_good_answer_the_server_is_down_rather_than_unusable(status: int) -> None:
    with LanguageModelServer(lambda exchange: exchange.say("hello")) as server:
        model = _model(server)
        server.behave = lambda exchange: exchange.reply({}, status)
        with pytest.raises(ModelUnusableError):
            model.answer(MESSAGES, SCHEMA, 50)
        server.behave = lambda exchange: exchange.say("hello")
        model.answer(MESSAGES, SCHEMA, 50)
        server.behave = lambda exchange: exchange.reply({}, status)
        with pytest.raises(ServerDownError, match=str(status)):
            model.answer(MESSAGES, SCHEMA, 50)


def test_nobody_there_is_said_at_once_and_a_server_that_goes_is_waited_for() -> None:
    with LanguageModelServer(lambda exchange: exchange.say("hello")) as server:
        model = _model(server)
        model.answer(MESSAGES, SCHEMA, 50)
    with pytest.raises(ServerDownError, match=r"no answer in 3 attempts.*refused"):
        model.answer(MESSAGES, SCHEMA, 50)
    with pytest.raises(ModelUnusableError, match=r"no server answers at http://127.0.0.1:\d+.*Start it"):
        _model(server).answer(MESSAGES, SCHEMA, 50)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"<html>welcome</html>",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'{"choices": []}',
        b'{"choices": [{"message": "hello"}]}',
        b'{"choices": [{"message": {"content": ["hello"]}}]}',
        b"[" * 100_000,
        b"9" * 100_000,
    ],
    ids=lambda value: repr(value[:12]),
)
def test_nonsense_is_no_chat_completion(nonsense: bytes) -> None:
    with pytest.raises(InputError, match="no chat completion"):
        _answered(lambda exchange: exchange.reply(nonsense))


def test_what_cannot_be_counted_or_written_is_made_harmless() -> None:
    content = {"message": {"content": "half \ud800 of a letter"}, "finish_reason": "length"}
    usage = {"prompt_tokens": "many", "completion_tokens": -5}
    reply = json.dumps({"choices": [content], "usage": usage}).encode()
    with LanguageModelServer(lambda exchange: exchange.reply(reply)) as server:
        assert _model(server).answer(MESSAGES, SCHEMA, 50) == ("half ? of a letter", 0, 0, True)
        server.behave = lambda exchange: exchange.say(None)
        assert _model(server).answer(MESSAGES, SCHEMA, 50).text == ""


def test_a_key_file_must_hold_a_key(tmp_path: Path) -> None:
    for content in (b"", b"two words", b"\xff", "schl\u00fcssel".encode()):
        (tmp_path / "key").write_bytes(content)
        with pytest.raises(InputError, match="'api_key_file'"):
            _model("http://127.0.0.1:1/v1", api_key_file=str(tmp_path / "key"))
    with pytest.raises(InputError, match="cannot be read"):
        _model("http://127.0.0.1:1/v1", api_key_file=str(tmp_path / "none"))
