"""Instrument-verb-target triplets of CholecT50 and their components, from text prompts alone.

Nwoye et al., "Rendezvous", Medical Image Analysis 2022; the metric is that of `ivtmetrics`. Instruments,
verbs and targets have prompts of their own, as published for SurgVLP. Pairs are derived from the triplets'
scores: a pair is as likely as the likeliest triplet that contains it. Benchmarks of triplet detectors derive
the single components in the same way; those are rows of their own here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.average_precision import PresenceScores, score_presence
from surgvlp.evaluation.frames import NO_IMAGE, Pictures
from surgvlp.evaluation.presence import ClassPrompts, PresenceVideo
from surgvlp.evaluation.presence_protocol import TRIPLET_KINDS, PresenceProtocol, read_presence_protocol
from surgvlp.evaluation.presence_run import (
    ModelChoice,
    dataset_root,
    evaluate_presence,
    score_kinds,
    videos_to_score,
)
from surgvlp.files import InputError
from surgvlp.lectures.labels import check_images
from surgvlp.lectures.presence import TripletLabels, read_triplets
from surgvlp.lectures.prompts import read_prompts
from surgvlp.lectures.tables import read_utf8
from surgvlp.lectures.triplets import CHOLECT50, NULL_VERB
from surgvlp.media.images import read_image
from surgvlp.predictions import Predictions

NAMES = {
    "triplet": tuple(",".join(triplet) for triplet in CHOLECT50.triplets),
    "instrument": CHOLECT50.instruments,
    "verb": CHOLECT50.verbs,
    "target": CHOLECT50.targets,
}
# Rows that are derived from the triplets' scores, and which parts of a triplet they are about.
DERIVED = {
    "instrument-verb": (0, 1),
    "instrument-target": (0, 2),
    "instrument, from triplets": (0,),
    "verb, from triplets": (1,),
    "target, from triplets": (2,),
}
NO_IDLE = "triplet, none idle"


def evaluate_triplets(
    *,
    data: Path,
    dataset: str,
    protocol: str,
    triplet_prompts: Sequence[Path],
    component_prompts: Mapping[str, Sequence[Path]],
    output: Path,
    model: ModelChoice,
    videos: str | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Score triplets and their components in annotated videos, see `evaluate_presence`.

    Args:
        data: root of the data tree.
        dataset: name below `downstream_datasets/`, in CholecT50's layout.
        protocol: name, or path of a `.json` file.
        triplet_prompts: see `read_triplet_prompts`; several files are an ensemble.
        component_prompts: files by kind, line i for class i; kinds without any take the protocol's prompts,
            or else the names of the classes.
        output: folder; its `predictions/` is replaced as a whole.
        model: what to evaluate.
        videos: ids with commas between; None: the protocol's, or all that are annotated.
        command: how this was called, for the record.

    Raises:
        InputError: for anything given that cannot be used; nothing is written then.
    """
    rules = read_presence_protocol(protocol, "CholecT50")
    root = dataset_root(data, dataset)
    prompts = {"triplet": [read_triplet_prompts(path) for path in triplet_prompts]}
    for kind in TRIPLET_KINDS[1:]:
        prompts[kind] = _component_prompts(rules, kind, component_prompts.get(kind, ()))
    annotated = sorted(path.stem for path in (root / "triplet").glob("[!.]*.txt"))
    return evaluate_presence(
        data=data,
        dataset=dataset,
        videos=[_video(root, video, rules) for video in videos_to_score(rules, videos, annotated)],
        classes={kind: ClassPrompts(NAMES[kind], prompts[kind]) for kind in TRIPLET_KINDS},
        protocol=rules,
        source="image files",
        score=score_triplets,
        output=output,
        model=model,
        command=command,
    )


