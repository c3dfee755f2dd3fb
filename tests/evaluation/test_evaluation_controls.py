from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from surgvlp.evaluation.comparison import PERMUTED, compare
from surgvlp.evaluation.controls import colour_baseline, permuted_scores
from surgvlp.evaluation.metrics import score_phases
from surgvlp.files import InputError
from surgvlp.lectures.tree import DataTree
from surgvlp.media.images import read_image, write_image
from surgvlp.predictions import Predictions

Make = Callable[..., list[Predictions]]


def test_permuting_is_the_mean_over_many_shuffles(made_predictions: Make) -> None:
    items = made_predictions(skill=0.8)
    accuracy, f1 = permuted_scores(items, repeats=400)
    generator = np.random.default_rng(5)
    for index, item in enumerate(items):
        predicted = item.score.argmax(axis=1)
        shuffled = [
            f1_score(item.label, generator.permutation(predicted), average="macro") for _ in range(400)
        ]
        assert f1[index] == pytest.approx(np.mean(shuffled), abs=0.01)
        assert accuracy[index] == pytest.approx(1 / 7, abs=0.01)  # both are evenly spread over classes
    np.testing.assert_array_equal(permuted_scores(items), permuted_scores(items))


def test_permuting_a_constant_changes_nothing(made_predictions: Make) -> None:
    item = made_predictions(videos=1)[0]
    constant = replace(item, score=np.tile(np.eye(7, dtype=np.float32)[3], (len(item.label), 1)))
    assert permuted_scores([constant])[1][0] == pytest.approx(score_phases([constant]).macro_f1)


def like_the_tests(tree: Path, make: Make) -> list[Predictions]:
    dataset = DataTree(tree).downstream("made")
    items = []
    for video in ("lecture_2", "lecture_3"):
        labels = dataset.frames(video)
        [item] = make(videos=1, frames=21, video=video)
        items.append(replace(item, frame_index=labels.frame_index, label=labels.label))
    return items


def test_the_colour_baseline_reads_colour(tree: Path, made_predictions: Make) -> None:
    dataset = DataTree(tree).downstream("made")
    items = colour_baseline(dataset, ["lecture_0", "lecture_1"], like_the_tests(tree, made_predictions))
    assert score_phases(items).macro_f1 > 0.95  # hue alone tells these phases apart
    assert items[0].model == "colour baseline"
    np.testing.assert_allclose(items[0].score.sum(axis=1), 1, atol=1e-5)


def test_the_colour_baseline_reads_nothing_else(tree: Path, made_predictions: Make, tmp_path: Path) -> None:
    """Pictures that differ by phase in everything but the mean and deviation of their colours."""
    made = tmp_path / "made"
    (made / "frames").mkdir(parents=True)
    (made / "csvs").symlink_to(tree / "downstream_datasets" / "made" / "csvs")
    base = read_image(next((tree / "downstream_datasets" / "made" / "frames").glob("*.png")))
    for number in range(4):
        for k in range(21):
            write_image(made / "frames" / f"lecture_{number}_{k}.png", np.roll(base, 9 * (k // 3), axis=1))
    dataset = replace(DataTree(tree).downstream("made"), root=made)
    items = colour_baseline(dataset, ["lecture_0", "lecture_1"], like_the_tests(tree, made_predictions))
    assert score_phases(items).macro_f1 < 0.1


def test_the_colour_baseline_predicts_the_frames_it_stands_beside(tree: Path, made_predictions: Make) -> None:
    dataset = DataTree(tree).downstream("made")
    whole = like_the_tests(tree, made_predictions)
    part = [
        replace(
            item,
            **{name: getattr(item, name)[5:11] for name in ("frame_index", "time_s", "score", "label")},
        )
        for item in whole
    ]
    expected = colour_baseline(dataset, ["lecture_0"], whole)
    found = colour_baseline(dataset, ["lecture_0"], part)
    np.testing.assert_allclose(found[1].score, expected[1].score[5:11])
    foreign = replace(part[0], frame_index=part[0].frame_index + 100)
    with pytest.raises(InputError, match="hold frames that the labels do not"):
        colour_baseline(dataset, ["lecture_0"], [foreign])


def test_the_table_pairs_videos(made_predictions: Make) -> None:
    good, poor = made_predictions(skill=1.0, videos=3), made_predictions(skill=0.5, videos=3)
    rows, scores = compare({"good": good, "poor": poor}, {"poor": "half right"})
    assert [row.name for row in rows] == ["good", "poor", PERMUTED]
    assert scores.macro_f1 == rows[0].macro_f1 == 1.0
    assert rows[1].note == "half right" and rows[0].lead is None
    assert rows[1].lead == pytest.approx(1 - rows[1].macro_f1)
    assert rows[2].macro_f1 < 0.25
    other_videos = compare({"good": good, "poor": poor[:2]})[0]
    assert other_videos[1].lead is None


def test_runs_of_other_classes_are_not_compared(made_predictions: Make) -> None:
    with pytest.raises(InputError, match="run 'b' has other classes than run 'a'"):
        compare({"a": made_predictions(), "b": made_predictions(class_names=tuple("abcdefg"))})
    with pytest.raises(InputError, match="no runs"):
        compare({})
