"""The documentation says what is so: links lead somewhere, code runs, commands and tables are true."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import html
import io
import re
import shlex
import subprocess
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from doc_examples import PREPARATIONS
from tool_module import REPOSITORY, load_program

from surgvlp.datasets import PretrainingFrameKeys
from surgvlp.models.released.names import WEIGHTS
from surgvlp.published.released import RELEASED
from surgvlp.training.self_distillation.settings import SelfDistillationSettings
from surgvlp.training.video_text.settings import VideoTextSettings

DOCS = REPOSITORY / "docs"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md"), *REPOSITORY.glob("benchmarks/*.md")])
BLOCK = re.compile(r"^```([\w ]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FETCHED = re.compile(
    r'<(?:script|img|iframe|source)[^>]+src="https?:|<link(?![^>]*canonical)[^>]+href="https?:'
)
PROGRAM = re.compile(r"^(?:tools/\w+|train|train_hierarchy_ssl)\.py$")


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def test_the_site_builds_whole_and_stands_alone(tmp_path: Path) -> None:
    """One test of three, since workers that share the tests would each build the site."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {page: page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html")}
    del pages[tmp_path / "404.html"]  # its links are those of a server's root
    assert len(pages) > 40
    assert lost_links(pages) == set()
    assert [page for page, text in pages.items() if FETCHED.search(text)] == []
    assert all_public_names() - set(re.findall(r' id="(surgvlp\.[\w.]+)"', "".join(pages.values()))) == set()


def lost_links(pages: dict[Path, str]) -> set[tuple[str, str]]:
    """Page and link, where neither a file of the site nor a place in a page is at its end."""
    anchors = {page: set(re.findall(r' id="([^"]+)"', text)) for page, text in pages.items()}
    lost = set()
    for page, text in pages.items():
        for link in set(re.findall(r'(?:href|src)="([^"]+)"', text)):
            path, _, anchor = unquote(html.unescape(link)).partition("#")
            if re.match(r"[a-z]+:", path):
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and target in anchors and anchor not in anchors[target]):
                lost.add((page.name, link))
    return lost


def all_public_names() -> set[str]:
    """Functions and classes of the package that have a docstring."""
    return {name for path in (REPOSITORY / "surgvlp").rglob("*.py") for name in public_names(path)}


def public_names(path: Path) -> Iterator[str]:
    module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.ClassDef | ast.FunctionDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node)
        ):
            yield f"{module}.{node.name}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_of_the_repository(page: Path) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))]
    local = [link for link in links if link and not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PREPARATIONS)
def test_python_on_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    PREPARATIONS[page](tmp_path, monkeypatch)
    blocks = [
        code
        for kind, code in BLOCK.findall((REPOSITORY / page).read_text(encoding="utf-8"))
        if kind == "python"
    ]
    assert blocks
    exec(compile("\n".join(blocks), page, "exec"), {"__name__": page})


def test_no_page_of_another_system_is_left_out() -> None:
    with_code = {name_of(page) for page in DOCS.glob("systems/*.md") if "```python" in page.read_text()}
    assert with_code <= PREPARATIONS.keys()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_name_programs_and_flags_that_there_are(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(REPOSITORY / "tools")  # as for a program that is started, which the demos use
    for words in commands(page.read_text(encoding="utf-8")):
        program = next((word for word in words if PROGRAM.match(word)), None)
        if program is not None:
            assert (REPOSITORY / program).is_file(), program
            given = {
                word.partition("=")[0] for word in words[words.index(program) :] if word.startswith("--")
            }
            assert given <= flags_of(program), program


def commands(markdown: str) -> Iterator[list[str]]:
    """The lines of blocks without a language that start a Python program."""
    for kind, block in BLOCK.findall(markdown):
        for line in block.replace("\\\n", " ").splitlines():
            if not kind and line.startswith(("python ", "torchrun ")):
                yield shlex.split(line, comments=True)


@cache
def flags_of(program: str) -> set[str]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit):
        load_program(program).main(["--help"])
    return set(re.findall(r"--[a-z][\w-]*", text.getvalue().split("options:")[1]))


def test_every_weight_name_stands_among_the_released_files_with_its_file() -> None:
    rows = [
        row for row in (DOCS / "released_files.md").read_text(encoding="utf-8").splitlines() if "|" in row
    ]
    assert all(any(f"`{name}.pth`" in row for row in rows) for name in RELEASED)
    for name, weights in WEIGHTS.items():
        (row,) = (row for row in rows if f"`{name}`" in row)
        assert weights.file is None or f"| `{weights.file}` |" in row


@pytest.mark.parametrize(
    ("page", "heading", "settings", "keys_of_data"),
    [
        ("lemon.md", "## Flag by flag", SelfDistillationSettings, PretrainingFrameKeys),
        ("surgvlp.md", "### The config", VideoTextSettings, None),
    ],
)
def test_keys_that_stand_for_published_ones_are_settings(
    page: str, heading: str, settings: type, keys_of_data: type | None
) -> None:
    table = (DOCS / "systems" / page).read_text(encoding="utf-8").partition(heading)[2].partition("\n#")[0]
    cells = [row.split("|")[2] for row in table.splitlines() if row.startswith("| `")]
    named = set(re.findall(r"`([a-z]\w*(?:\.\w+)*)", "".join(cells).replace("[]", "")))
    assert len(named) >= 12
    known = names_of(settings)
    if keys_of_data:
        known |= {f"dataset.{field.name}" for field in dataclasses.fields(keys_of_data)}
    assert named <= known


def names_of(settings: type) -> set[str]:
    """Names of settings, those of a section with the section's in front."""
    hints = typing.get_type_hints(settings)
    names = set(hints)
    for section, hint in hints.items():
        for kind in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(kind):
                names |= {f"{section}.{field.name}" for field in dataclasses.fields(kind)}
    return names
