"""Pictures of what backbones see, from files and flags to PNGs.

<output>/components.png         frames beside the principal components of each network's last feature map
<output>/tsne_<dataset>.png     t-SNE of one data set's frames, coloured by class; a panel a network
<output>/tsne_data_sets.png     t-SNE of all data sets' frames together, where there are several
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from surgvlp.console import progress_bar
from surgvlp.evaluation.comparison import spoken
from surgvlp.evaluation.feature_pictures import (
    draw_components,
    draw_maps,
    principal_colours,
    tsne_map,
)
from surgvlp.evaluation.labelled_frames import LabelledFrames, LabelledPart
from surgvlp.evaluation.networks import Network, features_of, open_networks
from surgvlp.features.images import squashed
from surgvlp.files import InputError
from surgvlp.models.backbones import check_takes, feature_map
from surgvlp.models.modes import evaluating, usable_device


def draw_features(
    *,
    backbones: Sequence[str],
    labelled: Sequence[LabelledFrames],
    output: Path,
    untrained: bool = False,
    pictures: int = 6,
    points: int = 1500,
    side: int = 448,
    device: str | None = None,
    batch_size: int = 64,
) -> list[Path]:
    """Draw frames of the test parts of data sets as networks see them; returns the PNGs that were written.

    Args:
        backbones, untrained: see `open_networks`.
        labelled: data sets, each of another name; their `test` is drawn.
        output: folder.
        pictures: frames of each data set in components.png, evenly spaced; 0 draws none.
        points: frames of each data set in the t-SNE maps, at most, evenly spaced; 0 draws none.
        side: pixels that frames are squashed to for components.png: larger than for training, as maps are
            coarse. 448 is a multiple of 14, 16 and 32.
        device, batch_size: how to compute.

    Raises:
        InputError: for anything given that cannot be used.
    """
    limits = (("--pictures", pictures, 0), ("--points", points, 0), ("--side", side, 32))
    for key, number, least in (*limits, ("--batch-size", batch_size, 1)):
        if number < least:
            raise InputError(f"{number} is below {least}", key=key)
    parts = {frames.dataset: frames.part(frames.test) for frames in labelled}
    if len(parts) < len(labelled):
        raise InputError("one data set stands twice", key="--dataset")
    networks, target = open_networks(backbones, untrained), usable_device(device)
    output.mkdir(parents=True, exist_ok=True)
    written = []
    if pictures:
        written.append(_components(networks, parts, pictures, side, target, output / "components.png"))
    if points:
        written += _maps(networks, parts, points, target, batch_size, output)
    return written


def _components(
    networks: Sequence[Network],
    parts: dict[str, LabelledPart],
    count: int,
    side: int,
    device: torch.device,
    path: Path,
) -> Path:
    rows = {name: spread(len(part), count) for name, part in parts.items()}
    frames = [picture for name, part in parts.items() for picture in part.pictures(rows=rows[name])]
    captions = [_caption(part, row) for name, part in parts.items() for row in rows[name]]
    colours = {}
    with progress_bar("feature maps", total=len(frames) * len(networks), unit="frames") as bar:
        for network in networks:
            check_takes(network.backbone.to(device), side, network.name)
            maps = []
            for frame in frames:
                maps.append(_map(network, frame, side, device))
                bar.advance()
            colours[network.name] = principal_colours(np.stack(maps))
    draw_components(path, frames, captions, colours)
    return path


def _map(network: Network, frame: NDArray[np.uint8], side: int, device: torch.device) -> NDArray[np.float32]:
    """(C, h, w): the last feature map of one frame."""
    expected = network.input()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (expected.mean, expected.std))
    image = torch.tensor(squashed(frame, side)).permute(2, 0, 1)[None].float() / 255
    with evaluating(network.backbone):
        return feature_map(network.backbone, ((image - mean) / std).to(device))[0].float().cpu().numpy()


def _maps(
    networks: Sequence[Network],
    parts: dict[str, LabelledPart],
    count: int,
    device: torch.device,
    batch_size: int,
    output: Path,
) -> list[Path]:
    rows = {name: spread(len(part), count) for name, part in parts.items()}
    features = {
        network.name: {
            name: features_of(network, part, device, batch_size=batch_size, rows=rows[name])
            for name, part in parts.items()
        }
        for network in networks
    }
    written = []
    for name, part in parts.items():
        maps = {network: tsne_map(found[name]) for network, found in features.items()}
        label, names = part.label[rows[name]], [spoken(one) for one in part.class_names]
        path = output / f"tsne_{name}.png"
        draw_maps(path, maps, label, names, _note(len(label), len(part), f"of {name}, by class"))
        written.append(path)
    if len(parts) > 1:
        maps = {network: tsne_map(np.concatenate(list(of.values()))) for network, of in features.items()}
        group = np.repeat(np.arange(len(parts)), [len(found) for found in rows.values()])
        path = output / "tsne_data_sets.png"
        total = sum(map(len, parts.values()))
        draw_maps(path, maps, group, list(parts), _note(len(group), total, "by data set"))
        written.append(path)
    return written


def spread(count: int, most: int) -> NDArray[np.int64]:
    """At most so many rows of `count`, evenly spaced, in the middle of equal stretches."""
    taken = min(count, most)
    return ((np.arange(taken) + 0.5) * count / taken).astype(np.int64)


def _caption(part: LabelledPart, row: int) -> str:
    name = spoken(part.class_names[part.label[row]])
    return f"{part.videos[part.video[row]]}, frame {part.number[row]}: {name}"


def _note(count: int, total: int, what: str) -> str:
    return (
        f"{count:,} frames of {total:,}, evenly spaced, {what}. t-SNE, seed 0; only nearness means something."
    )
