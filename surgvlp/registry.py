"""The three registries. Asking one for a name imports the modules that define it, and nothing before that."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmengine.registry import Registry

from surgvlp.config import unknown_key
from surgvlp.files import InputError

LOSSES = Registry("losses", locations=["surgvlp.losses"])
MODELS = Registry("models", locations=["surgvlp.models.build"])
DATASETS = Registry("datasets", locations=["surgvlp.datasets"])


def build(registry: Registry, config: Mapping[str, Any], where: str = "config", **more: Any) -> Any:
    """Build what `config["type"]` names; the other keys are the arguments of its constructor.

    A constructor that takes `**keys` checks those itself (with `config.build`).

    Args:
        registry: one of the three above.
        config: a plain dictionary as configs hold it.
        where: dotted place of `config`, for the error.
        more: arguments that do not come from a config; they win over keys of the same name.

    Raises:
        InputError: no `type`, an unknown type or key (the nearest known one is named), a missing key.
    """
    if not isinstance(config, Mapping):
        raise InputError(f"expected a dictionary, got {config!r}", key=where)
    arguments = dict(config)
    name = arguments.pop("type", None)
    if name is None:
        raise InputError("this key is missing", key=f"{where}.type")
    # Not `registry.get`, which imports whatever a dotted name says: configs come with others' models.
    registry.import_from_location()
    kind = registry.module_dict.get(name) if isinstance(name, str) else None
    if kind is None:
        raise unknown_key(str(name), registry.module_dict, f"{where}.type")
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    all_parameters = inspect.signature(kind).parameters
    parameters = {key: value for key, value in all_parameters.items() if value.kind not in variadic}
    takes_keys = any(value.kind is inspect.Parameter.VAR_KEYWORD for value in all_parameters.values())
    for key in arguments:
        if key not in parameters and not takes_keys:
            raise unknown_key(key, parameters, where)
    arguments.update(more)
    for key, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and key not in arguments:
            raise InputError("this key is missing", key=f"{where}.{key}")
    return kind(**arguments)
