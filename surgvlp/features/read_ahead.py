"""Work that is done ahead in threads, in order and with flat memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

THREADS = 8  # a fast device takes more pictures than one thread decodes


def in_threads(function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """As `map`, but up to 16 items ahead, in threads."""
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
