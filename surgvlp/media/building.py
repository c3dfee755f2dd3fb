"""Build the frame stores of many videos: in parallel, resumable, each in a process that can be killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from surgvlp.console import progress_bar
from surgvlp.files import DiskFullError, InputError, checked_id
from surgvlp.media.killable import in_killable_process
from surgvlp.media.probe import probe
from surgvlp.media.store import SUFFIX, StoreInfo, build, is_current


@dataclass
class BuildReport:
    """What came of each video.

    Attributes:
        built: the new stores.
        reused: stores that were there already and fit video and settings.
        failed: {video: why}.
    """

    built: list[StoreInfo] = field(default_factory=list)
    reused: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)


def build_all(
    videos: Sequence[Path],
    out: Path,
    rate: float = 4.0,
    short_side: int = 384,
    quality: int = 90,
    jobs: int | None = None,
    timeout_s: float = 120.0,
) -> BuildReport:
    """Write `<out>/<id>.frames` for every video, `id` being its file name without the ending.

    A bad video is reported and the rest goes on; a full disk stops the run. Killed at any moment it leaves
    whole stores and hidden partial folders only, and the next run removes the latter.

    Args:
        videos: files with different ids.
        out: the folder of the stores.
        rate, short_side, quality: as `store.build`.
        jobs: how many videos at a time; None for one a core.
        timeout_s: a decoder that gets no further for so long is stopped.

    Raises:
        InputError: no videos, unusable or equal ids, settings out of range, a full disk.
    """
    _check_settings(rate, short_side, quality)
    targets = _targets(videos, out)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    report = BuildReport()
    seconds = _durations(targets, report)
    if not seconds:
        return report
    jobs = min(jobs or cores, len(seconds))
    threads = max(1, cores // jobs)
    with progress_bar("frame stores, by video time", sum(seconds.values()), unit="s") as bar:

        def make(video: Path) -> StoreInfo | None:
            moved = _Moved(bar.advance)
            settings = (rate, short_side, quality)
            try:
                if is_current(targets[video], video, *settings):
                    return None
                return in_killable_process(
                    build, video, targets[video], *settings, threads, timeout_s=timeout_s, report=moved.to
                )
            finally:
                moved.to(seconds[video])
                _remove_partials(targets[video])

        with ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(make, video): video for video in seconds}
            for future in as_completed(futures):
                try:
                    _note(report, targets[futures[future]], future.result())
                except DiskFullError:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
                except InputError as error:
                    report.failed[futures[future]] = str(error)
    return report


class _Moved:
    """Turns "second reached" into steps of the bar."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance, self._reached = advance, 0.0

    def to(self, reached: float) -> None:
        self._advance(max(0.0, reached - self._reached))
        self._reached = max(reached, self._reached)


def _note(report: BuildReport, target: Path, info: StoreInfo | None) -> None:
    if info is None:
        report.reused.append(target)
    else:
        report.built.append(info)


def _check_settings(rate: float, short_side: int, quality: int) -> None:
    if not 0 < rate <= 240:
        raise InputError(f"{rate} frames a second", key="rate", remedy="Use more than 0, at most 240")
    if not 16 <= short_side <= 4320:
        raise InputError(f"a short side of {short_side}", key="short_side", remedy="Use 16 to 4320 pixels")
    if not 1 <= quality <= 100:
        raise InputError(f"a JPEG quality of {quality}", key="quality", remedy="Use 1 to 100")


def _targets(videos: Sequence[Path], out: Path) -> dict[Path, Path]:
    if not videos:
        raise InputError("there are no videos to build frame stores of")
    seen: dict[str, Path] = {}
    for video in videos:
        name = checked_id(video.stem, file=video)
        if name in seen:
            raise InputError(f"has the same id as {seen[name]}", file=video, remedy="Rename one of them")
        seen[name] = video
    targets = {video: out / f"{name}{SUFFIX}" for name, video in seen.items()}
    for target in targets.values():
        _remove_partials(target)
    return targets


def _durations(targets: dict[Path, Path], report: BuildReport) -> dict[Path, float]:
    seconds = {}
    for video in targets:
        try:
            seconds[video] = max(0.0, probe(video).end_s)
        except InputError as error:
            report.failed[video] = str(error)
    return seconds


def _remove_partials(target: Path) -> None:
    """Remove what killed processes left of `target` (`files.atomic_path` has their number in the name)."""
    for partial in target.parent.glob(f".{target.name}.*.partial"):
        number = partial.name.split(".")[-2]
        if number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(partial, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
