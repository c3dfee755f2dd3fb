"""What the report's page shows, as plain values that its template only has to place."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgvlp.evaluation.calibration import BINS, CalibrationScores, probabilities
from surgvlp.evaluation.comparison import Row, spoken
from surgvlp.evaluation.curves import Curves
from surgvlp.evaluation.decoded import DecodedRow
from surgvlp.evaluation.figures import clock, colour
from surgvlp.evaluation.metrics import PhaseScores, between
from surgvlp.evaluation.nearest import NearFrame
from surgvlp.evaluation.segments import runs
from surgvlp.media.images import encode_jpeg, resize
from surgvlp.predictions import Predictions

COLUMNS = 600  # of a ribbon; a screen shows no more


def score_table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry a row of the table; positions are percent of the axis from 0 to 1."""
    return [
        {
            "name": row.name,
            "note": row.note,
            "videos": row.videos,
            "f1": f"{row.macro_f1:.3f}",
            "f1_interval": between(row.macro_f1_interval, ".2f"),
            "accuracy": f"{row.accuracy:.3f}",
            "accuracy_interval": between(row.accuracy_interval, ".2f"),
            "lead": "" if row.lead is None else f"{row.lead:+.3f}",
            "lead_interval": between(row.lead_interval, "+.2f"),
            "at": _percent(row.macro_f1),
            "span": None
            if row.macro_f1_interval is None
            else (
                _percent(row.macro_f1_interval[0]),
                _percent(row.macro_f1_interval[1] - row.macro_f1_interval[0]),
            ),
            "protocol": row.protocol,
            "sha256": row.protocol_sha256,
        }
        for row in rows
    ]


def decoded_table(rows: Sequence[DecodedRow]) -> list[dict[str, Any]]:
    """Raw and decoded scores and their controls, a row each."""
    return [
        {
            "name": row.name,
            "note": row.note,
            "control": row.name.startswith("control"),
            "f1": f"{row.macro_f1:.3f}",
            "f1_interval": between(row.macro_f1_interval, ".2f"),
            "accuracy": f"{row.accuracy:.3f}",
            "edit": f"{row.edit:.2f}",
            "f1_at": [f"{value:.2f}" for value in row.f1_at],
            "stretches": f"{row.stretches:.1f}",
            "expected_error": f"{row.expected_error:.3f}",
            "brier": f"{row.brier:.2f}",
            "protocol": row.protocol,
            "sha256": row.protocol_sha256,
        }
        for row in rows
    ]


def reliability(panels: Mapping[str, CalibrationScores]) -> list[dict[str, Any]]:
    """Bars in a box of 100 x 100: how often predictions of each confidence are right."""
    return [
        {
            "title": title,
            "error": f"{scores.expected_error:.3f}",
            "bars": [
                {
                    "x": f"{100 * place / BINS:.2f}",
                    "width": f"{94 / BINS:.2f}",
                    "y": f"{100 - 100 * right:.2f}",
                    "height": f"{100 * right:.2f}",
                    "hint": f"{frames} frames, on average {mean:.0%} sure and {right:.0%} right",
                }
                for place, (mean, right, frames) in enumerate(
                    zip(scores.confidence, scores.right, scores.frames, strict=True)
                )
                if frames
            ],
        }
        for title, scores in panels.items()
    ]


def ribbons(
    predictions: Sequence[Predictions],
    scores: PhaseScores,
    decoded: Mapping[str, Sequence[Predictions]] | None = None,
) -> list[dict[str, Any]]:
    """For each video the stretches of truth and predictions and the outline of confidence, 0..1000 wide."""
    decoded = decoded or {}
    return [
        {
            "video": item.video,
            "f1": f"{video.macro_f1:.2f}",
            "accuracy": f"{video.accuracy:.2f}",
            "length": clock(item.time_s[-1] - item.time_s[0]),
            "lanes": [
                {"name": "labelled", "blocks": _blocks(item, item.label)},
                {"name": "predicted", "blocks": _blocks(item, item.score.argmax(axis=1))},
                *(
                    {"name": kind, "blocks": _blocks(item, decoded[kind][place].score.argmax(axis=1))}
                    for kind in ("causal", "offline")
                    if decoded
                ),
            ],
            "confidence": _outline(
                probabilities((decoded["calibrated"][place] if decoded else item).score).max(axis=1)
            ),
        }
        for place, (item, video) in enumerate(zip(predictions, scores.videos, strict=True))
    ]


def legend(names: Sequence[str]) -> list[dict[str, str]]:
    """Classes with their colours."""
    return [{"name": spoken(name), "colour": colour(index)} for index, name in enumerate(names)]


def confusion_table(scores: PhaseScores) -> list[dict[str, Any]]:
    """Rows of the confusion matrix: shares of the label's frames."""
    counts = scores.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return [
        {
            "name": spoken(item.name),
            "colour": colour(row),
            "cells": [
                {
                    "text": f"{100 * shares[row, column]:.0f}" if counts[row, column] else "",
                    "alpha": f"{shares[row, column]:.3f}",
                    "strong": shares[row, column] > 0.55,
                    "hint": f"{counts[row, column]} frames predicted as {spoken(other.name)}",
                }
                for column, other in enumerate(scores.classes)
            ],
        }
        for row, item in enumerate(scores.classes)
    ]


