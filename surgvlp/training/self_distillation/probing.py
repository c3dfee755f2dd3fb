"""How well the teacher's features tell labelled frames apart, as training goes."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.backbone_probe import probed
from surgvlp.evaluation.labelled_frames import LabelledFrames, LabelledPictures
from surgvlp.features.images import image_features
from surgvlp.models.backbones import ImageInput
from surgvlp.models.student_teacher import StudentTeacher
from surgvlp.training.distributed import Ranks
from surgvlp.training.log import RunLog
from surgvlp.training.loop import Loop

NAMES = {"k-NN": "knn", "k-NN, centred": "knn_centred", "linear": "linear"}  # in metrics.jsonl


class Probing:
    """Callback: k-NN and linear probe on frames of videos that the probe does not learn from.

    Pictures are decoded once, at the start. Nothing is chosen by these numbers: checkpoints are kept without
    regard to them, so the labels stay out of the training.

    Args:
        labelled: which frames.
        due: (steps,) bool, after which steps.
        log: where to write.
        ranks: the first one looks; all wait for it, and learn why it could not.
    """

    def __init__(self, labelled: LabelledFrames, due: NDArray[np.bool_], log: RunLog, ranks: Ranks) -> None:
        self._k, self._input = labelled.k, ImageInput(labelled.size)
        self._due, self._log = due, log
        self._parts: tuple[LabelledPictures, ...] = ()
        ranks.on_first(lambda: self._read(labelled))

    def after_step(self, loop: Loop) -> None:
        if self._due[loop.step - 1]:
            self.look(loop)

    def look(self, loop: Loop) -> None:
        """Score the teacher as it is; at step 0 that is the control, the network before training."""
        loop.check_finite()
        with self._log.aside():
            loop.ranks.on_first(lambda: self._score(loop))

    def _read(self, labelled: LabelledFrames) -> None:
        self._parts = labelled.read()

    def _score(self, loop: Loop) -> None:
        train, test = self._parts
        found = probed(self._features(loop, train), train, self._features(loop, test), test, self._k)
        epoch = int(loop.plan.epoch[max(0, loop.step - 1)]) + 1
        values = {
            f"{NAMES[probe]}_{metric}": getattr(scores, metric)
            for probe, scores in found.items()
            for metric in ("accuracy", "macro_f1")
        }
        self._log.record("probe", loop.step, {"epoch": epoch, "level": loop.level.name, **values})

    def _features(self, loop: Loop, part: LabelledPictures) -> NDArray[np.float32]:
        backbone = cast(StudentTeacher, loop.model).teacher.backbone
        pictures = part.pictures.transpose(0, 2, 3, 1)
        return image_features(
            backbone, pictures, loop.ranks.device, bfloat16=loop.autocast, image_input=self._input
        )
