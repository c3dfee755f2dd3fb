"""What a person sees in the terminal: progress bars, one-line errors, exit codes, grep-able logs."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from surgvlp.files import InputError

DONE, PARTLY_FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130

_stderr = Console(stderr=True)


class DivergedError(RuntimeError):
    """A loss or gradient became infinite or NaN; the optimizer has not used it."""


def exit_code(main: Callable[[], int]) -> int:
    """Run a tool's main and turn what it raises into one line on stderr and an exit code.

    0 done; 1 some lectures failed and the rest is done; 2 input that cannot be used (InputError, full disk);
    3 a training that diverged; 130 interrupted. A fault of ours keeps its traceback.
    """
    try:
        return main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except DivergedError as error:
        print(f"error: {error}", file=sys.stderr)
        return DIVERGED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(
            f"error: {error.filename or 'output'}: the disk is full. Free some space and run again.",
            file=sys.stderr,
        )
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, run the same command again to go on", file=sys.stderr)
        return INTERRUPTED


def set_up_logging(level: int = logging.INFO) -> None:
    """One line a record on stderr: time, level, room, message."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )


class Bar:
    """A running progress bar; `advance` moves it and shows the latest values beside it."""

    def __init__(self, progress: Progress, task: Task) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: float = 1, **shown: object) -> None:
        """Move on by `amount`; keyword values are shown as `name value`."""
        if shown:
            note = "  ".join(f"{name} {value}" for name, value in shown.items())
            self._progress.update(self._task.id, note=note)
        self._progress.update(self._task.id, advance=amount)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g} {task.fields['unit']}/s", style="dim")


@contextmanager
def progress_bar(
    description: str, total: float | None, unit: str = "items", done: float = 0
) -> Iterator[Bar]:
    """A progress bar with rate and time left, on stderr; without a terminal only its last state is printed.

    Args:
        description: what is being done.
        total: how much there is; None where that is not known.
        unit: the word after the rate.
        done: where to start, for work that resumes.
    """
    with Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}", style="cyan"),
        console=_stderr,
    ) as progress:
        number = progress.add_task(description, total=total, completed=done, unit=unit, note="")  # type: ignore[arg-type]
        yield Bar(progress, progress.tasks[progress.task_ids.index(number)])
