"""The one place that runs ffmpeg.

ffmpeg-python composes the commands, `subprocess` runs them as argument lists. Videos are untrusted: ffmpeg
never reads our terminal (-nostdin) and may open local files and pipes only, so a playlist that calls itself
mp4 reaches no network.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import ffmpeg

from surgvlp.files import DiskFullError, InputError


@functools.cache
def executable() -> str:
    """The system's ffmpeg where there is one, else the binary of the imageio-ffmpeg package."""
    system = shutil.which("ffmpeg")
    if system:
        return system
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise InputError("there is no ffmpeg", remedy="Run: pip install imageio-ffmpeg") from error


def open_input(path: str | os.PathLike[str], **options: Any) -> Any:
    """An ffmpeg-python input stream over a local file; `options` are ffmpeg's input options."""
    # "file:" keeps names such as "a:b.mp4" and "-x.mp4" from being read as protocols or flags.
    return ffmpeg.input(f"file:{os.fspath(path)}", protocol_whitelist="file,pipe", **options)


@contextmanager
def running(
    stream: Any, *, file: str | os.PathLike[str], stdin: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run an ffmpeg-python stream; wait for it on leaving, and kill it where the body raises.

    Args:
        stream: what `ffmpeg.output(...)` returned.
        file: the file that an error names.
        stdin: open `process.stdin` for writing frames; `process.stdout` can always be read.

    Raises:
        InputError: ffmpeg failed; carries its last line, or says that the disk is full.
    """
    command = ffmpeg.compile(
        stream.global_args("-nostdin", "-hide_banner", "-loglevel", "error"),
        cmd=executable(),
        overwrite_output=True,
    )
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield process
            _finish(process)
        except BrokenPipeError as error:  # ffmpeg went away while we wrote: its own words say why
            process.wait()
            raise _failure(errors, file) from error
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close(pipe)
        if process.returncode != 0:
            raise _failure(errors, file)


def _finish(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    assert process.stdout is not None
    while process.stdout.read(1 << 16):  # whatever the body left unread, else ffmpeg would wait for ever
        pass
    process.wait()


def _close(pipe: IO[bytes]) -> None:
    with suppress(BrokenPipeError):  # closing flushes; the process that would have read it is gone
        pipe.close()


def _failure(errors: IO[bytes], file: str | os.PathLike[str]) -> InputError:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 8192))
    text = errors.read().decode("utf-8", "replace").strip()
    if "No space left on device" in text:
        return DiskFullError("the disk is full", file=file, remedy="Free some space and run again")
    return InputError(f"ffmpeg failed: {text.splitlines()[-1] if text else 'it gave no reason'}", file=file)
