"""Python, this package, and the packages it asks for, by what pip has recorded: nothing is imported."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import surgvlp
from surgvlp.doctor.finding import Finding, pip_install

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

# Distributions that hold the same modules: one will do for another, two overwrite each other's files.
RIVALS = (
    ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss-gpu-cu13"),
    ("onnxruntime", "onnxruntime-gpu"),
)
OF_DEVELOPERS = ("dev", "docs")  # make test installs them
SHOWN = ("torch", "torchvision", "transformers", "timm", "mmengine", "numpy")


def findings() -> Iterator[Finding]:
    """Python, surgvlp, what it needs, what its extras need, what is there twice."""
    try:
        from packaging.requirements import Requirement
        from packaging.specifiers import SpecifierSet
    except ImportError:
        yield Finding(
            "packaging", "missing", "not installed, so versions were not checked", pip_install("packaging")
        )
        return
    try:
        own = importlib.metadata.distribution("surgvlp")
    except importlib.metadata.PackageNotFoundError:
        remedy = "Run in the repository: python -m pip install --editable ."
        yield Finding("surgvlp", "missing", "imported, but not installed", remedy)
        return
    yield _python(SpecifierSet(own.metadata["Requires-Python"] or ""))
    yield _surgvlp(own.version)
    requirements = [Requirement(line) for line in own.requires or ()]
    yield from _needed([one for one in requirements if _applies(one, "")])
    for extra in own.metadata.get_all("Provides-Extra") or ():
        if extra in OF_DEVELOPERS:
            continue
        yield _extra(extra, [one for one in requirements if not _applies(one, "") and _applies(one, extra)])
    yield from _twice()


def lacking(requirement: Requirement) -> str | None:
    """Why an installed environment does not satisfy a requirement; None where it does."""
    versions = [_version(name) for name in _stand_ins(requirement.name)]
    found = next((version for version in versions if version), None)
    if found is None:
        return "not installed"
    if not requirement.specifier.contains(found, prereleases=True):
        return f"{found} is installed, {requirement.specifier} is needed"
    return None


def _python(wanted: SpecifierSet) -> Finding:
    version = platform.python_version()
    found = f"{version}, {sys.executable}, {platform.platform()}"
    if wanted.contains(version, prereleases=True):
        return Finding("Python", "ok", found)
    return Finding(
        "Python", "missing", f"{found}, but {wanted} is needed", "Make an environment with a newer one"
    )


def _surgvlp(installed: str) -> Finding:
    found = f"{surgvlp.__version__}, {Path(surgvlp.__file__).parent}"
    if installed == surgvlp.__version__:
        return Finding("surgvlp", "ok", found)
    remedy = "Two are here: leave the folder of the other, or install this one anew"
    return Finding("surgvlp", "warning", f"{found}, but {installed} is installed", remedy)


def _needed(requirements: list[Requirement]) -> Iterator[Finding]:
    reasons = {str(one): (one.name, reason) for one in requirements if (reason := lacking(one))}
    shown = ", ".join(f"{name} {version}" for name in SHOWN if (version := _version(name)))
    there = f"{len(requirements) - len(reasons)} of {len(requirements)} as asked for: {shown}"
    yield Finding("packages", "ok" if not reasons else "warning", there, None if not reasons else "See below")
    for requirement, (name, reason) in reasons.items():
        yield Finding(name, "missing", reason, pip_install(requirement))


def _extra(extra: str, requirements: list[Requirement]) -> Finding:
    missing = [one for one in requirements if lacking(one)]
    if not missing:
        return Finding(f"extra {extra}", "ok", f"all {len(requirements)} packages are here")
    plain = [f"{one.name}{one.specifier}" for one in missing]
    found = f"{len(missing)} of {len(requirements)} packages are not here"
    return Finding(f"extra {extra}", "note", found, pip_install(*plain))


def _twice() -> Iterator[Finding]:
    for rivals in RIVALS:
        here = [name for name in rivals if _version(name)]
        if len(here) > 1:
            remedy = f"Run: python -m pip uninstall {' '.join(here)}, then install the one you want"
            yield Finding(here[0], "warning", f"{' and '.join(here)} overwrite each other", remedy)


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _stand_ins(name: str) -> tuple[str, ...]:
    return next((rivals for rivals in RIVALS if name in rivals), (name,))


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
