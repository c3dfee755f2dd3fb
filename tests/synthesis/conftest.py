"""A small made corpus that the room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_corpus import ARGUMENTS

from surgvlp.synthesis.corpus import make_corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a data tree with three lectures, the last of them for testing; not to be changed."""
    root = tmp_path_factory.mktemp("made")
    assert len(make_corpus(ARGUMENTS, root, count=3, test_share=1 / 3, jobs=2)["made"]) == 3
    return root
