"""Image backbones to look into: opened side by side, and their features of labelled frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.markup import escape
from torch import nn

from surgvlp.console import progress_bar
from surgvlp.evaluation.encoder import newest_checkpoint
from surgvlp.evaluation.labelled_frames import LabelledPart
from surgvlp.features.images import image_features
from surgvlp.files import InputError
from surgvlp.models.backbones import ImageInput, check_takes, input_of
from surgvlp.models.loading import load_backbone, untrained_backbone


@dataclass(frozen=True)
class Network:
    """A backbone.

    Attributes:
        name: in tables and pictures.
        source: the file or released name that its weights came from; "random" for untrained ones.
        backbone: normalised images -> (B, D).
    """

    name: str
    source: str
    backbone: nn.Module

    def input(self, size: int | None = None) -> ImageInput:
        """What it takes, at its own size or another."""
        return input_of(self.backbone, size)


def open_networks(backbones: Sequence[str], untrained: bool = False) -> list[Network]:
    """Backbones by `[NAME=]BACKBONE`.

    Args:
        backbones: a file or name each, as `load_backbone` takes, or a run's folder for its newest checkpoint.
        untrained: add each architecture with random weights behind the given ones, see `untrained_backbone`.

    Raises:
        InputError: what `load_backbone` raises, or one name for two networks.
    """
    opened = []
    for text in backbones:
        name, equals, source = text.partition("=")
        if not equals or Path(text).exists():
            name, source = Path(text).name, text
        if Path(source).is_dir():
            source = str(newest_checkpoint(Path(source)))
        opened.append(Network(name, source, load_backbone(source)))
    if untrained:
        opened += [
            Network(f"{one.name}, untrained", "random", untrained_backbone(one.source)) for one in opened
        ]
    names = [network.name for network in opened]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(
            f"two networks are called {twice!r}", key="--backbone", remedy="Give them as NAME=BACKBONE"
        )
    return opened


def features_of(
    network: Network,
    part: LabelledPart,
    device: torch.device,
    size: int | None = None,
    batch_size: int = 64,
    bfloat16: bool = False,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """(N, D) features of a part's frames, streamed from where they lie.

    Args:
        network: is left on `device`.
        size: side in pixels of the pictures; None: what the network was trained on.
        batch_size, bfloat16: how to compute, see `image_features`.
        rows: of the part's frames, rising; None: all.

    Raises:
        InputError: a size that the network does not take, or a frame that cannot be read.
    """
    expected = network.input(size)
    check_takes(network.backbone.to(device), expected.size, network.name)

    def counted() -> Iterator[NDArray[np.uint8]]:
        for picture in part.pictures(expected.size, rows):
            yield picture
            bar.advance()

    with progress_bar(
        escape(network.name), total=len(part) if rows is None else len(rows), unit="frames"
    ) as bar:
        return image_features(network.backbone, counted(), device, batch_size, bfloat16, expected)
