"""Words out of the results that Amazon Transcribe, and Transcribe Medical, write as JSON.

A result holds `results.items`: words (`type` "pronunciation") with times and one or more alternatives, each
with its confidence, the best first, and punctuation marks, which have no times and belong to the word before
them. Times and confidences are strings of numbers. `results.transcripts`, and in newer files
`audio_segments`, say the same again in longer stretches; sentences are cut here as for any recogniser.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surgvlp.files import InputError, read_json
from surgvlp.transcription.recogniser import Word


def read_aws_words(path: str | Path) -> list[Word]:
    """Words of one result, punctuation attached, in the order in which they begin; none where nobody spoke.

    Raises:
        InputError: naming the file and the item: no JSON, no result of a transcription, one that failed or is
            not finished, a word without times or text, a time or confidence that is no number.
    """
    words: list[Word] = []
    for number, item in enumerate(_items(path)):
        place = f"results.items[{number}]"
        if not isinstance(item, Mapping):
            raise InputError("not an item", file=path, key=place)
        kind, (content, confidence) = item.get("type"), _best(item, path, place)
        if kind == "punctuation":
            if words:
                last = words[-1]
                words[-1] = Word(last.word + content, last.start, last.end, last.probability)
        elif kind == "pronunciation":
            start, end = _number(item, "start_time", path, place), _number(item, "end_time", path, place)
            if not 0 <= start <= end:
                raise InputError(f"it runs from {start:g} s to {end:g} s", file=path, key=place)
            words.append(Word(f" {content}", start, end, min(1.0, max(0.0, confidence))))
        else:
            raise InputError(
                f"the type {kind!r} is neither pronunciation nor punctuation", file=path, key=f"{place}.type"
            )
    # two channels or speakers come one after the other where they talk at the same time
    return sorted(words, key=lambda word: word.start)


def _items(path: str | Path) -> list[Any]:
    result = read_json(path)
    status = result.get("status", "COMPLETED") if isinstance(result, Mapping) else None
    if status not in ("COMPLETED", None):
        raise InputError(
            f"this transcription has the status {status}", file=path, remedy="Run it again, or wait for it"
        )
    found = result.get("results") if isinstance(result, Mapping) else None
    items = found.get("items") if isinstance(found, Mapping) else None
    if not isinstance(items, list):
        raise InputError(
            "there is no list 'results.items'",
            file=path,
            remedy="Give the JSON file that a transcription job wrote, not the description of the job",
        )
    return items


def _best(item: Mapping[str, Any], path: str | Path, place: str) -> tuple[str, float]:
    alternatives = item.get("alternatives")
    best = alternatives[0] if isinstance(alternatives, list) and alternatives else None
    content = best.get("content") if isinstance(best, Mapping) else None
    if not isinstance(content, str) or not content.strip():
        raise InputError("no text", file=path, key=f"{place}.alternatives[0].content")
    assert isinstance(best, Mapping)
    confidence = (
        _number(best, "confidence", path, f"{place}.alternatives[0]") if "confidence" in best else 1.0
    )
    return content.strip(), confidence


def _number(values: Mapping[str, Any], key: str, path: str | Path, place: str) -> float:
    try:
        number = float(values[key])
    except (KeyError, TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{values.get(key)!r} is not a number", file=path, key=f"{place}.{key}")
    return number
