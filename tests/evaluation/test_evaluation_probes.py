from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from surgvlp.evaluation import probes
from surgvlp.evaluation.probes import (
    PENALTY,
    centred_by_video,
    check_labels,
    linear_probe_accuracy,
    linear_probe_logits,
    nearest_neighbour_accuracy,
    nearest_neighbour_votes,
    score,
)
from surgvlp.files import InputError


def at(*degrees: float) -> torch.Tensor:
    """Vectors of different lengths in these directions."""
    angle = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angle.cos(), angle.sin()], 1) * torch.arange(1, len(degrees) + 1)[:, None]


def test_what_all_frames_of_a_video_share_is_taken_off() -> None:
    generator = np.random.default_rng(2)
    frames, videos = generator.normal(size=(60, 5)), np.repeat([0, 3, 1], [10, 30, 20])
    light = generator.normal(size=(4, 5))
    found = centred_by_video((frames + 100 * light[videos]).astype(np.float32), videos)
    expected = np.concatenate([frames[videos == one] - frames[videos == one].mean(0) for one in (0, 3, 1)])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_three_neighbours_vote_with_their_closeness() -> None:
    train, labels = at(0, 40, 50, 180), [0, 1, 1, 0]
    # of the frame at 10 degrees: 10, 30 and 40 away; cosines 0.98481, 0.86603, 0.76604
    votes = nearest_neighbour_votes(train, labels, at(10), k=3, temperature=0.07)
    shares = votes[0] / votes.sum()
    # exp(0.98481 / 0.07) to exp(0.86603 / 0.07) + exp(0.76604 / 0.07), as 1 to 0.18325 + 0.04393
    torch.testing.assert_close(shares, torch.tensor([0.81488, 0.18512]), atol=2e-5, rtol=0)
    # when closeness counts for little the two outvote the one
    assert nearest_neighbour_votes(train, labels, at(10), k=3, temperature=10).argmax() == 1


def slow_votes(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, k: int, temperature: float
) -> np.ndarray:
    votes = np.zeros((len(test), labels.max() + 1))
    for row, frame in enumerate(test):
        cosines = [frame @ other / np.linalg.norm(frame) / np.linalg.norm(other) for other in train]
        for neighbour in sorted(range(len(train)), key=lambda index: -cosines[index])[:k]:
            votes[row, labels[neighbour]] += np.exp(cosines[neighbour] / temperature)
    return votes


@given(st.data())
def test_votes_are_those_of_a_literal_loop(data: st.DataObject) -> None:
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    count, width, classes = (data.draw(st.integers(2, most)) for most in (30, 8, 5))
    labels = generator.integers(classes, size=count)
    labels[:2] = 0, 1
    train = generator.normal(size=(count, width)).astype(np.float32) * generator.uniform(0.1, 9, (count, 1))
    test = generator.normal(size=(7, width)).astype(np.float32)
    k = data.draw(st.integers(1, count))
    temperature = data.draw(st.sampled_from([0.07, 1.0]))
    votes = nearest_neighbour_votes(train, labels, test, k, temperature).numpy()
    expected = slow_votes(train.astype(np.float64), labels, test.astype(np.float64), k, temperature)
    shares = votes / votes.sum(1, keepdims=True)
    np.testing.assert_allclose(shares, expected / expected.sum(1, keepdims=True), atol=2e-4)


def test_chunks_do_not_change_the_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    train, test = torch.randn(50, 6, generator=generator), torch.randn(23, 6, generator=generator)
    labels = np.arange(50) % 3
    whole = nearest_neighbour_votes(train, labels, test)
    monkeypatch.setattr(probes, "_SIMILARITIES", 4 * 50)
    torch.testing.assert_close(nearest_neighbour_votes(train, labels, test), whole)


def test_a_low_temperature_does_not_overflow() -> None:
    votes = nearest_neighbour_votes(at(0, 90), [0, 1], at(10), k=2, temperature=1e-3)
    assert votes.isfinite().all()
    assert votes.argmax() == 0


