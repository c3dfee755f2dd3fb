"""A contact sheet of made lectures: pictures and masks over what is known of every moment, and the voice."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from surgvlp.files import InputError, atomic_path
from surgvlp.lectures.masks import CHOLECSEG8K
from surgvlp.lectures.tree import DataTree
from surgvlp.media.audio import read_audio
from surgvlp.media.decode import decode
from surgvlp.synthesis.editing.cards import title_of
from surgvlp.synthesis.labels.truth import truth_of
from surgvlp.synthesis.lecture import CorpusArguments, Lecture, draw_lecture, lecture_id
from surgvlp.synthesis.pictures.classes import FOLDED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

MOST = 12  # lectures on a sheet
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
# Okabe and Ito's colours, which people with any colour vision tell apart; for phases, and for tools.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
_INK, _FAINT, _ELSEWHERE = "#1f2933", "#9aa5b1", "#d5dbe1"
_PAIRS = 3  # of picture and mask, a lecture
_COLUMNS = 1500  # of the voice
_WIDTH, _ROW, _EDGE = 15.0, 3.45, 0.25  # inches
_DPI = 110


def check_preview(path: Path) -> None:
    """Raise InputError where no contact sheet can be written."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"--preview {path}: not a picture's name", remedy=f"End it in {SUFFIXES[0]}")


def write_preview(path: Path, arguments: CorpusArguments, root: Path, count: int) -> None:
    """Write a contact sheet of the first lectures of a corpus, at most `MOST`; one row a lecture.

    Args:
        path: of the picture, see `SUFFIXES`.
        arguments: that the corpus was made of.
        root: of its data tree.
        count: number of its lectures.
    """
    from matplotlib.figure import Figure

    rows = min(count, MOST)
    height = rows * _ROW + 2 * _EDGE
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    edge = {"left": 0.065, "right": 0.99, "top": 1 - _EDGE / height, "bottom": _EDGE / height}
    grid = figure.add_gridspec(rows, 1, hspace=0.2, **edge)
    for number in range(rows):
        _draw_row(figure, grid[number], DataTree(root), number, draw_lecture(arguments, number))
    with atomic_path(path) as partial:
        figure.savefig(partial, format=path.suffix[1:].lower())


def spans(values: Sequence[object]) -> list[tuple[int, int, object]]:
    """Runs of equal values as (first, end, value), end exclusive."""
    found, begin = [], 0
    for value, group in itertools.groupby(values):
        end = begin + len(list(group))
        found.append((begin, end, value))
        begin = end
    return found


def _draw_row(figure: Figure, place: SubplotSpec, tree: DataTree, number: int, drawn: Lecture) -> None:
    grid = place.subgridspec(4, _PAIRS, height_ratios=[1.32, 0.19, 0.62, 0.3], hspace=0.07, wspace=0.025)
    duration = drawn.procedure.duration
    times = (np.arange(_PAIRS) + 0.5) / _PAIRS * duration
    video = tree.video(lecture_id(number))
    for pair, (frame, mask) in enumerate(zip(decode(video, times)[0], _masks(drawn, times), strict=True)):
        axes = figure.add_subplot(grid[0, pair], facecolor="black")
        axes.imshow(np.hstack([frame, mask]), interpolation="antialiased", aspect="equal")
        axes.set(xticks=[], yticks=[])
        if pair == 0:
            axes.set_title(_caption(number, drawn), fontsize=10, color=_INK, loc="left", pad=4)
    truth = truth_of(drawn.procedure, drawn.montage, int(np.ceil(duration)), drawn.writing)
    ribbons = [figure.add_subplot(grid[row, :]) for row in (1, 2, 3)]
    phase = np.where(truth.labelled, truth.phase, -1)
    _draw_phases(ribbons[0], phase, drawn.procedure.type.phases)
    _draw_tools(ribbons[1], truth.tools, truth.tool_names)
    _draw_voice(ribbons[2], read_audio(video), duration)
    for axes in ribbons:
        axes.set_xlim(0, duration)
        axes.spines[:].set_visible(False)
        axes.vlines(times, *axes.get_ylim(), color=_INK, linewidth=0.8, linestyle=":")
        axes.tick_params(length=0, labelsize=7, colors=_INK)
        if axes is not ribbons[-1]:
            axes.set_xticks([])


def _masks(drawn: Lecture, times: np.ndarray) -> list[np.ndarray]:
    """uint8 (H, W, 3): what is what at the times, in CholecSeg8k's colours."""
    colours = np.array([each.colour for each in CHOLECSEG8K], np.uint8)[list(FOLDED)]
    numbers = np.searchsorted(drawn.film.times, times, side="right") - 1
    return [colours[drawn.film.mask(int(number))] for number in numbers]


def _caption(number: int, drawn: Lecture) -> str:
    minutes, seconds = divmod(round(drawn.procedure.duration), 60)
    title = f"{title_of(drawn.procedure)}, {minutes}:{seconds:02d}"
    return f"{lecture_id(number)}   {title}, spoken by {drawn.voice.name}"


def _draw_phases(axes: Axes, phase: np.ndarray, names: Sequence[str]) -> None:
    axes.set(ylim=(0, 1), yticks=[0.5], yticklabels=["phase"])
    for begin, end, value in spans(phase.tolist()):
        assert isinstance(value, int)
        shown = _ELSEWHERE if value < 0 else PALETTE[value % len(PALETTE)]
        axes.broken_barh([(begin, end - begin)], (0, 1), color=shown)
        if value >= 0 and end - begin > 0.0055 * len(phase) * len(names[value]):
            axes.text(0.5 * (begin + end), 0.46, names[value], ha="center", va="center", fontsize=7.5)


def _draw_tools(axes: Axes, tools: np.ndarray, names: Sequence[str]) -> None:
    lanes = len(names)
    axes.set(ylim=(lanes, 0), yticks=np.arange(lanes) + 0.5, yticklabels=names)
    for lane in range(lanes):
        there = [(begin, end - begin) for begin, end, value in spans(tools[:, lane].tolist()) if value]
        axes.broken_barh(there, (lane + 0.12, 0.76), color=PALETTE[lane % len(PALETTE)])
    axes.hlines(np.arange(1, lanes), 0, len(tools), color=_ELSEWHERE, linewidth=0.5)


def _draw_voice(axes: Axes, sound: np.ndarray, duration: float) -> None:
    columns = np.array_split(sound, _COLUMNS)
    high = np.array([column.max(initial=0) for column in columns])
    low = np.array([column.min(initial=0) for column in columns])
    loudest = max(float(high.max()), float(-low.min()), 1e-6)
    axes.set(ylim=(-1.05, 1.05), yticks=[0], yticklabels=["voice"])
    axes.fill_between(
        np.linspace(0, duration, _COLUMNS), low / loudest, high / loudest, color=_FAINT, linewidth=0
    )
    ticks = np.arange(0, duration, 15 if duration < 180 else 60)
    axes.set_xticks(ticks, [f"{int(tick) // 60}:{int(tick) % 60:02d}" for tick in ticks])
