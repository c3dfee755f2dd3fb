"""From a stream of sound to pieces of speech: nothing lost, times kept, memory flat."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from surgvlp.transcription.speech import (
    CUT_WITHIN_S,
    MARGIN_S,
    PIECE_S,
    RATE,
    WINDOW_S,
    Piece,
    speech_pieces,
    windows,
)

Lecture = tuple[np.ndarray, list[tuple[float, float]]]


@given(st.lists(st.integers(0, 200 * RATE), max_size=6), st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_windows_are_the_stream(sizes: list[int], seed: int) -> None:
    stream = np.random.default_rng(seed).normal(size=sum(sizes)).astype(np.float32)
    blocks = np.split(stream, np.cumsum(sizes)[:-1]) if sizes else []
    cut = list(windows(blocks))
    assert sum(len(window) for _, window in cut) == len(stream)
    for offset, window in cut:
        assert np.array_equal(window, stream[offset : offset + len(window)])
        assert 0 < len(window) <= WINDOW_S * RATE
    for _, window in cut[:-1]:
        assert len(window) >= (WINDOW_S - CUT_WITHIN_S) * RATE


def test_windows_are_cut_where_it_is_quiet() -> None:
    stream = np.ones(round(310 * RATE), np.float32)
    stream[280 * RATE : 281 * RATE] = 0
    (_, first), (offset, _) = windows([stream])
    assert 280 * RATE <= offset == len(first) <= 281 * RATE


def test_times_of_a_piece_against_a_look_up_of_every_sample() -> None:
    # stretches at 3 s and 10 s of the lecture, 2 s and 1 s long, all of it speech
    piece = Piece(np.zeros(3 * RATE, np.float32), (0.0, 2.0), (3.0, 10.0), ((3.0, 5.0), (10.0, 11.0)))
    positions = np.arange(0, 3.01, 0.125)
    times = [3 + position if position < 2 else 10 + position - 2 for position in positions]
    for position, time in zip(positions[:-1], times[:-1], strict=True):
        end = 5.0 if position + 0.125 == 2 else time + 0.125
        assert piece.word_times(position, position + 0.125) == (time, end)
    assert piece.end_s == 11.0


def test_a_word_is_held_within_the_speech_that_it_overlaps_most() -> None:
    # speech at 3.5 to 5 and 10 to 11 s, with margins of half a second where stretches are cut
    piece = Piece(np.zeros(4 * RATE, np.float32), (0.0, 2.5), (3.0, 9.5), ((3.5, 5.0), (10.0, 11.0)))
    assert piece.word_times(0.0, 1.0) == (3.5, 4.0)  # the pause before it is not said
    assert piece.word_times(1.5, 2.5) == (4.5, 5.0)  # nor the one after it
    assert piece.word_times(1.9, 3.5) == (10.0, 10.5)  # mostly in the second stretch
    assert piece.word_times(2.2, 2.3) == (5.2, 5.3)  # in no speech at all: as it came


def test_speech_is_kept_with_its_times_and_silence_left_out(lecture: Lecture) -> None:
    sound, times = lecture
    (piece,) = speech_pieces([sound[:RATE], sound[RATE:]])
    spoken = sum(end - start for start, end in times)
    assert spoken <= len(piece.samples) / RATE <= spoken + 6 * MARGIN_S
    for (start, end), (since, until) in zip(times, _joined(piece.speech), strict=True):
        assert abs(start - since) < 0.3
        assert abs(end - until) < 0.3
    ends = [*piece.begins[1:], len(piece.samples) / RATE]
    for begin, end, time in zip(piece.begins, ends, piece.times, strict=True):
        count, origin = round((end - begin) * RATE), round(time * RATE)
        stretch = piece.samples[round(begin * RATE) :][:count]
        assert np.array_equal(stretch, sound[origin : origin + count])


def _joined(speech: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Speech with pauses below half a second passed over, since an espeak sentence has some."""
    joined = [speech[0]]
    for since, until in speech[1:]:
        if since - joined[-1][1] < 0.5:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    return joined


def test_silence_and_noise_have_no_pieces() -> None:
    assert list(speech_pieces([])) == []
    assert list(speech_pieces([np.zeros(5 * RATE, np.float32)])) == []
    noise = np.random.default_rng(0).normal(0, 0.01, 5 * RATE).astype(np.float32)
    assert list(speech_pieces([noise])) == []


def test_a_long_lecture_is_read_as_it_is_needed(spoken: list[np.ndarray]) -> None:
    minute = np.concatenate([*spoken, np.zeros(RATE, np.float32)] * 5)
    read = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal read
        while read < 20 * len(minute):
            read += len(minute)
            yield minute

    pieces = speech_pieces(blocks())
    found = [next(pieces) for _ in range(4)]
    assert read <= WINDOW_S * RATE + 2 * len(minute)
    assert all(len(piece.samples) <= PIECE_S * RATE for piece in found)
    starts = [piece.times[0] for piece in found]
    assert starts == sorted(starts)
    assert all(before.end_s <= after.times[0] + 0.01 for before, after in itertools.pairwise(found))
