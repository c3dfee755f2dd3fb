"""The pictures: a pure function of their seed, instruments that differ in shape, and no colour quiz."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surgvlp.synthesis.corpus import CorpusArguments, draw_lecture
from surgvlp.synthesis.endoscope.effects import draw_shadows
from surgvlp.synthesis.endoscope.instruments import Finish, draw_finish, sketch_instrument
from surgvlp.synthesis.endoscope.render import Renderer, picture_size
from surgvlp.synthesis.operation.actions import TOOLS
from surgvlp.synthesis.pictures.classes import class_id
from surgvlp.synthesis.pictures.masks import Mask
from surgvlp.synthesis.pictures.picture import BLACK, Picture
from surgvlp.synthesis.pictures.sprites import lay_over

SMALL = CorpusArguments(seed=3, height=96, fps=2, seconds=80)


def test_size_is_that_of_cholec80() -> None:
    assert picture_size(480) == (480, 854)
    assert all(side % 2 == 0 for height in range(64, 300) for side in picture_size(height))


@settings(max_examples=200)
@given(
    side=st.sampled_from([64, 96, 160, 162, 240]),
    ends=st.lists(st.floats(-2, 3), min_size=4, max_size=4),
    thick=st.floats(0.5, 30),
)
def test_a_shaft_that_only_touches_the_edge_has_a_shadow_too(
    side: int, ends: list[float], thick: float
) -> None:
    height, width = picture_size(side)
    picture = Picture(height, width)
    start, end = np.array(ends[:2]) * height, np.array(ends[2:]) * height
    draw_shadows(picture, (height, width), [(start, end, thick)])
    assert picture.planes.luma.shape == (height, width)


def test_frames_follow_from_the_seed_alone_in_any_order() -> None:
    first, again = draw_lecture(SMALL, 5).renderer, draw_lecture(SMALL, 5).renderer
    frames = list(first.frames())
    assert len(frames) == len(first) == len(first.times)
    assert frames[0].shape == (96, 170, 3) and frames[0].dtype == np.uint8
    for number in np.random.default_rng(0).permutation(len(frames))[:40]:
        if number % 3 == 0:  # asking what is what, here or elsewhere, changes nothing
            again.mask(int(number) // 2)
            again.boxes(int(number))
        assert np.array_equal(again.frame(int(number)), frames[number])
    other = draw_lecture(SMALL, 6).renderer.frame(0)
    assert np.abs(other.astype(int) - frames[0]).mean() > 5


def test_pictures_have_any_even_size() -> None:
    procedure = draw_lecture(SMALL, 5).procedure
    for width, height in ((96, 120), (161, 120), (240, 100)):
        renderer = Renderer(procedure, height, 2, np.random.default_rng(1), width=width)
        assert renderer.frame(30).shape == (height, width // 2 * 2, 3)
        assert renderer.mask(30).shape == (height, width // 2 * 2)
        assert renderer.frame(30).mean() > 15


def test_a_lecture_looks_laparoscopic() -> None:
    """Red tissue in a round picture, dark in the corners, never still."""
    for number in range(4):
        renderer = draw_lecture(SMALL, number).renderer
        frames = np.stack([renderer.frame(step) for step in range(0, len(renderer), 10)]).astype(float)
        middle = frames[:, 24:72, 61:109].mean(axis=(0, 1, 2))
        assert middle[0] > 1.2 * middle[1] and middle[0] > 1.2 * middle[2]
        assert frames[:, :6, :6].mean() < 0.3 * middle.mean()
        assert (np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3)) > 1).all()


def _silhouette(tool: str, opening: float) -> np.ndarray:
    mask = Mask(np.zeros((128, 160), np.uint8))
    finish = draw_finish(tool, np.random.default_rng(0))
    sketch_instrument(tool, opening, finish).draw(mask, np.array([140.0, 64.0]), 0.0, 400.0)
    assert set(np.unique(mask.labels)) == {0, class_id(tool)}
    return mask.labels[:, 60:] > 0  # without the shaft, which all have


def test_a_mask_shows_what_an_instrument_covers() -> None:
    """Drawn white on black, the picture is bright where the mask has the instrument, and nowhere else."""
    white = Finish(*[np.full(3, 1e6)] * 3)
    tip = np.array([143.3, 60.2])
    for tool, opening in itertools.product(set(TOOLS) - {"irrigator"}, (0.1, 0.7)):  # that one has dark holes
        picture, mask = Picture(128, 160), Mask(np.zeros((128, 160), np.uint8))
        for plane, value in zip(picture.planes, BLACK, strict=True):
            plane[:] = value
        for surface in (picture, mask):
            sketch_instrument(tool, opening, white).draw(surface, tip, 0.3, 300.0)
        bright, there = picture.planes.luma > 125, mask.labels == class_id(tool)
        assert np.count_nonzero(bright != there) <= 0.002 * np.count_nonzero(there), tool  # half covered


def test_instruments_differ_in_shape() -> None:
    """The overlap of any two tips, open or shut, is far from complete."""
    tips = {tool: [_silhouette(tool, opening) for opening in (0.1, 0.9)] for tool in TOOLS}
    for one, other in itertools.combinations(TOOLS, 2):
        for first, second in itertools.product(tips[one], tips[other]):
            assert (first & second).sum() / (first | second).sum() < 0.8, (one, other)


def test_jaws_move_and_colours_vary() -> None:
    for tool in ("grasper", "bipolar", "scissors", "clipper"):
        shut, opened = _silhouette(tool, 0.0), _silhouette(tool, 1.0)
        assert (shut ^ opened).sum() > 0.1 * shut.sum(), tool
    generator = np.random.default_rng(0)
    shafts = {tuple(np.round(draw_finish("hook", generator).shaft)) for _ in range(20)}
    assert len(shafts) > 10


def test_laying_over_is_the_usual_blend() -> None:
    generator = np.random.default_rng(1)
    frame = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    colour = generator.integers(0, 256, (20, 30, 3))
    cover = generator.integers(0, 256, (20, 30, 1))
    painted = np.concatenate([np.round(colour * cover / 255), cover], axis=2).astype(np.uint8)
    expected = frame * (1 - cover / 255) + colour * cover / 255
    lay_over(frame, painted)
    assert np.abs(frame - expected).max() <= 1.01


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
def test_phases_are_no_colour_quiz(seed: int) -> None:
    """Mean and deviation of red, green and blue tell next to nothing about the phases of unseen lectures."""
    cv2.setNumThreads(1)
    statistics, phases, lectures = [], [], []
    for number in range(15):
        drawn = draw_lecture(CorpusArguments(seed, height=96, fps=1, seconds=110), number)
        frames = np.stack(list(drawn.renderer.frames())).reshape(len(drawn.renderer), -1, 3)
        statistics.append(np.concatenate([frames.mean(axis=1), frames.std(axis=1)], axis=1))
        phases.append(drawn.procedure.phases_at(drawn.renderer.times))
        lectures.append(np.full(len(frames), number))
    x, y, lecture = np.concatenate(statistics), np.concatenate(phases), np.concatenate(lectures)
    unseen = lecture >= 10
    baseline = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000))
    baseline.fit(x[~unseen], y[~unseen])
    score = f1_score(y[unseen], baseline.predict(x[unseen]), average="macro")
    assert score <= 0.35