def class_table(scores: PhaseScores) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of every class; a dash where they are 0/0."""
    return [
        {
            "name": spoken(item.name),
            "colour": colour(index),
            "precision": _or_dash(item.precision),
            "recall": _or_dash(item.recall),
            "f1": _or_dash(item.f1),
            "width": _percent(item.f1 or 0),
            "support": f"{item.support:,}",
            "predicted": f"{item.predicted:,}",
        }
        for index, item in enumerate(scores.classes)
    ]


def near_frames(
    found: Sequence[Sequence[NearFrame]], names: Sequence[str], prompts: Sequence[str]
) -> list[dict[str, Any]]:
    """For each class its nearest frames as inlined JPEGs."""
    return [
        {
            "name": spoken(names[index]),
            "colour": colour(index),
            "prompt": prompts[index] if prompts else "",
            "right": sum(frame.right for frame in frames),
            "frames": [
                {
                    "source": data_uri(frame.picture),
                    "caption": f"{frame.video} at {clock(frame.time_s)}",
                    "score": f"{round(frame.score, 2) + 0.0:.2f}",  # no -0.00
                    "right": frame.right,
                    "labelled": spoken(names[frame.label]) if frame.label >= 0 else "no label",
                }
                for frame in frames
            ],
        }
        for index, frames in enumerate(found)
    ]


def number(value: float) -> str:
    """Three digits, short: 0.655, 1.6k, 3e-4."""
    if abs(value) < 1e-12:
        return "0"
    if abs(value) >= 1e4:
        return f"{value / 1000:.3g}k"
    if abs(value) >= 1e-3:
        return f"{value:.4g}" if abs(value) >= 1000 else f"{value:.3g}"
    digits, exponent = f"{value:.2e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def data_uri(picture: NDArray[np.uint8], height: int = 132) -> str:
    """A small JPEG inside the page."""
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    data = encode_jpeg(resize(picture, (height, width)), 82)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def curve_panels(curves: Curves) -> list[dict[str, Any]]:
    """Lines as points in a box of 320 x 170, with ticks."""
    return [_panel(title, lines) for title, lines in curves.items()]


def _panel(title: str, lines: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]) -> dict[str, Any]:
    from matplotlib.ticker import MaxNLocator

    steps = np.concatenate([line[0] for line in lines.values()]).astype(np.float64)
    values = np.concatenate([line[1] for line in lines.values()])
    x_ticks = MaxNLocator(4, integer=True).tick_values(min(0.0, steps.min()), max(1.0, steps.max()))
    y_ticks = MaxNLocator(4).tick_values(
        values.min(), values.max() if np.ptp(values) else values.min() + 1e-9
    )

    def x_of(step: Any) -> Any:
        return 44 + 264 * (step - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])

    def y_of(value: Any) -> Any:
        return 142 - 132 * (value - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])

    return {
        "title": title,
        "x_ticks": [{"at": f"{x_of(tick):.1f}", "text": number(tick)} for tick in x_ticks],
        "y_ticks": [{"at": f"{y_of(tick):.1f}", "text": number(tick)} for tick in y_ticks],
        "lines": [
            {
                "name": name,
                "colour": colour(index),
                "points": " ".join(
                    f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in zip(*_thinned(*line), strict=True)
                ),
                "last": number(line[1][-1]),
            }
            for index, (name, line) in enumerate(lines.items())
        ],
    }


def _thinned(steps: NDArray[Any], values: NDArray[Any], most: int = 400) -> tuple[NDArray[Any], NDArray[Any]]:
    keep = np.unique(np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int))
    return steps[keep], values[keep]


def _columns(count: int) -> NDArray[np.int64]:
    """Which frames a ribbon shows: all, or the one in the middle of each column."""
    if count <= COLUMNS:
        return np.arange(count)
    return ((np.arange(COLUMNS) + 0.5) * count / COLUMNS).astype(np.int64)


def _blocks(item: Predictions, classes: NDArray[np.int64]) -> list[dict[str, Any]]:
    shown = _columns(len(classes))
    scale = 1000 / len(shown)
    return [
        {
            "x": f"{start * scale:.1f}",
            "width": f"{(end - start) * scale:.1f}",
            "colour": colour(value),
            "hint": f"{spoken(item.class_names[value])}, {clock(item.time_s[shown[start]])} to "
            f"{clock(item.time_s[shown[end - 1]])}",
        }
        for start, end, value in runs(classes[shown])
        if value >= 0
    ]


def _outline(values: NDArray[np.float64]) -> str:
    shown = values[_columns(len(values))]
    scale = 1000 / len(shown)
    tops = " ".join(f"L{(at + 0.5) * scale:.1f},{10 * (1 - value):.1f}" for at, value in enumerate(shown))
    return f"M0,10 {tops} L1000,10 Z"


def _percent(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.2f}"


def _or_dash(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"
