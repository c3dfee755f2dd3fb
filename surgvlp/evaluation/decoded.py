"""Decoded predictions beside the raw ones: their folders, and the table that scores them.

<output>/decoder.json                      the grammar and how far scores can be trusted
<output>/decoded/<kind>/predictions/       as any other predictions, under a protocol of their own
<output>/decoded/<kind>/evaluation.json    where the run has one
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvlp import predictions
from surgvlp.evaluation.calibration import score_calibration
from surgvlp.evaluation.decoding import KINDS, Decoder, decode
from surgvlp.evaluation.folders import open_run, pooled
from surgvlp.evaluation.metrics import Interval, score_phases
from surgvlp.evaluation.segments import score_segments
from surgvlp.files import InputError, atomic_path, write_json
from surgvlp.predictions import Predictions

RAW = "single frames"
NAMES = {
    "calibrated": "single frames, calibrated",
    "causal": "decoded, causal",
    "offline": "decoded, offline",
    "grammar-alone": "control: the grammar alone",
    "permuted-grammar": "control: permuted grammar",
}
NOTES = {
    RAW: "as published; their confidence is the softmax of 100 times the cosine",
    "calibrated": "a temperature; the predictions are the same",
    "causal": "knows the past",
    "offline": "knows the whole video",
    "grammar-alone": "sees no picture; knows what follows what, and how long it takes",
    "permuted-grammar": "offline, with every phase in another's place",
}


@dataclass(frozen=True)
class DecodedRow:
    """One line of the table; all from 0 to 1, but `stretches` and `brier`.

    Attributes:
        name, note: what it is.
        macro_f1, accuracy: as in `metrics.PhaseScores`, with a 95 % interval over videos.
        edit, f1_at, stretches: as in `segments.SegmentScores`.
        expected_error, brier: as in `calibration.CalibrationScores`.
        protocol, protocol_sha256: what was done.
    """

    name: str
    note: str
    macro_f1: float
    macro_f1_interval: Interval | None
    accuracy: float
    edit: float
    f1_at: tuple[float, ...]
    stretches: float
    expected_error: float
    brier: float
    protocol: str
    protocol_sha256: str


def decoded_rows(
    raw: Sequence[Predictions],
    decoded: Mapping[str, Sequence[Predictions]],
    controls: Mapping[str, Sequence[Predictions]],
) -> list[DecodedRow]:
    """The table of raw scores, of their decodings by kind, and of other runs' decodings by name."""
    rows = [_row(RAW, NOTES[RAW], raw)]
    rows += [_row(NAMES[kind], NOTES[kind], items) for kind, items in decoded.items()]
    return rows + [_row(f"control: {name}", "", items) for name, items in controls.items()]


def as_text(rows: Sequence[DecodedRow]) -> str:
    """The table for a terminal."""
    lines = [f"{'':<28}macro-F1  accuracy   edit  F1@50  calibration error"]
    for row in rows:
        values = f"{row.macro_f1:>8.3f}{row.accuracy:>10.3f}{row.edit:>7.3f}{row.f1_at[-1]:>7.3f}"
        lines.append(f"{row.name:<28}{values}{row.expected_error:>19.3f}")
    return "\n".join(lines)


def open_decoded(folders: Sequence[Path], raw: Sequence[Predictions]) -> dict[str, list[Predictions]]:
    """What was decoded of a run, by kind, pooled as its raw predictions are; nothing where a folder lacks it.

    Raises:
        InputError: decoded predictions of another model or other videos than the raw ones.
    """
    if not all((folder / "decoded" / kind).is_dir() for folder in folders for kind in KINDS):
        return {}
    found = {str(kind): pooled(open_run([folder / "decoded" / kind for folder in folders])) for kind in KINDS}
    for kind, items in found.items():
        if [(item.video, item.model) for item in items] != [(item.video, item.model) for item in raw]:
            raise InputError(
                f"{kind} was decoded from other predictions than those beside it",
                file=folders[0] / "decoded",
                remedy="Decode again with tools/decode_predictions.py",
            )
    return found


def write_decoded(
    items: Sequence[Predictions], decoder: Decoder, output: Path, record: Mapping[str, Any] | None
) -> dict[str, list[Predictions]]:
    """Decode every kind, write the folders in place of older ones, and return the predictions by kind.

    Args:
        items: raw predictions.
        decoder: for their classes.
        output: the run's folder.
        record: what the run's `evaluation.json` holds, for the decoded ones to say the same of themselves.

    Raises:
        InputError: predictions that the decoder is not for.
    """
    decoded = {str(kind): [decode(item, decoder, kind) for item in items] for kind in KINDS}
    with atomic_path(output / "decoded") as folder:
        for kind, found in decoded.items():
            for item in found:
                predictions.save(item, folder / kind / "predictions")
            if record is not None:
                write_json(folder / kind / "evaluation.json", _record(found[0], record))
    write_json(output / "decoder.json", decoder.content())
    return decoded


def remove_decoded(output: Path) -> None:
    """Take away what was decoded from predictions that are no more."""
    shutil.rmtree(output / "decoded", ignore_errors=True)
    (output / "decoder.json").unlink(missing_ok=True)


def _record(item: Predictions, record: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("model", "dataset", "data", "prompts", "versions", "command", "date")
    protocol = {"name": item.protocol, "of": record["protocol"], "compat": record["protocol"]["compat"]}
    return {
        **{name: record[name] for name in kept if name in record},
        "protocol": protocol,
        "protocol_sha256": item.protocol_sha256,
    }


def _row(name: str, note: str, items: Sequence[Predictions]) -> DecodedRow:
    phases, segments, trust = score_phases(items), score_segments(items), score_calibration(items)
    return DecodedRow(
        name=name,
        note=note,
        macro_f1=phases.macro_f1,
        macro_f1_interval=phases.macro_f1_interval,
        accuracy=phases.accuracy,
        edit=segments.edit,
        f1_at=segments.f1,
        stretches=segments.stretches,
        expected_error=trust.expected_error,
        brier=trust.brier,
        protocol=items[0].protocol,
        protocol_sha256=items[0].protocol_sha256,
    )
