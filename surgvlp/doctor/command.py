"""The doctor's command line and its report."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import surgvlp
from surgvlp.doctor import libraries, machine, packages, slurm
from surgvlp.doctor.children import run_checks
from surgvlp.doctor.finding import Finding, State

DESCRIPTION = """Is this machine fit for surgvlp? Says what is there, what is not, and what to do about it.

Ends with 0 where nothing essential is missing, else with 1."""


def main(arguments: list[str] | None = None) -> int:
    """Check, print, and return the exit code."""
    flags = _parse_flags(arguments)
    report: dict[str, list[Finding]] = {}
    for group, found in examine(flags.data):
        report[group] = found
        if not flags.json:
            print(_in_words(group, found), flush=True)
    missing = [one.name for found in report.values() for one in found if one.state == "missing"]
    print(_as_json(report) if flags.json else _verdict(missing))
    return 1 if missing else 0


def examine(data: Path) -> Iterator[tuple[str, list[Finding]]]:
    """Groups of findings in the order in which they are read; the slow ones run beside each other.

    Args:
        data: root of the data tree, there or not.
    """
    groups: dict[str, Callable[[], Iterable[Finding]]] = {
        "Packages": packages.findings,
        "Libraries": libraries.loading,
        "GPU": lambda: _in_child("gpu", "GPU"),
        "Video and sound": lambda: _in_child("videos", "ffmpeg"),
        "Machine": lambda: machine.findings(data),
        "Slurm": slurm.findings,
        "Models": lambda: _in_child("weights", "models"),
        "Data": lambda: _in_child("lectures", "data", str(data)),
    }
    with ThreadPoolExecutor() as pool:
        running = {group: pool.submit(_survived, group, check) for group, check in groups.items()}
        for group, answer in running.items():
            yield group, answer.result()


def _survived(group: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check found up to where it broke, if it did: the other checks are still worth reading."""
    found = []
    try:
        for finding in check():
            found.append(finding)
    except Exception as error:
        why = f"the check broke off: {type(error).__name__}: {error}"
        found.append(Finding(group, "warning", why, "Report it, with this line"))
    return found


def _in_child(module: str, name: str, *arguments: str) -> list[Finding]:
    found, broke_off = run_checks(module, arguments)
    if broke_off is None:
        return found
    state: State = "missing" if module == "videos" else "warning"
    remedy = "Mend what is missing above, then ask again"
    return [*found, Finding(name, state, f"the check broke off: {broke_off}", remedy)]


def _parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="root of the data tree (data)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs and reports")
    return parser.parse_args(arguments)


def _in_words(group: str, found: list[Finding]) -> str:
    lines = [group]  # not wrapped: commands are copied from here
    for one in found:
        state = one.state.upper() if one.state == "missing" else one.state
        lines.append(f"  {state:<8} {one.name}: {one.found}")
        if one.remedy:
            lines.append(f"{' ' * 11}-> {one.remedy}")
    return "\n".join(lines) + "\n"


def _as_json(report: dict[str, list[Finding]]) -> str:
    groups = {group: [asdict(one) for one in found] for group, found in report.items()}
    return json.dumps({"surgvlp": surgvlp.__version__, "groups": groups}, indent=1, ensure_ascii=False)


def _verdict(missing: list[str]) -> str:
    if not missing:
        return "Nothing essential is missing."
    return f"Essential and missing: {', '.join(dict.fromkeys(missing))}."
