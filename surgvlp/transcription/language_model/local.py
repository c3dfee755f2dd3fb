"""A language model that runs in this process, by transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from surgvlp.files import InputError
from surgvlp.transcription.language_model.protocol import (
    Answer,
    LanguageModelConfig,
    Message,
    ModelUnusableError,
)


class LocalModel:
    """A causal language model, name or folder, loaded at the first question; the likeliest words are taken.

    Only safetensors are read, and no code that comes with a model is run. It is held to the schema by the
    question and by the beginning of the answer, which is written for it; a server holds its model by every
    word.
    """

    def __init__(self, config: LanguageModelConfig) -> None:
        self._config = config
        self._model: Any = None
        self._tokenizer: Any = None
        self.settings: dict[str, Any] = {"model": config.model}

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any], most_tokens: int) -> Answer:
        """See `LanguageModel.answer`; the time of an answer is checked after every token."""
        if self._model is None:
            self._load()
        beginning = _beginning(schema)
        tokens = self._tokens(messages, beginning)
        length = tokens.shape[1]
        if length + most_tokens > self._room:
            raise InputError(
                f"a question of {length} tokens and its answer do not fit into the {self._room} of the model",
                remedy="Lower 'context_tokens' in the config block; lectures are then asked in more pieces",
            )
        try:
            found = self._continue(tokens, most_tokens)[0, length:].tolist()
        except torch.OutOfMemoryError as error:
            raise InputError(f"no memory left for a question of {length} tokens") from error
        cut = not found or found[-1] not in self._ends
        text = beginning + self._tokenizer.decode(found, skip_special_tokens=True)
        return Answer(text, length, len(found), cut)

    @torch.inference_mode()
    def _continue(self, tokens: torch.Tensor, most_tokens: int) -> torch.Tensor:
        return self._model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=most_tokens,
            max_time=self._config.timeout_s,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            pad_token_id=self._end,
        )

    def _load(self) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        name, device = self._config.model, self._config.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                name, dtype="auto", use_safetensors=True, trust_remote_code=False
            )
            self._model = model.to(device).eval()  # type: ignore[arg-type]  # as torch's own takes it
        except Exception as error:  # files of others, read by a library that raises whatever it meets
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            raise ModelUnusableError(
                f"the language model {name!r} cannot be loaded ({reason})",
                remedy="Check 'model' and 'device' in the config block",
            ) from error
        ends = model.generation_config.eos_token_id
        ends = ends if ends is not None else self._tokenizer.eos_token_id
        self._ends = set(ends if isinstance(ends, list) else [ends]) - {None}
        self._end = min(self._ends, default=0)
        self._room = getattr(model.config, "max_position_embeddings", self._config.context_tokens)

    def _tokens(self, messages: Sequence[Message], beginning: str) -> torch.Tensor:
        tokenizer = self._tokenizer
        if tokenizer.chat_template is None:
            text = "\n\n".join(message["content"] for message in messages) + "\n\n"
        else:
            text = tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,  # read by the templates of models that think aloud
            )
        found = tokenizer(text + beginning, add_special_tokens=False, return_tensors="pt").input_ids
        return found.to(self._model.device)


def _beginning(schema: Mapping[str, Any]) -> str:
    """What any answer of a schema with one property begins with."""
    [(key, value)] = schema["properties"].items()
    return f'{{"{key}": ' + {"string": '"', "array": "["}[value["type"]]
