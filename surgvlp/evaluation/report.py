"""The report: one page that needs nothing but itself, the same pictures as PNGs, and the numbers as JSON.

<output>/report.html      everything inlined; no script, no link, nothing fetched
<output>/figures/*.png
<output>/summary.json     the table and the scores, for machines
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from surgvlp.evaluation import figures, view
from surgvlp.evaluation.calibration import CalibrationScores, score_calibration
from surgvlp.evaluation.comparison import Row, compare, spoken, summary
from surgvlp.evaluation.curves import Curves, read_curves
from surgvlp.evaluation.decoded import DecodedRow, decoded_rows, open_decoded
from surgvlp.evaluation.folders import colour_run, open_run, picture_reader, pooled
from surgvlp.evaluation.metrics import PhaseScores, between
from surgvlp.evaluation.nearest import NearFrame, Picture, nearest_frames
from surgvlp.evaluation.versions import now, versions
from surgvlp.files import InputError, atomic_path, read_json, write_json, write_text
from surgvlp.predictions import Predictions

COLOUR = "colour baseline"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Report:
    """What a report is made of; everything but the runs may be missing.

    Attributes:
        runs: predictions by name; the first is reported, the others stand beside it in the table.
        notes: a few words on what a run is, by name.
        decoded: the first run's predictions decoded over time, by kind (`decoding.KINDS`).
        decoded_controls: other runs' decoded predictions, by name.
        title: of the page.
        subject: what the videos are, in words: "unseen lectures".
        picture: gives the frame of (video, frame_index), for the nearest frames.
        prompt_sets: prompt files' lines, one set a file.
        protocol: the settled protocol as plain data.
        curves: of the training.
        narrations: `{"wer": 0..1, ...}`: word error rate against what was spoken; further keys are listed.
        commands: what was run, a line each.
        facts: further lines of the provenance, by name.
    """

    runs: Mapping[str, Sequence[Predictions]]
    notes: Mapping[str, str] = field(default_factory=dict)
    decoded: Mapping[str, Sequence[Predictions]] = field(default_factory=dict)
    decoded_controls: Mapping[str, Sequence[Predictions]] = field(default_factory=dict)
    title: str = "Zero-shot phase recognition"
    subject: str = "videos"
    picture: Picture | None = None
    prompt_sets: Sequence[Sequence[str]] = ()
    protocol: Mapping[str, Any] | None = None
    curves: Curves = field(default_factory=dict)
    narrations: Mapping[str, Any] | None = None
    commands: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def write_report(report: Report, output: Path) -> dict[str, Any]:
    """Write the report and return what `summary.json` holds.

    Everything is drawn before the first file is written, and every file appears whole: an error leaves an
    older report as it was.

    Raises:
        InputError: runs that cannot be compared or scored, a frame that cannot be read.
    """
    rows, scores = compare(report.runs, report.notes)
    main = next(iter(report.runs.values()))
    near = nearest_frames(main, report.picture) if report.picture else []
    over_time = decoded_rows(main, report.decoded, report.decoded_controls) if report.decoded else []
    page = _page(report, rows, scores, near, over_time)
    pictures = _pictures(report, rows, scores, near)
    content = {
        "title": report.title,
        "date": now(),
        "dataset": main[0].dataset,
        **summary(rows, scores),
        "decoded": [asdict(row) for row in over_time],
        "narrations": report.narrations,
    }
    with atomic_path(output / "figures") as folder:
        folder.mkdir()
        for name, data in pictures.items():
            (folder / name).write_bytes(data)
    write_json(output / "summary.json", content)
    write_text(output / "report.html", page)
    return content


def report_of(
    runs: Mapping[str, Sequence[Path]],
    output: Path,
    *,
    colour_split: str | None = None,
    curves: Path | None = None,
    narrations: Path | None = None,
    commands: Sequence[str] = (),
    **words: Any,
) -> dict[str, Any]:
    """Write the report of prediction folders and return what `summary.json` holds.

    Args:
        runs: folders by name, several of a name are pooled (seeds); the first run is the one reported.
        output: where the report goes.
        colour_split: add the colour baseline, trained with labels on this split of each folder's data.
        curves: `metrics.jsonl` of the training.
        narrations: JSON file with `wer`.
        commands: what was run; None given, those that the evaluations recorded.
        words: `title`, `subject`, `notes` of `Report`.

    Raises:
        InputError: for files that cannot be used; an older report is then left as it was.
    """
    opened = {name: open_run(folders) for name, folders in runs.items()}
    main = next(iter(opened.values()))
    items = {name: pooled(folders) for name, folders in opened.items()}
    notes = dict(words.pop("notes", None) or {})
    if colour_split is not None:
        items[COLOUR] = colour_run(main, colour_split)
        notes.setdefault(
            COLOUR, "logistic regression on mean and deviation of RGB, trained with phase labels"
        )
    decoded = {name: open_decoded(folders, items[name]) for name, folders in runs.items()}
    others = [name for name in list(runs)[1:] if decoded[name]]
    records = [folder.about for folders in opened.values() for folder in folders if folder.about]
    about = main[0].about or {}
    report = Report(
        runs=items,
        notes=notes,
        decoded=decoded[next(iter(runs))],
        decoded_controls={
            f"{name}, {kind}": decoded[name][kind] for kind in ("causal", "offline") for name in others
        },
        picture=picture_reader(main),
        prompt_sets=about.get("prompts", ()),
        protocol=about.get("protocol"),
        curves=read_curves(curves) if curves else {},
        narrations=_read_narrations(narrations) if narrations else None,
        commands=commands or [record["command"] for record in records],
        **words,
    )
    return write_report(report, output)


def _read_narrations(path: Path) -> Mapping[str, Any]:
    content = read_json(path)
    wer = content.get("wer") if isinstance(content, dict) else None
    if not isinstance(wer, int | float) or isinstance(wer, bool):
        raise InputError("holds no word error rate", file=path, key="wer", remedy='Write: {"wer": 0.08}')
    return content


def headline(rows: Sequence[Row], subject: str) -> dict[str, str]:
    """The main number and the sentence that says what it is worth."""
    main, controls = rows[0], rows[1:]
    best = max(controls, key=lambda row: row.macro_f1)
    worth = f"The strongest of {len(controls)} controls, {best.name}, reaches {best.macro_f1:.2f}"
    if best.macro_f1 >= main.macro_f1:
        worth += ": the model has shown nothing that the control has not"
    return {
        "number": f"{main.macro_f1:.2f}",
        "subject": f"macro-F1 on {main.videos} {subject}, from text prompts alone",
        "interval": between(main.macro_f1_interval, ".2f"),
        "accuracy": f"{main.accuracy:.2f}",
        "worth": worth + ".",
    }


def _page(
    report: Report,
    rows: Sequence[Row],
    scores: PhaseScores,
    near: Sequence[Sequence[NearFrame]],
    over_time: Sequence[DecodedRow],
) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Autoescape is what keeps a video called "<script>" a name.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    main = next(iter(report.runs.values()))
    names = main[0].class_names
    single = report.prompt_sets[0] if report.prompt_sets else ()
    return environment.get_template("report.html").render(
        title=report.title,
        headline=headline(rows, report.subject),
        rows=view.score_table(rows),
        one_protocol=len({row.protocol_sha256 for row in rows}) == 1,
        legend=view.legend(names),
        over_time=view.decoded_table(over_time),
        reliability=view.reliability(_reliability(report)),
        ribbons=view.ribbons(main, scores, report.decoded),
        confusion=view.confusion_table(scores),
        classes=view.class_table(scores),
        near=view.near_frames(near, names, single),
        prompt_sets=[list(zip(map(spoken, names), prompts, strict=True)) for prompts in report.prompt_sets],
        curves=view.curve_panels(report.curves),
        narrations=_narrations(report.narrations),
        protocol=report.protocol,
        commands=report.commands,
        facts=_facts(report, main, rows[0]),
        date=now(),
    )


def _pictures(
    report: Report, rows: Sequence[Row], scores: PhaseScores, near: Sequence[Sequence[NearFrame]]
) -> dict[str, bytes]:
    main = next(iter(report.runs.values()))
    pictures = {
        "scores.png": figures.scores_beside_controls(rows),
        "phase_ribbons.png": figures.phase_ribbons(main, scores, report.decoded),
        "confusion.png": figures.confusion(scores),
    }
    if report.decoded:
        pictures["reliability.png"] = figures.reliability(_reliability(report))
    if near:
        titles = (
            report.prompt_sets[0] if report.prompt_sets else [spoken(name) for name in main[0].class_names]
        )
        pictures["nearest_frames.png"] = figures.nearest_frames(near, titles)
    if report.curves:
        pictures["training_curves.png"] = figures.training_curves(report.curves)
    return pictures


def _reliability(report: Report) -> dict[str, CalibrationScores]:
    """How honest confidence is before and after calibration, and decoded, where that was done."""
    if not report.decoded:
        return {}
    shown = {"as published": next(iter(report.runs.values())), "calibrated": report.decoded["calibrated"]}
    shown |= {kind: report.decoded[kind] for kind in ("causal", "offline")}
    return {name: score_calibration(items) for name, items in shown.items()}


def _narrations(narrations: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if narrations is None:
        return None
    others = {
        name.replace("_", " "): value
        for name, value in narrations.items()
        if name != "wer" and isinstance(value, str | int | float)
    }
    return {"wer": f"{100 * float(narrations['wer']):.1f} %", "others": others}


def _facts(report: Report, main: Sequence[Predictions], row: Row) -> dict[str, str]:
    frames = sum(len(item.label) for item in main)
    return {
        "Protocol": row.protocol,
        "Protocol sha256": row.protocol_sha256,
        "Data set": f"{main[0].dataset}, {len(main)} videos, {frames:,} frames",
        "Model": row.model,
        **report.facts,
        "Versions": ", ".join(f"{name} {found}" for name, found in versions().items()),
    }
