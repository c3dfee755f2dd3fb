"""Five narrated lectures in a data tree, and running tools over them with a language model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from language_model_servers import Body

from surgvlp import console
from surgvlp.lectures import Caption, DataTree, write_captions

WHISPER = "whisper_narration"
SAID = (
    "the first trocar is placed below the umbilicus",
    "two more trocars are placed under vision",
    "a 5 mm port goes into the left side",
    "the ports are in place and the abdomen is inflated",
    "the cystic dock is dissected free",
    "a titanium clip goes across the cystic dock",
    "the duct is cut between the clips",
    "both clips on the artery are tight",
    "the bleeding in the liver bed is coagulated",
    "the bipolar forceps stop the bleeding from the liver",
    "the liver bed is rinsed and dry",
    "there is no more bleeding from the bed of the liver",
)
LECTURES = ("one", "two", "three", "four", "five")


def narrations_of(lecture: str) -> list[Caption]:
    said = [f"lecture {lecture} shows a cholecystectomy", *SAID[1:]]
    return [Caption(3 + 8 * row, 8 + 8 * row, text) for row, text in enumerate(said)]


def new_tree(root: Path) -> DataTree:
    """Narrations of five lectures; the splits `train` (two of them) and `all`."""
    tree = DataTree(root)
    for split, lectures in {"train": LECTURES[:2], "all": LECTURES}.items():
        path = root / "splits" / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["video_path", *lectures]) + "\n")
    for lecture in LECTURES:
        write_captions(tree.texts(WHISPER, lecture), narrations_of(lecture))
    return tree


Main = Callable[[list[str]], int]
Run = Callable[..., tuple[int, str]]


def runner(tree: DataTree, block: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a tool over the tree with that config block: its exit code, and what it printed."""

    def run(main: Main, *flags: str) -> tuple[int, str]:
        given = ["--data", str(tree.root), "--language-model", str(block), *flags]
        code = console.exit_code(lambda: main(given))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def is_of(body: Body, lecture: str) -> bool:
    """Whether a question shows the first sentence of that lecture."""
    return f"lecture {lecture} shows" in body["messages"][1]["content"]
