"""tools/write_keysteps.py, tools/write_abstracts.py: what is written, what stays, what is written again."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgvlp import console
from surgvlp.features.embed import unit
from surgvlp.files import InputError, write_json
from surgvlp.lectures import Caption, DataTree, read_captions, write_captions
from surgvlp.transcription.offline_writer import AbstractWriter, KeystepWriter, SentenceVectors
from surgvlp.transcription.segmentation import FEWEST, SHORTEST_S
from surgvlp.transcription.text_job import write_texts

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import write_abstracts
import write_keysteps

WHISPER = "whisper_narration"
TOPICS = (
    (
        "the first trocar is placed below the umbilicus",
        "two more trocars are placed under vision",
        "a five millimetre port goes into the left side",
        "the ports are in place and the abdomen is inflated",
    ),
    (
        "the cystic artery is clipped twice",
        "a titanium clip goes across the cystic duct",
        "the duct is cut between the clips",
        "both clips on the artery are tight",
    ),
    (
        "the bleeding in the liver bed is coagulated",
        "the bipolar forceps stop the bleeding from the liver",
        "the liver bed is rinsed and dry",
        "there is no more bleeding from the bed of the liver",
    ),
)


class WordVectors(SentenceVectors):
    """Sentences by the words they have in common: an encoder that needs no loading."""

    def load(self) -> None:
        pass

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), 64), np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, sum(word.encode()) % 64] += 1
        return unit(vectors)


def _narrations(topics: Sequence[Sequence[str]] = TOPICS, every_s: float = 8.0) -> list[Caption]:
    said = [text for topic in topics for text in topic]
    return [Caption(3 + every_s * row, 8 + every_s * row, text) for row, text in enumerate(said)]


@pytest.fixture
def tree(tmp_path: Path) -> DataTree:
    """Narrations of `good`, one sentence of `short`, a broken file of `bad`, nothing of `none`."""
    tree = DataTree(tmp_path)
    for split, lectures in {"train": ["good", "short"], "all": ["good", "short", "bad", "none"]}.items():
        path = tmp_path / "splits" / f"{split}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(["video_path", *(f"{lecture}.mp4" for lecture in lectures)]) + "\n")
    write_captions(tree.texts(WHISPER, "good"), _narrations())
    write_captions(tree.texts(WHISPER, "short"), [Caption(2, 5, "the gallbladder is shown")])
    tree.texts(WHISPER, "bad").write_text("start,end,text\n0,1,one\n5,4,two\n")
    return tree


@pytest.fixture
def run(tree: DataTree, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a tool over the tree: its exit code, and what it printed."""

    def called(main: Callable[[list[str]], int], *flags: str) -> tuple[int, str]:
        code = console.exit_code(lambda: main(["--data", str(tree.root), *flags]))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return called


Run = Callable[..., tuple[int, str]]


def test_keysteps_begin_where_the_topic_changes(tree: DataTree, run: Run) -> None:
    code, printed = run(write_keysteps.main)
    assert code == console.DONE
    assert "2 lectures written, 0 reused, 0 kept, 0 without speech, 0 failed; 4 keystep texts" in printed
    found = read_captions(tree.texts("keystep", "good"))
    assert [(row.start, row.end) for row in found] == [(3, 35), (35, 67), (67, 96)]
    for keystep, topic in zip(found, TOPICS, strict=True):
        assert any(keystep.step in sentence for sentence in topic)
        assert len(keystep.step.split()) <= 5
        sentences = keystep.text.rstrip(".").split(". ")
        assert len(sentences) == 2 and set(sentences) <= set(topic)
    [only] = read_captions(tree.texts("keystep", "short"))
    assert (only.start, only.end, only.text) == (2, 5, "the gallbladder is shown.")


def test_an_abstract_stands_for_all_topics(tree: DataTree, run: Run) -> None:
    code, printed = run(write_abstracts.main)
    assert code == console.DONE and "2 abstract texts" in printed
    [abstract] = read_captions(tree.texts("abstract", "good"))
    assert (abstract.start, abstract.end, abstract.step) == (3, 96, "")
    sentences = abstract.text.rstrip(".").split(". ")
    said = [text for topic in TOPICS for text in topic]
    assert len(sentences) == 5
    assert sentences == sorted(sentences, key=said.index)  # in their order
    assert all(set(sentences) & set(topic) for topic in TOPICS)


