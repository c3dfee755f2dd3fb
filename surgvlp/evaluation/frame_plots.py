"""Frames one by one, to look at: the picture, and beside it how likely the model holds each class.

<folder>/<video>/<frame number as six digits>.png
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from surgvlp import console
from surgvlp.evaluation.calibration import probabilities
from surgvlp.evaluation.comparison import spoken
from surgvlp.evaluation.figures import ACCENT, FAINT, INK, clock
from surgvlp.evaluation.frames import Pictures
from surgvlp.files import atomic_path, checked_id
from surgvlp.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 90  # 900 x 324 pixels a plot
RIGHT = "#009E73"


def write_frame_plots(
    items: Sequence[Predictions],
    pictures: Callable[[str], Pictures],
    folder: Path,
    every: int = 1,
    prompts: Sequence[str] | None = None,
) -> int:
    """Plot every `every`-th frame of each video and return how many plots that are.

    As the published script's, bars are the softmax of 100 times the cosine (of scores that are no
    probabilities yet).

    Args:
        items: predictions of phases.
        pictures: gives the reader of a video's pictures, by position in its predictions.
        folder: replaced as a whole.
        every: 1 plots all.
        prompts: what stands beside the bars; None: the names of the classes.

    Raises:
        InputError: a picture that cannot be read; older plots are then left.
    """
    rows = {item.video: range(0, len(item.label), every) for item in items}
    count = sum(len(each) for each in rows.values())
    with (
        atomic_path(folder) as partial,
        console.progress_bar("plotting frames", total=count, unit="frames") as bar,
    ):
        for item in items:
            own = partial / checked_id(item.video)
            own.mkdir(parents=True)
            read = pictures(item.video)
            drawn = FramePlot(prompts or [spoken(name) for name in item.class_names])
            shares = probabilities(item.score)
            for row in rows[item.video]:
                path = own / f"{item.frame_index[row]:06d}.png"
                label = int(item.label[row])
                labelled = spoken(item.class_names[label]) if label >= 0 else "not labelled"
                title = f"{item.video}   {clock(item.time_s[row])}   {labelled}"
                drawn.save(path, read(row), shares[row], label, title)
                bar.advance()
    return count


class FramePlot:
    """One figure that shows frame after frame: making a figure takes longer than all else.

    Args:
        names: C texts, one a class; those of more than two lines are cut.
    """

    def __init__(self, names: Sequence[str]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(10, 3.6), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        self.picture_axes = self.figure.add_axes((0.01, 0.03, 0.48, 0.86))
        self.picture_axes.axis("off")
        axes = self.figure.add_axes((0.74, 0.06, 0.22, 0.83))
        self.bars = axes.barh(range(len(names)), [0.0] * len(names), height=0.62)
        self.shares = [axes.text(0, place, "", va="center", fontsize=8) for place in range(len(names))]
        axes.set_yticks(range(len(names)), [_two_lines(name) for name in names])
        axes.tick_params(length=0, labelsize=7, labelbottom=False)
        for tick in axes.get_yticklabels():
            tick.set_parse_math(False)
        axes.set(xlim=(0, 1.18), ylim=(len(names) - 0.4, -0.6))
        for spine in axes.spines.values():
            spine.set_visible(False)
        self.labels = axes.get_yticklabels()
        self.title = self.figure.text(0.01, 0.93, "", fontsize=10, color=INK, parse_math=False)

    def save(
        self,
        path: Path,
        picture: NDArray[np.uint8],
        share: NDArray[np.float64],
        label: int,
        title: str,
    ) -> None:
        """Write one frame's plot as PNG.

        Args:
            path: of the file.
            picture: (H, W, 3) RGB.
            share: (C,) probabilities; the highest is coloured, in green where it is the label.
            label: the class that is right, its name is bold; -1: not known.
            title: above the picture.
        """
        best = int(share.argmax())
        for place, (bar, text, name) in enumerate(zip(self.bars, self.shares, self.labels, strict=True)):
            bar.set_width(share[place])
            bar.set_color((RIGHT if best == label else ACCENT) if place == best else FAINT)
            text.set(x=share[place] + 0.02, text=f"{share[place]:.2f}")
            name.set_fontweight("bold" if place == label else "normal")
        self.title.set_text(title)
        self.picture_axes.clear()
        self.picture_axes.axis("off")
        self.picture_axes.imshow(picture)
        self.figure.savefig(path, format="png", metadata={"Software": None})


def _two_lines(text: str, width: int = 44) -> str:
    return "\n".join(textwrap.wrap(textwrap.shorten(text, 2 * width - 6, placeholder=" …"), width))
