from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from surgvlp import config
from surgvlp.files import InputError


@dataclass
class Optimizer:
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    kind: Literal["adam", "adamw"] = "adamw"


@dataclass
class Run:
    seed: int
    optimizer: Optimizer
    sources: list[str] = field(default_factory=list)
    clip: float | None = None


def write(folder: Path, text: str) -> Path:
    path = folder / "config.py"
    path.write_text(text)
    return path


def test_published_style_config_loads_with_its_utils_import(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "import torch, torchvision.transforms as T\nfrom utils import Gaussian\n"
        "config = dict(candidates=torch.IntTensor([1, 2]), aug=T.Compose([Gaussian([.1, 2.])]), "
        "levels=[dict(type='a', x=1)])",
    )
    read = config.read(path)
    assert read["candidates"].tolist() == [1, 2]
    assert read["levels"] == [{"type": "a", "x": 1}] and type(read["levels"][0]) is dict
    with pytest.raises(ImportError):
        import utils  # noqa: F401


def test_options_override_nested_keys_and_list_items(tmp_path: Path) -> None:
    path = write(tmp_path, "config = dict(a=dict(b=1), levels=[dict(size=1), dict(size=2)])")
    read = config.read(path, ["a.b=[1, 2]", "levels.1.size=7", "a.name=resnet_50"])
    assert read == {"a": {"b": [1, 2], "name": "resnet_50"}, "levels": [{"size": 1}, {"size": 7}]}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("optimiser.x=1", "Did you mean 'optimizer'"),
        ("levels.4.x=1", "unknown config key"),
        ("x", "a.b=value"),
    ],
)
def test_an_option_that_leads_nowhere_is_refused(tmp_path: Path, option: str, words: str) -> None:
    path = write(tmp_path, "config = dict(optimizer=dict(x=1), levels=[])")
    with pytest.raises(InputError, match=words):
        config.read(path, [option])


@pytest.mark.parametrize(
    ("text", "words"),
    [("x = 1", "defines no `config`"), ("config = 1 / 0", "ZeroDivisionError"), ("(", "SyntaxError")],
)
def test_a_config_that_does_not_run_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        config.read(write(tmp_path, text))


def test_build_converts_nested_plain_data() -> None:
    run = config.build(
        Run, {"seed": 1, "optimizer": {"learning_rate": 1, "betas": [0.8, 0.9]}, "sources": ["a"]}
    )
    assert run == Run(1, Optimizer(1.0, (0.8, 0.9)), ["a"])
    assert isinstance(run.optimizer.learning_rate, float)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seed": 1, "optimizer": {"learning_rte": 1}}, "'config.optimizer.learning_rte'.*'learning_rate'"),
        ({"seed": 1}, "'config.optimizer': this key is missing"),
        ({"seed": True, "optimizer": {"learning_rate": 1}}, "'config.seed': expected int, got True"),
        ({"seed": 1, "optimizer": {"learning_rate": "1"}}, "expected float, got '1'"),
        (
            {"seed": 1, "optimizer": {"learning_rate": 1, "kind": "sgd"}},
            "'sgd' is not one of 'adam', 'adamw'",
        ),
        ({"seed": 1, "optimizer": {"learning_rate": 1, "betas": [1.0]}}, "expected 2 values, got 1"),
        ({"seed": 1, "optimizer": 3}, "expected a dictionary, got 3"),
        ({"seed": 1, "optimizer": {"learning_rate": 1}, "sources": "ab"}, "expected a list, got 'ab'"),
    ],
)
def test_build_says_what_does_not_fit_and_where(values: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        config.build(Run, values)