def test_done_lectures_are_reused_and_changed_narrations_are_not(tree: DataTree, run: Run) -> None:
    run(write_keysteps.main)
    before = {path: path.stat().st_mtime_ns for path in tree.root.glob("keystep_texts/*")}
    code, printed = run(write_keysteps.main)
    assert code == console.DONE and "0 lectures written, 2 reused, 0 kept" in printed
    assert {path: path.stat().st_mtime_ns for path in tree.root.glob("keystep_texts/*")} == before
    write_captions(tree.texts(WHISPER, "good"), _narrations(TOPICS[:2]))
    _, printed = run(write_keysteps.main)
    assert "1 lectures written, 1 reused" in printed
    assert len(read_captions(tree.texts("keystep", "good"))) == 2
    tree.texts("keystep", "short").unlink()
    _, printed = run(write_keysteps.main)
    assert "1 lectures written, 1 reused" in printed
    write_captions(tree.texts("aws_narration", "good"), _narrations(TOPICS[1:]))
    code, printed = run(write_keysteps.main, "--source", "aws")
    # without narrations of that source there is nothing better than what `short` has
    assert code == console.DONE and "1 lectures written, 1 reused" in printed


def test_what_a_person_wrote_or_changed_stays_unless_told_otherwise(tree: DataTree, run: Run) -> None:
    own = tree.texts("keystep", "short")
    own.parent.mkdir()
    own.write_text("start,end,text\n0,9,Trocar placement\n")
    _, printed = run(write_keysteps.main)
    assert "1 lectures written, 0 reused, 1 kept" in printed and "--replace" in printed
    assert own.read_text() == "start,end,text\n0,9,Trocar placement\n"
    changed = tree.texts("keystep", "good")
    changed.write_text(changed.read_text().replace("duct", "DUCT"))
    write_captions(tree.texts(WHISPER, "good"), _narrations(TOPICS[:2]))  # even then
    code, printed = run(write_keysteps.main)
    assert code == console.DONE and "0 lectures written, 0 reused, 2 kept" in printed
    assert "DUCT" in changed.read_text()
    code, printed = run(write_keysteps.main, "--replace")
    assert code == console.DONE and "2 lectures written, 0 reused, 0 kept" in printed
    assert "DUCT" not in changed.read_text() and "gallbladder" in own.read_text()
    own.write_text("start,end,text\n0,9,Trocar placement\n")  # back again, and somebody's again
    _, printed = run(write_keysteps.main)
    assert "0 lectures written, 1 reused, 1 kept" in printed


def test_a_bad_lecture_is_one_line_and_does_not_stop_the_rest(tree: DataTree, run: Run) -> None:
    code, printed = run(write_keysteps.main, "--split", "all")
    assert code == console.PARTLY_FAILED
    assert "2 lectures written, 0 reused, 0 kept, 0 without speech, 2 failed" in printed
    assert "bad: " in printed and "bad.csv, row 3, 'end'" in printed
    assert "none: " in printed and "Write them with tools/transcribe.py" in printed
    records = [json.loads(line) for line in (tree.root / "manifest.jsonl").read_text().splitlines()]
    outcomes = {record["id"]: record["steps"]["writing_keystep"]["outcome"] for record in records}
    assert outcomes == {"bad": "failed", "good": "done", "none": "failed", "short": "done"}
    # what fails now was written before, and stays ours
    tree.texts(WHISPER, "good").write_text("start,end,text\n")
    assert run(write_keysteps.main)[0] == console.PARTLY_FAILED
    write_captions(tree.texts(WHISPER, "good"), _narrations(TOPICS[1:]))
    assert "1 lectures written, 1 reused" in run(write_keysteps.main)[1]


def test_exit_codes_when_nothing_can_be_done(tree: DataTree, run: Run) -> None:
    code, printed = run(write_keysteps.main, "--split", "missing")
    assert code == console.BAD_INPUT and "missing.csv: there is no such file" in printed
    (tree.root / "splits" / "train.csv").write_text("video_path\nbad.mp4\n")
    assert run(write_keysteps.main)[0] == console.BAD_INPUT
    (tree.root / "splits" / "train.csv").write_text("video_path\nquiet.mp4\n")
    tree.write_status("quiet", "transcription_whisper_narration", {"outcome": "no speech"})
    code, printed = run(write_keysteps.main)
    assert code == console.BAD_INPUT and "1 without speech, 0 failed" in printed
    write_json(tree.root / "status" / "quiet.json", [])
    code, printed = run(write_keysteps.main)
    assert code == console.BAD_INPUT and "not a status file" in printed


