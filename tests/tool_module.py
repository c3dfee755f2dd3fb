"""A program of the repository as a module, so that tests call its `main` in their own process."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

REPOSITORY = Path(__file__).parents[1]


def load_program(path: str) -> ModuleType:
    """`tools/demo.py`, `train.py`: by its path below the repository."""
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(f"program_{name}", REPOSITORY / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
