"""Keystep- and video-level losses: released values, and what must hold of ours."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from literal_dtw import literal_alignment
from torch import Tensor

from surgvlp.losses import (
    ClipInfoNCE,
    ParentChildInfoNCE,
    ParentChildOrder,
    align_both_ways,
    alignment_cost,
    mean_of_children,
    order_contrast,
    released_order_contrast,
)
from surgvlp.registry import LOSSES, build

POS_STEP = torch.tensor([[0, 1, 2, 3], [0, 1, 2, -1], [0, 1, -1, -1], [0, -1, -1, -1]])
THERE = POS_STEP != -1


def waves(*shape: int, a: float, phase: float) -> Tensor:
    """sin(a (k + 1) + phase), k the row-major index: numbers that any implementation can make for itself."""
    k = torch.arange(1, math.prod(shape) + 1, dtype=torch.float64)
    return torch.sin(a * k + phase).view(shape)


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Frames (4, 6, 8), parents (4, 8), children (4, 4, 8)."""
    made = waves(4, 6, 8, a=0.37, phase=0.1), waves(4, 8, a=0.9, phase=1.0), waves(4, 4, 8, a=0.53, phase=0.7)
    for tensor in made:
        tensor.requires_grad_()
    return made


def norms(loss: Tensor, inputs: tuple[Tensor, ...]) -> list[float]:
    gradients = torch.autograd.grad(loss, inputs, materialize_grads=True)
    return [gradient.norm().item() for gradient in gradients]


# Values of the released code, whose alignment tables are float32; its gradients to the same digits.
RELEASED_ORDER = [
    ((0.0, 0.5, 0.01), 0.3469132483, (0.08425972, 0.07283076)),
    ((0.1, 0.5, 0.01), 0.3719132543, (0.08425972, 0.07283076)),
    ((0.1, 1.0, 1.0), 35.1898078918, (9.75011332, 7.92344812)),
]
RELEASED_SUM = [
    ({"dtw_beta": 0, "dtw_ratio": 0.5, "dtw_scale_factor": 0.01}, 3.5612058782, (6.35109794, 1.41996271)),
    ({"dtw_beta": 0.1, "dtw_ratio": 1, "dtw_scale_factor": 1}, 4.2580637612, (6.35415141, 1.40945652)),
]


