"""What a model costs: parameters, and multiply-adds of one frame and one sentence (counted by fvcore)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from surgvlp.models.dual_encoder import DualEncoder


@dataclass(frozen=True)
class Cost:
    """Size and work of a dual encoder; a multiply-add is two floating-point operations.

    Attributes:
        parameters: all of them.
        trained: those with a gradient.
        frame: multiply-adds of one frame's forward pass.
        sentence: multiply-adds of one sentence's forward pass.
    """

    parameters: int
    trained: int
    frame: int
    sentence: int


def measure_cost(model: DualEncoder, size: int, tokens: int) -> Cost:
    """Count a model on a frame of `size` x `size` pixels and a sentence of `tokens` tokens.

    The model comes back in the mode it was in; no random number is drawn.
    """
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    ids = torch.ones(1, tokens, dtype=torch.int64, device=device)
    frame = _multiply_adds(model.backbone_img, torch.zeros(1, 3, size, size, device=device))
    sentence = _multiply_adds(_OnTokens(model.backbone_text), ids)
    model.train(training)
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return Cost(sum(n for n, _ in counts), sum(n for n, trained in counts if trained), frame, sentence)


class _OnTokens(nn.Module):
    """fvcore traces tensors, text encoders take dictionaries."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor) -> Tensor:
        return self.encoder({"input_ids": ids, "attention_mask": torch.ones_like(ids)})


def _multiply_adds(module: nn.Module, inputs: Tensor) -> int:
    from fvcore.nn import FlopCountAnalysis

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of shapes it takes for constants, which they are here
        analysis = FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return int(analysis.total())
