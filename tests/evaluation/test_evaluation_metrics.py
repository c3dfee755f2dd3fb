from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from surgvlp.evaluation.metrics import bootstrap_interval, confusion_matrix, macro_f1, score_phases
from surgvlp.files import InputError
from surgvlp.lectures.labels import CHOLECYSTECTOMY, phase_dataset
from surgvlp.predictions import Predictions

Make = Callable[..., list[Predictions]]


def video(label: list[int], predicted: list[int], classes: int = 7, name: str = "v") -> Predictions:
    count = len(label)
    return Predictions(
        frame_index=np.arange(count),
        time_s=np.arange(count, dtype=np.float64),
        score=np.eye(classes, dtype=np.float32)[np.array(predicted, dtype=int)],
        label=np.array(label),
        video=name,
        dataset="d",
        class_names=tuple(f"c{index}" for index in range(classes)),
        model="m",
        protocol="p",
        protocol_sha256="0",
    )


def test_golden_value_of_the_class_rule() -> None:
    scores = score_phases([video([0, 0, 1, 1, 1], [0, 0, 1, 1, 2])])
    assert scores.macro_f1 == pytest.approx(0.6)
    assert scores.accuracy == pytest.approx(0.8)
    assert [item.f1 for item in scores.classes] == [1.0, pytest.approx(0.8), 0.0, None, None, None, None]


classes = st.integers(2, 8)
pairs = classes.flatmap(
    lambda c: st.tuples(
        st.just(c), st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1, max_size=60)
    )
)


@given(pairs)
def test_scores_are_scikit_learns(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    count, frames = drawn
    label, predicted = [pair[0] for pair in frames], [pair[1] for pair in frames]
    scores = score_phases([video(label, predicted, count)])
    assert scores.macro_f1 == pytest.approx(f1_score(label, predicted, average="macro"))
    assert scores.accuracy == pytest.approx(accuracy_score(label, predicted))
    every = list(range(count))
    np.testing.assert_array_equal(scores.confusion, sklearn_confusion(label, predicted, labels=every))
    options = {"labels": every, "average": None, "zero_division": np.nan}
    for name, function in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        expected = function(label, predicted, **options)
        found = [getattr(item, name) for item in scores.classes]
        np.testing.assert_allclose([np.nan if value is None else value for value in found], expected)


@given(pairs, st.randoms(use_true_random=False))
def test_order_of_frames_and_names_of_classes_do_not_matter(drawn, random) -> None:
    count, frames = drawn
    plain = score_phases([video([a for a, _ in frames], [b for _, b in frames], count)])
    renamed = random.sample(range(count), count)
    random.shuffle(frames)
    other = score_phases([video([renamed[a] for a, _ in frames], [renamed[b] for _, b in frames], count)])
    assert other.macro_f1 == pytest.approx(plain.macro_f1)
    assert other.accuracy == pytest.approx(plain.accuracy)
    assert 0 <= plain.macro_f1 <= 1


def test_videos_weigh_equally_and_frames_without_label_do_not_count() -> None:
    right, wrong = video([0, 1], [0, 1], name="a"), video([0] * 50, [1] * 50, name="b")
    scores = score_phases([right, wrong])
    assert (scores.macro_f1, scores.accuracy) == (0.5, 0.5)
    unlabelled = replace(wrong, label=np.r_[0, np.full(49, -1)])
    assert score_phases([unlabelled]).videos[0].frames == 1


def test_a_class_absent_from_both_leaves_no_nan() -> None:
    assert macro_f1(confusion_matrix(np.array([2]), np.array([2]), 7)) == 1.0
    assert np.isnan(macro_f1(np.zeros((3, 3), dtype=np.int64)))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_the_interval_lies_within_the_values_and_holds_their_mean(values: list[float]) -> None:
    array = np.array(values)
    low, high = bootstrap_interval(array, resamples=500)  # type: ignore[misc]
    assert array.min() - 1e-12 <= low <= high <= array.max() + 1e-12
    assert bootstrap_interval(array, resamples=500) == (low, high)
    inner_low, inner_high = bootstrap_interval(array, level=0.5, resamples=500)  # type: ignore[misc]
    assert low <= inner_low <= inner_high <= high


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(generator.normal(0.5, 0.1, 30), resamples=400)  # type: ignore[misc]
        hits += low <= 0.5 <= high
    assert 180 <= hits <= 199


def test_a_single_video_has_no_interval() -> None:
    assert bootstrap_interval(np.array([0.5])) is None
    assert score_phases([video([0], [0])]).macro_f1_interval is None


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        ([], "no predictions"),
        ([video([0], [0]), video([0], [0])], "'v' is there twice"),
        ([video([0], [0]), video([0], [0], 3, "w")], "other classes"),
        ([replace(video([0], [0]), label=np.zeros((1, 7), dtype=int))], "several labels a frame"),
        ([video([-1], [0])], "no labelled frame"),
        ([video([9], [0])], r"labels outside 0\.\.6"),
        ([replace(video([0], [0]), score=np.full((1, 7), np.nan, dtype=np.float32))], "not finite"),
    ],
)
def test_what_cannot_be_scored_is_said(items: list[Predictions], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        score_phases(items)


def test_constant_predictions_on_real_labels(shared_data: Path) -> None:
    dataset = phase_dataset("cholec80", shared_data / "svl_sample" / "downstream_datasets" / "cholec80")
    items = []
    for name in dataset.videos():
        labels = dataset.frames(name).label
        items.append(
            replace(video(labels.tolist(), [1] * len(labels), name=name), class_names=CHOLECYSTECTOMY)
        )
    scores = score_phases(items)
    expected = [f1_score(item.label, np.ones_like(item.label), average="macro") for item in items]
    assert scores.macro_f1 == pytest.approx(np.mean(expected))
    assert scores.videos[1].video == "video50" and (items[1].label != 5).all()  # a phase is missing there
