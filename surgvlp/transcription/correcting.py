"""Correcting narrations in place: the corrected texts are what training reads, the others lie beside.

What stood in `whisper_narration_texts/<id>.csv` is put into `whisper_narration_texts/uncorrected/` at the
moment in which the corrected file takes its place, and is corrected again whenever the model's settings
change.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surgvlp.files import atomic_path, sha256_of
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.language_model.writer import NarrationCorrector
from surgvlp.transcription.text_job import Report, WritingJob, WritingSummary, own_sha256, run


def correct_narrations(
    tree: DataTree,
    lectures: Sequence[str],
    corrector: NarrationCorrector,
    replace: bool = False,
    report: Report = lambda summary: None,
) -> WritingSummary:
    """Correct every lecture's narrations once; resumed, recorded and reported as by `write_texts`.

    Narrations that are neither as corrected here nor as before are a person's, or were transcribed again
    after a correction: they stay until `replace`, which corrects them from then on. So do corrections by
    another language model.

    Raises:
        InputError: as `write_texts`.
    """
    return run(_CorrectionJob(tree, corrector.kind, corrector, replace), lectures, report)


class _CorrectionJob(WritingJob):
    step_name = "correcting"

    def settled(self, lecture: str, summary: WritingSummary) -> bool:
        """See `WritingJob.settled`; narrations that were never corrected are always to be."""
        return not self._is_new(lecture) and super().settled(lecture, summary)

    @contextmanager
    def _put_aside(self, lecture: str) -> Iterator[None]:
        target = self._target(lecture)
        if self._is_corrected(target, lecture) or not target.is_file():
            yield
            return
        with atomic_path(self.tree.uncorrected(self.source, lecture)) as partial:
            shutil.copyfile(target, partial)
            yield

    def _is_new(self, lecture: str) -> bool:
        target, record = self._target(lecture), self._record(lecture)
        if not target.is_file() or self._is_corrected(target, lecture):
            return False
        if record.get("narrations_sha256") == sha256_of(target):
            return True  # about to be replaced, and then the power went
        return not own_sha256(record) and not self.tree.uncorrected(self.source, lecture).is_file()

    def _is_corrected(self, target: Path, lecture: str) -> bool:
        return target.is_file() and sha256_of(target) in own_sha256(self._record(lecture))

    def _record(self, lecture: str) -> dict[str, Any]:
        return self.tree.read_status(lecture).get(self.step, {})

    def _narrations(self, lecture: str) -> Path:
        """What is to be corrected: what was put aside, or what stands there where that is not corrected."""
        target, aside = self._target(lecture), self.tree.uncorrected(self.source, lecture)
        uses_aside = self._is_corrected(target, lecture) if target.is_file() else aside.is_file()
        return aside if uses_aside else target
