"""Asking a language model until its answer is valid: repeated with the fault named, kept, and counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from surgvlp.files import InputError
from surgvlp.transcription.language_model.answers import AnswerError, parse
from surgvlp.transcription.language_model.cache import AnswerCache, key_of
from surgvlp.transcription.language_model.protocol import LanguageModel, LanguageModelConfig, Message

T = TypeVar("T")

_REPEATED = 1500  # letters of an answer that was not valid, which the model is shown again


@dataclass(frozen=True)
class Question(Generic[T]):
    """What is asked, and what makes of the answer what is wanted.

    Attributes:
        messages: the conversation so far.
        schema: JSON schema of the answer.
        check: reads a JSON object; raises AnswerError with what is wrong with it.
        most_tokens: of the answer.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    check: Callable[[Mapping[str, Any]], T]
    most_tokens: int


@dataclass
class Usage:
    """What asking took: questions sent and answered, answers found in the cache, ones not valid, tokens."""

    requests: int = 0
    cached: int = 0
    refused: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


class Asker:
    """Asks one model, and keeps its valid answers.

    Attributes:
        usage: of all questions so far.
    """

    def __init__(self, model: LanguageModel, cache: AnswerCache, config: LanguageModelConfig) -> None:
        self.model, self._cache, self.config = model, cache, config
        self.usage = Usage()

    def ask(self, question: Question[T]) -> T:
        """What the answer says.

        Raises:
            InputError: no valid answer in `config.attempts` attempts, or what `LanguageModel.answer` raises.
        """
        key = key_of(self.model.settings, question.messages, question.schema)
        kept = self._cache.get(key)
        if kept is not None:
            try:
                found = question.check(parse(kept))
            except AnswerError:
                pass  # kept when less was asked of it
            else:
                self.usage.cached += 1
                return found
        return self._ask(question, key)

    def _ask(self, question: Question[T], key: str) -> T:
        messages, fault = list(question.messages), ""
        for _ in range(self.config.attempts):
            started = time.monotonic()
            try:
                answer = self.model.answer(messages, question.schema, question.most_tokens)
            finally:
                self.usage.seconds += time.monotonic() - started
            self.usage.requests += 1
            self.usage.prompt_tokens += answer.prompt_tokens
            self.usage.completion_tokens += answer.completion_tokens
            try:
                found = question.check(parse(answer.text))
            except AnswerError as error:
                fault = (
                    f"{error} (cut off after {answer.completion_tokens} tokens)" if answer.cut else str(error)
                )
                self.usage.refused += 1
                messages = [*question.messages, *_again(answer.text, fault)]
            else:
                self._cache.put(key, answer.text, {"model": self.config.model})
                return found
        raise InputError(
            f"the language model gave no usable answer in {self.config.attempts} attempts; the last: {fault}"
        )

    def __str__(self) -> str:
        used, config = self.usage, self.config
        line = (
            f"language model: {used.requests} answers in {used.seconds:.0f} s, {used.refused} of them not "
            f"valid, {used.cached} more from the cache; {used.prompt_tokens} tokens read, "
            f"{used.completion_tokens} written"
        )
        if config.prompt_price or config.completion_price:
            read, written = used.prompt_tokens / 1e6, used.completion_tokens / 1e6
            line += f"; cost {read * config.prompt_price + written * config.completion_price:.4f}"
        return line


def _again(answer: str, fault: str) -> list[Message]:
    wish = f"This answer cannot be used: {fault}. Answer again, with one valid JSON object and nothing else."
    return [
        {"role": "assistant", "content": answer[:_REPEATED] or "(nothing)"},
        {"role": "user", "content": wish},
    ]
