"""A language model behind an OpenAI-compatible server: vLLM, llama.cpp, and hosted ones.

The server is not trusted: an answer has a most of bytes and of seconds, redirections are not followed, and
what it says is text to be checked. The key is read from a file; where a server says it back, it becomes ***.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from surgvlp.files import InputError, one_line
from surgvlp.transcription.language_model.protocol import (
    Answer,
    LanguageModelConfig,
    Message,
    ModelUnusableError,
    ServerDownError,
)

CONNECT_S = 10.0
MOST_BYTES = 4 << 20  # of an answer: hundred times the longest that can be of use
LONGEST_PAUSE_S = 60.0
# Too many requests, restarting, loading a model: all of it may pass.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHORTEST_KEY = 8  # letters; shorter ones, "none" or "EMPTY", are no secret and may be words of an answer


class ServerModel:
    """Asks `<server>/chat/completions`, with the schema as `response_format` as long as the server takes it.

    Trouble that may pass (a connection that breaks, 429, 5xx) is tried again, `attempts` times in all, with a
    pause that doubles or that `Retry-After` names, at most a minute. A stalled answer is not.

    Args:
        config: with `server`.
        pause_s: before the second try, seconds.

    Raises:
        InputError: the key file cannot be used.
    """

    def __init__(self, config: LanguageModelConfig, pause_s: float = 1.0) -> None:
        assert config.server is not None
        self._config, self._pause_s = config, pause_s
        self._address = urlsplit(config.server.rstrip("/") + "/chat/completions")
        self._key = _read_key(config.api_key_file) if config.api_key_file else None
        self._takes_schema, self._reached, self._answered = True, False, False
        self.settings: dict[str, Any] = {"model": config.model, "request": config.request}

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any], most_tokens: int) -> Answer:
        """See `LanguageModel.answer`."""
        fields = {
            "model": self._config.model,
            "messages": list(messages),
            "max_tokens": most_tokens,
            "temperature": 0,
            "seed": 1,
            **self._config.request,
        }
        body = {key: value for key, value in fields.items() if value is not None}
        if self._takes_schema:
            json_schema = {"name": "answer", "strict": True, "schema": schema}
            reply = self._reply(
                {"response_format": {"type": "json_schema", "json_schema": json_schema}, **body}
            )
            if reply.status not in (400, 422, 501):
                return self._read(reply)
        reply = self._reply(body)
        if reply.status == 200:
            self._takes_schema = False  # it was the schema that the server refused, not the question
        return self._read(reply)

    def _reply(self, body: Mapping[str, Any]) -> _Reply:
        content = json.dumps(body).encode()
        for attempt in range(self._config.attempts):
            pause_s = self._pause_s * 2**attempt
            try:
                reply = self._post(content)
            except OSError as error:
                trouble = self._shown(str(error))
            else:
                if reply.status not in _PASSING:
                    return reply
                trouble = f"{reply.status} {self._message(reply.content)}"
                pause_s = max(pause_s, reply.retry_after_s)
            if attempt + 1 < self._config.attempts:
                time.sleep(min(pause_s, LONGEST_PAUSE_S))
        raise self._down(f"gave no answer in {self._config.attempts} attempts; the last: {trouble}")

    def _post(self, content: bytes) -> _Reply:
        with contextlib.closing(self._connected()) as connection:
            with _deadline(connection.sock, self._config.timeout_s) as over:
                try:
                    reply = self._exchange(connection, content)
                except (OSError, ValueError, http.client.HTTPException) as error:
                    if not over.is_set():
                        raise ConnectionError(f"{type(error).__name__} {error}") from error
            if over.is_set():
                raise self._down(
                    f"gave no whole answer within {self._config.timeout_s:g} s",
                    "Give it more time by 'timeout_s' in the config block",
                )
        if len(reply.content) > MOST_BYTES:
            raise InputError(f"the language model's answer has more than {MOST_BYTES} bytes")
        return reply

    def _connected(self) -> http.client.HTTPConnection:
        address = self._address
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=CONNECT_S)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            if self._reached:
                raise
            raise ModelUnusableError(
                f"no server answers at {address.scheme}://{address.netloc}: {self._shown(str(error))}",
                remedy="Start it, or correct 'server' in the config block",
            ) from error
        self._reached = True
        return connection

    def _exchange(self, connection: http.client.HTTPConnection, content: bytes) -> _Reply:
        headers = {"Content-Type": "application/json", "Connection": "close"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        connection.request("POST", self._address.path, content, headers)
        response = connection.getresponse()
        found = response.read(MOST_BYTES + 1)
        if response.length and len(found) <= MOST_BYTES:
            raise ConnectionError("it broke in the middle of the answer")
        return _Reply(response.status, found, _seconds(response.getheader("Retry-After")))

    def _read(self, reply: _Reply) -> Answer:
        if reply.status != 200:
            raise self._refusal(reply.status, self._message(reply.content))
        answer = _parse(reply.content)
        self._answered = True
        if self._key is not None and len(self._key) >= _SHORTEST_KEY:
            answer = answer._replace(text=self._without_key(answer.text))
        return answer

    def _refusal(self, status: int, said: str) -> InputError:
        """What a status means; a server that answered before may do so again, whatever it says now."""
        kind = ServerDownError if self._answered else ModelUnusableError
        if status in (401, 403):
            return kind(f"the server refuses the key ({status} {said})", remedy="Check 'api_key_file'")
        if status in (404, 405) or 300 <= status < 400:
            return kind(
                f"the server does not answer at this address, or has no model {self._config.model!r} "
                f"({status} {said})",
                remedy="Check 'server' and 'model' in the config block; redirections are not followed",
            )
        return InputError(f"the server refuses the question ({status} {said})")

    def _down(self, what: str, remedy: str | None = None) -> ServerDownError:
        return ServerDownError(f"the server at {self._address.netloc} {what}", remedy=remedy)

    def _message(self, content: bytes) -> str:
        """What a server says of an error, in short."""
        text = content.decode("utf-8", "replace")
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(text)
            error = value.get("error", value) if isinstance(value, dict) else value
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        return self._shown(text)

    def _shown(self, text: str) -> str:
        """Text of others as it can stand in one line of a terminal."""
        return one_line(self._without_key(text)[:200])

    def _without_key(self, text: str) -> str:
        return text if self._key is None else text.replace(self._key, "***")


class _Reply(NamedTuple):
    status: int
    content: bytes
    retry_after_s: float


@contextlib.contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """Break the connection after so many seconds: a socket's own timeout starts anew with every byte."""
    over = threading.Event()

    def stop() -> None:
        over.set()
        with contextlib.suppress(OSError):
            # not SSLSocket's, which takes the cipher from under the thread that reads
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    sock.settimeout(None)
    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def _parse(content: bytes) -> Answer:
    try:
        value = json.loads(content.decode("utf-8", "replace"))
        choice = value["choices"][0]
        text = choice["message"]["content"] or ""
        if not isinstance(text, str):
            raise TypeError
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise InputError("what the server answers is no chat completion") from error
    usage = value.get("usage")
    counts = [_count(usage, key) for key in ("prompt_tokens", "completion_tokens")]
    # JSON can hold halves of a character, which no file can
    text = text.encode("utf-8", "replace").decode("utf-8")
    return Answer(text, counts[0], counts[1], choice.get("finish_reason") == "length")


def _count(usage: Any, key: str) -> int:
    found = usage.get(key) if isinstance(usage, dict) else None
    return found if type(found) is int and 0 <= found < 1 << 40 else 0


def _seconds(header: str | None) -> float:
    """`Retry-After` in seconds; its other form, a date, is left to our own pauses."""
    return float(header) if header and header.isascii() and header.isdigit() and len(header) < 6 else 0.0


def _read_key(path: str) -> str:
    try:
        key = Path(path).expanduser().read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the key cannot be read", file=path, key="api_key_file") from error
    if not key or not key.isprintable() or " " in key:
        raise InputError(
            "this is no key", file=path, key="api_key_file", remedy="Write the key and nothing else into it"
        )
    return key
