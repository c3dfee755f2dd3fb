"""Made corpora on disk: lectures with pictures, voice and every label, in the layout of the data tree."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import cv2

import surgvlp
from surgvlp.console import progress_bar
from surgvlp.files import InputError, sha256_of, write_json, write_text
from surgvlp.lectures.texts import write_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.media.encode import VideoWriter
from surgvlp.synthesis.editing.cards import title_of
from surgvlp.synthesis.labels.common import write_critical_views, write_surg3m
from surgvlp.synthesis.labels.files import LabelFiles
from surgvlp.synthesis.labels.writing import ALL_BUT_MASKS, Labels, is_labelled, write_labels
from surgvlp.synthesis.lecture import CorpusArguments, Lecture, code_sha256, draw_lecture, lecture_id
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.processes import in_new_processes
from surgvlp.synthesis.speech.narrator import narrate
from surgvlp.synthesis.speech.voice import Speaker

_STEP = "synthesis"  # its record in status/<id>.json


def is_test(number: int, test_share: float) -> bool:
    """Whether a lecture is in the test split: spread evenly, the same however many lectures there are."""
    return math.floor((number + 1) * test_share) > math.floor(number * test_share)


def make_corpus(
    arguments: CorpusArguments,
    root: Path,
    count: int,
    test_share: float,
    jobs: int,
    labels: Labels = ALL_BUT_MASKS,
) -> dict[str, list[str]]:
    """Make `count` lectures below `root`, reusing those made of the same arguments by the same code.

    Every lecture is made in a new process, since the voice's sound depends on what its process spoke before.

    Args:
        arguments: of the lectures.
        root: of the data tree; made if it is not there.
        count: number of lectures.
        test_share: share of the lectures that go to the split "test", from 0 to below 1.
        jobs: lectures made at the same time.
        labels: which to write. A lecture that lacks some is labelled anew, and its video kept.

    Returns:
        Ids under "made" (or labelled anew) and "reused".

    Raises:
        InputError: impossible arguments, a missing voice, a full disk. Finished lectures stay.
    """
    arguments.check()
    labels.check()
    if count < 1 or jobs < 1:
        raise InputError("--count and --jobs must be at least 1")
    if not 0 <= test_share < 1:
        raise InputError(f"--test-share {test_share:g} is not between 0 and 1")
    tree = DataTree(root)
    done: dict[str, list[str]] = {"made": [], "reused": []}
    calls = []
    for number in range(count):
        ready = _is_made(tree, arguments, number) and is_labelled(tree, number, labels)
        done["reused" if ready else "made"].append(lecture_id(number))
        if not ready:
            calls.append((arguments, number, root, labels))
    with progress_bar("making lectures", count, "lectures", len(done["reused"])) as bar:
        in_new_processes(make_lecture, calls, jobs, lambda _: bar.advance(1))
    _write_common(tree, arguments, count, test_share)
    return done


def make_lecture(arguments: CorpusArguments, number: int, root: Path, labels: Labels) -> None:
    """Make what one lecture lacks of its files, in a process that has not spoken yet."""
    cv2.setNumThreads(1)  # the lectures are the parallel part
    tree, drawn = DataTree(root), draw_lecture(arguments, number)
    if not _is_made(tree, arguments, number):
        _make_video(tree, arguments, number, drawn)
    write_labels(tree, number, drawn, labels)


def _make_video(tree: DataTree, arguments: CorpusArguments, number: int, drawn: Lecture) -> None:
    lecture, procedure, film, form = lecture_id(number), drawn.procedure, drawn.film, drawn.form
    tree.write_status(lecture, _STEP, {})  # a lecture killed half-way must not pass for the old one
    for partial in tree.root.glob(f"*/.{lecture}.*.partial"):  # of a process that was killed
        partial.unlink()
    speaker = Speaker(drawn.voice)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "voice.wav"
        script = narrate(procedure, speaker, drawn.speaking, wav, drawn.style)
        fps = None if form.variable else form.fps
        video = VideoWriter(tree.video(lecture), film.width, film.height, fps, wav, form.encoding)
        with video as writer:
            for frame, time in enumerate(film.times.tolist()):
                writer.write(film.picture(frame).data, time if form.variable else None)
    write_captions(tree.script(lecture), script)
    record = {
        **_recipe(arguments, number),
        "seconds": round(procedure.duration, 3),
        "size": [film.width, film.height],
        "procedure": procedure.type.name,
        "robotic": procedure.robotic,
        "title": title_of(procedure),
        "voice": asdict(drawn.voice),
        "espeak_ng": speaker.version,
        "sha256": sha256_of(tree.video(lecture)),
        "md5": _md5(tree.video(lecture)),
    }
    tree.write_status(lecture, _STEP, record)


def _write_common(tree: DataTree, arguments: CorpusArguments, count: int, test_share: float) -> None:
    records = {lecture: tree.read_status(lecture)[_STEP] for lecture in map(lecture_id, range(count))}
    split: dict[str, list[str]] = {"train": [], "test": []}
    for number, lecture in enumerate(records):
        split["test" if is_test(number, test_share) else "train"].append(lecture)
    for name, lectures in split.items():
        _write_split(tree, name, lectures)
    kinds = [PROCEDURES[name] for name in dict.fromkeys(arguments.procedures.split(","))]
    for kind in kinds:
        own = {
            name: [lecture for lecture in lectures if records[lecture]["procedure"] == kind.name]
            for name, lectures in split.items()
        }
        if len(kinds) > 1:
            for name, lectures in own.items():
                _write_split(tree, f"{name}_{kind.name}", lectures)
        write_critical_views(
            {
                name: [LabelFiles(tree, each, records[each]["number"] + 1, kind) for each in lectures]
                for name, lectures in own.items()
            }
        )
        for name in kind.prompts:
            text = resources.files("surgvlp.synthesis").joinpath("prompts", f"{name}.txt").read_text("utf-8")
            write_text(tree.prompts(name), text)
    write_surg3m(tree.root / "surg3m", records, split["test"])
    _write_record(tree, arguments, count, test_share, records)


def _write_record(
    tree: DataTree,
    arguments: CorpusArguments,
    count: int,
    test_share: float,
    records: dict[str, dict[str, Any]],
) -> None:
    kinds = dict.fromkeys(arguments.procedures.split(","))
    kept = ("seconds", "procedure", "robotic", "voice", "sha256")
    write_json(
        tree.root / "corpus.json",
        {
            "arguments": {**asdict(arguments), "count": count, "test_share": test_share},
            "surgvlp": surgvlp.__version__,
            "espeak_ng": records[lecture_id(0)]["espeak_ng"],
            "classes": {kind: list(PROCEDURES[kind].phases) for kind in kinds},
            "lectures": {lecture: {key: record[key] for key in kept} for lecture, record in records.items()},
        },
    )


def _write_split(tree: DataTree, name: str, lectures: Iterable[str]) -> None:
    rows = [f"{lecture}.mp4" for lecture in lectures]
    write_text(tree.root / "splits" / f"{name}.csv", "\n".join(["video_path", *rows]) + "\n")


def _recipe(arguments: CorpusArguments, number: int) -> dict[str, Any]:
    return {"arguments": asdict(arguments), "number": number, "code": code_sha256()}


def _is_made(tree: DataTree, arguments: CorpusArguments, number: int) -> bool:
    lecture = lecture_id(number)
    record = tree.read_status(lecture).get(_STEP, {})
    recipe = _recipe(arguments, number)
    files = (tree.video(lecture), tree.script(lecture))
    return {key: record.get(key) for key in recipe} == recipe and all(path.is_file() for path in files)


def _md5(path: Path) -> str:
    """What Surg-3M identifies videos by."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
