from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.evaluation.hidden_markov import best_path, expected_counts, filtered, log_likelihood, smoothed


def drawn_chain(seed: int, count: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evidence, transitions that differ from step to step and have forbidden ones, and where to begin."""
    generator = np.random.default_rng(seed)
    evidence = generator.normal(0, 2, (count, classes))
    transition = generator.dirichlet(np.full(classes, 0.5), (count, classes))
    transition[:, np.arange(classes), (np.arange(classes) + 1) % classes] = 0 if classes > 2 else 0.1
    transition[:, np.arange(classes), np.arange(classes)] += 0.1  # one may always stay
    initial = generator.dirichlet(np.ones(classes))
    initial[-1] = 0
    return evidence, transition / transition.sum(-1, keepdims=True), initial / initial.sum()


def all_paths(
    evidence: np.ndarray, transition: np.ndarray, initial: np.ndarray
) -> dict[tuple[int, ...], float]:
    """Every path with its probability and that of the evidence on it: the slow and obvious way."""
    count, classes = evidence.shape
    found = {}
    for path in itertools.product(range(classes), repeat=count):
        value = initial[path[0]] * np.exp(evidence[0, path[0]])
        for i in range(1, count):
            value *= transition[i, path[i - 1], path[i]] * np.exp(evidence[i, path[i]])
        found[path] = float(value)
    return found


chains = st.tuples(st.integers(0, 10_000), st.integers(1, 5), st.integers(2, 4))


@given(chains)
def test_all_of_it_is_what_going_through_all_paths_gives(drawn: tuple[int, int, int]) -> None:
    evidence, transition, initial = chain = drawn_chain(*drawn)
    paths = all_paths(*chain)
    count, classes = evidence.shape
    total = sum(paths.values())
    assert log_likelihood(*chain) == pytest.approx(np.log(total))
    share = np.zeros((count, classes))
    for path, value in paths.items():
        share[np.arange(count), path] += value / total
    np.testing.assert_allclose(np.exp(smoothed(*chain)), share, atol=1e-12)
    for i in range(count):
        past = all_paths(evidence[: i + 1], transition[: i + 1], initial)
        now = np.array([sum(value for path, value in past.items() if path[i] == c) for c in range(classes)])
        np.testing.assert_allclose(np.exp(filtered(*chain)[i]), now / now.sum(), atol=1e-12)


@given(chains)
def test_no_path_is_better_than_viterbis(drawn: tuple[int, int, int]) -> None:
    evidence, transition, initial = drawn_chain(*drawn)
    transition[:] = transition[0]
    paths = all_paths(evidence, transition, initial)
    with np.errstate(divide="ignore"):
        path = best_path(evidence, np.log(transition[0]), np.log(initial))
    assert tuple(path) == max(paths, key=paths.__getitem__)


@given(chains, st.integers(0, 10_000))
def test_the_future_does_not_change_what_was_said(drawn: tuple[int, int, int], seed: int) -> None:
    evidence, transition, initial = drawn_chain(*drawn)
    cut = len(evidence) // 2 + 1
    other = evidence.copy()
    other[cut:] = np.random.default_rng(seed).normal(0, 5, other[cut:].shape)
    before, after = filtered(evidence, transition, initial), filtered(other, transition, initial)
    np.testing.assert_array_equal(before[:cut], after[:cut])


def test_expected_counts_are_those_of_all_paths_and_padding_is_not_counted() -> None:
    long, transition, initial = drawn_chain(3, 5, 3)
    short = drawn_chain(4, 3, 3)[0]
    evidence = np.stack([long, np.concatenate([short, np.zeros((2, 3))])])
    counted = np.array([[1.0] * 5, [1, 1, 1, 0, 0]])
    wanted = np.zeros((3, 3))
    for rows in (long, short):
        paths = all_paths(rows, transition, initial)
        for path, value in paths.items():
            for one, two in itertools.pairwise(path):
                wanted[one, two] += value / sum(paths.values())
    steps, first = expected_counts(evidence, transition, initial, counted)
    np.testing.assert_allclose(steps, wanted)
    np.testing.assert_allclose(first, np.exp(smoothed(evidence, transition, initial)[:, 0]).sum(axis=0))


def test_hours_of_certainty_neither_overflow_nor_vanish() -> None:
    generator = np.random.default_rng(0)
    evidence = generator.normal(0, 300, (2, 3000, 3))
    transition = np.broadcast_to([[0.99, 0.01, 0], [0, 0.99, 0.01], [0, 0, 1.0]], (3000, 3, 3))
    chain = evidence, transition, np.array([1.0, 0, 0])
    with np.errstate(divide="ignore"):
        path = best_path(evidence[0], np.log(transition[0]), np.log(chain[2]))
    assert (np.diff(path) >= 0).all() and (np.diff(path) <= 1).all()  # never what is forbidden
    assert np.isfinite(log_likelihood(*chain)).all()
    for result in (filtered(*chain), smoothed(*chain)):
        np.testing.assert_allclose(np.exp(result).sum(axis=-1), 1)
