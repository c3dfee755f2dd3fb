"""The report that compares models: numbers as JSON, a table as Markdown, one page that stands alone.

<output>/comparison.json, comparison.md, comparison.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from surgvlp.evaluation.comparing.expected_order import (
    EMPTY,
    HOLDS,
    REVERSED,
    UNDECIDED,
    Comparison,
    Line,
    Step,
    compare_models,
)
from surgvlp.evaluation.figures import colour
from surgvlp.evaluation.metrics import Interval, between
from surgvlp.evaluation.report import TEMPLATES
from surgvlp.evaluation.versions import now, versions
from surgvlp.files import write_json, write_text

BASIS = (
    "Intervals are 95 % percentile bootstraps over lectures, drawn within each corpus (10,000 draws); a "
    "difference is taken between two models on the same draws. They say how far lectures differ, not how far "
    "a second training would."
)
WIDTH, LEFT, ROW = 300.0, 96.0, 19.0  # of a chart, in its own units


def compare_runs(
    models: Mapping[str, Sequence[Path]],
    output: Path,
    controls: Mapping[str, Sequence[Path]] | None = None,
    notes: Mapping[str, str] | None = None,
    commands: Sequence[str] = (),
) -> Comparison:
    """Compare models, see `compare_models`, write the three files and return what was compared.

    Args:
        models: runs by name, in the order that is expected, the weakest first.
        output: folder.
        controls: runs that stand beside them.
        notes: a few words on a run, by name.
        commands: what was run, a line each.

    Raises:
        InputError: runs that cannot be compared; files of an earlier comparison are then left as they were.
    """
    comparison = compare_models(models, controls)
    page = as_page(comparison, notes or {}, commands)
    write_json(
        output / "comparison.json", {**comparison.content(), "notes": dict(notes or {}), "date": now()}
    )
    write_text(output / "comparison.md", as_markdown(comparison))
    write_text(output / "comparison.html", page)
    return comparison


def order_in_words(comparison: Comparison) -> list[str]:
    """A sentence for each neighbours of the expected order."""
    sentences = []
    for worse, better in pairwise(comparison.order):
        found = comparison.verdicts(better)
        said = sum(found.values()) - found[EMPTY]
        sentences.append(
            f"{better} above {worse}: holds for {found[HOLDS]} of {said} metrics, within chance for "
            f"{found[UNDECIDED]}, does not hold for {found[REVERSED]}."
        )
    return sentences


def scale(comparison: Comparison) -> str:
    """`30 unseen lectures of 3 corpora`."""
    corpora = f" of {comparison.corpora} corpora" if comparison.corpora > 1 else ""
    return f"{comparison.lectures} unseen lectures{corpora}"


def as_markdown(comparison: Comparison) -> str:
    """The table, the verdicts, and why an order was not found."""
    runs = [*comparison.controls, *comparison.order]
    headings = ["", "chance", *runs, *(f"{step.better} − {step.worse}" for step in comparison.lines[0].steps)]
    rows = [f"# {' → '.join(comparison.order)}", "", f"{scale(comparison)}. {BASIS}", ""]
    rows += [f"- {sentence}" for sentence in order_in_words(comparison)]
    for group, lines in groupby(comparison.lines, key=lambda line: line.metric.group):
        rows += ["", f"## {group}", "", _row(headings), _row(["---"] + ["---:"] * (len(headings) - 1))]
        for line in lines:
            scores = [f"{line.scores[name].value:.3f}{_bracket(line.scores[name].interval)}" for name in runs]
            steps = [
                f"{step.difference:+.3f}{_bracket(step.interval, '+.3f')} **{step.verdict}**"
                for step in line.steps
            ]
            rows.append(_row([line.metric.name, f"{line.chance:.3f}", *scores, *steps]))
    missed = _missed(comparison)
    if missed:
        rows += ["", "## Where the order was not found", ""]
        rows += [
            f"- {line.metric.group}, {line.metric.name}, {step.better} above {step.worse}: "
            f"{step.verdict} ({step.why})"
            for line, step in missed
        ]
    return "\n".join(rows) + "\n"


def as_page(comparison: Comparison, notes: Mapping[str, str], commands: Sequence[str]) -> str:
    """The whole HTML page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    runs = [*comparison.order, *comparison.controls]
    colours = {name: colour(place) for place, name in enumerate(comparison.order)}
    counted = [comparison.verdicts(better) for better in comparison.order[1:]]
    return environment.get_template("comparison.html").render(
        title="Models on unseen lectures",
        order=comparison.order,
        scale=scale(comparison),
        basis=BASIS,
        held=sum(found[HOLDS] for found in counted),
        asked=sum(sum(found.values()) - found[EMPTY] for found in counted),
        sentences=order_in_words(comparison),
        runs=[
            {
                "name": name,
                "note": notes.get(name, ""),
                "colour": colours.get(name),
                "files": ", ".join(comparison.files[name]),
            }
            for name in runs
        ],
        groups=[
            _group(group, list(lines), runs, colours)
            for group, lines in groupby(comparison.lines, key=lambda line: line.metric.group)
        ],
        missed=[
            {"metric": f"{line.metric.group}: {line.metric.name}", **_step(step)}
            for line, step in _missed(comparison)
        ],
        commands=commands,
        versions=", ".join(f"{name} {found}" for name, found in versions().items()),
        date=now(),
    )


