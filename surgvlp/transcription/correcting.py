"""Correcting narrations in place: the corrected texts are what training reads, the others lie beside.

`whisper_narration_texts/<id>.csv` is moved to `whisper_narration_texts/uncorrected/<id>.csv`, and what stands
there is corrected whenever it or the model changes.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from surgvlp.files import atomic_path, sha256_of
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.language_model.writer import NarrationCorrector
from surgvlp.transcription.text_job import WritingJob, WritingSummary, own_sha256, run


def correct_narrations(
    tree: DataTree, lectures: Sequence[str], corrector: NarrationCorrector, replace: bool = False
) -> WritingSummary:
    """Correct every lecture's narrations once; resumed and recorded as by `write_texts`.

    Narrations that are neither as corrected here nor as before are a person's, or were transcribed again:
    they stay until `replace`, which corrects them from then on.

    Raises:
        InputError: as `write_texts`.
    """
    return run(_CorrectionJob(tree, corrector.kind, corrector, replace), lectures)


class _CorrectionJob(WritingJob):
    step_name = "correcting"

    def settled(self, lecture: str, summary: WritingSummary) -> bool:
        """See `WritingJob.settled`; narrations that were never corrected are always to be."""
        return not self._is_new(lecture) and super().settled(lecture, summary)

    def write(self, lecture: str, summary: WritingSummary) -> None:
        """See `WritingJob.write`; the uncorrected narrations are put aside first."""
        target = self._target(lecture)
        if target.is_file() and sha256_of(target) not in self._own(lecture):
            with atomic_path(self._narrations(lecture)) as partial:
                shutil.copyfile(target, partial)
        super().write(lecture, summary)

    def _is_new(self, lecture: str) -> bool:
        target, uncorrected = self._target(lecture), self._narrations(lecture)
        if not target.is_file() or self._own(lecture):
            return False
        # interrupted after they were put aside they are the same
        return not uncorrected.is_file() or sha256_of(uncorrected) == sha256_of(target)

    def _own(self, lecture: str) -> list[str]:
        return own_sha256(self.tree.read_status(lecture).get(self.step, {}))

    def _narrations(self, lecture: str) -> Path:
        target = self._target(lecture)
        return target.parent / "uncorrected" / target.name
