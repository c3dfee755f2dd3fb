"""All texts of a split as one table of token ids, made once at start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surgvlp.console import progress_bar

_CHUNK = 4096


class Tokenizer(Protocol):
    """What turns texts into token ids, `surgvlp.models.tokenizer.Tokenizer` for example."""

    def __call__(self, texts: list[str], max_length: int) -> Mapping[str, Any]:
        """Give `input_ids` and `attention_mask`, each (N, max_length), padded on the right."""


class TextTable:
    """The different texts of a split, each tokenised once.

    Attributes:
        texts: M texts, each once, in the order of their first appearance.
        tokens: `input_ids`, `attention_mask`: (M, L) int32.
    """

    def __init__(self, texts: Iterable[str], tokenizer: Tokenizer, max_length: int) -> None:
        self._row = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        self.texts = list(self._row)
        self.tokens = _tokenise(self.texts, tokenizer, max_length)

    def row(self, text: str) -> int:
        """The row of a text."""
        return self._row[text]

    def gather(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """`input_ids` and `attention_mask` (..., l) int64 of some rows, l the longest one's true length."""
        length = int(self.tokens["attention_mask"][rows].sum(-1).max(initial=1))
        return {name: table[rows, :length].astype(np.int64) for name, table in self.tokens.items()}


def _tokenise(texts: list[str], tokenizer: Tokenizer, max_length: int) -> dict[str, NDArray[np.int32]]:
    columns: dict[str, list[NDArray[np.int32]]] = {"input_ids": [], "attention_mask": []}
    with progress_bar("tokenising texts", len(texts), unit="texts") as bar:
        for first in range(0, len(texts), _CHUNK):
            chunk = texts[first : first + _CHUNK]
            tokens = tokenizer(chunk, max_length=max_length)
            for name, column in columns.items():
                column.append(np.asarray(tokens[name], dtype=np.int32))
            bar.advance(len(chunk))
    return {name: np.concatenate(column) for name, column in columns.items()}
