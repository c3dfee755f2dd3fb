"""Training curves out of a run's `metrics.jsonl`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError

Line = tuple[NDArray[np.int64], NDArray[np.float64]]
Curves = dict[str, dict[str, Line]]

BOOKKEEPING = {"split", "step", "epoch", "level", "samples_per_s", "ms_per_step", "data_wait"}


def read_curves(path: Path) -> Curves:
    """Panels of named lines, each (steps, values): losses, learning rate, and what validation measured.

    A line of the file is one object with `split` ("train" or "validation"), `step` and numbers by name, and
    `level` where a run trains several. Of a step that stands there twice the later one counts. A last line
    without its end is what a killed run leaves, and is passed over.

    Raises:
        InputError: no such file, or naming the row of what is no such object.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read as training metrics", file=path) from error
    lines = text.splitlines()
    if lines and not text.endswith("\n"):
        lines.pop()
    records = [_record(line, path, row) for row, line in enumerate(lines, start=1) if line.strip()]
    levels = {record.get("level") for record in records if record["split"] == "train"}
    points: dict[str, dict[str, dict[int, float]]] = {}
    for record in records:
        prefix = f"{record['level']} " if len(levels) > 1 and record.get("level") else ""
        for name, value in record.items():
            if name not in BOOKKEEPING and _is_finite_number(value):
                panel = points.setdefault(_panel(record["split"], name), {})
                panel.setdefault(prefix + name.replace("_", " "), {})[record["step"]] = float(value)
    order = ("Loss", "Learning rate", "Validation loss", "Validation recall", "Validation rank")
    return {
        panel: {name: _line(values) for name, values in points[panel].items()}
        for panel in order
        if panel in points
    }


def _panel(split: str, name: str) -> str:
    if split == "validation":
        # Apart, because ranks count from 1, losses are anything, and the rest lies between 0 and 1.
        return "Validation " + ("loss" if "loss" in name else "rank" if "median_rank" in name else "recall")
    return "Learning rate" if name.startswith("learning_rate") else "Loss"


def _record(line: str, path: Path, row: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError("not JSON", file=path, row=row) from error
    if (
        not isinstance(record, dict)
        or not isinstance(record.get("step"), int)
        or record.get("split") not in ("train", "validation")
    ):
        raise InputError("not a record with `split` and `step`", file=path, row=row)
    return record


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _line(values: dict[int, float]) -> Line:
    steps = sorted(values)
    return np.array(steps, dtype=np.int64), np.array([values[step] for step in steps])
