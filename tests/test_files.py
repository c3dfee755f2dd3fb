from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp import files
from surgvlp.files import InputError


@pytest.mark.parametrize("text", ["vd01en1354e", "lecture_0001", "-a9Xz_3-Q", "a.b", "x" * 128])
def test_published_and_youtube_ids_are_accepted(text: str) -> None:
    assert files.checked_id(text) == text


@pytest.mark.parametrize(
    "text", ["", ".hidden", "../up", "a/b", "a\\b", "a..b", "x" * 129, "a b", "a\n", "é"]
)
def test_ids_that_could_leave_their_folder_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a usable id"):
        files.checked_id(text, file="train.csv", row=3)


@given(st.text(max_size=140))
def test_an_accepted_id_is_always_one_plain_path_component(text: str) -> None:
    try:
        files.checked_id(text)
    except InputError:
        return
    assert Path("root", text).parent == Path("root") and Path("root", text).name == text


def test_error_names_place_and_remedy_on_one_line() -> None:
    error = InputError("the text\nis empty.", file="a.csv", row=7, key="text", remedy="Fill it in.")
    assert str(error) == "a.csv, row 7, 'text': the text is empty. Fill it in."


@pytest.mark.parametrize(("remedy", "end"), [("Fill it in", "x. Fill it in."), ("Is it y?", "x. Is it y?")])
def test_a_remedy_ends_as_a_sentence(remedy: str, end: str) -> None:
    assert str(InputError("x", remedy=remedy)) == end


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "status.json"
    files.write_json(target, {"a": 1})
    with pytest.raises(RuntimeError), files.atomic_path(target) as path:
        path.write_text("half")
        raise RuntimeError
    assert files.read_json(target) == {"a": 1}
    assert os.listdir(tmp_path) == ["status.json"]


def test_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "store"
    for name in ("old", "new"):
        with files.atomic_path(target) as path:
            path.mkdir()
            (path / name).write_text(name)
    assert os.listdir(target) == ["new"] and os.listdir(tmp_path) == ["store"]


def test_killed_writer_never_shows_a_torn_file(tmp_path: Path) -> None:
    target = tmp_path / "big.json"
    files.write_json(target, list(range(1000)))
    program = (
        "import sys; from surgvlp import files\n"
        "while True: files.write_json(sys.argv[1], list(range(200_000)))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(target)])
    seen = set()
    for _ in range(15):
        time.sleep(0.05)
        seen.add(len(files.read_json(target)))
    process.kill()
    process.wait()
    seen.add(len(files.read_json(target)))
    assert seen <= {1000, 200_000}


def test_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the disk is full"), files.atomic_path(tmp_path / "x"):
        Path("/dev/full").write_text("x" * 100_000)
    assert os.listdir(tmp_path) == []


def test_package_file_refuses_another_hash() -> None:
    relative = "pytest/py.typed"
    path = files.package_file("pytest", relative, files.sha256_of(Path(pytest.__file__).parent / "py.typed"))
    assert path.name == "py.typed"
    with pytest.raises(InputError, match="expected 00"):
        files.package_file("pytest", relative, "00")
    with pytest.raises(InputError, match="pip install no-such-package"):
        files.package_file("no-such-package", "x", "00")


@pytest.mark.parametrize(("content", "words"), [("{", "not valid JSON"), (b"\xff\xfe", "not UTF-8")])
def test_bad_json_names_the_file(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=words):
        files.read_json(path)
