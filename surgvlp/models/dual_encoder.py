"""The published model: an image encoder and a text encoder into one space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from surgvlp import registry
from surgvlp.files import InputError
from surgvlp.models.weights import load_weights
from surgvlp.registry import MODELS


@MODELS.register_module(name=["SurgVLP", "HecVL", "PeskaVLP", "MVNet"])
class DualEncoder(nn.Module):
    """Image and text encoder side by side; the four published names differ in nothing but their weights.

    Args:
        backbone_img: config of the image encoder, with its `type`.
        backbone_text: config of the text encoder, with its `type`.
        neck, head: part of the published layout; only None or empty, there is nothing behind them.
        pretrained: path of weights to load, '' for none. With a path no other weights are fetched.

    Raises:
        InputError: encoders of different widths, a `neck` or `head`, or what building and loading raise.
    """

    def __init__(
        self,
        backbone_img: Mapping[str, Any],
        backbone_text: Mapping[str, Any],
        neck: Mapping[str, Any] | None = None,
        head: Mapping[str, Any] | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        for key, value in (("neck", neck), ("head", head)):
            if value:
                raise InputError("no such part exists", key=f"model_config.{key}", remedy="Leave it out")
        if pretrained:
            backbone_img = {**backbone_img, "pretrained": "random"}
            backbone_text = {**backbone_text, "pretrained": False}
        self.backbone_img = registry.build(MODELS, backbone_img, "model_config.backbone_img")
        self.backbone_text = registry.build(MODELS, backbone_text, "model_config.backbone_text")
        widths = self.backbone_img.embedding_dim, self.backbone_text.embedding_dim
        if widths[0] != widths[1]:
            raise InputError(
                f"image embeddings have width {widths[0]}, text embeddings {widths[1]}", key="model_config"
            )
        self.embedding_dim: int = widths[0]
        if pretrained:
            load_weights(self, pretrained)

    def encode_image(self, frames: Tensor) -> Tensor:
        """(N, 3, H, W) normalised floats -> (N, D), not of unit length."""
        return self.backbone_img(frames)

    def encode_frames(self, clips: Tensor) -> Tensor:
        """(B, T, 3, H, W) -> (B, T, D), not of unit length."""
        return self.encode_image(clips.flatten(0, 1)).view(*clips.shape[:2], -1)

    def encode_video(self, clips: Tensor) -> Tensor:
        """(B, T, 3, H, W) -> (B, D): the mean over T of un-normalised frame embeddings."""
        return self.encode_frames(clips).mean(1)

    def encode_text(self, tokens: Mapping[str, Any]) -> Tensor:
        """`{"input_ids", "attention_mask"[, "token_type_ids"]}`, each (N, L) -> (N, D), any length."""
        return self.backbone_text(tokens)

    def forward(
        self,
        inputs_img: Tensor | None = None,
        inputs_text: Mapping[str, Any] | None = None,
        mode: str = "all",
    ) -> dict[str, Tensor]:
        """The published call. `mode`: `all` (or `action`), `video`, `text` -> {"img_emb", "text_emb"}."""
        wanted = {"all": 3, "action": 3, "video": 1, "text": 2}.get(mode)
        if wanted is None:
            raise ValueError(f"mode {mode!r} is none of all, action, video, text")
        embeddings = {}
        if wanted & 1:
            if inputs_img is None:
                raise ValueError(f"mode {mode!r} needs inputs_img")
            embeddings["img_emb"] = self.encode_image(inputs_img)
        if wanted & 2:
            if inputs_text is None:
                raise ValueError(f"mode {mode!r} needs inputs_text")
            embeddings["text_emb"] = self.encode_text(inputs_text)
        return embeddings
