"""What one training sample costs: parameters and FLOPs, for the first lines of a training log."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from surgvlp.models.dual_encoder import DualEncoder
from surgvlp.models.modes import evaluating


@dataclass(frozen=True)
class Cost:
    """Counts of one sample: one clip with its texts.

    Attributes:
        image_parameters, text_parameters: of either encoder, frozen ones included.
        trainable_parameters: of both.
        image_forward_flops, text_forward_flops: one forward pass; a multiply-add is two.
        training_flops: forward and backward, the latter twice the forward; a frozen text encoder has none.
    """

    image_parameters: int
    text_parameters: int
    trainable_parameters: int
    image_forward_flops: int
    text_forward_flops: int
    training_flops: int

    @property
    def parameters(self) -> str:
        """In words, of the model."""
        millions = f"{(self.image_parameters + self.text_parameters) / 1e6:.2f} M parameters"
        parts = f"image {self.image_parameters / 1e6:.2f}, text {self.text_parameters / 1e6:.2f}"
        return f"{millions} ({parts}; trainable {self.trainable_parameters / 1e6:.2f})"

    @property
    def flops(self) -> str:
        """In words, of a sample."""
        forward = f"image {self.image_forward_flops / 1e9:.2f}, text {self.text_forward_flops / 1e9:.2f}"
        return f"GFLOPs forward {forward}; training {self.training_flops / 1e9:.2f}"


def sample_cost(model: DualEncoder, frames: int, size: int, texts: int, length: int) -> Cost:
    """Count parameters and FLOPs (fvcore) of one sample.

    Args:
        model: on any device; its mode and weights are left as they are.
        frames: frames a clip, all views together.
        size: side of a frame in pixels.
        texts: texts a sample.
        length: tokens a text, as trained on (trimmed length where texts are trimmed).
    """
    tokens = torch.ones(1, length, dtype=torch.int64, device=next(model.parameters()).device)
    clip_flops = frames * image_flops(_Call(model.encode_image, model), size)
    text_flops = 2 * texts * _multiply_adds(_Call(_text_call(model), model), tokens)
    transformer = model.backbone_text.get_submodule("model")
    text_trains = any(parameter.requires_grad for parameter in transformer.parameters())
    return Cost(
        image_parameters=_count(model.backbone_img),
        text_parameters=_count(model.backbone_text),
        trainable_parameters=_count(model, trainable=True),
        image_forward_flops=clip_flops,
        text_forward_flops=text_flops,
        training_flops=3 * clip_flops + (3 if text_trains else 1) * text_flops,
    )


def image_flops(module: nn.Module, size: int) -> int:
    """FLOPs of one forward pass of one image (3, size, size); a multiply-add is two."""
    device = next(module.parameters()).device
    return 2 * _multiply_adds(module, torch.zeros(1, 3, size, size, device=device))


class _Call(nn.Module):
    """A method of a model as a module of its own, which is what fvcore traces."""

    def __init__(self, method: Any, model: nn.Module) -> None:
        super().__init__()
        self.model, self._method = model, method

    def forward(self, argument: Tensor) -> Tensor:
        return self._method(argument)


def _text_call(model: DualEncoder) -> Any:
    def encode(ids: Tensor) -> Tensor:
        return model.encode_text({"input_ids": ids, "attention_mask": torch.ones_like(ids)})

    return encode


def _multiply_adds(module: nn.Module, argument: Tensor) -> int:
    # In training mode batch norm would learn from the zeros.
    with evaluating(module), _quiet():
        from fvcore.nn import FlopCountAnalysis  # importing it warns too, of what its focal loss uses

        count = FlopCountAnalysis(module, argument)
        count.set_op_handle("aten::scaled_dot_product_attention", _attention)
        count.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return int(count.total())


def _attention(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of softmax(Q K^T) V, (..., L, E), (..., S, E), (..., S, V): fvcore does not know it."""
    query, key, value = (tensor.type().sizes() for tensor in inputs[:3])
    return prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracing warns about every shape that it makes a constant, which here is the point."""
    logger = logging.getLogger("fvcore.nn.jit_analysis")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _count(module: nn.Module, trainable: bool = False) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)