def _group(
    title: str, lines: Sequence[Line], runs: Sequence[str], colours: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "title": title,
        "chance": "; ".join(dict.fromkeys(line.metric.chance for line in lines)),
        "steps": [f"{step.better} − {step.worse}" for step in lines[0].steps],
        "rows": [
            {
                "name": line.metric.name,
                "chance": f"{line.chance:.3f}",
                "scores": [_score(line, name) for name in runs],
                "steps": [_step(step) for step in line.steps],
            }
            for line in lines
        ],
        "charts": [_chart(line, runs, colours) for line in lines],
    }


def _score(line: Line, name: str) -> dict[str, str]:
    score = line.scores[name]
    corpora = ", ".join(f"{value:.3f}" for value in score.by_corpus)
    return {"value": f"{score.value:.3f}", "interval": between(score.interval), "corpora": corpora}


def _step(step: Step) -> dict[str, str]:
    return {
        "between": f"{step.better} above {step.worse}",
        "difference": f"{step.difference:+.3f}",
        "interval": between(step.interval, "+.3f"),
        "verdict": step.verdict,
        "mark": {HOLDS: "right", REVERSED: "wrong"}.get(step.verdict, "soft"),
        "why": step.why,
    }


def _chart(line: Line, runs: Sequence[str], colours: Mapping[str, str]) -> dict[str, Any]:
    """Dots and intervals on an axis from 0 to a round number above all of them."""
    highest = max(
        [line.chance, *(max(score.value, *(score.interval or (0,))) for score in line.scores.values())]
    )
    top = next(step for step in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if highest <= step + 1e-9)

    def at(value: float) -> str:
        return f"{LEFT + (WIDTH - LEFT - 16) * value / top:.1f}"

    height = ROW * len(runs)
    return {
        "title": line.metric.name,
        "height": height,
        "total": height + 20,
        "chance": at(line.chance),
        "ticks": [{"at": at(top * share), "text": f"{top * share:g}"} for share in (0, 0.5, 1)],
        "rows": [
            {
                "name": name,
                "y": ROW * (place + 0.5),
                "dot": at(line.scores[name].value),
                "span": [at(bound) for bound in line.scores[name].interval or ()],
                "corpora": [at(value) for value in line.scores[name].by_corpus]
                if len(line.scores[name].by_corpus) > 1
                else [],
                "colour": colours.get(name),
                "hint": f"{name} {line.scores[name].value:.3f} {between(line.scores[name].interval)}",
            }
            for place, name in enumerate(runs)
        ],
    }


def _missed(comparison: Comparison) -> list[tuple[Line, Step]]:
    return [(line, step) for line in comparison.lines for step in line.steps if step.verdict != HOLDS]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _bracket(bounds: Interval | None, form: str = ".3f") -> str:
    return f" ({between(bounds, form)})" if bounds else ""
