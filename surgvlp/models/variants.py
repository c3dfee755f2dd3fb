"""Backbones that surgical weights were trained in and that timm builds almost, not quite."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import timm
import torch
from timm.models.metaformer import StarReLU
from torch import nn


def caformer_s18_relu(**options: Any) -> nn.Module:
    """CAFormer-S18 with ReLU where the published one (and timm's `caformer_s18`) has StarReLU.

    SurgeNet's networks are this. Their files fit timm's network but for 48 scalars of the activations, so a
    loader that is not strict accepts them and computes something else.
    """
    backbone = timm.create_model("caformer_s18", **options)
    for module in list(backbone.modules()):
        for name, child in module.named_children():
            if isinstance(child, StarReLU):
                setattr(module, name, nn.ReLU())
    return backbone


def dinov3_surgenet(size: str, **options: Any) -> nn.Module:
    """The transformer of SurgeNet's DINOv3 files: timm's, without registers, with all attention biases.

    A class token, which is also the output; rotary positions over two axes, whose periods are entries of
    the file (`rope.periods`); layer scale; layer norms with epsilon 1e-5. timm's own DINOv3 has four
    registers and no biases. Under rotary positions a key's bias changes the attention, so it has to be there.
    Provisional: it follows what others report of these files, not the files themselves.

    Args:
        size: `small`, `base`, `large`.
    """
    backbone: Any = timm.create_model(
        f"vit_{size}_patch16_dinov3", num_reg_tokens=0, global_pool="token", **{"img_size": 336, **options}
    )
    for block in backbone.blocks:
        old = block.attn.qkv
        block.attn.qkv = nn.Linear(old.in_features, old.out_features, bias=True)
        nn.init.trunc_normal_(block.attn.qkv.weight, std=0.02)
        nn.init.zeros_(block.attn.qkv.bias)
    # timm computes the periods anew; here they are weights to keep, as trained (rounded to bfloat16).
    periods = backbone.rope.periods.to(torch.bfloat16).float()
    backbone.rope.register_buffer("periods", periods, persistent=True)
    backbone.pretrained_cfg = {**backbone.pretrained_cfg, "input_size": (3, 336, 336)}
    return backbone


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "caformer_s18_relu": caformer_s18_relu,
    **{
        f"vit_{size}_patch16_dinov3_surgenet": partial(dinov3_surgenet, size)
        for size in ("small", "base", "large")
    },
}