def test_released_parent_child_loss(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, parents, children = inputs
    loss = build(LOSSES, {"type": "hier_infonce", "alpha": 0.75})(frames.mean(1), [parents, children])
    assert loss.item() == pytest.approx(4.4428345162, rel=1e-9)
    assert norms(loss, inputs) == pytest.approx([7.93887298, 2.11077049, 1.77521431], rel=1e-7)


def test_released_alignments(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, _, children = inputs
    both = align_both_ways(frames, children, text_mask=THERE)
    assert both[0].tolist() == pytest.approx([24.51085, 29.87534, 27.93074, 54.65446], rel=1e-6)
    assert both[1].tolist() == pytest.approx([20.92301, 48.30954, 46.23028, 54.65446], rel=1e-6)


@pytest.mark.parametrize(("settings", "value", "slopes"), RELEASED_ORDER)
def test_released_order_term(
    inputs: tuple[Tensor, Tensor, Tensor],
    settings: tuple[float, float, float],
    value: float,
    slopes: tuple[float, float],
) -> None:
    frames, _, children = inputs
    loss = released_order_contrast(frames, children, THERE, *settings)
    assert loss.item() == pytest.approx(value, rel=1e-6)
    assert norms(loss, inputs) == pytest.approx([slopes[0], 0, slopes[1]], rel=1e-6)


@pytest.mark.parametrize(("keys", "value", "slopes"), RELEASED_SUM)
def test_released_parent_child_loss_with_order(
    inputs: tuple[Tensor, Tensor, Tensor],
    keys: dict[str, float],
    value: float,
    slopes: tuple[float, float],
) -> None:
    frames, parents, children = inputs
    module = build(LOSSES, {"type": "hier_infonce_dtw", "alpha": 0.75, **keys})
    loss = module(frames.mean(1), [parents, children], frames, pos_step=POS_STEP)
    assert loss.item() == pytest.approx(value, rel=1e-7)
    assert norms(loss, inputs) == pytest.approx([slopes[0], 1.68861640, slopes[1]], rel=1e-7)


@pytest.mark.parametrize("over", ["frames", "texts"])
def test_alignment_is_its_definition(inputs: tuple[Tensor, Tensor, Tensor], over: Any) -> None:
    """Holes in both masks, each sample of its own length, gradients of everything."""
    frames, _, children = inputs
    frame_mask = torch.tensor(
        [[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1], [0, 1, 0, 0, 0, 0]]
    )
    child_mask = torch.tensor([[1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 1]])
    frame_mask, child_mask = frame_mask.bool(), child_mask.bool()
    found = align_both_ways(frames, children, frame_mask, child_mask, 0.3, over)
    samples = zip(frames, children, frame_mask, child_mask, strict=True)
    kept = [(v[m], b[n]) for v, b, m, n in samples]
    expected = torch.stack(
        [
            torch.stack([literal_alignment(v, b, 0.3, over) for v, b in kept]),
            torch.stack([literal_alignment(v, b.flip(0), 0.3, over) for v, b in kept]),
        ]
    )
    torch.testing.assert_close(found, expected)
    weights = torch.tensor([[1.0, -2, 0.5, 3], [0.3, 1, 2, -1]], dtype=torch.float64)
    for mine, literal in zip(
        torch.autograd.grad((weights * found).sum(), (frames, children)),
        torch.autograd.grad((weights * expected).sum(), (frames, children)),
        strict=True,
    ):
        torch.testing.assert_close(mine, literal, rtol=1e-7, atol=1e-9)


def test_reversing_texts_in_time_swaps_the_two_directions(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, _, children = inputs
    both, turned = align_both_ways(frames, children), align_both_ways(frames, children.flip(1))
    torch.testing.assert_close(turned, both.flip(0))


@pytest.mark.parametrize("over", ["frames", "texts"])
def test_costs_are_surprises(inputs: tuple[Tensor, Tensor, Tensor], over: Any) -> None:
    frames, _, children = inputs
    frame_mask = torch.arange(6) < torch.tensor([[6], [3], [1], [2]])
    chances = torch.exp(-alignment_cost(frames, children, frame_mask, THERE, over=over))
    axis, others = (1, THERE) if over == "frames" else (2, frame_mask)
    torch.testing.assert_close(chances.sum(axis), others.double())  # 1 for each that is there
    assert not (chances[1, 3:].any() or chances[1, :, 3:].any())


def test_gradcheck_of_costs_with_holes(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, _, children = inputs
    mask = torch.tensor([[True, False, True, False, True, True]] * 4)

    def seen(frames: Tensor, children: Tensor) -> Tensor:
        cost = alignment_cost(frames, children, mask, THERE, temperature=0.5)
        return cost[cost.isfinite()]

    assert torch.autograd.gradcheck(seen, (frames, children))
    frozen = alignment_cost(frames.detach(), children)  # frames without gradients: a frozen image encoder
    expected = torch.autograd.grad(alignment_cost(frames, children).square().sum(), children)
    torch.testing.assert_close(torch.autograd.grad(frozen.square().sum(), children), expected)


def test_order_told_beats_order_reversed() -> None:
    """Frames show three things in turn. Told in that order: no hinge; told backwards: the whole of it."""
    things = F.one_hot(torch.arange(3), 8).double()
    frames = things.repeat_interleave(4, 0)[None]
    aligned, reverse = align_both_ways(frames, things[None])
    assert aligned < reverse - 10
    right = order_contrast(frames, things[None], ratio=1.0)
    wrong = order_contrast(frames, things.flip(0)[None], ratio=1.0)
    assert right.item() == pytest.approx(aligned.item() / 12)
    assert wrong.item() == pytest.approx((2 * reverse - aligned).item() / 12)
    assert order_contrast(frames, things[None], margin=100.0, ratio=1.0).item() == pytest.approx(
        (aligned.item() * 2 - reverse.item()) / 12 + 100
    )


def test_what_has_no_order_teaches_none(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    """One child: only the alignment counts. No child: nothing does, and the others weigh as without it."""
    frames, _, children = inputs
    one = torch.tensor([[False, True, False, False]] * 4)
    loss = order_contrast(frames, children, child_mask=one, margin=5.0)
    assert loss.item() == pytest.approx(align_both_ways(frames, children, None, one)[0].mean().item() / 6)
    some = torch.tensor([[True] * 4, [False] * 4, [True] * 4, [False] * 4])
    expected = order_contrast(frames[::2], children[::2], margin=5.0)
    torch.testing.assert_close(order_contrast(frames, children, child_mask=some, margin=5.0), expected)
    nothing = order_contrast(frames, children, child_mask=torch.zeros_like(some))
    assert nothing == 0 and norms(nothing, inputs) == [0, 0, 0]


def test_released_one_step_sequences_add_beta(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, _, children = inputs
    one = torch.tensor([[True, False, False, False]] * 4)
    bare, with_beta = (released_order_contrast(frames, children, one, beta, 1.0, 1.0) for beta in (0, 2.5))
    assert (with_beta - bare).item() == pytest.approx(2.5)
    assert norms(with_beta, inputs) == pytest.approx(norms(bare, inputs))


def test_children_that_are_not_there_change_nothing(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, parents, children = inputs
    frame_mask = torch.arange(6) < torch.tensor([[6], [4], [2], [1]])
    spoiled = children.detach().masked_fill(~THERE[..., None], torch.nan).requires_grad_()
    dark = frames.detach().masked_fill(~frame_mask[..., None], torch.inf).requires_grad_()
    video = parents.detach() + 1
    module = ParentChildOrder(order_weight=0.5, margin=0.2)
    clean = module(video, [parents, children], frames, THERE, frame_mask)
    dirty = module(video, [parents, spoiled], dark, THERE, frame_mask)
    assert clean.item() == dirty.item()
    for one, other in zip(
        torch.autograd.grad(clean, (frames, parents, children)),
        torch.autograd.grad(dirty, (dark, parents, spoiled)),
        strict=True,
    ):
        assert torch.equal(one, other)
    assert not torch.autograd.grad(module(video, [parents, children], frames, THERE), children)[0][
        3, 1:
    ].any()


def test_ours_is_the_mean_of_three_infonce(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, parents, children = inputs
    video = frames.mean(1)
    average = torch.stack([F.normalize(c[m], dim=-1).mean(0) for c, m in zip(children, THERE, strict=True)])
    torch.testing.assert_close(mean_of_children(children, THERE), average)
    pairs = ((video, parents), (video, average), (parents, average))
    expected = sum(ClipInfoNCE(0.2)(one, other) for one, other in pairs) / 3
    torch.testing.assert_close(ParentChildInfoNCE(0.2)(video, [parents, children], THERE), expected)
    all_there = ParentChildInfoNCE()(video, [parents, children])
    torch.testing.assert_close(all_there, ParentChildInfoNCE()(video, [parents, children], THERE | True))


def test_ours_does_not_feel_scale(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, parents, children = inputs
    module = ParentChildOrder(margin=0.1)
    sizes = torch.tensor([1.0, 20, 0.1, 3], dtype=torch.float64)[:, None]
    scaled = module(3 * frames.mean(1), [parents * sizes, children * sizes], frames * 7, THERE)
    torch.testing.assert_close(scaled, module(frames.mean(1), [parents, children], frames, THERE))


def test_order_term_of_parts_is_that_of_the_whole(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    """Ranks of equal size may each compute their own samples' term; its mean is the whole batch's."""
    frames, _, children = inputs
    module = ParentChildOrder()
    whole = module.order(frames, children)
    halves = [module.order(f, c) for f, c in zip(frames.split(2), children.split(2), strict=True)]
    torch.testing.assert_close(sum(halves) / 2, whole)


def test_half_precision_is_computed_in_float32(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    low = [tensor.detach().bfloat16() for tensor in inputs]
    for module in (ParentChildOrder(), build(LOSSES, {"type": "hier_infonce_dtw"})):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = module(low[1], [low[1], low[2]], low[0])
        high = [tensor.float() for tensor in low]
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, module(high[1], [high[1], high[2]], high[0]))


def test_what_does_not_fit_is_refused(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, parents, children = inputs
    with pytest.raises(ValueError, match=r"children \(B, K, D\), got \(4, 8\), \(4, 8\) and \(16, 8\)"):
        ParentChildInfoNCE()(frames.mean(1), [parents, children.flatten(0, 1)])
    with pytest.raises(ValueError, match=r"expected frames .* got \(4, 6, 8\) and \(3, 4, 8\)"):
        align_both_ways(frames, children[:3])
    with pytest.raises(ValueError, match=r"mask of \(4, 4\) booleans, got torch.int64"):
        align_both_ways(frames, children, text_mask=POS_STEP)


def test_settings_show_in_the_log() -> None:
    assert str(build(LOSSES, {"type": "hier_infonce"})) == "ReleasedParentChild(alpha=0.5, temperature=0.1)"
    assert str(build(LOSSES, {"type": "hier_infonce_dtw", "alpha": 0.75})) == (
        "ReleasedParentChildOrder(alpha=0.75, temperature=0.1, dtw_beta=0.0, dtw_ratio=0.5, "
        "dtw_scale_factor=0.01, reg_weight=0.1)"
    )
    assert str(ParentChildOrder()) == (
        "ParentChildOrder(temperature=0.1, order_weight=0.0125, margin=0.0, ratio=0.5, over='frames')"
    )
