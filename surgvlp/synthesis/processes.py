"""Work spread over processes, a new one for every piece of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

T = TypeVar("T")


def in_new_processes(
    function: Callable[..., T], calls: Iterable[tuple[Any, ...]], jobs: int, finished: Callable[[T], None]
) -> None:
    """Call `function` once for each tuple of arguments, every time in a new process.

    Whatever stops it, no process is left running: they are asked to end, and end by themselves where this
    process was killed.

    Args:
        function: importable from its module.
        calls: its arguments, picklable.
        jobs: how many processes at a time.
        finished: called here with each result, in the order in which they come.

    Raises:
        RuntimeError: a process died; and whatever `function` raises, first come.
    """
    # forkserver: a new process is a fork of one that has only imported the module, not a new interpreter
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([function.__module__])
    waiting, running = iter(calls), dict[Connection, BaseProcess]()

    def start() -> None:
        for arguments in waiting:
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_answer, args=(there, function, arguments))
            process.start()
            there.close()
            running[here] = process
            if len(running) == jobs:
                break

    try:
        start()
        while running:
            for here in wait(list(running)):
                assert isinstance(here, Connection)
                result = _result(here, running[here])
                del running[here]
                start()
                finished(result)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.join()


def _result(here: Connection, process: BaseProcess) -> Any:
    try:
        result, error, trace = here.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"a process ended with exit code {process.exitcode}") from None
    process.join()
    if error is not None:
        raise error from RuntimeError(f"in a process:\n{trace}")
    return result


def _answer(there: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is half-written is cleared away
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer: tuple[Any, Exception | None, str] = (function(*arguments), None, "")
    except Exception as error:
        answer = (None, error, traceback.format_exc())
    there.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
