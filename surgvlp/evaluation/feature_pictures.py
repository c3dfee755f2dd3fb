"""What features look like: principal components of feature maps as colours, and t-SNE maps of data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.figures import DPI, FAINT, INK, colour
from surgvlp.features.embed import unit
from surgvlp.files import InputError, atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_PERPLEXITY, _COMPONENTS = 30, 50
_MARKERS = "os^D"  # of the first 16 groups, the next 16, ...
_EDGE, _GAP, _HEADING, _CAPTION = 0.25, 0.12, 0.34, 0.22  # inches
_SOFT = "#52606d"


def principal_colours(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The first three principal components over all places of all frames, as red, green and blue.

    One basis for all frames, so that a colour means the same in each. Each component is stretched from its
    1st to its 99th percentile to 0..255; its sign, which means nothing, makes its largest weight positive.
    What components of different networks have in common is their order, not their meaning.

    Args:
        maps: (N, C, h, w), C of at least 3.

    Returns:
        (N, h, w, 3). A component without variance (a collapsed network has none) is mid grey.

    Raises:
        InputError: a map that is not finite.
    """
    if not np.isfinite(maps).all():
        raise InputError("the feature maps are not finite", remedy="Look at the network's weights")
    count, channels, height, width = maps.shape
    places = maps.transpose(0, 2, 3, 1).reshape(-1, channels).astype(np.float64)
    places -= places.mean(0)
    _, basis = np.linalg.eigh(places.T @ places)
    basis = basis[:, :-4:-1]
    basis *= np.sign(basis[np.abs(basis).argmax(0), np.arange(3)])
    components = places @ basis
    low, high = np.percentile(components, [1, 99], axis=0)
    flat = high - low <= 1e-6 * np.abs(maps).max()
    shares = np.where(flat, 0.5, (components - low) / np.where(flat, 1, high - low))
    return (255 * shares.clip(0, 1)).round().astype(np.uint8).reshape(count, height, width, 3)


def draw_components(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    captions: Sequence[str],
    networks: Mapping[str, NDArray[np.uint8]],
) -> None:
    """Write a contact sheet: a row a frame, with its caption; the frame, then its components in each network.

    Args:
        path: of the PNG.
        frames: N of (H, W, 3), of any sizes.
        captions: N lines.
        networks: by name, (N, h, w, 3) from `principal_colours`; drawn over the frame's own proportions.
    """
    height = 1.9
    width = height * max(frame.shape[1] / frame.shape[0] for frame in frames)
    columns, rows = 1 + len(networks), len(frames)
    figure = _figure(
        2 * _EDGE + columns * width + (columns - 1) * _GAP,
        2 * _EDGE + _HEADING + rows * (height + _CAPTION) + (rows - 1) * _GAP,
    )
    for column, name in enumerate(("frame", *networks)):
        left = _EDGE + column * (width + _GAP)
        _write(figure, left, _EDGE, _fitting(name, width, 11), INK, 11)
        for row, frame in enumerate(frames):
            top = _EDGE + _HEADING + row * (height + _CAPTION + _GAP)
            if column == 0:
                _write(figure, left, top, _fitting(captions[row], columns * width, 8.5), _SOFT, 8.5)
            picture = networks[name][row] if column else frame
            own = height * frame.shape[1] / frame.shape[0]
            axis = _axes(figure, left, top + _CAPTION, own, height)
            axis.imshow(picture, aspect="auto", interpolation="bilinear" if column else "antialiased")
    _save(figure, path)


