"""Captions: what is read is what was written, and every fault is named by file, row and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgvlp.files import InputError
from surgvlp.lectures import Caption, read_captions, write_captions

_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40).filter(
    lambda text: text == text.strip() and text.lower() != "nan"
)
_SECONDS = st.floats(0, 1e5, allow_nan=False)


@st.composite
def _captions(draw: st.DrawFn) -> list[Caption]:
    starts = sorted(draw(st.lists(_SECONDS, min_size=1, max_size=8)))
    steps = draw(st.sampled_from((st.just(""), _TEXT)))
    made = [Caption(start, start + draw(_SECONDS), draw(_TEXT), draw(steps)) for start in starts]
    return list(dict.fromkeys(made))


@given(captions=_captions())
def test_captions_survive_the_csv(captions: list[Caption], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "round.csv"
    write_captions(path, captions)
    assert read_captions(path) == captions


def test_reads_steps_quotes_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "keystep.csv"
    path.write_bytes(
        b'\xef\xbb\xbfstart,end,step,text\r\n0,10,Exposure,"lift, then look"\r\n\r\n10,12.5,,cut \r\n'
    )
    assert read_captions(path) == [
        Caption(0, 10, "lift, then look", "Exposure"),
        Caption(10, 12.5, "cut", ""),
    ]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", ["empty", "start,end,text"]),
        ("start,end,text\n", ["no rows"]),
        ("start,end,words\n0,1,a\n", ["row 1", "'text'"]),
        ("start,end,text,text\n0,1,a,b\n", ["row 1", "'text'", "twice"]),
        ("start,end,text\n0,1,a\n1,2,\n", ["row 3", "'text'", "empty or NaN"]),
        ("start,end,text\n0,1,NaN\n", ["row 2", "'text'", "empty or NaN"]),
        ("start,end,text\nzero,1,a\n", ["row 2", "'start'", "'zero'"]),
        ("start,end,text\nnan,1,a\n", ["row 2", "'start'"]),
        ("start,end,text\n0,inf,a\n", ["row 2", "'end'"]),
        ("start,end,text\n-1,1,a\n", ["row 2", "'start'", "'-1'"]),
        ("start,end,text\n5,4,a\n", ["row 2", "'end'", "5 s to 4 s"]),
        ("start,end,text\n5,6,a\n4,7,b\n", ["row 3", "'start'", "backwards", "row 2"]),
        ("start,end,text\n5,6,a\n5,6,a\n", ["row 3", "same as row 2"]),
        ("start,end,text\n0,1,left, right\n", ["row 2", "4 cells", "quotes"]),
        ('start,end,text\n0,1,"open\n', ["row 2"]),
    ],
)
def test_a_fault_is_named_by_its_place(tmp_path: Path, content: str, named: list[str]) -> None:
    path = tmp_path / "vd01.csv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_captions(path)
    for part in [str(path), *named]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_captions(tmp_path / "absent.csv")
    (tmp_path / "latin.csv").write_bytes("start,end,text\n0,1,é\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_captions(tmp_path / "latin.csv")


def test_writes_nothing_that_could_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for captions in (
        [],
        [Caption(2, 1, "a")],
        [Caption(0, 1, " ")],
        [Caption(3, 4, "a"), Caption(1, 2, "b")],
    ):
        with pytest.raises(InputError):
            write_captions(path, captions)
    assert list(tmp_path.iterdir()) == []


def test_published_texts_load(shared_data: Path) -> None:
    rows = {
        path.parent.name + "/" + path.stem: len(read_captions(path))
        for path in (shared_data / "svl_sample").glob("*_texts/*.csv")
    }
    assert len(rows) == 14
    assert rows["whisper_narration_texts/vd01en1112e"] == 115
    assert rows["aws_narration_texts/vd01en1112e"] == 42
    steps = read_captions(shared_data / "svl_sample/keystep_texts/vd01en1354e.csv")
    assert (steps[0].step, steps[0].start, len(steps)) == ("Case presentation", 15.0, 7)
