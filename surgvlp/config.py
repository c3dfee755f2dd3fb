"""Reading Python config files and checking them against documented dataclasses.

Config files are code, as published: run only those you trust.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import random
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from mmengine.config import Config

from surgvlp.files import InputError, did_you_mean

T = TypeVar("T")


def read(path: str | Path, options: Sequence[str] = ()) -> dict[str, Any]:
    """Execute a config file and return its `config` dictionary.

    Args:
        path: a Python file that defines `config = dict(...)`, published ones included: the module
            `utils` with `Gaussian` that those import is supplied while the file runs.
        options: overrides `a.b.0.c=value`; the value is a Python literal, else a string.

    Raises:
        InputError: no such file, no `config` in it, it fails to run, or an option names no existing key.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such config file", file=path)
    try:
        with _published_utils():
            # mmengine's lazy mode turns torch calls in published configs into objects that no code expects.
            content = Config.fromfile(str(path), lazy_import=False)
    except Exception as error:  # the file is arbitrary code; whatever it raises is the user's to see
        raise InputError(f"does not run: {type(error).__name__}: {error}", file=path) from error
    if "config" not in content:
        raise InputError("defines no `config`", file=path, remedy="Write: config = dict(...)")
    config = plain(content["config"])
    for option in options:
        _override(config, option)
    return config


def plain(value: Any) -> Any:
    """mmengine's ConfigDict, at any depth, as dictionaries; lists and tuples stay what they are."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value


def build(kind: type[T], values: Mapping[str, Any], where: str = "config") -> T:
    """Build a dataclass, nested ones too, from plain data and refuse what does not fit.

    Args:
        kind: the dataclass; its fields are the documented keys.
        values: the plain data.
        where: dotted place of `values` in the config, for the error.

    Raises:
        InputError: an unknown key (the nearest known one is named), a missing key, or a wrong type.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"expected a dictionary, got {values!r}", key=where)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise unknown_key(name, fields, where)
    hints = typing.get_type_hints(kind)
    arguments = {name: _convert(hints[name], value, f"{where}.{name}") for name, value in values.items()}
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in arguments:
            raise InputError("this key is missing", key=f"{where}.{name}")
    return kind(**arguments)


def unknown_key(name: str, known: typing.Iterable[str], where: str) -> InputError:
    """The error for a key nobody knows, with the nearest known one."""
    return InputError("unknown config key", key=f"{where}.{name}", remedy=did_you_mean(str(name), known))


def _convert(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    origin = get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        choices = get_args(hint)
        if value is None and type(None) in choices:
            return None
        errors = []
        for choice in choices:
            if choice is type(None):
                continue
            try:
                return _convert(choice, value, where)
            except InputError as error:
                errors.append(error)
        raise errors[0]
    if origin is typing.Literal:
        if value not in get_args(hint):
            raise InputError(f"{value!r} is not one of {', '.join(map(repr, get_args(hint)))}", key=where)
        return value
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else build(hint, value, where)  # type: ignore[arg-type]
    if origin in (list, tuple):
        return _convert_sequence(origin, get_args(hint), value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise InputError(f"expected a dictionary, got {value!r}", key=where)
        return {key: _convert(get_args(hint)[1], item, f"{where}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"expected {hint.__name__}, got {value!r}", key=where)
    return value


def _convert_sequence(origin: type, arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, list | tuple):
        raise InputError(f"expected a list, got {value!r}", key=where)
    if origin is list or arguments[-1] is Ellipsis:
        hints = [arguments[0]] * len(value)
    else:
        hints = list(arguments)
        if len(hints) != len(value):
            raise InputError(f"expected {len(hints)} values, got {len(value)}", key=where)
    return origin(
        _convert(hint, item, f"{where}.{index}")
        for index, (hint, item) in enumerate(zip(hints, value, strict=True))
    )


def _override(config: dict[str, Any], option: str) -> None:
    name, equals, text = option.partition("=")
    if not equals:
        raise InputError(f"{option!r} is not of the form a.b=value", key="--cfg-options")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    *parents, last = name.split(".")
    place: Any = config
    for parent in parents:
        place = _step_into(place, parent, name)
    if isinstance(place, list):
        _step_into(place, last, name)
        place[int(last)] = value
    else:
        # A new key is let in here; `build` refuses it, with the nearest known name, if nobody documents it.
        place[last] = value


def _step_into(place: Any, key: str, name: str) -> Any:
    if isinstance(place, list) and key.isdigit() and int(key) < len(place):
        return place[int(key)]
    if isinstance(place, dict) and key in place:
        return place[key]
    known = [str(index) for index in range(len(place))] if isinstance(place, list) else list(place or ())
    raise unknown_key(key, known, f"--cfg-options {name}: config")


class Gaussian:
    """Blur of radius U(low, high) on a PIL image: what published configs import as `utils.Gaussian`."""

    def __init__(self, radius: Sequence[float] = (0.1, 2.0)) -> None:
        self.radius = radius

    def __call__(self, image: Any) -> Any:
        from PIL import ImageFilter

        return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(*self.radius)))


@contextlib.contextmanager
def _published_utils() -> Iterator[None]:
    before = sys.modules.get("utils")
    module = types.ModuleType("utils")
    module.Gaussian = Gaussian  # type: ignore[attr-defined]
    sys.modules["utils"] = module
    try:
        yield
    finally:
        if before is None:
            del sys.modules["utils"]
        else:
            sys.modules["utils"] = before
