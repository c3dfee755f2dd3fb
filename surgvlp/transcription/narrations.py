"""From judged sentences to a lecture's three files: narrations, raw texts, words."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surgvlp.files import write_json
from surgvlp.lectures.texts import Caption, write_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.cleaning import Cleaning, clean
from surgvlp.transcription.inventions import REASONS, Judged
from surgvlp.transcription.recogniser import Word


def narration_files(tree: DataTree, kind: str, lecture: str) -> tuple[Path, Path, Path]:
    """Paths of a lecture's narrations, raw texts and words."""
    return tree.texts(kind, lecture), tree.raw(kind, lecture), tree.words(kind, lecture)


def write_narrations(
    tree: DataTree,
    kind: str,
    lecture: str,
    words: Sequence[Word],
    judged: Sequence[Judged],
    cleaning: Cleaning,
) -> dict[str, Any]:
    """Write the three files, narrations last; where nothing is left to write, older ones go away.

    Raw texts hold every row, with the reason in the column `left_out` where it is not among the narrations;
    the words are all there as well.

    Returns:
        {"rows", "empty_rows", "repeated_rows", "respelled_words": counts, "left_out": {reason: rows}}
    """
    reasons = {_caption(row): row.reason for row in judged if row.segment.text}
    cleaned = clean((caption for caption, reason in reasons.items() if not reason), cleaning)
    narrations, raw, words_path = narration_files(tree, kind, lecture)
    if reasons:
        write_json(words_path, [vars(word) for word in words])
        write_captions(raw, list(reasons), {"left_out": list(reasons.values())})
    if cleaned.captions:
        write_captions(narrations, cleaned.captions)
    for path, is_written in ((narrations, cleaned.captions), (raw, reasons), (words_path, reasons)):
        if not is_written:
            path.unlink(missing_ok=True)
    counts = collections.Counter(row.reason for row in judged)
    return {
        "rows": len(cleaned.captions),
        "empty_rows": cleaned.empty,
        "repeated_rows": cleaned.repeated,
        "respelled_words": cleaned.respelled,
        "left_out": {reason: counts[reason] for reason in REASONS},
    }


def _caption(row: Judged) -> Caption:
    return Caption(row.segment.start, row.segment.end, row.segment.text)