def tsne_map(features: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """t-SNE (van der Maaten and Hinton 2008) of directions: (N, D) features -> (N, 2).

    Of unit vectors, reduced to 50 principal components; perplexity 30, or a third of N where that is less.
    Equal features and seed give equal maps. Distances between far groups and their sizes mean nothing.

    Raises:
        InputError: fewer than 5 frames, features that are not finite, or that are all the same.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if len(features) < 5:
        raise InputError(f"{len(features)} frames are too few for a map", remedy="Take 5 or more")
    if not np.isfinite(features).all():
        raise InputError("the features are not finite", remedy="Look at the network's weights")
    directions = unit(features.astype(np.float64))
    if directions.std(0).max() < 1e-6:
        raise InputError("all frames have the same features, so there is nothing to map: a collapsed network")
    components = PCA(min(_COMPONENTS, *directions.shape), random_state=seed).fit_transform(directions)
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(components)


def draw_maps(
    path: Path,
    maps: Mapping[str, NDArray[np.float32]],
    group: NDArray[np.int64],
    names: Sequence[str],
    note: str,
) -> None:
    """Write a PNG with a panel for each network's map, and a legend of the groups and their sizes.

    Args:
        path: of the PNG.
        maps: by network, (N, 2) from `tsne_map`.
        group: (N,) of each point, a number in `names`.
        names: of the groups; those without a point are left out of the legend.
        note: what the points are, below them.
    """
    side, legend = 4.2, 2.4
    figure = _figure(
        2 * _EDGE + len(maps) * side + (len(maps) - 1) * _GAP + _GAP + legend,
        2 * _EDGE + _HEADING + side + 0.3,
    )
    for column, (name, points) in enumerate(maps.items()):
        left = _EDGE + column * (side + _GAP)
        _write(figure, left, _EDGE, _fitting(name, side, 11), INK, 11)
        axis = _axes(figure, left, _EDGE + _HEADING, side, side)
        _scatter(axis, points, group)
    legend_of_groups = figure.axes[-1].legend(
        handles=_legend(group, names),
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=9,
        handletextpad=0.4,
    )
    for text in legend_of_groups.get_texts():
        text.set_parse_math(False)
    _write(figure, _EDGE, _EDGE + _HEADING + side + 0.1, note, _SOFT, 8.5)
    _save(figure, path)


def _scatter(axis: Axes, points: NDArray[np.float32], group: NDArray[np.int64]) -> None:
    # Points in an order of their own, so that no group covers all others.
    order = np.random.default_rng(0).permutation(len(points))
    size = float(np.clip(12_000 / len(points), 6, 30))
    for marker_number, marker in enumerate(_MARKERS):
        of_marker = order[(group[order] // 16) % len(_MARKERS) == marker_number]
        shades = [colour(number) for number in group[of_marker]]
        x, y = points[of_marker].T
        axis.scatter(x, y, s=size, c=shades, marker=marker, linewidths=0, alpha=0.8)
    axis.margins(0.04)


def _legend(group: NDArray[np.int64], names: Sequence[str]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    handles = []
    for number in np.unique(group):
        label = f"{_fitting(names[number], 2.1, 9)} ({(group == number).sum():,})"
        marker = _MARKERS[number // 16 % len(_MARKERS)]
        handles.append(Line2D([], [], linestyle="", marker=marker, color=colour(number), label=label))
    return handles


def _fitting(text: str, inches: float, points: float) -> str:
    """The text, its middle left out where it is wider than that; a letter is about half as wide as high."""
    most = max(8, int(inches * 72 / (0.56 * points)))
    return text if len(text) <= most else f"{text[: most // 3]}…{text[len(text) - (most - most // 3 - 1) :]}"


def _write(figure: Figure, left: float, top: float, text: str, shade: str, points: float) -> None:
    """Text at inches from the figure's upper left corner."""
    width, height = figure.get_size_inches()
    place = left / width, 1 - top / height
    # Names of files are no mathematics: a `$` stays a `$`.
    figure.text(*place, text, color=shade, fontsize=points, va="top", parse_math=False)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes without ticks at inches from the figure's upper left corner."""
    whole_width, whole_height = figure.get_size_inches()
    axis = figure.add_axes(
        (left / whole_width, 1 - (top + height) / whole_height, width / whole_width, height / whole_height)
    )
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color(FAINT)
        spine.set_linewidth(0.6)
    return axis


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, facecolor="white")


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as partial:
        figure.savefig(
            partial, format="png", bbox_inches="tight", pad_inches=_EDGE, metadata={"Software": None}
        )
