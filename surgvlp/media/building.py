"""Build the frame stores of many videos: in parallel, resumable, each in a process that can be killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from surgvlp.console import progress_bar
from surgvlp.files import DiskFullError, InputError, checked_id, usable_cores
from surgvlp.media.killable import in_killable_process
from surgvlp.media.store import SUFFIX, StoreInfo, build, is_current

ENDINGS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".ts", ".mts", ".wmv", ".flv")


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

    A video that cannot be read, or at which the decoder hangs or crashes, is reported and the rest goes on;
    not even headers are read in this process. A full disk stops the run. Killed at any moment it leaves whole
    stores and hidden partial folders only, and the next run removes the latter.

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
    cores = usable_cores()
    report = BuildReport()
    megabytes = _sizes(targets, report)
    if not megabytes:
        return report
    jobs = min(jobs or cores, len(megabytes))
    threads = max(1, cores // jobs)
    with progress_bar("frame stores, by file size", sum(megabytes.values()), unit="MB") as bar:

        def make(video: Path) -> StoreInfo | None:
            moved = _Moved(bar.advance, megabytes[video])
            settings = (rate, short_side, quality)
            try:
                if is_current(targets[video], video, *settings):
                    return None
                arguments = (video, targets[video], *settings, threads)
                return in_killable_process(
                    build, *arguments, timeout_s=timeout_s, report=moved.to, file=video
                )
            finally:
                moved.to(1.0)
                _remove_partials(targets[video])

        with ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(make, video): video for video in megabytes}
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
    """Turns "share done" into steps of the bar."""

    def __init__(self, advance: Callable[[float], None], whole: float) -> None:
        self._advance, self._whole, self._share = advance, whole, 0.0

    def to(self, share: float) -> None:
        self._advance(self._whole * max(0.0, share - self._share))
        self._share = max(share, self._share)


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


def _sizes(targets: dict[Path, Path], report: BuildReport) -> dict[Path, float]:
    """Megabytes of the videos that are there; the others are noted as failed."""
    for video in targets:
        if not video.is_file():
            report.failed[video] = str(InputError("there is no such file", file=video))
    return {video: video.stat().st_size / 1e6 for video in targets if video not in report.failed}


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
    try:  # dead, but in the list until its parent asks, which in a container may be never
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()
