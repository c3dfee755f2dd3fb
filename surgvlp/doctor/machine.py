"""Processor cores, memory and free disk, as much of them as this process may have."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from surgvlp.doctor.finding import Finding
from surgvlp.files import usable_cores

GIBIBYTE = 1 << 30
LITTLE_MEMORY = 4 * GIBIBYTE  # the demo's largest process takes half of it
LITTLE_SHARED_MEMORY = GIBIBYTE  # workers hand their batches over in it; Docker gives 64 MB
LITTLE_DISK, NO_DISK = 20 * GIBIBYTE, GIBIBYTE


def findings(data: Path) -> Iterator[Finding]:
    """Cores, memory, shared memory, and the free space of every disk that is written to.

    Args:
        data: root of the data tree, there or not.
    """
    yield Finding("processor", "ok", f"{usable_cores()} cores for this process")
    if (memory := memory_bytes()) is not None:
        remedy = "Take a machine or a job with more (Slurm: --mem), or smaller batches and fewer workers"
        yield _amount("memory", memory, LITTLE_MEMORY, remedy)
    shared = Path("/dev/shm")
    if shared.is_dir():
        remedy = (
            "Loading workers may die of a bus error: run Docker with --shm-size=8g, or train with workers=0"
        )
        yield _amount("shared memory", shutil.disk_usage(shared).total, LITTLE_SHARED_MEMORY, remedy)
    yield from _disks(
        {"data": data, "working folder": Path(), "temporary files": Path(tempfile.gettempdir())}
    )


def memory_bytes(limits: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Memory of this machine, or of its share that a container or a Slurm job may have; None: nobody says.

    Args:
        limits: where Linux shows its control groups, of version 2 or 1.
        own: file that names those of this process.
    """
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in _limit_files(limits, own):
        with suppress(OSError):
            text = file.read_text(encoding="ascii").strip()
            found += [int(text)] if text.isdigit() else []
    return min(found)


def _limit_files(limits: Path, own: Path) -> Iterator[Path]:
    """Of the groups that a process is in and of those around them, each of which may have less to give."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, place = line.split(":", 2)
        group = Path(place.lstrip("/"))
        for around in (group, *group.parents):
            if not kinds:
                yield limits / around / "memory.max"
            elif kinds == "memory":
                yield limits / "memory" / around / "memory.limit_in_bytes"


def _disks(folders: dict[str, Path]) -> Iterator[Finding]:
    """One finding a disk; folders on the same one share it."""
    names: dict[int, list[str]] = {}
    places: dict[int, Path] = {}
    for name, folder in folders.items():
        there = _nearest_existing(folder)
        disk = there.stat().st_dev
        names.setdefault(disk, []).append(name)
        places.setdefault(disk, there)
        if not os.access(there, os.W_OK):
            found = f"{there} cannot be written to"
            yield Finding(
                name, "warning", found, "Run in, or give with --output and --out, a folder of your own"
            )
    for disk, there in places.items():
        title = "free disk: " + ", ".join(names[disk])
        free = shutil.disk_usage(there).free
        if free < NO_DISK:
            yield Finding(
                title, "missing", f"{free / GIBIBYTE:.2g} GiB", "Free some space, nothing can be written"
            )
        else:
            remedy = "Frame stores and checkpoints take more than the videos themselves: free some space"
            yield _amount(title, free, LITTLE_DISK, remedy)


def _amount(name: str, there: int, little: int, remedy: str) -> Finding:
    found = f"{there / GIBIBYTE:.3g} GiB"
    if there >= little:
        return Finding(name, "ok", found)
    return Finding(name, "warning", f"{found}, which is little", remedy)


def _nearest_existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())
