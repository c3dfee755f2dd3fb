"""A lecture's pictures: nothing added when easy, and where what was added is."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from surgvlp.media.decode import decode
from surgvlp.media.encode import VideoWriter
from surgvlp.media.probe import probe
from surgvlp.synthesis.difficulty import DIFFICULTIES, EASY, Difficulty
from surgvlp.synthesis.editing.cards import step_title, title_of
from surgvlp.synthesis.editing.drawings import ORGANS, draw_drawing
from surgvlp.synthesis.editing.film import Film
from surgvlp.synthesis.editing.formats import Format, draw_format, kept_frames
from surgvlp.synthesis.editing.lens import Lens
from surgvlp.synthesis.editing.montage import Montage, Segment, draw_montage
from surgvlp.synthesis.editing.outside import Outside
from surgvlp.synthesis.editing.overlays import Overlays
from surgvlp.synthesis.endoscope.render import Renderer
from surgvlp.synthesis.operation.procedure import Procedure, draw_procedure
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.pictures.classes import class_id
from surgvlp.synthesis.pictures.lettering import lettering, write
from surgvlp.synthesis.pictures.picture import Picture, planes_of

SIZE = (96, 170)
HARD = DIFFICULTIES["hard"]
WHOLE = Montage((Segment(0.0, 300.0, "operation", 0.0),))


def _operation(seed: int, variation: float = 0.0) -> Procedure:
    return draw_procedure(PROCEDURES["cholecystectomy"], 80, np.random.default_rng(seed), variation)


def _film(seed: int, difficulty: Difficulty, variable: bool = False) -> tuple[Film, Montage, Renderer]:
    operation = _operation(seed)
    montage = draw_montage(operation, difficulty, np.random.default_rng([seed, 1]))
    procedure = montage.retimed(operation)
    renderer = Renderer(procedure, SIZE[0], 2, np.random.default_rng([seed, 2]), difficulty=difficulty)
    film = Film(procedure, renderer, montage, difficulty, variable, np.random.default_rng([seed, 3]))
    return film, montage, renderer


def _grey(value: int = 120) -> Picture:
    noise = np.random.default_rng(0).integers(value - 40, value + 40, (*SIZE, 3), dtype=np.uint8)
    picture = Picture(*SIZE)
    for plane, filled in zip(picture.planes, planes_of(noise), strict=True):
        plane[:] = filled
    return picture


def _changed(before: Picture, after: Picture) -> np.ndarray:
    """bool (h, w): where luma or chroma differ by more than rounding."""
    height, width = before.planes.luma.shape
    found = np.zeros((height, width), bool)
    for one, other in zip(before.planes, after.planes, strict=True):
        differs = (np.abs(one.astype(int) - other) > 2).astype(np.uint8)
        found |= cv2.resize(differs, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return found


def _copy(picture: Picture) -> Picture:
    copied = Picture(*picture.planes.luma.shape)
    copied.data[:] = picture.data
    return copied


def test_an_easy_film_is_the_renderer_s_to_the_bit() -> None:
    film, montage, renderer = _film(3, EASY)
    assert len(film) == len(renderer) and np.array_equal(film.times, renderer.times)
    for number in range(0, len(film), 17):
        assert np.array_equal(film.frame(number), renderer.frame(number))
        assert np.array_equal(film.mask(number), renderer.mask(number))
        assert film.overlays(number) == []
        assert film.boxes(number) == renderer.boxes(number)
    assert all(montage.surgical(time) for time in film.times)


def test_weaker_light_more_smoke_and_blood_come_from_the_dial_alone() -> None:
    operation = _operation(1)

    def mean(difficulty: Difficulty) -> float:
        renderer = Renderer(operation, 64, 1, np.random.default_rng(1), difficulty=difficulty)
        return float(np.mean([renderer.frame(number).mean() for number in range(0, len(renderer), 8)]))

    assert mean(Difficulty(darkness=1)) < 0.85 * mean(EASY)
    for effect in ("smoke", "blood"):
        assert mean(replace(EASY, **{effect: 1.0})) != mean(EASY)


def test_hard_frames_follow_from_the_seed_alone_in_any_order() -> None:
    film, montage, _ = _film(5, HARD)
    again, _, _ = _film(5, HARD)
    assert {montage.kind_at(time) for time in film.times} >= {"operation", "title", "outside"}
    frames = list(film.frames())
    assert len(frames) == len(film) and frames[0].shape == (*SIZE, 3)
    for number in np.random.default_rng(0).permutation(len(frames))[:60]:
        again.mask(int(number) // 2)
        assert np.array_equal(again.frame(int(number)), frames[number])


def test_what_is_not_the_operation_has_no_tools_and_no_organs() -> None:
    film, montage, renderer = _film(5, HARD)
    seen = set()
    for number in range(0, len(film), 3):
        kind = montage.kind_at(film.times[number])
        seen.add(kind)
        if kind != "operation":
            assert film.boxes(number) == []
            assert (film.mask(number) == class_id("black_background")).all()
            assert np.abs(film.frame(number).astype(int) - renderer.frame(number)).mean() > 5
    assert "title" in seen and "outside" in seen


@pytest.mark.parametrize("seed", range(8))
def test_overlays_lie_in_their_boxes_and_nowhere_else(seed: int) -> None:
    montage = Montage((Segment(0.0, 80.0, "operation", 0.0),))
    overlays = Overlays(_operation(0), montage, HARD, *SIZE, np.random.default_rng(seed))
    for time in (1.0, 30.0, 79.0):
        before = _grey()
        after = _copy(before)
        overlays.draw(after, time)
        boxes = np.zeros(SIZE, np.uint8)
        for kind, left, top, width, height in overlays.boxes(time):
            assert kind in ("logo", "inset", "text", "border")
            assert width > 3 and height > 3
            assert left >= 0 and top >= 0 and left + width <= SIZE[1] and top + height <= SIZE[0]
            part = boxes[top : top + height, left : left + width]
            part[:] = 1
            own = _changed(before, after)[top : top + height, left : left + width]
            assert own.mean() > 0.1, kind  # a box is no larger than what it is of
        grown = cv2.dilate(boxes, np.ones((3, 3), np.uint8)) > 0  # chroma is coarser than luma
        assert not (_changed(before, after) & ~grown).any()
        assert not (overlays.hidden(time) & (boxes == 0)).any()


def test_every_kind_of_overlay_comes_and_the_dial_counts_them() -> None:
    montage = Montage((Segment(0.0, 80.0, "operation", 0.0),))
    counts, kinds = [], set()
    for level in (EASY, DIFFICULTIES["default"], HARD):
        found = [
            Overlays(_operation(0), montage, level, *SIZE, np.random.default_rng(seed)) for seed in range(30)
        ]
        boxes = [box for overlays in found for box in overlays.boxes(5.0)]
        kinds |= {box[0] for box in boxes}
        counts.append(len(boxes))
    assert counts[0] == 0 < counts[1] < counts[2]
    assert kinds == {"logo", "inset", "text", "border"}


def _lens(difficulty: Difficulty, seed: int) -> tuple[Lens, np.ndarray]:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    aperture = (np.hypot(x - SIZE[1] / 2, y - SIZE[0] / 2) < 45).astype(np.uint8) * 255
    return Lens(WHOLE, difficulty, aperture, np.random.default_rng(seed)), aperture


def test_dirt_comes_degrades_and_is_gone_after_cleaning() -> None:
    lens, _ = _lens(Difficulty(soiling=1), 1)
    assert {soiling.kind for soiling in lens.soilings} == {"drops", "blood", "fog"}
    for soiling in lens.soilings:
        for time, dirty in ((soiling.start - 0.01, False), (soiling.end - 0.9, True), (soiling.end, False)):
            others = [other for other in lens.soilings if other.start < time < other.end]
            before = _grey()
            after = _copy(before)
            lens.draw(after, time)
            assert (_changed(before, after).mean() > 0.02) == bool(dirty or others), soiling.kind


def test_dirt_is_cleaned_outside_too() -> None:
    montage = Montage(
        (
            Segment(0, 20, "operation", 0),
            Segment(20, 25, "outside", 20),
            Segment(25, 60, "operation", 25),
        )
    )
    aperture = np.full(SIZE, 255, np.uint8)
    lens = Lens(montage, Difficulty(soiling=1), aperture, np.random.default_rng(2))
    assert [soiling.end for soiling in lens.soilings if not soiling.wiped] == [20]


def test_what_is_near_hides_what_lies_behind_within_the_round_picture() -> None:
    lens, aperture = _lens(Difficulty(occlusion=1), 3)
    assert {occlusion.kind for occlusion in lens.occlusions} == {"flap", "pad"}
    for occlusion in lens.occlusions:
        time = (occlusion.start + occlusion.end) / 2
        one, other = _grey(80), _grey(160)
        lens.draw(one, time)
        lens.draw(other, time)
        hidden = lens.hidden(time)
        assert 0.05 < hidden.mean() < 0.8
        assert not (hidden & (aperture == 0)).any()
        solid = cv2.erode(hidden.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        gap = np.abs(one.planes.luma.astype(int) - other.planes.luma)
        assert gap[solid].mean() < 12  # whatever lies behind
        untouched = cv2.dilate(hidden.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
        assert gap[untouched].mean() > 40


def test_looks_outside_stay_in_the_round_picture_and_move() -> None:
    _, aperture = _lens(EASY, 0)
    outside = Outside(aperture, np.random.default_rng(0))
    dark = cv2.dilate(aperture, np.ones((5, 5), np.uint8)) == 0  # chroma is coarser than luma
    frames = []
    for share in (0.05, 0.3, 0.5, 0.6, 0.8, 0.95):
        picture = _grey()
        outside.draw(picture, share, 10 * share)
        frames.append(picture.rgb().astype(int))
        assert frames[-1][dark].max() < 12
    for one, other in itertools.pairwise(frames):
        assert np.abs(one - other).mean() > 4


def test_titles_are_words() -> None:
    operation = _operation(0)
    assert title_of(operation) == "Laparoscopic cholecystectomy"
    assert title_of(replace(operation, robotic=True)) == "Robotic cholecystectomy"
    assert step_title(operation, 1) == "Calot triangle dissection"


def test_words_are_cut_off_at_the_picture_s_edge_and_never_refused() -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    write(picture, lettering("longer than any picture of this size", 12), 15, 25, (255, 255, 255))
    assert picture.any()
    with_more = lettering("two words", 14, 6)
    assert with_more.shape[0] > 1.5 * lettering("two words", 14).shape[0]  # broken into lines
    assert with_more.min() >= 0 and with_more.max() == 1


@pytest.mark.parametrize("name", [*ORGANS, "something new"])
def test_drawings_differ_from_each_other_and_are_no_photographs(name: str) -> None:
    one, other = (draw_drawing(name, *SIZE, np.random.default_rng(seed)).rgb for seed in (0, 1))
    assert one.shape == (*SIZE, 3) and not np.array_equal(one, other)
    colours, counts = np.unique(one.reshape(-1, 3), axis=0, return_counts=True)
    assert len(colours) > 10 and counts.max() > 0.2 * counts.sum()  # paper


def test_formats() -> None:
    assert draw_format(EASY, 29.97, np.random.default_rng(0)) == Format(
        Fraction(29.97).limit_denominator(1001)
    )
    found = [draw_format(HARD, 25, np.random.default_rng(seed)) for seed in range(120)]
    assert {it.aspect for it in found} == {Fraction(16, 9), Fraction(4, 3), Fraction(5, 4), Fraction(1)}
    assert {it.fps for it in found} >= {Fraction(25), Fraction(30000, 1001)}
    assert {it.variable for it in found} == {True, False}
    assert {it.encoding.rotation for it in found} == {0, 90, 180, 270}
    assert len({it.encoding.gop for it in found}) == 6


def test_a_film_of_variable_rate_is_one_when_encoded(tmp_path: Path) -> None:
    film, _, renderer = _film(3, Difficulty(cards=1, overlays=1), variable=True)
    assert film.times[0] == 0 and 0.7 * len(renderer) < len(film) < len(renderer)
    with VideoWriter(tmp_path / "x.mp4", film.width, film.height, None) as writer:
        for number in range(40):
            writer.write(film.frame(number), float(film.times[number]))
    shown, _ = decode(tmp_path / "x.mp4", film.times[:40])
    for number in range(0, 40, 9):
        assert np.abs(shown[number].astype(int) - film.frame(number)).mean() < 6
    assert probe(tmp_path / "x.mp4").height == film.height


def test_frames_are_left_out_at_variable_rate_only() -> None:
    assert kept_frames(50, False, np.random.default_rng(0)).tolist() == list(range(50))
    kept = kept_frames(5000, True, np.random.default_rng(0))
    assert kept[0] == 0 and (np.diff(kept) > 0).all() and 0.75 < len(kept) / 5000 < 0.97


def test_every_strength_is_used() -> None:
    """No field of the dial is at 0 in the presets that should turn it, and harder means no less."""
    for field in fields(Difficulty):
        easy, default, hard = (getattr(DIFFICULTIES[name], field.name) for name in DIFFICULTIES)
        assert easy == 0 < default < hard <= 1, field.name
