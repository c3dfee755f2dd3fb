"""The three registries. Asking one for a name imports the room that defines it, and nothing before that."""

from __future__ import annotations

from mmengine.registry import Registry

LOSSES = Registry("losses", locations=["surgvlp.losses"])
MODELS = Registry("models", locations=["surgvlp.models"])
DATASETS = Registry("datasets", locations=["surgvlp.datasets"])
