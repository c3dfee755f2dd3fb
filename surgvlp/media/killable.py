"""A process to decode in that can be killed: a stranger's file can make a decoder hang or crash."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from surgvlp.files import InputError

T = TypeVar("T")


def in_killable_process(
    function: Callable[..., T],
    *arguments: Any,
    timeout_s: float,
    report: Callable[[Any], None] | None = None,
    file: str | os.PathLike[str] | None = None,
) -> T:
    """Call `function(*arguments)` in a process of its own: decoding a stranger's file can hang or crash.

    The process is spawned, not forked (a fork of a program with decoder threads can stop for ever), so the
    function must be importable and its arguments picklable. It dies with its parent, even a killed one.

    Args:
        function: what to call; with `report` given it also takes a keyword `report`, a function of one value.
        timeout_s: kill it after so long without a result or a report.
        report: receives, here, what the function reports there.
        file: the one that is decoded, for the messages.

    Raises:
        InputError: no sign of life for `timeout_s`, or the process crashed; and whatever the function raises.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(
        target=_serve, args=(there, function, arguments, report is not None), daemon=True
    )
    process.start()
    there.close()
    try:
        while here.poll(timeout_s):
            kind, value = here.recv()
            if kind == "result":
                return value
            if kind == "input error":
                raise value
            if kind == "error":
                error, trace = value
                raise error from RuntimeError(f"in the decoding process:\n{trace}")
            assert report is not None
            report(value)
    except EOFError:
        process.join()
        raise InputError(
            f"decoding crashed ({_ending(process.exitcode)})",
            file=file,
            remedy="The file may be damaged; fetch it again",
        ) from None
    finally:
        process.kill()
        process.join()
        here.close()
    raise InputError(
        f"no progress for {timeout_s:g} s, stopped",
        file=file,
        remedy="The file may be damaged; fetch it again",
    )


def _ending(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def _serve(
    there: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], reports: bool
) -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()
    keywords = {"report": lambda value: there.send(("report", value))} if reports else {}
    try:
        answer = ("result", function(*arguments, **keywords))
    except InputError as error:
        answer = ("input error", error)
    except KeyboardInterrupt:
        return
    except Exception as error:
        answer = ("error", (error, traceback.format_exc()))
    there.send(answer)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
