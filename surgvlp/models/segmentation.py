"""Semantic segmentation: a feature pyramid over the four stages of a backbone, entries named as published."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models.backbones import build_backbone
from surgvlp.models.loading import fill, is_weights, load_backbone
from surgvlp.models.released.layouts import translated
from surgvlp.models.released.names import WEIGHTS
from surgvlp.models.released.nesting import innermost, without_wrappings
from surgvlp.models.weights import read_checkpoint

log = logging.getLogger(__name__)

STRIDES = (4, 8, 16, 32)
BACKBONE_PREFIXES = ("metaformer.", "convnext.", "pvtv2.")


def load_segmenter(path: str | Path, num_classes: int) -> Segmenter:
    """A segmentation network: images (B, 3, H, W) normalised, of any size -> logits (B, num_classes, H, W).

    Args:
        path: a published segmentation file (`FPN.*` beside `metaformer.*`, `convnext.*` or `pvtv2.*`), loaded
            strictly, its unused classifier left out; or what `load_backbone` reads, of four stages: then the
            pyramid is fresh, to be trained, and a log line says so.
        num_classes: with a segmentation file, the number it was trained for.

    Raises:
        InputError: as `load_backbone`; a backbone without stages at strides 4, 8, 16, 32; another number of
            classes than the file's.
    """
    if str(path) in WEIGHTS or not is_weights(path):
        return _with_fresh_pyramid(path, num_classes)
    state = without_wrappings(innermost(read_checkpoint(path), path))
    if not any(key.startswith("FPN.") for key in state):
        return _with_fresh_pyramid(path, num_classes)
    prefix = next((p for p in BACKBONE_PREFIXES if any(key.startswith(p) for key in state)), "")
    inner = {key.removeprefix(prefix): value for key, value in state.items() if not key.startswith("FPN.")}
    weights = translated(without_wrappings(inner), path)
    if weights.provisional:
        log.warning("%s: provisional: %s", path, weights.provisional)
    segmenter = Segmenter(build_backbone(weights.architecture), num_classes)
    entries = {f"backbone.{key}": value for key, value in weights.state.items()}
    entries |= {key: value for key, value in state.items() if key.startswith("FPN.")}
    fill(segmenter, entries, path, f"a pyramid over {weights.architecture} for {num_classes} classes")
    return segmenter


class Segmenter(nn.Module):
    """A backbone of four stages and a feature pyramid network over them.

    Args:
        backbone: with maps at strides 4, 8, 16 and 32, as `build_backbone` gives it.
        num_classes: channels of the logits.

    Raises:
        InputError: a backbone without such maps.
    """

    def __init__(self, backbone: nn.Module, num_classes: int) -> None:
        super().__init__()
        stages = getattr(backbone, "feature_info", None)
        reductions = [stage["reduction"] for stage in stages] if isinstance(stages, list) else []
        if tuple(reductions) != STRIDES:
            raise InputError(f"{type(backbone).__name__} has no maps at strides 4, 8, 16 and 32")
        self.backbone = backbone
        self.FPN = FeaturePyramid([stage["num_chs"] for stage in stages], num_classes)  # type: ignore[union-attr]

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> logits (B, num_classes, H, W).

        Pictures are filled up to multiples of 32 by repeating their last row and column. Left as they are,
        the strided layers would cut off other amounts in each stage, and the stages no longer lie over
        each other.
        """
        height, width = images.shape[-2:]
        filled = F.pad(images, (0, -width % STRIDES[-1], 0, -height % STRIDES[-1]), mode="replicate")
        maps = self.backbone.forward_intermediates(filled, intermediates_only=True)  # type: ignore[operator]
        return _enlarged(self.FPN(maps), STRIDES[0])[..., :height, :width]


class FeaturePyramid(nn.Module):
    """Maps at strides 4, 8, 16, 32, each twice the next -> logits (B, num_classes, h, w) at stride 4.

    As published with SurgeNet, after Kirillov et al. 2019.

    Args:
        widths: channels of the four maps.
        num_classes: channels of the logits.
    """

    def __init__(self, widths: list[int], num_classes: int) -> None:
        super().__init__()
        self.p5 = nn.Conv2d(widths[3], 256, 1)
        self.p4 = _Lateral(widths[2])
        self.p3 = _Lateral(widths[1])
        self.p2 = _Lateral(widths[0])
        self.seg_blocks = nn.ModuleList(_Branch(doublings) for doublings in (3, 2, 1, 0))
        self.segmentation_head = nn.Sequential(nn.Conv2d(4 * 128, num_classes, 3, padding=1))

    def forward(self, maps: list[Tensor]) -> Tensor:
        p5 = self.p5(maps[3])
        p4 = self.p4(p5, maps[2])
        p3 = self.p3(p4, maps[1])
        p2 = self.p2(p3, maps[0])
        levels = [branch(p) for branch, p in zip(self.seg_blocks, (p5, p4, p3, p2), strict=True)]
        logits: Tensor = self.segmentation_head(torch.cat(levels, 1))
        return logits


class _Lateral(nn.Module):
    """The coarser level, doubled, plus this map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(width, 256, 1)

    def forward(self, coarser: Tensor, finer: Tensor) -> Tensor:
        return F.interpolate(coarser, scale_factor=2, mode="nearest") + self.skip_conv(finer)


class _Branch(nn.Module):
    """Blocks of convolution, norm and ReLU, each but the finest level's followed by a doubling."""

    def __init__(self, doublings: int) -> None:
        super().__init__()
        self.factor = 2 if doublings else 1
        self.block = nn.ModuleList(_Block(256 if number == 0 else 128) for number in range(max(1, doublings)))

    def forward(self, level: Tensor) -> Tensor:
        for block in self.block:
            level = _enlarged(block(level), self.factor)
        return level


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, 128, 3, padding=1, bias=False), nn.GroupNorm(32, 128), nn.ReLU()
        )

    def forward(self, level: Tensor) -> Tensor:
        blocked: Tensor = self.block(level)
        return blocked


def _enlarged(maps: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return maps
    return F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=True)


def _with_fresh_pyramid(name_or_path: str | Path, num_classes: int) -> Segmenter:
    segmenter = Segmenter(load_backbone(name_or_path), num_classes)
    log.info("%s holds a backbone only: the pyramid over it is fresh and has to be trained", name_or_path)
    return segmenter
