"""Which seconds of a lecture and which captions make one training sample.

All are pure functions of times and a generator. Two ways stand side by side: ours (`clip_window`,
`nearest_captions`; at keystep and video level `grown_window`, `captions_within`, `one_of_each_part`) and the
published one (`pick`, `near` and all that is called released), which the data sets of published names use.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]


def item_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The generator of one sample in one epoch, so that no draw depends on which worker makes it, or when."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, epoch, index))))


def derangement(count: int, seed: int) -> NDArray[np.int64]:
    """A random permutation (count,) without fixed points, one cycle (Sattolo 1986); count >= 2."""
    generator = np.random.Generator(np.random.Philox(seed))
    order = np.arange(count)
    for last in range(count - 1, 0, -1):
        other = generator.integers(last)
        order[last], order[other] = order[other], order[last]
    return order


def clip_window(
    start: float, end: float, duration: float, length: float, generator: np.random.Generator
) -> tuple[float, float]:
    """A clip of `length` seconds inside the narration [start, end], or centred on it where that is shorter.

    Args:
        start, end: the narration's seconds, start < duration.
        duration: seconds of the video; the clip never leaves [0, duration].
        length: seconds wanted; a shorter video gives all it has.
    """
    end = min(end, duration)
    spare = max(0.0, end - start - length)
    first = (start + end - length - spare) / 2 + spare * generator.random()
    first = max(0.0, min(first, duration - length))
    return first, min(first + length, duration)


def grown_window(start: float, end: float, duration: float, least: float) -> tuple[float, float]:
    """[start, end], grown to `least` seconds around its middle where it is shorter.

    Args:
        start, end: seconds within the video.
        duration: seconds of the video; the window never leaves [0, duration].
        least: seconds wanted at least; a shorter video gives all it has.
    """
    length = min(max(least, end - start), duration)
    first = max(0.0, min((start + end - length) / 2, duration - length))
    return first, first + length


def spread(start: float, end: float, count: int, within: Times | float = 0.5) -> Times:
    """(count,) times, one in each of `count` equal parts of [start, end].

    Args:
        within: where in its part a time lies, 0 to 1, one for all or (count,); 0.5 is the middle.
    """
    return start + (end - start) * (np.arange(count) + within) / count


def one_of_each_part(total: int, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """At most `count` of `total` numbers, rising: all, or one drawn from each of `count` nearly equal parts.

    So what is drawn spreads over the whole, and each number has its turn: the released code takes every
    (total // count)-th and never sees what is behind the last one.
    """
    if total <= count:
        return np.arange(total)
    edges = np.arange(count + 1) * total // count
    return generator.integers(edges[:-1], edges[1:])


def captions_within(starts: Times, ends: Times, start: float, end: float) -> NDArray[np.int64]:
    """Captions that belong to the window [start, end): the middle of one lies in the other.

    A sentence on the border of two windows so belongs to one of them, and one that is longer than the window
    still belongs to it.

    Args:
        starts, ends: (M,) seconds of the captions.
    """
    middles, middle = (starts + ends) / 2, (start + end) / 2
    return np.flatnonzero(((middles >= start) & (middles < end)) | ((starts <= middle) & (middle < ends)))


def nearest_captions(starts: Times, ends: Times, start: float, end: float, reach: float) -> NDArray[np.int64]:
    """Captions within `reach` seconds of the window [start, end], the nearest first.

    Nearness is the gap between the two intervals (0 where they touch), then the distance of their middles.

    Args:
        starts, ends: (M,) seconds of the captions.
    """
    gap = np.maximum(0.0, np.maximum(starts - end, start - ends))
    middle = np.abs((starts + ends) - (start + end)) / 2
    order = np.lexsort((middle, gap))
    return order[gap[order] <= reach]


def pick(
    starts: Times, ends: Times, wanted: int, min_time: float, generator: np.random.Generator
) -> tuple[int, int, int]:
    """The published anchor rule: `wanted` captions in a row and their window in whole seconds.

    A window shorter than `min_time` grows to it, around its middle and not before 0.

    Returns:
        (number of the first caption, start, end).

    Raises:
        ValueError: fewer than `wanted` captions.
    """
    first = int(generator.integers(0, len(starts) - wanted, endpoint=True))
    start, end = released_growth(starts[first], ends[first + wanted - 1], min_time)
    return first, int(start), int(end)


def released_growth(start: Times | float, end: Times | float, min_time: float) -> tuple[Times, Times]:
    """The published least length: a window shorter than `min_time` seconds, one that ends before it starts
    too, becomes that long around its middle, but not before 0. For numbers or arrays of one shape.
    """
    lacking = np.maximum(0.0, min_time - (np.asarray(end) - start))
    first = np.maximum(0.0, start - lacking / 2)
    return first, np.where(lacking > 0, first + min_time, end)


def near(starts: Times, ends: Times, start: float, end: float) -> NDArray[np.int64]:
    """The published neighbour rule: captions that span `start`, lie within, or span `end`, in that order.

    As published, a caption can come twice (one that spans the whole window spans both of its ends).
    """
    spans_start = (starts <= start) & (start <= ends)
    within = (starts >= start) & (ends <= end)
    spans_end = (starts <= end) & (end <= ends)
    return np.concatenate([np.flatnonzero(group) for group in (spans_start, within, spans_end)])


def released_window(
    start: int,
    end: int,
    duration: float,
    clip_min: int,
    clip_max: int,
    generator: np.random.Generator,
) -> tuple[float, int]:
    """The published clip: (seek, length), whole seconds but where a caption runs beyond the video.

    As published, the clip overruns `end` where the window is shorter than it.
    """
    length = int(generator.integers(clip_min, clip_max, endpoint=True))
    seek: float = int(generator.integers(start, max(start, end - length), endpoint=True))
    if end > duration:
        seek = duration - length
    return max(0.0, seek), length


def released_grid(start: float, length: float, rate: float, duration: float) -> Times:
    """Times of the frames that the published loader decodes: `rate` a second, none beyond `duration`."""
    grid = start + np.arange(round(length * rate)) / rate
    return grid[grid < duration]


def released_spread(decoded: int, wanted: int) -> NDArray[np.int64]:
    """Which of `decoded` frames the published loader keeps at keystep and video level, some twice if few."""
    return np.minimum(np.floor(np.linspace(0, decoded, wanted)), decoded - 1).astype(np.int64)


def released_parts(total: int, wanted: int) -> NDArray[np.int64]:
    """The published choice among `total` keysteps: 0, s, 2s, ... with s = total // wanted, and the last one
    again for those that lack where there are fewer than wanted.

    As published, what is behind the last multiple of s is never chosen.
    """
    return np.minimum(released_stride(max(total, wanted), wanted), total - 1)


def released_stride(decoded: int, wanted: int) -> NDArray[np.int64]:
    """Which frames the published loader keeps at clip level: 0, s, 2s, ... with s = decoded // wanted."""
    return np.arange(wanted) * (decoded // wanted)
