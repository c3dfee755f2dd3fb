"""Transcribing many lectures into a data tree.

Resumed by lecture, several at a time; a bad video is reported and does not stop the rest.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from surgvlp.console import progress_bar
from surgvlp.files import InputError, checked_id, sha256_of
from surgvlp.lectures.tree import DataTree
from surgvlp.media.audio import stream_audio
from surgvlp.media.probe import probe
from surgvlp.transcription.cleaning import PLAIN, Cleaning
from surgvlp.transcription.inventions import Span, judge
from surgvlp.transcription.narrations import narration_files, write_narrations
from surgvlp.transcription.recogniser import Recogniser, Word
from surgvlp.transcription.sentences import recognise
from surgvlp.transcription.speech import RATE, speech_pieces
from surgvlp.transcription.summary import Summary

STEP = "transcription"
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
# Raised when the words of the same sound change, so that lectures of an older version are done again.
VERSION = 2


def find_videos(paths: Sequence[str | Path]) -> dict[str, Path]:
    """{id: file} of video files and of all videos in folders; the id is the name without its suffix.

    Raises:
        InputError: no such folder, one without videos, a name that is no id, or two files with the same id.
    """
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        if not path.exists() and path.suffix.lower() not in SUFFIXES:
            raise InputError("there is no such folder", file=path)
        files = sorted(item for item in path.iterdir() if _is_video(item)) if path.is_dir() else [path]
        if not files:
            raise InputError(
                "no videos in this folder", file=path, remedy=f"Known kinds: {' '.join(SUFFIXES)}"
            )
        for file in files:
            lecture = checked_id(file.stem, file=file)
            if lecture in found and found[lecture].resolve() != file.resolve():
                raise InputError(
                    f"the id '{lecture}' stands for {found[lecture]} already",
                    file=file,
                    remedy="Rename one of them",
                )
            found[lecture] = file
    return found


def transcribe_lectures(
    videos: dict[str, Path],
    tree: DataTree,
    recogniser: Recogniser,
    *,
    kind: str = "whisper_narration",
    language: str | None = None,
    cleaning: Cleaning = PLAIN,
    jobs: int = 1,
) -> Summary:
    """Write narrations, raw texts and words of every lecture; what is done already is left alone.

    A lecture counts as done when `status/<id>.json` records the same settings and the same video, and its
    files are there. A video that cannot be used is recorded and reported, and the others go on. Interrupted
    anywhere, it leaves whole lectures only.

    Args:
        videos: {id: file}.
        recogniser: loaded for `jobs` threads.
        kind: which narrations to write, "whisper_narration" or "aws_narration".
        language: Whisper's code; None lets the model hear it in the first piece of each lecture.
        cleaning: what is done to English texts beyond lower case and punctuation.
        jobs: lectures at a time, in threads.

    Raises:
        InputError: the disk is full, or a status file that is none.
    """
    started, summary = time.monotonic(), Summary()
    job = _Job(tree, recogniser, kind, language, cleaning)
    todo: dict[str, float] = {}
    for lecture, video in sorted(videos.items()):
        try:
            before = job.finished(lecture, video)
            if before is None:
                todo[lecture] = probe(video).duration_s
            else:
                (summary.silent if before["outcome"] == "no speech" else summary.reused).append(lecture)
        except InputError as error:
            _raise_if_full(error)
            job.record_failure(lecture, error)
            summary.failed[lecture] = str(error)
    _run(job, {lecture: (videos[lecture], todo[lecture]) for lecture in todo}, jobs, summary)
    summary.elapsed_s = time.monotonic() - started
    tree.merge_manifest()
    return summary


def _run(job: _Job, todo: dict[str, tuple[Path, float]], jobs: int, summary: Summary) -> None:
    if not todo:
        return
    total = sum(duration for _, duration in todo.values())
    with (
        progress_bar("transcribe (s of sound)", round(total), unit="s") as bar,
        ThreadPoolExecutor(max_workers=jobs) as pool,
    ):
        # the longest first, so that no long one is left over at the end
        order = sorted(todo, key=lambda lecture: -todo[lecture][1])
        futures = {
            pool.submit(job.transcribe, lecture, *todo[lecture], bar.advance): lecture for lecture in order
        }
        try:
            for future in as_completed(futures):
                summary.add(futures[future], future.result())
        except (
            BaseException
        ):  # ctrl-C, a full disk, a fault of ours: the other threads end at their next batch
            job.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _StoppedError(Exception):
    """Another thread ended the run."""


class _Job:
    """One lecture after another with the same settings; its methods may run in several threads."""

    def __init__(
        self,
        tree: DataTree,
        recogniser: Recogniser,
        kind: str,
        language: str | None,
        cleaning: Cleaning,
    ) -> None:
        self.tree, self.recogniser, self.kind, self.language = tree, recogniser, kind, language
        self.cleaning = cleaning
        self.settings = {
            **recogniser.settings,
            "language": language,
            **cleaning.settings,
            "version": VERSION,
        }
        self.step = f"{STEP}_{kind}"
        self.stopped = threading.Event()

    def finished(self, lecture: str, video: Path) -> dict[str, Any] | None:
        """The record of this lecture if it is done with these settings and this very video."""
        record = self.tree.read_status(lecture).get(self.step, {})
        if record.get("settings") != self.settings or record.get("outcome") not in ("done", "no speech"):
            return None
        if record["outcome"] == "done" and not all(
            path.is_file() for path in narration_files(self.tree, self.kind, lecture)
        ):
            return None
        if not video.is_file():
            raise InputError("there is no such file", file=video)
        if record.get("video") == _stamp(video) or record.get("video_sha256") == sha256_of(video):
            return dict(record)
        return None

    def transcribe(
        self, lecture: str, video: Path, duration_s: float, advance: Callable[..., None]
    ) -> dict[str, Any]:
        """Do one lecture and return its record; errors of the video are recorded, of the disk raised."""
        identity = {"video": _stamp(video), "video_sha256": sha256_of(video)}
        position = 0.0

        def moved(to: float) -> None:
            nonlocal position
            advance(to - position, lecture=lecture)
            position = to

        try:
            sound = _Counted(stream_audio(video))
            heard = self._hear(sound, moved)
            tracks = probe(video).audio_tracks
        except InputError as error:
            moved(duration_s)
            return self.record_failure(lecture, error)
        moved(duration_s)
        cleaning = self.cleaning if heard.language == "en" else PLAIN
        judged = list(judge(heard.words, heard.speech))
        counts = write_narrations(self.tree, self.kind, lecture, heard.words, judged, cleaning)
        outcome = "done" if counts["rows"] else "no speech"
        record = {
            "outcome": outcome,
            "settings": self.settings,
            **identity,
            "language": heard.language,
            "audio_s": round(sound.samples / RATE, 3),
            "audio_tracks": tracks,
            "speech_s": round(sum(end - start for start, end in heard.speech), 3),
            "looped_pieces": heard.loops,
            **counts,
        }
        self.tree.write_status(lecture, self.step, record)
        return record

    def record_failure(self, lecture: str, error: InputError) -> dict[str, Any]:
        record = {"outcome": "failed", "settings": self.settings, "reason": str(error)}
        self.tree.write_status(lecture, self.step, record)
        return record

    def _hear(self, sound: Iterator[np.ndarray], moved: Callable[[float], None]) -> _Heard:
        heard = _Heard(self.language)
        pieces = speech_pieces(sound)
        while batch := list(itertools.islice(pieces, self.recogniser.batch_size)):
            if self.stopped.is_set():
                raise _StoppedError
            if heard.language is None:
                heard.language = self.recogniser.language(batch[0].samples)
            words, loops = recognise(batch, self.recogniser, heard.language)
            heard.words += words
            heard.loops += loops
            heard.speech += [span for piece in batch for span in piece.speech]
            moved(batch[-1].end_s)
        return heard


@dataclass
class _Heard:
    """What was heard in a lecture: words, where somebody speaks, pieces decoded again."""

    language: str | None
    words: list[Word] = field(default_factory=list)
    speech: list[Span] = field(default_factory=list)
    loops: int = 0


class _Counted(Iterator[np.ndarray]):
    """A stream of sound that counts its samples."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks, self.samples = blocks, 0

    def __next__(self) -> np.ndarray:
        block = next(self._blocks)
        self.samples += len(block)
        return block


def _stamp(video: Path) -> list[int]:
    """Size and time of change: equal ones spare reading gigabytes again to hash them."""
    status = video.stat()
    return [status.st_size, status.st_mtime_ns]


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _raise_if_full(error: InputError) -> None:
    if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
        raise error
