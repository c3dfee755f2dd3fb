"""Transcripts that another service made, as narrations of the data tree."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surgvlp.console import progress_bar
from surgvlp.files import InputError, checked_id, sha256_of
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.aws_transcribe import read_aws_words
from surgvlp.transcription.cleaning import PLAIN, Cleaning
from surgvlp.transcription.inventions import Judged
from surgvlp.transcription.lecture_job import STEP
from surgvlp.transcription.narrations import write_narrations
from surgvlp.transcription.sentences import sentences
from surgvlp.transcription.summary import Summary

KIND = "aws_narration"


def import_transcripts(
    paths: Sequence[Path], tree: DataTree, language: str = "en", cleaning: Cleaning = PLAIN
) -> Summary:
    """Write `aws_narration_texts/<id>.csv`, raw texts and words from the results `<id>.json`.

    A result that cannot be used is reported and recorded, and the others go on. Nothing is left out as an
    invention: those are Whisper's.

    Args:
        paths: JSON files of Amazon Transcribe, or folders of them.
        language: what is spoken; `cleaning` is for "en".

    Raises:
        InputError: no results at all, a name that is no id, or the same id twice.
    """
    summary = Summary()
    cleaning = cleaning if language == "en" else PLAIN
    settings = {"engine": "amazon-transcribe", "language": language, **cleaning.settings}
    found = find_results(paths)
    with progress_bar("import", len(found), unit="lectures") as bar:
        for lecture, path in found.items():
            record = {"settings": settings, **_import(lecture, path, tree, cleaning)}
            tree.write_status(lecture, f"{STEP}_{KIND}", record)
            summary.add(lecture, record)
            bar.advance(lecture=lecture)
    tree.merge_manifest()
    return summary


def _import(lecture: str, path: Path, tree: DataTree, cleaning: Cleaning) -> dict[str, Any]:
    try:
        words = read_aws_words(path)
    except InputError as error:
        return {"outcome": "failed", "reason": str(error)}
    judged = [Judged(segment, "") for segment in sentences(words)]
    counts = write_narrations(tree, KIND, lecture, words, judged, cleaning)
    outcome = "done" if counts["rows"] else "no speech"
    return {"outcome": outcome, "result_sha256": sha256_of(path), **counts}


def find_results(paths: Sequence[Path]) -> dict[str, Path]:
    """{id: file} of JSON files and of all those in folders, sorted; the id is the name without its suffix."""
    files = list(
        itertools.chain.from_iterable(sorted(p.glob("[!.]*.json")) if p.is_dir() else [p] for p in paths)
    )
    if not files:
        raise InputError("no .json file in this folder", file=paths[0] if paths else None)
    found: dict[str, Path] = {}
    for file in files:
        lecture = checked_id(file.stem, file=file)
        if lecture in found and found[lecture].resolve() != file.resolve():
            raise InputError(
                f"the id '{lecture}' stands for {found[lecture]} already",
                file=file,
                remedy="Rename one of them",
            )
        found[lecture] = file
    return dict(sorted(found.items()))
