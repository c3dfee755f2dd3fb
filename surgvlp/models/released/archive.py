"""Released files that come inside a zip archive: the one file of weights in it, taken out safely."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from surgvlp.console import progress_bar
from surgvlp.files import DiskFullError, InputError, atomic_path

SUFFIXES = (".pth", ".pt", ".tar", ".bin", ".ckpt")
LIMIT = 8 << 30  # bytes; an archive may claim, and a few kilobytes of it become, any size
MEBIBYTE = 1 << 20

# What zipfile raises for an archive that is torn, encrypted or packed in a way it does not know.
UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def is_archive(path: str | Path) -> bool:
    """Whether this is a zip archive around weights, rather than torch's own file, which is a zip too."""
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(PurePosixPath(name).name == "data.pkl" for name in archive.namelist())
    except UNREADABLE:
        return False


def take_out(path: str | Path, target: Path) -> None:
    """Write the one file of weights in an archive to `target`, the whole file or none.

    Names in the archive decide nothing but which file is meant, so none can lead out of a folder.

    Raises:
        InputError: no or several files of weights, one that is too large, encrypted or torn; a full disk.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _weights_in(archive, path)
            if entry.file_size > LIMIT:
                raise InputError(f"{entry.filename} would unpack to {entry.file_size} bytes", file=path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if entry.file_size > shutil.disk_usage(target.parent).free:
                raise DiskFullError("no space to unpack", file=path, remedy="Free some space and run again")
            with (
                archive.open(entry) as source,
                atomic_path(target) as temporary,
                temporary.open("wb") as file,
                progress_bar(f"unpack {target.name}", entry.file_size / MEBIBYTE, "MiB") as bar,
            ):
                while block := source.read(
                    MEBIBYTE
                ):  # never more than announced, and its checksum is checked
                    file.write(block)
                    bar.advance(len(block) / MEBIBYTE)
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(
            f"cannot be unpacked ({error})", file=path, remedy="Copy or download it again"
        ) from error


def _weights_in(archive: zipfile.ZipFile, path: str | Path) -> zipfile.ZipInfo:
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir()
        and PurePosixPath(entry.filename).suffix in SUFFIXES
        and not PurePosixPath(entry.filename).name.startswith("._")  # of macOS, beside every file
    ]
    if len(entries) != 1:
        names = ", ".join(sorted(entry.filename for entry in entries)[:3])
        raise InputError(
            f"an archive with {len(entries)} files of weights{': ' if names else ''}{names}",
            file=path,
            remedy="Unpack it and give the file that is meant",
        )
    return entries[0]
