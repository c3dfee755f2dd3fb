"""Real texts, spoken at their own times over made pictures, come back from the recogniser."""

from __future__ import annotations

import itertools
import multiprocessing
import sys
from pathlib import Path

import pytest

from surgvlp.lectures import DataTree, read_captions
from surgvlp.transcription.lecture_job import transcribe_lectures
from surgvlp.transcription.recogniser import load_recogniser

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from spoken_back import compare, make_lecture


@pytest.mark.slow
def test_two_minutes_of_a_real_lecture_spoken_back(shared_data: Path, tmp_path: Path) -> None:
    lecture = "vd01en1112e"
    texts = shared_data / "svl_sample" / "whisper_narration_texts" / f"{lecture}.csv"
    arguments = (texts, tmp_path, lecture, 0, "en-us", 120.0)
    process = multiprocessing.get_context("spawn").Process(target=make_lecture, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0
    tree = DataTree(tmp_path)
    said, real = read_captions(tree.script(lecture)), [row for row in read_captions(texts) if row.end <= 120]
    assert [row.start for row in said] == [row.start for row in real]
    assert [row.text for row in said] == [row.text for row in real]  # nothing had to be left out
    assert all(a.end <= b.start for a, b in itertools.pairwise(said))

    recogniser = load_recogniser(device="cpu", jobs=2)
    summary = transcribe_lectures({lecture: tree.video(lecture)}, tree, recogniser)
    assert summary.done == [lecture]
    assert summary.left_out.total() == 0
    found = compare(tree, lecture)
    assert found["wer"] < 0.3
    assert found["starts_found"] > 0.6 * found["sentences"]
    assert found["start_error_median_s"] < 0.3
