"""Loading weights: whole or not at all."""

from __future__ import annotations

import datetime
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models.build import build_model
from surgvlp.models.weights import load_weights, named_tensors, read_state


def model_of(folder: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return build_model(
        {
            "type": "SurgVLP",
            "backbone_img": {
                "type": "img_backbones/ImageEncoder",
                "num_classes": 16,
                "backbone_name": "test_resnet",
            },
            "backbone_text": {
                "type": "text_backbones/BertEncoder",
                "text_bert_type": folder,
                "text_embedding_dim": 16,
                "pretrained": False,
            },
        }
    )


@pytest.fixture
def source(tiny_bert: str) -> nn.Module:
    model = model_of(tiny_bert, 1)
    for name, buffer in model.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.fill_(7)
    return model


@pytest.fixture
def target(tiny_bert: str) -> nn.Module:
    return model_of(tiny_bert, 2)


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


POSITIONS = {"backbone_text.model.embeddings.position_ids": torch.arange(64)[None]}
LAYOUTS = {
    "training state": lambda state: {"model": state, "step": 12, "schedule": {"last": 0.1}},
    "published checkpoint": lambda state: {"epoch": 3, "state_dict": OrderedDict(state)},
    "released": lambda state: state,
    "released by older transformers": lambda state: {**state, **POSITIONS},
    "data parallel": lambda state: {
        "state_dict": {f"module.{name}": value for name, value in {**state, **POSITIONS}.items()}
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_loads_every_entry(
    layout: str, source: nn.Module, target: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(LAYOUTS[layout](source.state_dict()), path)
    load_weights(target, path)
    assert equal(copied(target), copied(source))


def test_safetensors_load(source: nn.Module, target: nn.Module, tmp_path: Path) -> None:
    save_file(copied(source), tmp_path / "model.safetensors")
    load_weights(target, tmp_path / "model.safetensors")
    assert equal(copied(target), copied(source))


def without(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key != name}


LINEAR = "backbone_img.global_embedder.weight"
BATCHES = "backbone_img.model.bn1.num_batches_tracked"
CHANGES = {
    "1 missing (backbone_img.global_embedder.weight)": lambda s: without(LINEAR, s),
    "1 missing (backbone_img.model.bn1.num_batches_tracked)": lambda s: without(BATCHES, s),
    "1 unexpected (head.bias)": lambda s: {**s, "head.bias": torch.zeros(3)},
    f"{LINEAR} (4, 4) instead of": lambda s: {**s, LINEAR: torch.zeros(4, 4)},
    "1 of another shape or kind": lambda s: {**s, BATCHES: torch.tensor(0.5)},
    "missing": lambda s: {f"encoder.{name}": value for name, value in s.items()},
    "is not a named tensor": lambda s: {**s, LINEAR: "text"},
    "holds no weights": lambda s: {},
}


@pytest.mark.parametrize("complaint", CHANGES)
def test_an_entry_out_of_place_is_named_and_nothing_is_loaded(
    complaint: str, source: nn.Module, target: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "foreign.pth"
    torch.save(CHANGES[complaint](copied(source)), path)
    before = copied(target)
    with pytest.raises(InputError) as raised:
        load_weights(target, path)
    assert complaint in str(raised.value)
    assert str(path) in str(raised.value)
    assert equal(copied(target), before)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_truncated_or_foreign_file_is_one_clear_line(
    tiny_bert: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("torn") / "weights.pth"
    model = nn.Linear(3, 2)
    torch.save(model.state_dict(), path)
    whole = path.read_bytes()
    broken = data.draw(
        st.one_of(
            st.integers(0, len(whole) - 1).map(lambda length: whole[:length]),
            st.binary(max_size=200),
            st.just(b"start,end,text\n0,1,hello\n"),
        )
    )
    path.write_bytes(broken)
    before = copied(model)
    with pytest.raises(InputError, match=r"weights\.pth: cannot be read as a checkpoint"):
        load_weights(model, path)
    assert equal(copied(model), before)


class Bomb:
    """Unpickled, it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_pickle_that_runs_code_is_refused(writer: str, tmp_path: Path) -> None:
    path, trace = tmp_path / "bomb.pth", tmp_path / "it ran"
    content = {"weight": Bomb(trace)}
    if writer == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        load_weights(nn.Linear(3, 2), path)
    assert not trace.exists()


def test_a_compressed_archive_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"0" * 10_000_000)
    with pytest.raises(InputError, match="compressed archive"):
        load_weights(nn.Linear(3, 2), path)


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such checkpoint"):
        load_weights(nn.Linear(3, 2), tmp_path / "absent.pth")
    with pytest.raises(InputError, match="no such checkpoint"):
        load_weights(nn.Linear(3, 2), tmp_path)


def test_a_foreign_object_is_named_and_not_called_a_truncated_file(tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.ones(1)}, "when": datetime.date(2026, 1, 1)}, tmp_path / "whole.pt")
    with pytest.raises(InputError, match=r"holds datetime\.date besides tensors.*Save the state dict alone"):
        read_state(tmp_path / "whole.pt")


def test_shapes_without_numbers_are_no_weights() -> None:
    with pytest.raises(InputError, match="entry 'a' has a shape but no numbers"):
        named_tensors({"a": torch.ones(1, device="meta")}, "file")
