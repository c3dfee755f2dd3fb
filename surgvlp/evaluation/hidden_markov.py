"""Hidden Markov chains in logarithms: what is probable now, given the past or given all; the best path.

All states and sequences at once; one loop over time (Rabiner, Proceedings of the IEEE 1989). Evidence is the
log likelihood of each frame under each state, up to a constant a frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def filtered(evidence: Array, transition: Array, initial: Array) -> Array:
    """Probability of each state given the past and the present alone.

    Args:
        evidence: (..., N, C) log likelihood of each frame under each state, up to a constant a frame.
        transition: (N, C, C) probabilities from frame i-1 (row) to frame i (column); entry 0 is not read.
        initial: (C,) probabilities before the first frame.

    Returns:
        (..., N, C) log probabilities, normalised; row i depends on rows 0..i of the evidence only.
    """
    return _forward(evidence, transition, initial)[0]


def log_likelihood(evidence: Array, transition: Array, initial: Array) -> Array:
    """(...,) log probability of each sequence's evidence, summed over all paths; shapes as in `filtered`."""
    return _forward(evidence, transition, initial)[1]


def smoothed(evidence: Array, transition: Array, initial: Array) -> Array:
    """(..., N, C) log probability of each state given the whole; shapes as in `filtered`."""
    result = _forward(evidence, transition, initial)[0] + _backward(evidence, transition)
    return result - _log_sum(result)[..., None]


def best_path(evidence: Array, log_transition: Array, log_initial: Array) -> NDArray[np.int64]:
    """Viterbi's algorithm: the states (N,) whose sum of evidence and transitions is highest.

    Args:
        evidence: (N, C) gain of each state at each frame.
        log_transition: (C, C) gain of a step from row to column; minus infinity where it is forbidden.
        log_initial: (C,) gain of beginning in each state.
    """
    count, classes = evidence.shape
    came_from = np.zeros((count, classes), dtype=np.int64)
    best = log_initial + evidence[0]
    for i in range(1, count):
        arriving = best[:, None] + log_transition
        came_from[i] = arriving.argmax(axis=0)
        best = arriving.max(axis=0) + evidence[i]
    path = np.empty(count, dtype=np.int64)
    path[-1] = best.argmax()
    for i in range(count - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return path


def expected_counts(
    evidence: Array, transition: Array, initial: Array, counted: Array
) -> tuple[Array, Array]:
    """What Baum and Welch count over several sequences.

    Args:
        evidence, transition, initial: as in `filtered`, evidence (B, N, C).
        counted: (B, N) 1 for frames that there are, 0 for what pads shorter ones; its evidence is 0.

    Returns:
        (C, C) expected number of steps from state to state, staying included; (C,) of first states.
    """
    ahead, behind = _forward(evidence, transition, initial)[0], _backward(evidence, transition)
    joint = ahead[:, :-1, :, None] + _log(transition[1:]) + (evidence + behind)[:, 1:, None, :]
    share = np.exp(joint - _log_sum(joint.reshape(*joint.shape[:2], -1))[..., None, None])
    first = ahead[:, 0] + behind[:, 0]
    return (
        np.einsum("bncd,bn->cd", share, counted[:, 1:]),
        np.exp(first - _log_sum(first)[:, None]).sum(axis=0),
    )


def _forward(evidence: Array, transition: Array, initial: Array) -> tuple[Array, Array]:
    """Filtered log probabilities (..., N, C), and the log likelihood (...,)."""
    result, log_transition = np.empty_like(evidence), _log(transition)
    total = np.zeros(evidence.shape[:-2])
    expected = _log(initial)
    for i in range(evidence.shape[-2]):
        if i:
            expected = _log_sum(np.swapaxes(result[..., i - 1, :, None] + log_transition[i], -1, -2))
        joint = expected + evidence[..., i, :]
        scale = _log_sum(joint)
        result[..., i, :] = joint - scale[..., None]
        total += scale
    return result, total


def _backward(evidence: Array, transition: Array) -> Array:
    """(..., N, C) log likelihood of what comes after each frame given its state, up to a constant a frame."""
    result, log_transition = np.zeros_like(evidence), _log(transition)
    for i in range(evidence.shape[-2] - 2, -1, -1):
        coming = evidence[..., i + 1, :] + result[..., i + 1, :]
        row = _log_sum(log_transition[i + 1] + coming[..., None, :])
        result[..., i, :] = row - row.max(axis=-1, keepdims=True)
    return result


def _log(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _log_sum(values: Array) -> Array:
    """Logarithm of the sum of exponents over the last axis; minus infinity where all are."""
    highest = values.max(axis=-1, keepdims=True)
    highest = np.where(np.isfinite(highest), highest, 0.0)
    return _log(np.exp(values - highest).sum(axis=-1)) + highest[..., 0]
