"""Real servers on 127.0.0.1 that speak like a language model's, or misbehave as a test asks for."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Body = dict[str, Any]


class Exchange(BaseHTTPRequestHandler):
    """One request, with the ways to answer it."""

    server: LanguageModelServer
    body: Body

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(self.body)
        self.server.headers.append(dict(self.headers))
        self.server.paths.append(self.path)
        self.server.behave(self)

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def say(self, content: object, finish: str = "stop") -> None:
        """A chat completion of this content, 100 tokens read and 10 written."""
        message = {"role": "assistant", "content": content}
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        self.reply({"choices": [{"message": message, "finish_reason": finish}], "usage": usage})

    def reply(self, value: Any, status: int = 200, **headers: str) -> None:
        """A whole reply: bytes as they are, anything else as JSON."""
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(content)

    def die(self) -> None:
        """Half an answer, and the connection is gone."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"choices": [{"mess')

    def stall(self, trickle: bool = False) -> None:
        """No answer, or one byte now and then, for as long as the server runs."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        while not self.server.stopped.wait(0.02):
            if trickle:
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return


class LanguageModelServer(ThreadingHTTPServer):
    """Answers with `behave`, and remembers what it was asked; a context manager that runs it in a thread."""

    daemon_threads = True

    def __init__(self, behave: Callable[[Exchange], None], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Exchange)
        self.behave = behave
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.stopped = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> LanguageModelServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news."""


def write_config(path: Path, server: str, **keys: object) -> Path:
    """A config block for a server, as a person writes it."""
    values = {"server": server, "model": "test", **keys}
    path.write_text("config = " + repr(values) + "\n")
    return path


def sentences_of(body: Body) -> list[str]:
    """The numbered sentences in a question."""
    lines = body["messages"][1]["content"].rsplit("</lecture", 1)[0].splitlines()
    return [line.split(": ", 1)[1] for line in lines if re.match(r"\d+: ", line)]


def task_of(body: Body) -> str:
    """Which of the four questions it is: the key of the answer that it asks for."""
    found = re.findall(r'Form: \{"(\w+)"', body["messages"][1]["content"])
    return str(found[-1])


def sensible(body: Body) -> str:
    """The answer of a model that does what it is asked: a keystep of every four sentences."""
    sentences, task = sentences_of(body), task_of(body)
    if task == "keysteps":
        cuts = [*range(0, max(1, len(sentences) - 3), 4), len(sentences)]
        answer: Any = [
            {"first": first, "last": last - 1, "title": " ".join(sentences[first].split()[:4]).capitalize()}
            for first, last in itertools.pairwise(cuts)
        ]
    elif task == "corrections":
        answer = [
            {"number": number, "text": text.replace("dock", "duct")}
            for number, text in enumerate(sentences)
            if "dock" in text
        ]
    else:
        answer = f"Here {sentences[0]}, and {sentences[-1]}."
    return json.dumps({task: answer})