def test_interrupted_it_leaves_whole_files_and_knows_its_own(
    tree: DataTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = KeystepWriter(WordVectors())
    target = tree.texts("keystep", "short")

    def stopping(source: Path, to: Path) -> None:
        if Path(to) == target:
            raise KeyboardInterrupt
        replaced(source, to)

    def written(replace: bool = False) -> list[str]:
        return write_texts(tree, ["good", "short"], WHISPER, writer, replace).done

    replaced = os.replace
    monkeypatch.setattr(os, "replace", stopping)  # killed before the file gets its name, its record written
    with pytest.raises(KeyboardInterrupt):
        written()
    assert not target.exists() and tree.texts("keystep", "good").is_file()
    monkeypatch.undo()
    assert written() == ["short"]

    write_captions(tree.texts(WHISPER, "short"), [Caption(2, 5, "the gallbladder is out")])
    monkeypatch.setattr(os, "replace", stopping)
    with pytest.raises(KeyboardInterrupt):
        written()
    assert "shown" in target.read_text()
    monkeypatch.undo()
    assert written() == ["short"] and "out" in target.read_text()
    assert written() == []
    assert not list(tree.root.rglob("*.partial"))


def test_chapter_marks_are_the_keysteps_and_a_title_stands_before_the_abstract(tree: DataTree) -> None:
    marks = [{"start": 10, "title": "Access"}, {"start": 50, "title": "The liver bed"}]
    write_json(tree.metadata("good"), {"title": "Gallbladder", "tags": ["Biliary"], "chapters": marks})
    for writer in (KeystepWriter(WordVectors()), AbstractWriter(WordVectors())):
        assert write_texts(tree, ["good"], WHISPER, writer).done == ["good"]
        assert write_texts(tree, ["good"], WHISPER, writer).reused == ["good"]
    found = read_captions(tree.texts("keystep", "good"))
    assert [(row.start, row.end) for row in found] == [(3, 11), (11, 51), (51, 96)]
    assert [row.step for row in found[1:]] == ["Access", "The liver bed"] and found[0].step
    [abstract] = read_captions(tree.texts("abstract", "good"))
    assert abstract.text.startswith("Video tag: Biliary. Title: Gallbladder. Abstract: ")
    tree.metadata("good").unlink()
    assert write_texts(tree, ["good"], WHISPER, KeystepWriter(WordVectors())).done == ["good"]
    write_json(tree.metadata("good"), {"chapter": []})
    summary = write_texts(tree, ["good", "short"], WHISPER, KeystepWriter(WordVectors()))
    assert summary.done == ["short"] and "metadata/good.json: 'metadata.chapter'" in summary.failed["good"]


def test_without_an_encoder_nothing_is_written(tree: DataTree) -> None:
    writer = KeystepWriter(SentenceVectors("package:no-such-model"))
    with pytest.raises(InputError, match="no package holds 'no-such-model'"):
        write_texts(tree, ["good"], WHISPER, writer)
    assert not tree.texts("keystep", "good").exists()


words = st.sampled_from(
    ["the", "duct", "is", "clipped", "and", "liver", "bed", "bleeds", "port", "5", "mm", "uh"]
)
sentences = st.lists(words, min_size=1, max_size=8).map(" ".join)


@settings(max_examples=60)
@given(
    texts=st.lists(sentences, min_size=1, max_size=25),
    steps=st.lists(st.sampled_from([0.0, 0.5, 7.25, 40.0]), min_size=25, max_size=25),
    lengths=st.lists(st.sampled_from([0.0, 2.5, 30.0]), min_size=25, max_size=25),
)
def test_texts_lie_in_the_narration_in_order_without_overlap(
    texts: list[str], steps: list[float], lengths: list[float]
) -> None:
    starts = list(itertools.accumulate(steps))
    narrations = [
        Caption(start, start + length, text)
        for start, length, text in zip(starts, lengths, texts, strict=False)
    ]
    end = max(row.end for row in narrations)
    keysteps = KeystepWriter(WordVectors()).write(narrations)
    assert (keysteps[0].start, keysteps[-1].end) == (narrations[0].start, end)
    assert all(one.end == other.start for one, other in itertools.pairwise(keysteps))
    assert all(row.step and row.text for row in keysteps)
    if len(keysteps) > 1:
        assert min(row.end - row.start for row in keysteps) >= SHORTEST_S
    assert len(keysteps) <= max(1, len(narrations) // FEWEST)
    [abstract] = AbstractWriter(WordVectors()).write(narrations)
    assert (abstract.start, abstract.end) == (narrations[0].start, end)


def test_real_lectures_get_keysteps_and_abstracts(shared_data: Path, tmp_path: Path) -> None:
    sample = DataTree(shared_data / "svl_sample")
    vectors = SentenceVectors()
    vectors.load()
    for source in (WHISPER, "aws_narration"):
        for path in (sample.texts(source, lecture) for lecture in ("vd01en1354e", "vd01en1612")):
            narrations = read_captions(path)
            keysteps = KeystepWriter(vectors).write(narrations)
            [abstract] = AbstractWriter(vectors).write(narrations)
            write_captions(tmp_path / path.name, keysteps)
            assert read_captions(tmp_path / path.name) == keysteps
            said = {row.text for row in narrations}
            assert set(abstract.text.rstrip(".").split(". ")) <= said
            assert all(set(row.text.rstrip(".").split(". ")) <= said for row in keysteps)
            assert len({row.step for row in keysteps}) == len(keysteps)
