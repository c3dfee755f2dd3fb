"""Answers of a language model, kept by what was asked, so that no question is paid for twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surgvlp.files import InputError, read_json, write_json


class AnswerCache:
    """A folder with one file for each question that was answered well.

    A file's name is the sha256 of the question: the model's settings, the messages and the schema. A file
    that cannot be read counts as missing. The folder may be deleted at any time.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def get(self, key: str) -> str | None:
        """The answer kept under a key; None where there is none."""
        try:
            kept = read_json(self.folder / f"{key}.json")
        except (InputError, RecursionError):
            return None
        answer = kept.get("answer") if isinstance(kept, dict) else None
        return answer if isinstance(answer, str) else None

    def put(self, key: str, answer: str, about: Mapping[str, Any]) -> None:
        """Keep an answer, and beside it what a reader may want to know about it."""
        write_json(self.folder / f"{key}.json", {"answer": answer, **about})


def key_of(
    settings: Mapping[str, Any], messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any]
) -> str:
    """Under which name an answer is kept: hex sha256 of everything that decides it."""
    asked = json.dumps([settings, list(messages), schema], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()
