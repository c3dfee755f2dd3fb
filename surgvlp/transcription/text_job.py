"""Writing keysteps or abstracts for the lectures of a data tree that have none, from their narrations.

Resumed by lecture; a lecture that cannot be used is reported and does not stop the rest; a text that somebody
else wrote, or changed, stays, and so does one by another writer, which may have been paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from surgvlp.console import BAD_INPUT, DONE, PARTLY_FAILED, progress_bar
from surgvlp.files import DiskFullError, InputError, atomic_path, sha256_of
from surgvlp.lectures.metadata import LectureMetadata, read_metadata
from surgvlp.lectures.texts import Caption, read_captions, write_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.language_model.protocol import ModelUnusableError, ServerDownError
from surgvlp.transcription.lecture_job import STEP as TRANSCRIPTION

STEP = "writing"
MOST_DOWN = 3


class TextWriter(Protocol):
    """What writes one lecture's texts, in `offline_writer` and `language_model.writer`.

    Attributes:
        kind: of the texts, one of `surgvlp.lectures.tree.KINDS`.
        settings: what decides the texts, plain values, to be recorded and compared when a job resumes;
            "writer" and "model" of them say who writes.
    """

    kind: str
    settings: dict[str, Any]

    def prepare(self) -> None:
        """Load what is needed; called once, before the first lecture that is to be written.

        Raises:
            InputError: it cannot be had; this ends the run, since it would fail for every lecture.
        """

    def write(self, narrations: Sequence[Caption], about: LectureMetadata) -> list[Caption]:
        """A lecture's texts, at least one, in order, without overlap, within the narrations' time.

        Raises:
            ServerDownError: this lecture had no luck; `MOST_DOWN` in a row end the run.
            ModelUnusableError, DiskFullError: these end the run.
            InputError: nothing can be made of these narrations; the other lectures go on.
        """

    def report(self) -> str:
        """What writing took so far, a line or two; "" where there is nothing to say."""


@dataclass
class WritingSummary:
    """What a run over many lectures did.

    Attributes:
        kind: of the texts.
        done: lectures written now; `reused`: written before from the same narrations in the same way.
        kept: lectures that have texts which this did not write, or which were changed since, or which
            another writer wrote; `others`: the last of these.
        silent: lectures in which nobody speaks.
        failed: id -> the reason.
        rows: texts written now.
        report: what writing took, from the writer.
    """

    kind: str
    done: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    report: str = ""

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some failed, 2 no lecture has texts."""
        if self.done or self.reused or self.kept:
            return PARTLY_FAILED if self.failed else DONE
        return BAD_INPUT

    def __str__(self) -> str:
        lines = [f"{lecture}: {reason}" for lecture, reason in sorted(self.failed.items())]
        lines.append(
            f"{len(self.done)} lectures written, {len(self.reused)} reused, {len(self.kept)} kept, "
            f"{len(self.silent)} without speech, {len(self.failed)} failed; {self.rows} {self.kind} texts"
        )
        if self.kept:
            lines.append(
                f"of the kept ones {len(self.others)} are by another writer or language model, "
                f"{len(self.kept) - len(self.others)} came from elsewhere or were changed; "
                "--replace writes them anew"
            )
        if self.report:
            lines.append(self.report)
        return "\n".join(lines)


Report = Callable[[WritingSummary], None]


def write_texts(
    tree: DataTree,
    lectures: Sequence[str],
    source: str,
    writer: TextWriter,
    replace: bool = False,
    report: Report = lambda summary: None,
) -> WritingSummary:
    """Write `<kind>_texts/<id>.csv` of every lecture that lacks it.

    `status/<id>.json` records the writer's settings, the sha256 of narrations and metadata, and that of what
    was written: a file with another one is somebody's, and stays. One that is ours is written anew where
    narrations, metadata or the writer's settings changed, but stays where it is another writer's: without a
    language model, or by another one. Interrupted anywhere, it leaves whole files only.

    Args:
        lectures: ids.
        source: the narrations to read, "whisper_narration" or "aws_narration".
        replace: write also what somebody else or another writer wrote, or what was changed.
        report: told what was done, also where an error or a person ends the run early.

    Raises:
        InputError: the writer cannot be had, the disk is full, or a status file that is none.
    """
    return run(WritingJob(tree, source, writer, replace), lectures, report)


def run(job: WritingJob, lectures: Sequence[str], report: Report) -> WritingSummary:
    """Do what is to be done of these lectures; see `write_texts`."""
    summary, writer = WritingSummary(job.writer.kind), job.writer
    todo = [lecture for lecture in lectures if not job.settled(lecture, summary)]
    if todo:
        writer.prepare()
    try:
        _write_all(job, todo, summary)
    finally:  # what was paid for is said, and known, however the run ends
        summary.report = writer.report()
        report(summary)
        job.tree.merge_manifest()
    return summary


def _write_all(job: WritingJob, todo: Sequence[str], summary: WritingSummary) -> None:
    if todo:
        with progress_bar(f"write {job.writer.kind} texts", len(todo), unit="lectures") as bar:
            for lecture in todo:
                job.write(lecture, summary)
                bar.advance(lecture=lecture)


