from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from surgvlp.evaluation.average_precision import average_precision, score_presence
from surgvlp.files import InputError
from surgvlp.lectures.presence import read_triplets
from surgvlp.predictions import Predictions


def video(label: np.ndarray, score: np.ndarray, name: str = "video01") -> Predictions:
    return Predictions(
        frame_index=np.arange(len(label)),
        time_s=np.arange(len(label), dtype=np.float64),
        score=score.astype(np.float32),
        label=label.astype(np.int64),
        video=name,
        dataset="made",
        class_names=tuple(f"class {number}" for number in range(label.shape[1])),
        model="model",
        protocol="protocol",
        protocol_sha256="ab" * 32,
    )


def slowly(items: list[Predictions]) -> np.ndarray:
    """(V, C), scikit-learn class by class, NaN where a video does not show the class."""
    found = np.full((len(items), len(items[0].class_names)), np.nan)
    for row, item in enumerate(items):
        for column in range(found.shape[1]):
            if item.label[:, column].any():
                found[row, column] = average_precision_score(item.label[:, column], item.score[:, column])
    return found


def random_videos(rare: float, count: int = 4, classes: int = 9) -> list[Predictions]:
    generator = np.random.default_rng(1)
    return [
        video(
            generator.random((60 + 7 * number, classes)) < rare,
            generator.integers(0, 30, (60 + 7 * number, classes)) / 30,
            f"video{number}",
        )
        for number in range(count)
    ]


def test_frames_of_equal_score_stand_or_fall_together() -> None:
    label = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]])
    score = np.array([[0.9, 0.5, 1], [0.8, 0.5, 1], [0.8, 0.5, 0], [0.1, 0.5, 0]], np.float32)
    np.testing.assert_allclose(average_precision(label, score), [0.5 + 0.5 * 2 / 3, 0.5, np.nan])


@settings(max_examples=60)
@given(st.data(), st.integers(1, 25))
def test_average_precision_is_scikit_learns(data: st.DataObject, frames: int) -> None:
    label = data.draw(arrays(np.int64, (frames, 3), elements=st.integers(0, 1)))
    score = data.draw(arrays(np.int8, (frames, 3), elements=st.integers(-4, 4))).astype(np.float32)
    np.testing.assert_allclose(average_precision(label, score), slowly([video(label, score)])[0])


def test_a_class_that_a_video_does_not_show_is_left_out_there() -> None:
    items = random_videos(rare=0.02)
    found = slowly(items)
    assert np.isnan(found).any(axis=0).any() and np.isfinite(found).any(axis=0).all()
    scores = score_presence(items)
    assert scores.mean == pytest.approx(np.nanmean(np.nanmean(found, axis=0)))
    assert scores.absent_as_zero == pytest.approx(np.nan_to_num(found).mean())
    assert scores.absent_as_zero < scores.mean
    together = slowly(
        [video(np.concatenate([item.label for item in items]), np.concatenate([i.score for i in items]))]
    )
    assert scores.all_frames == pytest.approx(np.nanmean(together))
    np.testing.assert_allclose([item.average_precision for item in scores.classes], np.nanmean(found, axis=0))
    assert [item.videos for item in scores.classes] == np.isfinite(found).sum(axis=0).tolist()
    assert scores.classes[2].frames == sum(item.label[:, 2].sum() for item in items)


def test_a_class_that_no_video_shows_has_no_score() -> None:
    items = [
        replace(item, label=item.label * (np.arange(9) != 4)) for item in random_videos(rare=0.3, count=2)
    ]
    scores = score_presence(items)
    assert scores.classes[4].average_precision is None and scores.classes[4].videos == 0
    assert scores.mean == pytest.approx(
        np.mean([item.average_precision for item in scores.classes if item.average_precision is not None])
    )


def test_means_are_those_of_ivtmetrics_on_real_labels_with_this_scikit_learn(shared_data: Path) -> None:
    from ivtmetrics.recognition import Recognition

    root = shared_data / "svl_sample" / "downstream_datasets" / "CholecT50-challenge-train"
    present = read_triplets(root, "VID73").triplet
    item = video(present, np.random.default_rng(2).random(present.shape).astype(np.float32), "VID73")
    theirs = Recognition(100)
    theirs.update(item.label, item.score)
    theirs.video_end()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs.compute_video_AP("ivt")["mAP"]
        absent = average_precision_score([0, 0], [0.1, 0.2])
    ours = score_presence([item])
    # Up to 1.5 scikit-learn gives -0.0 for an absent class, which ivtmetrics leaves out; since 1.6.1 +0.0.
    assert expected == pytest.approx(ours.mean if np.signbit(absent) else ours.absent_as_zero)
    assert ours.mean > 2 * ours.absent_as_zero  # 30 of 100 triplets or so occur
    assert sum(each.average_precision is not None for each in ours.classes) == present.any(axis=0).sum()


def test_a_perfect_model_scores_1_and_its_controls_do_not() -> None:
    items = [replace(item, score=item.label.astype(np.float32)) for item in random_videos(rare=0.3)]
    scores = score_presence(items)
    assert scores.mean == scores.all_frames == 1 and scores.interval == (1, 1)
    share = np.mean([item.label.mean(axis=0) for item in items])
    assert scores.chance == pytest.approx(share)
    assert share < scores.permuted < share + 0.1


def test_one_score_for_all_frames_gets_the_share_of_frames_in_every_control() -> None:
    items = [replace(item, score=np.full_like(item.score, 0.5)) for item in random_videos(rare=0.05)]
    scores = score_presence(items)
    assert scores.mean == pytest.approx(scores.chance) == pytest.approx(scores.permuted)


def test_the_interval_draws_videos() -> None:
    items = random_videos(rare=0.02, count=3)
    found = slowly(items)
    draws = np.random.default_rng(0).integers(3, size=(10_000, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # classes that no drawn video shows
        expected = np.quantile(np.nanmean(np.nanmean(found[draws], axis=1), axis=1), [0.025, 0.975])
    assert score_presence(items).interval == pytest.approx(tuple(expected))
    assert score_presence(items[:1]).interval is None


def test_what_cannot_be_scored_is_refused() -> None:
    item = random_videos(rare=0.3, count=1)[0]
    for items, complaint in (
        ([], "no predictions"),
        ([item, item], "twice"),
        ([item, replace(item, video="b", class_names=("x",) * 9)], "other classes"),
        ([replace(item, label=item.label[:, 0])], "does not have a label for each class"),
        ([replace(item, label=item.label * 2)], "neither 0 nor 1"),
        ([replace(item, score=item.score * np.nan)], "not finite"),
        ([replace(item, label=item.label * 0)], "no frame shows anything"),
    ):
        with pytest.raises(InputError, match=complaint):
            score_presence(items)
