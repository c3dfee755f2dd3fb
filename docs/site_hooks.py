"""What the site has beside docs/: a page of signatures for each room, and pages from elsewhere.

The pages of a room are written from the source at build time, so that a new module is on the site without
anyone listing it. A link such as `../benchmarks/dtw.md` is right for a reader of the repository; on the site
that page lies under the same root, and the link is turned.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "surgvlp"
LINK = re.compile(r"(?<=\]\()([\w./-]+)(?=[)#])")
CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add to the navigation what is found, not listed: rooms and measurements."""
    measured = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("benchmarks/*.md"))
    found = [{"Measurements": measured}, {"API": [{"Overview": "api/index.md"}, *api_pages()]}]
    config.nav = [*(config.nav or []), *found]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the rooms, and those of the navigation that lie outside docs/."""
    for name, text in api_pages().items():
        files.append(File.generated(config, name, content=text))
    for pattern in ("benchmarks/*.md", "data/README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for path in ROOT.glob(pattern):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that leave docs/, or come into it from elsewhere, into links of the site."""
    here = page.file.src_uri
    in_repository = f"docs/{here}" if (ROOT / "docs" / here).is_file() else here

    def turned(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(in_repository), link[1]))
        target = target.removeprefix("docs/")
        if files.get_file_from_path(target) is None:
            return link[1]
        return posixpath.relpath(target, posixpath.dirname(here) or ".")

    parts = CODE.split(markdown)  # every second one is code
    return "".join(part if number % 2 else LINK.sub(turned, part) for number, part in enumerate(parts))


def api_pages() -> dict[str, str]:
    """By name within docs/: a page for each room, and one for the modules that every room stands on."""
    rooms = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
    pages = {f"api/{room.name}.md": _page(room.name, sorted(room.rglob("*.py"))) for room in rooms}
    return {"api/foundations.md": _page("foundations", sorted(PACKAGE.glob("*.py")))} | pages


def _page(title: str, paths: list[Path]) -> str:
    return f"# {title}\n\n" + "\n".join(_module(path) for path in paths)


def _module(path: Path) -> str:
    """A module's own public names; those it passes on from elsewhere stand where they are defined."""
    names = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join(names[:-1] if names[-1] == "__init__" else names)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    public = [name for name in own if not name.startswith("_")]
    members = "\n".join(f"        - {name}" for name in public) or "        - nothing_of_its_own"
    return f"::: {module}\n    options:\n      members:\n{members}\n"
