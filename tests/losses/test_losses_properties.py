"""What must hold of the losses whatever the numbers are, and the slow, literal form beside each."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from surgvlp.files import InputError
from surgvlp.losses import (
    ClipInfoNCE,
    InfoNCEWithNeighbours,
    InfoNCEWithViews,
    MilNCE,
    SimCLR,
    VideoTextViews,
    WeightedInfoNCE,
    cosine_logits,
    info_nce,
    mil_nce,
    simclr,
)
from surgvlp.registry import LOSSES, build

sizes = st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(2, 5), st.integers(0, 10_000))


def drawn(size: tuple[int, int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """video (B, D), anchors (B, D), neighbours (B*K, D)."""
    batch, texts, width, seed = size
    generator = torch.Generator().manual_seed(seed)
    return tuple(  # type: ignore[return-value]
        torch.randn(rows, width, dtype=torch.float64, generator=generator)
        for rows in (batch, batch, batch * texts)
    )


def literal_mil_nce(logits: Tensor, twice: bool) -> Tensor:
    batch = len(logits)
    x = logits.view(batch, batch, -1).exp()
    total = torch.zeros((), dtype=logits.dtype)
    for i in range(batch):
        positive = sum(x[i, i, k] for k in range(x.shape[2]))
        negative = sum(x[i, j, k] + x[j, i, k] for j in range(batch) if j != i for k in range(x.shape[2]))
        total = total - torch.log(positive / ((2 if twice else 1) * positive + negative))
    return total / batch


@settings(max_examples=40, deadline=None)
@given(sizes, st.booleans())
def test_mil_nce_is_its_definition(size: tuple[int, int, int, int], twice: bool) -> None:
    video, _, neighbours = drawn(size)
    logits = (video @ neighbours.T).requires_grad_()
    found, expected = mil_nce(logits, twice), literal_mil_nce(logits, twice)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, logits)[0], torch.autograd.grad(expected, logits)[0], atol=1e-9, rtol=1e-7
    )


@settings(max_examples=30, deadline=None)
@given(sizes, st.floats(0.05, 2))
def test_simclr_is_its_definition(size: tuple[int, int, int, int], temperature: float) -> None:
    one, two, _ = drawn(size)
    unit = torch.nn.functional.normalize(torch.cat([one, two]), dim=1)
    batch, total = len(one), 0.0
    for i in range(2 * batch):
        scores = {j: float(unit[i] @ unit[j]) / temperature for j in range(2 * batch) if j != i}
        total -= scores[(i + batch) % (2 * batch)] - math.log(sum(map(math.exp, scores.values())))
    assert simclr(one, two, temperature).item() == pytest.approx(total / (2 * batch), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(sizes)
def test_the_order_of_a_batch_does_not_matter(size: tuple[int, int, int, int]) -> None:
    video, anchors, neighbours = drawn(size)
    order = torch.randperm(len(video), generator=torch.Generator().manual_seed(size[3]))
    blocks = neighbours.view(len(video), -1, video.shape[1])
    moved = video[order], anchors[order], blocks[order].flip(1).flatten(0, 1)
    for loss in (InfoNCEWithNeighbours(), InfoNCEWithNeighbours(neighbour_weight=0.3)):
        torch.testing.assert_close(loss(video, [anchors, neighbours]), loss(moved[0], [moved[1], moved[2]]))
    torch.testing.assert_close(MilNCE()(video, neighbours), MilNCE()(moved[0], moved[2]))
    views = VideoTextViews()
    torch.testing.assert_close(
        views(video, anchors, video + anchors, [anchors, neighbours]),
        views(moved[0], moved[1], moved[0] + moved[1], [moved[1], moved[2]]),
    )


@settings(max_examples=30, deadline=None)
@given(sizes, st.floats(0.01, 100))
def test_normalised_losses_do_not_feel_scale(size: tuple[int, int, int, int], scale: float) -> None:
    video, anchors, neighbours = drawn(size)
    loss = InfoNCEWithNeighbours()
    torch.testing.assert_close(
        loss(video, [anchors, neighbours]), loss(scale * video, [anchors / scale, scale * neighbours])
    )
    for pair in (ClipInfoNCE(), WeightedInfoNCE(), SimCLR()):
        torch.testing.assert_close(pair(video, anchors), pair(scale * video, anchors))


@settings(max_examples=20, deadline=None)
@given(sizes, st.floats(0, 1))
def test_published_composites_are_the_sum_of_their_parts(
    size: tuple[int, int, int, int], alpha: float
) -> None:
    video, anchors, neighbours = drawn(size)
    view1, view2 = video + 0.1, video - anchors
    parts = [
        (ClipInfoNCE()(x, anchors) + WeightedInfoNCE(alpha=alpha)(x, anchors) + MilNCE()(x, neighbours)) / 3
        for x in (video, view1, view2)
    ]
    expected = (sum(parts) + SimCLR()(view1, view2)) / 4
    found = VideoTextViews(alpha=alpha)(video, view1, view2, [anchors, neighbours], logit_scale=3.0)
    torch.testing.assert_close(found, expected)


@settings(max_examples=20, deadline=None)
@given(sizes, st.floats(0, 2))
def test_our_loss_with_views_is_that_of_each_clip_and_simclr(
    size: tuple[int, int, int, int], weight: float
) -> None:
    video, anchors, neighbours = drawn(size)
    view1, view2 = video + 0.1, video - anchors
    of_text = InfoNCEWithNeighbours(temperature=0.2)
    parts = [of_text(clip, [anchors, neighbours]) for clip in (video, view1, view2)]
    expected = sum(parts) / 3 + weight * SimCLR(temperature=0.2)(view1, view2)
    loss = InfoNCEWithViews(temperature=0.2, view_weight=weight)
    torch.testing.assert_close(loss(video, view1, view2, [anchors, neighbours]), expected)
    assert loss.views == 2 and InfoNCEWithNeighbours.views == 0


def test_a_batch_of_one_has_nothing_to_learn_from() -> None:
    video, anchors, neighbours = (x.requires_grad_() for x in drawn((1, 2, 4, 0)))
    loss = InfoNCEWithNeighbours()(video, [anchors, neighbours]) + simclr(video, anchors)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert all(x.grad.abs().max() < 1e-12 for x in (video, anchors, neighbours))  # zeros, not NaN
    assert MilNCE()(video, neighbours).item() == pytest.approx(math.log(2))


def test_a_perfect_fit_has_no_loss_left_where_positives_count_once() -> None:
    logits = torch.full((3, 6), -100.0)
    for i in range(3):
        logits[i, 2 * i : 2 * i + 2] = 100.0
    assert mil_nce(logits).item() == pytest.approx(0)
    assert mil_nce(logits, count_positives_twice=True).item() == pytest.approx(math.log(2), rel=1e-5)


def test_any_fitting_neighbour_is_enough() -> None:
    """One of two neighbours fits, the other is noise: MIL-NCE is content, InfoNCE on the noise is not."""
    logits = torch.zeros(3, 6)
    logits[range(3), range(0, 6, 2)] = 30.0
    assert mil_nce(logits).item() == pytest.approx(0, abs=1e-6)
    assert info_nce(logits[:, 1::2]).item() == pytest.approx(math.log(3))


def test_without_neighbours_it_is_infonce() -> None:
    video, anchors, _ = drawn((4, 1, 5, 3))
    expected = info_nce(cosine_logits(video, anchors, 0.2))
    torch.testing.assert_close(InfoNCEWithNeighbours(temperature=0.2)(video, [anchors]), expected)


def test_autocast_and_half_precision_inputs_are_computed_in_float32() -> None:
    video, anchors, neighbours = (100 * x.float() for x in drawn((5, 2, 64, 7)))
    views = VideoTextViews()
    exact = views(video, anchors, video, [anchors, neighbours])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(views(video, anchors, video, [anchors, neighbours]), exact)
        low = MilNCE()(video.bfloat16(), neighbours.bfloat16())
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, MilNCE()(video.bfloat16().float(), neighbours.bfloat16().float()))


def test_the_loss_of_gathered_parts_has_the_gradients_of_the_whole() -> None:
    """Two ranks hold half a batch each; every rank's loss on the gathered batch is the same number."""
    video, anchors, neighbours = drawn((4, 2, 5, 1))
    halves = [half.requires_grad_() for half in video.split(2)]
    whole = video.clone().requires_grad_()
    loss = InfoNCEWithNeighbours()
    loss(torch.cat(halves), [anchors, neighbours]).backward()
    loss(whole, [anchors, neighbours]).backward()
    torch.testing.assert_close(torch.cat([half.grad for half in halves]), whole.grad)


def test_keys_nobody_documents_are_refused() -> None:
    with pytest.raises(InputError, match=r"'loss_config\.alhpa'.*Did you mean 'alpha'"):
        build(LOSSES, {"type": "SSL_VL_Loss_new", "alhpa": 0.75}, "loss_config")
    with pytest.raises(InputError, match="Did you mean 'SSL_VL_Loss_new'"):
        build(LOSSES, {"type": "SSL_VL_Loss_nw"})


def test_settings_show_in_the_log() -> None:
    assert str(InfoNCEWithNeighbours(temperature=0.07)) == (
        "InfoNCEWithNeighbours(temperature=0.07, neighbour_weight=1.0)"
    )
