"""The report's pictures, drawn with matplotlib's objects: no window, no global state.

Names come from files that others wrote, so no text is read as mathematics (a `$` stays a `$`).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.calibration import BINS, CalibrationScores, probabilities
from surgvlp.evaluation.comparison import Row, spoken
from surgvlp.evaluation.metrics import PhaseScores
from surgvlp.evaluation.nearest import NearFrame
from surgvlp.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any colour vision tell apart, in an order in which neighbours in
# time differ most; then Tol's muted ones for procedures with more phases.
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
    "#332288", "#88CCEE", "#117733", "#999933", "#882255", "#AA4499", "#DDCC77", "#44AA99", "#777777",
)  # fmt: skip
INK, FAINT, ACCENT = "#1f2933", "#9aa5b1", "#0072B2"
DPI = 160
RIBBON_COLUMNS = 1200


def colour(index: int) -> str:
    """The colour of class `index`, the same in every picture."""
    return PALETTE[index % len(PALETTE)]


def clock(seconds: float) -> str:
    """Minutes and seconds, hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def phase_ribbons(
    predictions: Sequence[Predictions],
    scores: PhaseScores,
    decoded: Mapping[str, Sequence[Predictions]] | None = None,
) -> bytes:
    """PNG: for each video truth over prediction over confidence, against time.

    With `decoded` causal and offline predictions lie below the raw ones, and the confidence is calibrated.
    """
    names = predictions[0].class_names
    each = 1.1 if decoded else 0.82
    figure = _figure(9.0, 0.55 + each * len(predictions) + 0.45)
    axes = _column(figure, len(predictions), top=0.12, bottom=0.62)
    for place, (axis, video) in enumerate(zip(axes, scores.videos, strict=True)):
        item = predictions[place]
        lanes = [item, *(decoded[kind][place] for kind in ("causal", "offline"))] if decoded else [item]
        _ribbon(axis, lanes, decoded["calibrated"][place] if decoded else item)
        label = f"{item.video}\nF1 {video.macro_f1:.2f}"
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8, parse_math=False)
    axes[-1].set_xlabel("minutes", fontsize=8)
    _legend(figure, names)
    return _png(figure)


def confusion(scores: PhaseScores) -> bytes:
    """PNG: share of each label's frames by prediction, in percent."""
    counts = scores.confusion
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [spoken(item.name) for item in scores.classes]
    side = 2.6 + 0.55 * len(names)
    figure = _figure(side + 0.8, side)
    axis = figure.add_axes((0.36, 0.34, 0.6, 0.6))
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*share.shape):
        if counts[row, column]:
            text = axis.text(
                column, row, f"{100 * share[row, column]:.0f}", ha="center", va="center", fontsize=8
            )
            text.set_color("white" if share[row, column] > 0.55 else INK)
    ticks = range(len(names))
    axis.set_xticks(ticks, names, rotation=40, ha="right", fontsize=8, parse_math=False)
    axis.set_yticks(ticks, names, fontsize=8, parse_math=False)
    axis.set_xlabel("predicted", fontsize=9)
    axis.set_ylabel("labelled", fontsize=9)
    axis.tick_params(length=0)
    _bare(axis)
    return _png(figure)


