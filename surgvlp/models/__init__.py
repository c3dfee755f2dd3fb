"""Image and text encoders, the dual encoder over them, and the loading of released weights.

`models.build` builds what a config names; `models.weights` loads into it; `models.tokenizer` feeds it.
`load_backbone` and `load_segmenter` give pretrained image networks by name or file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surgvlp.models.loading import load_backbone
    from surgvlp.models.segmentation import load_segmenter

__all__ = ["load_backbone", "load_segmenter"]


def __getattr__(name: str) -> Any:
    """The two loaders on first use: they import timm, which the rest of the room does not need."""
    if name == "load_backbone":
        from surgvlp.models.loading import load_backbone

        return load_backbone
    if name == "load_segmenter":
        from surgvlp.models.segmentation import load_segmenter

        return load_segmenter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
