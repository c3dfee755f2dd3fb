"""The sampler: endless, each epoch a permutation, any position resumes exactly, ranks share a batch."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.datasets.sampler import ResumableSampler
from surgvlp.files import InputError


@given(st.integers(1, 40), st.integers(1, 10), st.integers(0, 1000), st.integers(0, 60))
def test_resuming_at_any_batch_goes_on_as_if_never_stopped(
    length: int, batch_size: int, seed: int, position: int
) -> None:
    batch_size = min(batch_size, length)
    whole = list(islice(ResumableSampler(length, batch_size, seed), position + 20))
    state = {"position": position, "length": length, "batch_size": batch_size, "seed": seed}
    resumed = ResumableSampler(length, batch_size, seed)
    resumed.load_state_dict(state)
    assert list(islice(resumed, 20)) == whole[position:]
    assert resumed.state_dict() == state


@given(st.integers(1, 40), st.integers(1, 10), st.integers(0, 1000))
def test_an_epoch_takes_no_sample_twice_and_drops_less_than_a_batch(
    length: int, batch_size: int, seed: int
) -> None:
    batch_size = min(batch_size, length)
    sampler = ResumableSampler(length, batch_size, seed)
    batches = list(islice(sampler, 3 * sampler.batches_per_epoch))
    for epoch in range(3):
        keys = [
            key
            for batch in batches[epoch * sampler.batches_per_epoch :][: sampler.batches_per_epoch]
            for key in batch
        ]
        assert {number for number, _ in keys} == {epoch}
        assert len({index for _, index in keys}) == len(keys) > length - batch_size
        assert all(0 <= index < length for _, index in keys)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 20))
def test_ranks_share_the_batches_of_one_process(world_size: int, share: int, position: int) -> None:
    batch_size = world_size * share
    samplers = [
        ResumableSampler(batch_size + 7, batch_size, 3, rank, world_size) for rank in range(world_size)
    ]
    alone = ResumableSampler(batch_size + 7, batch_size, 3)
    for sampler in (*samplers, alone):
        sampler.position = position
    for whole, *parts in islice(zip(alone, *samplers, strict=False), 5):
        assert [key for part in parts for key in part] == whole


def test_epochs_and_seeds_have_different_orders() -> None:
    sampler = ResumableSampler(100, 100, 0)
    first, second = ([index for _, index in batch] for batch in islice(sampler, 2))
    other = [index for _, index in next(iter(ResumableSampler(100, 100, 1)))]
    assert first != second and first != other


def test_too_few_samples_are_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=r"7 samples, a batch takes 8"):
        ResumableSampler(7, 8, 0)
    with pytest.raises(InputError, match=r"batch of 6 does not divide over 4 ranks"):
        ResumableSampler(20, 6, 0, rank=0, world_size=4)


def test_another_order_is_not_resumed() -> None:
    state = ResumableSampler(20, 4, 0).state_dict()
    for other in (ResumableSampler(21, 4, 0), ResumableSampler(20, 5, 0), ResumableSampler(20, 4, 1)):
        with pytest.raises(InputError, match="checkpoint was made with"):
            other.load_state_dict(state)
    ranks = ResumableSampler(20, 4, 0, rank=1, world_size=2)
    ranks.load_state_dict(state)  # the number of ranks may change: batches are the same
