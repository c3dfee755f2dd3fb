"""Both encoders as programs that run without this package: ONNX, and torch's own exported programs.

    image_encoder.onnx   frames (N, 3, crop, crop) float32 -> img_emb (N, D)
    text_encoder.onnx    input_ids, attention_mask, token_type_ids (N, max_length) int64 -> text_emb (N, D)
    image_encoder.pt2, text_encoder.pt2    the same for `torch.export.load(path).module()`

N is free. Each file is run beside the model it was made from before it gets its name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from surgvlp.console import progress_bar
from surgvlp.files import InputError, atomic_path
from surgvlp.models.exported.folder import Exported
from surgvlp.models.modes import evaluating

TOLERANCE = 1e-4  # of the largest number in the embeddings; float32 in another order gives about 1e-6
SENTENCES = ["the hook dissects the gallbladder", "clips on the duct " * 200, "bleeding"]

Inputs = dict[str, Tensor]
Run = Callable[[Inputs], Tensor]


@dataclass(frozen=True)
class _Part:
    """One encoder with named inputs, traced with a batch of two and checked with batches of three and one."""

    name: str
    output: str
    module: nn.Module
    inputs: Inputs

    def rows(self, *wanted: int) -> Inputs:
        return {name: value[list(wanted)] for name, value in self.inputs.items()}

    def traced(self) -> torch.export.ExportedProgram:
        batch = torch.export.Dim("batch")
        shapes = {name: {0: batch} for name in self.inputs}
        with evaluating(self.module):
            return torch.export.export(self.module, (), self.rows(0, 1), dynamic_shapes=shapes)

    def difference(self, run: Run) -> float:
        """Largest difference between `run` and the model, as a share of the largest number; checked."""
        largest = 0.0
        with evaluating(self.module):
            for rows in ((0, 1, 2), (1,)):
                expected = self.module(**self.rows(*rows))
                error = float((run(self.rows(*rows)) - expected).abs().max() / expected.abs().max())
                if not error <= TOLERANCE:  # NaN is not
                    raise RuntimeError(f"the exported {self.name} is {error:.1e} away from the model itself")
                largest = max(largest, error)
        return largest


class _Text(nn.Module):
    """Tensors by name to the one mapping that text encoders take."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        tokens = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        embedding: Tensor = self.encoder(tokens)
        return embedding


def save_programs(exported: Exported, folder: Path) -> dict[str, float]:
    """Write `image_encoder.pt2` and `text_encoder.pt2`.

    Returns:
        By file name, how far it is from the model: the largest difference over the largest number.

    Raises:
        RuntimeError: a program that does not compute what the model computes; it is not kept.
    """
    return _save(exported, folder, ".pt2", _write_program)


def save_onnx(exported: Exported, folder: Path) -> dict[str, float]:
    """Write `image_encoder.onnx` and `text_encoder.onnx`, checked by onnxruntime; else as `save_programs`.

    Raises:
        InputError: the packages for it are not installed.
    """
    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if not find_spec(name)]
    if missing:
        raise InputError(f"ONNX needs {', '.join(missing)}", remedy='Run: pip install "surgvlp[export]"')
    return _save(exported, folder, ".onnx", _write_onnx)


def _save(
    exported: Exported, folder: Path, suffix: str, write: Callable[[_Part, Path], Run]
) -> dict[str, float]:
    differences = {}
    with progress_bar(f"tracing to {suffix}", total=2, unit="encoders") as bar:
        for part in _parts(exported):
            with atomic_path(folder / f"{part.name}{suffix}") as path:
                run = write(part, path)
                differences[f"{part.name}{suffix}"] = part.difference(run)
            bar.advance()
    return differences


def _write_program(part: _Part, path: Path) -> Run:
    with open(path, "wb") as stream:  # by name, torch would ask for its own suffix
        torch.export.save(part.traced(), stream)
    with open(path, "rb") as stream:
        program = torch.export.load(stream).module()
    return lambda inputs: program(**inputs)


def _write_onnx(part: _Part, path: Path) -> Run:
    import onnxruntime

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one name stands for one size in three inputs
        torch.onnx.export(
            part.traced(),
            f=path,
            input_names=list(part.inputs),
            output_names=[part.output],
            external_data=False,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(inputs: Inputs) -> Tensor:
        (found,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        return torch.from_numpy(found)

    return run


def _parts(exported: Exported) -> list[_Part]:
    """Both encoders with three rows of inputs, on the CPU."""
    if next(exported.model.parameters()).device.type != "cpu":
        raise ValueError("programs are made of models on the CPU")
    crop = exported.preprocessing.crop
    frames = torch.randn(3, 3, crop, crop, generator=torch.Generator().manual_seed(0))
    tokens = exported.tokenizer(SENTENCES, exported.max_length)
    return [
        _Part("image_encoder", "img_emb", exported.model.backbone_img, {"frames": frames}),
        _Part("text_encoder", "text_emb", _Text(exported.model.backbone_text), tokens),
    ]
