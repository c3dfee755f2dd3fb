"""How well the teacher's features tell labelled frames apart, as training goes."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.labelled_frames import LabelledFrames, LabelledPictures
from surgvlp.evaluation.probes import linear_probe_accuracy, nearest_neighbour_accuracy
from surgvlp.features.images import image_features
from surgvlp.models.backbones import ImageInput
from surgvlp.models.student_teacher import StudentTeacher
from surgvlp.training.log import RunLog
from surgvlp.training.loop import Loop


class Probing:
    """Callback: k-NN and linear probe on frames of videos that the probe does not learn from.

    Pictures are decoded once, at the start. Nothing is chosen by these numbers: checkpoints are kept without
    regard to them, so the labels stay out of the training.

    Args:
        labelled: which frames.
        due: (steps,) bool, after which steps.
        log: where to write.
    """

    def __init__(self, labelled: LabelledFrames, due: NDArray[np.bool_], log: RunLog) -> None:
        self._k, self._input = labelled.k, ImageInput(labelled.size)
        self._due, self._log = due, log
        self._train, self._test = labelled.read()

    def after_step(self, loop: Loop) -> None:
        if self._due[loop.step - 1]:
            self.look(loop)

    def look(self, loop: Loop) -> None:
        """Score the teacher as it is; at step 0 that is the control, the network before training."""
        loop.check_finite()
        with self._log.aside():
            train, test = self._features(loop, self._train), self._features(loop, self._test)
            labels = self._train.label, self._test.label, self._test.video
            nearest = nearest_neighbour_accuracy(
                train, labels[0], test, labels[1], self._k, test_videos=labels[2]
            )
            linear = linear_probe_accuracy(train, labels[0], test, labels[1], test_videos=labels[2])
        epoch = int(loop.plan.epoch[max(0, loop.step - 1)]) + 1
        values = {
            "knn_accuracy": nearest.accuracy,
            "knn_macro_f1": nearest.macro_f1,
            "linear_accuracy": linear.accuracy,
            "linear_macro_f1": linear.macro_f1,
        }
        self._log.record("probe", loop.step, {"epoch": epoch, "level": loop.level.name, **values})

    def _features(self, loop: Loop, part: LabelledPictures) -> NDArray[np.float32]:
        backbone = cast(StudentTeacher, loop.model).teacher.backbone
        pictures = part.pictures.transpose(0, 2, 3, 1)
        return image_features(
            backbone, pictures, loop.ranks.device, bfloat16=loop.autocast, image_input=self._input
        )
