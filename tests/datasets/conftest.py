"""Fixtures of the data sets' tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from lecture_tree import WordTokenizer, write_tree


@pytest.fixture(scope="session")
def tokenizer() -> WordTokenizer:
    return WordTokenizer()


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data tree of `lecture_tree`."""
    root = tmp_path_factory.mktemp("tree")
    write_tree(root)
    return root
