"""Surgical video-language pretraining: from narrated lectures to zero-shot recognition and search.

Whoever only uses trained models needs four functions, which are those of the published package:

    model, preprocess = surgvlp.load("PeskaVLP")        # or "SurgVLP", "HecVL", a published config, a folder
    tokens = surgvlp.tokenize(["I clip the cystic duct", "I put the gallbladder into the bag"])
    embeddings = model(preprocess(image).unsqueeze(0), tokens, mode="all")

`surgvlp.available_models()` has the names, `surgvlp.load_dataset(config)` reads labelled frames. Importing
the package imports nothing else until one of them is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surgvlp.published.datasets import load_dataset
    from surgvlp.published.load import load
    from surgvlp.published.released import available_models
    from surgvlp.published.tokenize import tokenize

__version__ = "0.1.0"
__all__ = ["__version__", "available_models", "load", "load_dataset", "tokenize"]

_FUNCTIONS = {
    "available_models": "surgvlp.published.released",
    "load": "surgvlp.published.load",
    "load_dataset": "surgvlp.published.datasets",
    "tokenize": "surgvlp.published.tokenize",
}
_ROOMS = ("models", "registry")


def __getattr__(name: str) -> Any:
    """The public functions, and the rooms with public names, on first use."""
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"surgvlp.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS, *_ROOMS})