class WritingJob:
    """One lecture after another by the same writer, from `_narrations` to `_target`."""

    step_name = STEP

    def __init__(self, tree: DataTree, source: str, writer: TextWriter, replace: bool) -> None:
        self.tree, self.source, self.writer, self.replace = tree, source, writer, replace
        self.step = f"{self.step_name}_{writer.kind}"
        self.settings = {"source": source, **writer.settings}
        self._down = 0  # lectures in a row without an answer

    def settled(self, lecture: str, summary: WritingSummary) -> bool:
        """Whether there is nothing to write, which is then counted."""
        target, narrations = self._target(lecture), self._narrations(lecture)
        record = self.tree.read_status(lecture).get(self.step, {})
        if target.is_file():
            written = sha256_of(target)
            if written not in own_sha256(record):
                if not self.replace:
                    summary.kept.append(lecture)
                return not self.replace
            # without narrations there is nothing better to put in its place
            if not narrations.is_file() or self._is_current(lecture, record, written):
                summary.reused.append(lecture)
                return True
            if not self.replace and self._is_of_another(record):
                summary.kept.append(lecture)
                summary.others.append(lecture)
                return True
        if not narrations.is_file() and self._is_silent(lecture):
            summary.silent.append(lecture)
            return True
        return False

    def write(self, lecture: str, summary: WritingSummary) -> None:
        """Do one lecture; what is wrong with it is recorded, what would be wrong with all is raised."""
        narrations, before = self._narrations(lecture), self.tree.read_status(lecture).get(self.step, {})
        try:
            if not narrations.is_file():
                raise InputError(
                    "there are no narrations", file=narrations, remedy="Write them with tools/transcribe.py"
                )
            sources = self._sources(lecture)  # before they are read: writing may take minutes
            texts = self.writer.write(read_captions(narrations), read_metadata(self.tree, lecture))
            self._put(lecture, texts, sources, before)
        except (DiskFullError, ModelUnusableError):
            raise
        except InputError as error:
            # what was written earlier stays known as ours, and whose it is
            self.tree.write_status(lecture, self.step, {**before, "outcome": "failed", "reason": str(error)})
            summary.failed[lecture] = str(error)
            self._count_down(error)
            return
        self._down = 0
        summary.done.append(lecture)
        summary.rows += len(texts)

    def _count_down(self, error: InputError) -> None:
        self._down = self._down + 1 if isinstance(error, ServerDownError) else 0
        if self._down == MOST_DOWN:
            raise InputError(
                f"no answer for {MOST_DOWN} lectures in a row ({error})",
                remedy="Look after the server and run the same command again; what was answered is kept",
            )

    def _put(
        self, lecture: str, texts: Sequence[Caption], sources: dict[str, str], before: dict[str, Any]
    ) -> None:
        target = self._target(lecture)
        replaced = sha256_of(target) if target.is_file() else ""
        with atomic_path(target) as partial:
            write_captions(partial, texts)
            record = {
                "outcome": "done",
                "settings": self.settings,
                **sources,
                "rows": len(texts),
                # recorded before the file gets its name, so that it is never taken for another's
                "own_sha256": [sha256_of(partial), *([replaced] if replaced in own_sha256(before) else [])],
            }
            with self._put_aside(lecture):
                self.tree.write_status(lecture, self.step, record)

    @contextmanager
    def _put_aside(self, lecture: str) -> Iterator[None]:
        """Keep a copy of what is about to be replaced, where one is wanted; on failure there is none."""
        yield

    def _is_current(self, lecture: str, record: dict[str, Any], written: str) -> bool:
        return (
            record.get("outcome") == "done"
            and record.get("settings") == self.settings
            and own_sha256(record)[0] == written
            and all(record.get(key, "") == sha256 for key, sha256 in self._sources(lecture).items())
        )

    def _is_of_another(self, record: dict[str, Any]) -> bool:
        recorded = record.get("settings", self.settings)
        return any(recorded.get(key) != self.settings.get(key) for key in ("writer", "model"))

    def _sources(self, lecture: str) -> dict[str, str]:
        metadata = self.tree.metadata(lecture)
        return {
            "narrations_sha256": sha256_of(self._narrations(lecture)),
            "metadata_sha256": sha256_of(metadata) if metadata.is_file() else "",
        }

    def _is_silent(self, lecture: str) -> bool:
        record = self.tree.read_status(lecture).get(f"{TRANSCRIPTION}_{self.source}", {})
        return record.get("outcome") == "no speech"

    def _target(self, lecture: str) -> Path:
        return self.tree.texts(self.writer.kind, lecture)

    def _narrations(self, lecture: str) -> Path:
        return self.tree.texts(self.source, lecture)


def own_sha256(record: dict[str, Any]) -> list[str]:
    """sha256 of what was written here: the newest, then the one that it may not have replaced yet."""
    return list(record.get("own_sha256", []))