def clusters(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes, far apart in 10 of 20 dimensions; the scales of dimensions differ by 10,000."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    centres = np.random.default_rng(1).normal(size=(3, 20)) * 3
    features = centres[labels] + generator.normal(size=(count, 20))
    return (features * np.geomspace(0.01, 100, 20) + 5).astype(np.float32), labels


def test_separable_classes_are_learned_and_permuted_labels_are_not() -> None:
    (train, labels), (test, truth) = clusters(300), clusters(300, seed=2)
    permuted = np.random.default_rng(3).permutation(labels)
    assert linear_probe_accuracy(train, labels, test, truth).accuracy > 0.99
    assert linear_probe_accuracy(train, permuted, test, truth).accuracy < 0.55
    assert nearest_neighbour_accuracy(train, labels, test, truth).accuracy > 0.8
    assert nearest_neighbour_accuracy(train, permuted, test, truth).accuracy < 0.55


def test_the_linear_probe_finds_what_scikit_learn_finds() -> None:
    (train, labels), (test, _) = clusters(200), clusters(100, seed=2)
    train += np.random.default_rng(4).normal(size=train.shape).astype(np.float32) * train.std(0) * 2
    mean, scale = train.mean(0, dtype=np.float64), train.std(0, ddof=1, dtype=np.float64)
    reference = LogisticRegression(C=1 / (PENALTY * len(train)), tol=1e-8, max_iter=5000)
    reference.fit((train - mean) / scale, labels)
    expected = reference.predict_proba((test - mean) / scale)
    found = linear_probe_logits(train, labels, test).softmax(1)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_taking_every_frame_twice_leaves_the_linear_probe_as_it_is() -> None:
    (train, labels), (test, _) = clusters(200), clusters(50, seed=2)
    once = linear_probe_logits(train, labels, test)
    twice = linear_probe_logits(np.tile(train, (2, 1)), np.tile(labels, 2), test)
    torch.testing.assert_close(twice.softmax(1), once.softmax(1), atol=2e-3, rtol=0)


def test_rounding_noise_of_a_collapsed_network_teaches_the_linear_probe_nothing() -> None:
    labels = np.arange(60) % 3
    collapsed = np.full((60, 4), 7.0, np.float32)
    collapsed[labels == 1] = np.nextafter(np.float32(7), np.float32(8))  # would tell class 1 if blown up
    logits = linear_probe_logits(collapsed, labels, collapsed)
    assert (logits == logits[0]).all()


def test_scores_are_per_video_then_the_mean_over_videos() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 1, 0, 2, 1])
    videos = np.array([4, 4, 4, 4, 9, 9])
    found = score(predicted, [0, 1], labels, videos)
    assert found.video_accuracy == (0.75, 0.5)
    expected = [
        f1_score(labels[videos == video], predicted[videos == video], average="macro") for video in (4, 9)
    ]
    np.testing.assert_allclose(found.video_macro_f1, expected)
    assert found.accuracy == 0.625
    assert found.macro_f1 == pytest.approx(np.mean(expected))
    assert found.accuracy_interval == (0.5, 0.75)
    assert found.unseen == 2  # class 2 has no training frame
    assert score(predicted, [0, 1], labels).accuracy_interval is None


def test_a_class_never_seen_in_training_counts_as_wrong() -> None:
    train, labels = at(0, 1, 90, 91), [0, 0, 1, 1]
    test = at(0, 90, 90)
    for found in (
        nearest_neighbour_accuracy(train, labels, test, [0, 1, 5], k=2),
        linear_probe_accuracy(train, labels, test, [0, 1, 5]),
    ):
        assert found.accuracy == pytest.approx(2 / 3)
        assert found.unseen == 1


@pytest.mark.parametrize(
    ("labels", "k", "message"),
    [
        ([0, 1, 0], 4, "3 training frames are too few for 4 neighbours to vote. Take more frames, or a sm"),
        ([], 1, "0 training frames are too few"),
        ([0, 1], 0, "0 neighbours cannot vote"),
        ([1, 1, 1], 2, r"all 3 training frames are of one class \(clipping\)"),
    ],
)
def test_labels_that_cannot_teach_are_refused(labels: list[int], k: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_labels(labels, k, ["preparation", "clipping"])


def test_features_that_are_not_finite_are_refused() -> None:
    bad = at(0, 90, 45).clone()
    bad[1, 0] = torch.nan
    with pytest.raises(InputError, match="the training features are not finite"):
        nearest_neighbour_accuracy(bad, [0, 1, 1], at(0), [0], k=1)
    with pytest.raises(InputError, match="the test features are not finite"):
        linear_probe_accuracy(at(0, 90, 45), [0, 1, 1], bad, [0, 1, 1])
