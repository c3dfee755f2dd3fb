"""DINO's loss (Caron et al. 2021, arXiv:2104.14294) over many crops, in closed form, and its centre.

With q_u = softmax((t_u - c) / tau_t) of the teacher's crops u in {0, 1}, and s_v the student's logits of crop
v over tau_s, the loss is the mean over the pairs u != v of H(q_u, softmax(s_v)) = -q_u . (s_v - lse(s_v)). As
a q sums to 1, the 2 V - 2 terms collapse to

    2 sum_{v >= 2} lse(s_v) - (q_0 + q_1) . sum_{v >= 2} s_v  +  lse(s_0) + lse(s_1) - q_0 . s_1 - q_1 . s_0

so no (V, K) table of log-probabilities is made, and each crop's softmax is computed once, going backward.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

TEACHER_CROPS = 2


def self_distillation(student: Sequence[Tensor], teacher: Tensor, student_temperature: float = 0.1) -> Tensor:
    """The mean over samples and over the pairs of a teacher's crop and another crop of the student.

    Args:
        student: logits in parts (B, n, K), n summing to V; the first two crops are those the teacher saw.
        teacher: (B, 2, K) probabilities, see `sharpened`; without gradient.
        student_temperature: tau_s.

    Returns:
        A scalar, at least the teacher's entropy.

    Raises:
        ValueError: the first part does not hold the teacher's crops.
    """
    if student[0].shape[1] < TEACHER_CROPS or teacher.shape[1] != TEACHER_CROPS:
        raise ValueError(f"expected {TEACHER_CROPS} crops of the teacher, first among the student's")
    seen = student[0][:, :TEACHER_CROPS]
    rest = [student[0][:, TEACHER_CROPS:], *student[1:]]
    crossed = (teacher * seen.flip(1)).sum((1, 2)) / student_temperature
    others = sum(part.sum(1) for part in rest)
    shared = (teacher.sum(1) * others).sum(1) / student_temperature
    normalisers = (seen / student_temperature).logsumexp(-1).sum(1)
    for part in rest:
        normalisers = normalisers + 2 * (part / student_temperature).logsumexp(-1).sum(1)
    pairs = TEACHER_CROPS * (sum(part.shape[1] for part in student) - 1)
    return ((normalisers - crossed - shared) / pairs).mean()


def sharpened(teacher: Tensor, centre: Tensor, temperature: float | Tensor) -> tuple[Tensor, Tensor]:
    """The teacher's logits (B, 2, K), centred and sharpened: probabilities and their logarithms."""
    logarithms = ((teacher - centre) / temperature).log_softmax(-1)
    return logarithms.exp(), logarithms


def assignment_entropies(probabilities: Tensor, logarithms: Tensor) -> tuple[Tensor, Tensor]:
    """How the teacher spreads pictures over its K outputs, in nats: what shows a collapse of either kind.

    Args:
        probabilities, logarithms: (B, 2, K) of `sharpened`.

    Returns:
        The mean entropy of a picture's distribution, and the entropy of all pictures' mean distribution. The
        second is never below the first. Where they meet, every picture gets the same output: an even one at
        log K, a single one at 0.
    """
    each = -(probabilities * logarithms).sum(-1).mean()
    mean = probabilities.mean((0, 1))
    return each, -torch.special.xlogy(mean, mean).sum()
