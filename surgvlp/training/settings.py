"""What the configs of all trainings have in common, and what may change before a run is resumed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from surgvlp.files import InputError
from surgvlp.training.schedules import Duration

# What may change between a checkpoint and its resumption. Nothing that is computed depends on the first ones;
# the second ones change the run's numbers in a way the person asked for, which is said in a warning.
FREE = ("workers", "logging", "checkpoints", "probe", "collapse")
WARNED = ("length", "validation", "device", "precision", "channels_last", "compile")


@dataclass(frozen=True)
class CheckpointSettings:
    """When to save, beside the end of the run and a new best validation; and how many of the newest stay."""

    every: Duration = field(default_factory=lambda: Duration(epochs=1))
    keep: int = 3

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise InputError("expected 1 or more", key="config.checkpoints.keep")


@dataclass(frozen=True)
class LoggingSettings:
    """How often to log, and whether to TensorBoard too."""

    every: Duration = field(default_factory=lambda: Duration(steps=10))
    tensorboard: bool = True


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Any run.

    Attributes:
        length: of the run.
        checkpoints, logging: how often.
        seed: of weights, order, clips and views.
        workers: processes that load data, for each level; the run's numbers do not depend on it.
        device: `auto` takes CUDA where there is one.
        precision: `bfloat16` computes embeddings on a GPU in it; the CPU always takes `float32`.
        channels_last: memory layout of images and kernels.
        compile: `torch.compile` the image encoder or backbones.
    """

    length: Duration
    checkpoints: CheckpointSettings = field(default_factory=CheckpointSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    seed: int = 1
    workers: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = True
    compile: bool = False

    def plain(self) -> dict[str, Any]:
        """As dictionaries, lists and numbers: what stands in checkpoints and config.json."""
        content: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return content


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ between two plain configs, with both values (None where missing)."""
    old, new = dict(_flat(before)), dict(_flat(now))
    keys = [*old, *(key for key in new if key not in old)]
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping | list) and value:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _flat(item, f"{place}.{key}" if place else str(key))
    else:
        yield place, value
