from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from presence_data import run_tool

from surgvlp import predictions
from surgvlp.evaluation.calibration import probabilities
from surgvlp.evaluation.frame_plots import RIGHT, FramePlot
from surgvlp.media.images import read_image

NAMES = ["$x_1$ is no mathematics", "short", "words " * 60]


def bar_pixels(plot: np.ndarray, colour: str) -> int:
    """How many pixels of the right half have a colour given as #rrggbb."""
    red_green_blue = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return int((plot[:, plot.shape[1] // 2 :] == red_green_blue).all(axis=-1).sum())


def test_bars_are_as_long_as_the_probabilities_and_green_where_right(tmp_path: Path) -> None:
    picture = np.full((36, 64, 3), (250, 10, 10), np.uint8)
    plot = FramePlot(NAMES)
    found = {}
    for label, share in ((1, 0.8), (1, 0.4), (0, 0.8)):
        rest = (1 - share) / 2
        plot.save(tmp_path / "plot.png", picture, np.array([rest, share, rest]), label, "lecture   0:40")
        found[label, share] = read_image(tmp_path / "plot.png")
    assert found[1, 0.8].shape == (324, 900, 3)
    left = found[1, 0.8][:, :450].reshape(-1, 3)
    assert (left == (250, 10, 10)).all(axis=1).sum() > 50_000  # the picture fills its half
    long, half = bar_pixels(found[1, 0.8], RIGHT), bar_pixels(found[1, 0.4], RIGHT)
    assert long == pytest.approx(2 * half, rel=0.1) and half > 500
    assert bar_pixels(found[0, 0.8], RIGHT) == 0


def test_a_figure_that_was_used_draws_what_a_new_one_draws(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    used = FramePlot(NAMES)
    for number in range(2):
        picture = generator.integers(0, 256, (30 + 20 * number, 64, 3), dtype=np.uint8)
        share = generator.dirichlet(np.ones(3))
        used.save(tmp_path / "used.png", picture, share, number, f"title {number}")
    FramePlot(NAMES).save(tmp_path / "new.png", picture, share, 1, "title 1")
    assert (tmp_path / "used.png").read_bytes() == (tmp_path / "new.png").read_bytes()


def test_every_nth_labelled_frame_is_plotted_and_old_plots_go(
    tree: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def evaluate(**changes: object) -> int:
        flags = {
            "checkpoint": run_folder / "step_00000007.pt",
            "data": tree,
            "dataset": "made",
            "prompts": tree / "prompts" / "made_phases.txt",
            "protocol": "made_frames",
            "output": tmp_path / "out",
            **changes,
        }
        return run_tool("evaluate_zero_shot", flags)

    assert evaluate(save_plot=0) == 2
    assert "there is no 0th frame" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert evaluate(save_plot=10) == 0
    folder = tmp_path / "out" / "frame_plots"
    names = [f"{video}/{number:06d}.png" for video in ("lecture_2", "lecture_3") for number in (0, 10, 20)]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png")) == names
    item = predictions.load_folder(tmp_path / "out" / "predictions")[1]
    prompts = json.loads((tmp_path / "out" / "evaluation.json").read_text())["prompts"][0]
    picture = read_image(tree / "downstream_datasets" / "made" / "frames" / "lecture_3_10.png")
    title = "lecture_3   0:10   Gallbladder dissection"
    FramePlot(prompts).save(tmp_path / "one.png", picture, probabilities(item.score)[10], 3, title)
    assert (folder / "lecture_3" / "000010.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    assert evaluate(split="lecture_2") == 0
    assert not folder.exists()