def score_triplets(found: Mapping[str, Sequence[Predictions]]) -> dict[str, PresenceScores]:
    """The rows of the table: the kinds by their own prompts, then what the triplets' scores imply."""
    rows = score_kinds(found)
    triplets = found["triplet"]
    rows |= {name: score_presence(derived(triplets, parts)) for name, parts in DERIVED.items()}
    active = [verb != NULL_VERB for _, verb, _ in CHOLECT50.triplets]
    names = tuple(np.array(NAMES["triplet"])[active].tolist())
    acting = [
        replace(item, score=item.score[:, active], label=item.label[:, active], class_names=names)
        for item in triplets
    ]
    if any(item.label.any() for item in acting):
        rows[NO_IDLE] = score_presence(acting)
    return rows


def derived(triplets: Sequence[Predictions], parts: Sequence[int]) -> list[Predictions]:
    """Predictions of the combinations of some parts (0 instrument, 1 verb, 2 target), maxima over triplets.

    Combinations are those that occur, in the order of the ids of their parts, as in CholecT50's `maps.txt`.
    """
    lists = (CHOLECT50.instruments, CHOLECT50.verbs, CHOLECT50.targets)
    ids = [tuple(lists[part].index(triplet[part]) for part in parts) for triplet in CHOLECT50.triplets]
    groups = sorted(set(ids))
    columns = [[place for place, each in enumerate(ids) if each == group] for group in groups]
    names = tuple(",".join(lists[part][at] for part, at in zip(parts, g, strict=True)) for g in groups)
    return [
        replace(
            item, score=_maxima(item.score, columns), label=_maxima(item.label, columns), class_names=names
        )
        for item in triplets
    ]


def read_triplet_prompts(path: str | Path) -> list[str]:
    """Read one sentence a triplet, in the published format.

    Args:
        path: UTF-8 text, line i for triplet i: `<i>:<sentence>`, or the sentence alone. As published, what
            counts is the text after the last colon, with blanks for commas and underscores.

    Raises:
        InputError: not 100 lines, a line without a sentence, or one whose number is not its place.
    """
    prompts = []
    for row, line in enumerate(read_utf8(path).splitlines(), start=1):
        number = line.partition(":")[0].strip()
        sentence = line.rpartition(":")[2]
        if ":" in line and number.isdecimal() and int(number) != row - 1:
            raise InputError(
                f"this is triplet {row - 1}, not {number}",
                file=path,
                row=row,
                remedy="Write the triplets in the order of CholecT50's ids",
            )
        prompts.append(sentence.replace(",", " ").replace("_", " ").strip())
        if not prompts[-1]:
            raise InputError("no sentence", file=path, row=row, remedy="Describe the triplet in words")
    if len(prompts) != len(CHOLECT50.triplets):
        raise InputError(
            f"{len(prompts)} lines for {len(CHOLECT50.triplets)} triplets", file=path, key="--prompts"
        )
    return prompts


def _component_prompts(rules: PresenceProtocol, kind: str, files: Sequence[Path]) -> list[list[str]]:
    fixed = rules.prompts[kind]
    if files:
        return [read_prompts(path, len(NAMES[kind])) for path in files]
    return [fixed if isinstance(fixed, list) else [name.replace("_", " ") for name in NAMES[kind]]]


def _video(root: Path, video: str, rules: PresenceProtocol) -> PresenceVideo:
    labels = read_triplets(root, video)
    paths = [
        root / "data" / video / f"{number:06d}.png"
        for number in (labels.frame_index + rules.frame_offset).tolist()
    ]
    check_images(paths, root / "triplet" / f"{video}.txt", 1, NO_IMAGE)
    return PresenceVideo(
        video=video,
        frame_index=labels.frame_index,
        time_s=labels.frame_index.astype(np.float64),
        labels={kind: _of_kind(labels, kind) for kind in TRIPLET_KINDS},
        open=lambda: _reader(paths),
    )


def _reader(paths: Sequence[Path]) -> Pictures:
    return lambda position: read_image(paths[position])


def _of_kind(labels: TripletLabels, kind: str) -> NDArray[np.int64]:
    present: NDArray[np.bool_] = getattr(labels, kind)
    return present.astype(np.int64)


def _maxima(values: NDArray[Any], columns: Sequence[Sequence[int]]) -> NDArray[Any]:
    return np.stack([values[:, each].max(axis=1) for each in columns], axis=1)
