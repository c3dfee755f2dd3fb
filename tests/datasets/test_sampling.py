"""Sampling rules against their properties, the published ones against a slow reading of their description."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.datasets import sampling

seconds = st.floats(0, 100).map(lambda value: round(value, 1))


@st.composite
def captions(draw: st.DrawFn, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    pairs = draw(st.lists(st.tuples(seconds, st.floats(0, 20)), min_size=least, max_size=12))
    starts = np.sort(np.array([start for start, _ in pairs]))
    return starts, starts + np.array([round(length, 1) for _, length in pairs])


@given(seconds, st.floats(0, 40), st.floats(0.1, 120), st.floats(0.5, 8), st.integers(0, 2**32))
def test_a_clip_lies_in_its_narration_or_around_its_middle(
    start: float, narrated: float, duration: float, length: float, seed: int
) -> None:
    start = min(start, duration * 0.99)
    end = start + narrated
    first, last = sampling.clip_window(start, end, duration, length, np.random.default_rng(seed))
    assert 0 <= first < last <= duration + 1e-9
    assert last - first == pytest.approx(min(length, duration))
    shown_end = min(end, duration)
    if shown_end - start >= length:
        assert start - 1e-9 <= first and last <= shown_end + 1e-9
    else:
        # around the narration's middle, unless an end of the video is in the way
        middle = (start + shown_end) / 2
        assert first <= middle + 1e-9 and middle <= last + 1e-9
        if first > 1e-9 and last < duration - 1e-9:
            assert (first + last) / 2 == pytest.approx(middle)


def test_clips_reach_the_whole_of_a_long_narration() -> None:
    generator = np.random.default_rng(0)
    firsts = [sampling.clip_window(10, 30, 100, 4, generator)[0] for _ in range(500)]
    assert min(firsts) < 10.3 and max(firsts) > 25.7


def test_frames_spread_evenly_without_touching_the_ends() -> None:
    assert sampling.spread(10.0, 14.0, 4).tolist() == [10.5, 11.5, 12.5, 13.5]
    assert sampling.spread(3.0, 5.0, 1).tolist() == [4.0]
    assert sampling.spread(10.0, 14.0, 4, np.array([0.0, 0.5, 0.25, 1.0])).tolist() == [
        10.0,
        11.5,
        12.25,
        14.0,
    ]


@given(seconds, st.floats(0, 40), st.floats(1, 120), st.floats(0.5, 8))
def test_a_window_grows_around_its_middle_and_stays_in_the_video(
    start: float, length: float, duration: float, least: float
) -> None:
    start = min(start, duration * 0.99)
    end = min(start + length, duration)
    first, last = sampling.grown_window(start, end, duration, least)
    assert -1e-9 <= first <= start + 1e-9 and end - 1e-9 <= last <= duration + 1e-9
    assert last - first == pytest.approx(min(max(least, end - start), duration))
    if first > 1e-9 and last < duration - 1e-9:
        assert first + last == pytest.approx(start + end)


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 2**32))
def test_what_is_drawn_spreads_over_the_whole_in_order(total: int, count: int, seed: int) -> None:
    drawn = sampling.one_of_each_part(total, count, np.random.default_rng(seed))
    assert len(drawn) == min(total, count)
    assert (np.diff(drawn) > 0).all()
    if total > count:
        # part k runs from k/count to (k+1)/count of the whole, up to rounding down
        assert all(k * total // count <= row < (k + 1) * total // count for k, row in enumerate(drawn))
    else:
        assert drawn.tolist() == list(range(total))


@pytest.mark.parametrize("total", [*range(9, 18), 31])
def test_every_number_is_drawn_at_some_time(total: int) -> None:
    generator = np.random.default_rng(0)
    drawn = {int(row) for _ in range(200) for row in sampling.one_of_each_part(total, 8, generator)}
    assert drawn == set(range(total))


@given(captions(), st.lists(st.floats(0.5, 30), min_size=1, max_size=6))
def test_a_caption_shorter_than_windows_is_in_one_of_them(
    given_captions: tuple[np.ndarray, np.ndarray], lengths: list[float]
) -> None:
    starts, ends = given_captions
    borders = np.concatenate([[0.0], np.cumsum(lengths)])
    found = [
        set(sampling.captions_within(starts, ends, *pair).tolist()) for pair in itertools.pairwise(borders)
    ]
    for row, middle in enumerate((starts + ends) / 2):
        windows = [number for number, rows in enumerate(found) if row in rows]
        if middle < borders[-1]:
            assert len(windows) >= 1
        if (
            ends[row] - starts[row] < min(lengths) / 2
        ):  # too short to hold the middle of a neighbouring window
            assert len(windows) == (middle < borders[-1])
        for number in windows:  # and none is where it is not shown
            assert starts[row] <= borders[number + 1] and ends[row] >= borders[number]


def test_a_caption_longer_than_the_window_is_in_it() -> None:
    starts, ends = np.array([0.0, 0.0, 11.0, 20.0]), np.array([100.0, 9.0, 11.0, 30.0])
    assert sampling.captions_within(starts, ends, 10, 20).tolist() == [0, 2]


@given(st.integers(2, 200), st.integers(0, 2**32))
def test_a_derangement_moves_everything(count: int, seed: int) -> None:
    order = sampling.derangement(count, seed)
    assert sorted(order) == list(range(count))
    assert not (order == np.arange(count)).any()
    assert (order == sampling.derangement(count, seed)).all()


@given(captions(), seconds, st.floats(0, 20), st.floats(0, 30))
def test_nearest_captions_come_in_the_order_of_their_gaps(
    given_captions: tuple[np.ndarray, np.ndarray], start: float, length: float, reach: float
) -> None:
    starts, ends = given_captions
    end = start + length

    def gap(row: int) -> float:
        if ends[row] < start:
            return float(start - ends[row])
        return float(starts[row] - end) if starts[row] > end else 0.0

    def distance(row: int) -> float:
        return abs((starts[row] + ends[row]) - (start + end)) / 2

    expected = sorted(
        (row for row in range(len(starts)) if gap(row) <= reach),
        key=lambda row: (gap(row), distance(row), row),
    )
    assert sampling.nearest_captions(starts, ends, start, end, reach).tolist() == expected


@given(captions(), st.integers(0, 2**32), st.floats(0, 10))
def test_the_published_anchor(
    given_captions: tuple[np.ndarray, np.ndarray], seed: int, min_time: float
) -> None:
    starts, ends = given_captions
    row, start, end = sampling.pick(starts, ends, 1, min_time, np.random.default_rng(seed))
    exact_start, exact_end = starts[row], ends[row]
    if exact_end - exact_start < min_time:
        lacking = min_time - (exact_end - exact_start)
        exact_start = max(0.0, exact_start - lacking / 2)
        exact_end = exact_start + min_time
    assert (start, end) == (int(exact_start), int(exact_end))


def test_every_caption_is_picked_and_several_in_a_row_make_one_window() -> None:
    starts, ends = np.array([0.0, 10.0, 20.0]), np.array([9.5, 19.5, 29.5])
    generator = np.random.default_rng(0)
    picked = {sampling.pick(starts, ends, 2, 4.0, generator) for _ in range(50)}
    assert picked == {(0, 0, 19), (1, 10, 29)}
    with pytest.raises(ValueError):
        sampling.pick(starts, ends, 4, 4.0, generator)


@given(captions(), seconds, st.floats(0, 20))
def test_the_published_neighbours(
    given_captions: tuple[np.ndarray, np.ndarray], start: float, length: float
) -> None:
    starts, ends = given_captions
    end = start + length
    rows = list(zip(range(len(starts)), starts, ends, strict=True))
    expected = [row for row, s, e in rows if s <= start <= e]
    expected += [row for row, s, e in rows if s >= start and e <= end]
    expected += [row for row, s, e in rows if s <= end <= e]
    assert sampling.near(starts, ends, start, end).tolist() == expected


def test_a_caption_that_spans_the_window_comes_twice() -> None:
    assert sampling.near(np.array([0.0]), np.array([100.0]), 10, 20).tolist() == [0, 0]


@given(st.integers(0, 90), st.integers(0, 30), st.floats(1, 120), st.integers(0, 2**32))
def test_the_published_clip(start: int, length: int, duration: float, seed: int) -> None:
    end = start + length
    seek, clip = sampling.released_window(start, end, duration, 3, 5, np.random.default_rng(seed))
    assert clip in (3, 4, 5)
    if end > duration:
        assert seek == max(0.0, duration - clip)
    else:
        assert seek == int(seek) and start <= seek <= max(start, end - clip)


def test_the_published_stride_uses_two_seconds_of_three() -> None:
    # section 3.1 of the description: a clip of 3 s has 6 frames at 2 a second and gives its first two seconds
    assert sampling.released_stride(6, 4).tolist() == [0, 1, 2, 3]
    assert sampling.released_stride(8, 4).tolist() == [0, 2, 4, 6]
    assert sampling.released_stride(10, 4).tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("decoded", "kept"),
    [
        (20, [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 19]),
        (5, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4]),
        (396, [0, 26, 52, 79, 105, 132, 158, 184, 211, 237, 264, 290, 316, 343, 369, 395]),
    ],
)
def test_the_published_frames_of_long_clips(decoded: int, kept: list[int]) -> None:
    # section 12 of the description
    assert sampling.released_spread(decoded, 16).tolist() == kept


def test_every_sample_has_its_own_generator() -> None:
    draws = {
        sampling.item_generator(seed, epoch, index).random()
        for seed in range(4)
        for epoch in range(4)
        for index in range(4)
    }
    assert len(draws) == 64
    assert sampling.item_generator(1, 2, 3).random() == sampling.item_generator(1, 2, 3).random()