def scores_beside_controls(rows: Sequence[Row]) -> bytes:
    """PNG: macro-F1 of every row with its interval over videos."""
    figure = _figure(7.0, 0.9 + 0.42 * len(rows))
    axis = figure.add_axes((0.3, 0.62 / (0.9 + 0.42 * len(rows)), 0.62, 1 - 0.72 / (0.9 + 0.42 * len(rows))))
    for place, row in enumerate(rows):
        shade = ACCENT if place == 0 else FAINT
        if row.macro_f1_interval:
            axis.plot(row.macro_f1_interval, (place, place), color=shade, linewidth=3, solid_capstyle="round")
        axis.plot(row.macro_f1, place, "o", color=shade, markersize=8)
        axis.annotate(
            f"{row.macro_f1:.2f}",
            (row.macro_f1, place),
            (0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axis.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9, parse_math=False)
    axis.set_ylim(len(rows) - 0.4, -0.7)
    axis.set_xlim(0, 1)
    axis.set_xlabel("macro-F1, mean over videos, with 95 % interval", fontsize=8)
    axis.grid(axis="x", color="#e4e7eb", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(length=0, labelsize=8)
    _bare(axis)
    return _png(figure)


def reliability(panels: Mapping[str, CalibrationScores]) -> bytes:
    """PNG: by name, how often predictions of each confidence are right; on the diagonal they are honest."""
    figure = _figure(2.6 * len(panels), 2.7)
    for place, (title, scores) in enumerate(panels.items()):
        axis = figure.add_axes(((place + 0.2) / len(panels), 0.17, 0.74 / len(panels), 0.66))
        edges = np.arange(BINS) / BINS
        right = np.nan_to_num(scores.right)
        axis.bar(edges, right, 0.94 / BINS, align="edge", color=ACCENT, linewidth=0)
        axis.plot((0, 1), (0, 1), color=FAINT, linewidth=1, linestyle="--")
        axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence")
        axis.set_title(f"{title}\nerror {scores.expected_error:.2f}", fontsize=8, loc="left", color=INK)
        axis.xaxis.label.set_fontsize(8)
        axis.tick_params(labelsize=7, length=2)
        if not place:
            axis.set_ylabel("share right", fontsize=8)
        _bare(axis, keep=("left", "bottom"))
    return _png(figure)


def nearest_frames(found: Sequence[Sequence[NearFrame]], titles: Sequence[str]) -> bytes:
    """PNG: for each class, under its prompt, its nearest frames; with a coloured rim where they are right."""
    columns, rows = max(map(len, found)), len(found)
    figure = _figure(1.75 * columns, 1.72 * rows)
    picture_height = 1.12 / (1.72 * rows)
    for row, frames in enumerate(found):
        top = 1 - row / rows
        title = _shortened(titles[row], 26 * columns)
        figure.text(0.005, top - 0.07 / rows, title, fontsize=8, va="top", color=INK, parse_math=False)
        for column, frame in enumerate(frames):
            bottom = top - picture_height - 0.3 / (1.72 * rows)
            axis = figure.add_axes((column / columns + 0.004, bottom, 0.965 / columns, picture_height))
            axis.imshow(frame.picture)
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(color=colour(row) if frame.right else FAINT, linewidth=2)
            caption = f"{'right' if frame.right else 'wrong'}: {frame.video} {clock(frame.time_s)}"
            axis.set_xlabel(caption, fontsize=6.5, labelpad=2, parse_math=False)
    return _png(figure)


def training_curves(curves: Mapping[str, Mapping[str, tuple[NDArray[Any], NDArray[Any]]]]) -> bytes:
    """PNG: one panel a group, one line a name, each (steps, values)."""
    figure = _figure(3.4 * len(curves), 2.7)
    for place, (group, lines) in enumerate(curves.items()):
        left = (place + 0.16) / len(curves)
        _curve_panel(figure.add_axes((left, 0.17, 0.78 / len(curves), 0.68)), group, lines)
    return _png(figure)


def _curve_panel(axis: Axes, title: str, lines: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]) -> None:
    for index, (name, (steps, values)) in enumerate(lines.items()):
        width, marker = (1.6 if index == 0 else 1.1), ("o" if len(steps) == 1 else None)
        axis.plot(steps, values, color=colour(index), linewidth=width, marker=marker, label=name)
    axis.set_title(title, fontsize=9, loc="left", color=INK, parse_math=False)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=7, length=2)
    axis.grid(color="#e4e7eb", linewidth=0.6)
    if len(lines) > 1:
        legend = axis.legend(fontsize=6.5, frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)
    _bare(axis, keep=("left", "bottom"))


def _ribbon(axis: Axes, lanes: Sequence[Predictions], sure: Predictions) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.ticker import MaxNLocator

    item = lanes[0]
    start, end = item.time_s[0] / 60, (item.time_s[-1] + 1) / 60
    # One column a printed pixel: the number of stretches in an hour of flicker would take minutes to draw.
    times = 60 * np.linspace(start, end, RIBBON_COLUMNS, endpoint=False)
    shown = np.searchsorted(item.time_s, times, side="right") - 1
    shades = np.array([to_rgb(colour(index)) for index in range(len(item.class_names))] + [(1.0, 1.0, 1.0)])
    strips = [item.label, *(lane.score.argmax(axis=1) for lane in lanes)]
    high = 1 / (len(strips) + 1)
    for place, classes in enumerate(strips, start=1):
        strip = shades[classes[shown]][None]  # a missing label is -1: the last shade, white
        top = 1 - (place - 1) * high
        axis.imshow(strip, extent=(start, end, top - 0.9 * high, top), aspect="auto", interpolation="nearest")
    for place, name in enumerate(("labelled", "predicted", "causal", "offline")[: len(strips)]):
        axis.text(1.004, 1 - (place + 0.45) * high, name, transform=axis.transAxes, fontsize=5.5, va="center")
    confidence = probabilities(sure.score).max(axis=1)[shown]
    axis.fill_between(times / 60, 0, 0.85 * high * confidence, color=FAINT, linewidth=0, step="post")
    axis.set(xlim=(start, end), ylim=(0, 1), yticks=[])
    axis.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axis.tick_params(labelsize=7, length=2)
    _bare(axis)


def _column(figure: Figure, count: int, top: float, bottom: float) -> list[Axes]:
    height = figure.get_figheight()
    each = (height - top - bottom) / count
    return [
        figure.add_axes(
            (0.16, (height - top - (row + 1) * each + 0.24) / height, 0.82, (each - 0.28) / height)
        )
        for row in range(count)
    ]


def _legend(figure: Figure, names: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=colour(index), label=spoken(name)) for index, name in enumerate(names)]
    legend = figure.legend(
        handles=patches,
        loc="lower center",
        ncols=4,
        fontsize=7.5,
        frameon=False,
        handlelength=1,
        columnspacing=1.4,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _bare(axis: Axes, keep: Sequence[str] = ()) -> None:
    for name, spine in axis.spines.items():
        spine.set_visible(name in keep)
        spine.set_color(FAINT)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight", pad_inches=0.15, metadata={"Software": None})
    return stream.getvalue()
