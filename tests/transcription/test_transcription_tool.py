"""tools/transcribe.py: good videos among bad ones, resuming, interruption."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from surgvlp import console
from surgvlp.files import InputError
from surgvlp.lectures import DataTree, read_captions
from surgvlp.transcription.lecture_job import find_videos, transcribe_lectures
from surgvlp.transcription.recogniser import Heard, load_recogniser
from surgvlp.transcription.score import word_error_rate

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import transcribe


def _run(*arguments: str) -> int:
    return console.exit_code(
        lambda: transcribe.main(["--model", "package:tiny.en", "--jobs", "2", *arguments])
    )


def _files(root: Path) -> dict[str, tuple[bytes, int]]:
    texts = (root / "whisper_narration_texts").rglob("*.*")
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in texts}


def test_bad_videos_among_good_ones_and_resuming(
    videos: Path, script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--videos", str(videos), "--out", str(tmp_path)]
    assert _run(*arguments) == console.PARTLY_FAILED
    printed = capsys.readouterr().out
    assert "mute" in printed and "no audio track" in printed
    assert "torn" in printed
    assert "silent: no speech found" in printed
    assert "2 lectures done, 0 reused, 1 without speech, 2 failed" in printed
    tree = DataTree(tmp_path)
    cleaned = read_captions(tree.texts("whisper_narration", "good_a"))
    raw = read_captions(tree.raw("whisper_narration", "good_a"))
    words = json.loads(tree.words("whisper_narration", "good_a").read_text())
    assert len(cleaned) == len(raw) == 3
    assert word_error_rate(script, " ".join(row.text for row in cleaned)) < 0.35
    assert raw[0].text[0].isupper() and cleaned[0].text.islower()
    assert "".join(word["word"] for word in words).split() == " ".join(row.text for row in raw).split()
    assert set(words[0]) == {"word", "start", "end", "probability"}
    assert len(_files(tmp_path)) == 6  # three of each good lecture, none of the others
    manifest = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert [line["id"] for line in manifest] == ["good_a", "good_b", "mute", "silent", "torn"]

    before = _files(tmp_path)
    assert _run(*arguments) == console.PARTLY_FAILED
    assert "0 lectures done, 2 reused, 1 without speech, 2 failed" in capsys.readouterr().out
    assert _files(tmp_path) == before
    tree.texts("whisper_narration", "good_b").unlink()
    assert _run(*arguments) == console.PARTLY_FAILED
    assert "1 lectures done, 1 reused" in capsys.readouterr().out
    assert {name: content for name, (content, _) in _files(tmp_path).items()} == {
        name: content for name, (content, _) in before.items()
    }


def test_other_arguments_or_another_video_are_done_again(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "moved" / "talk.mp4"
    video.parent.mkdir()
    shutil.copy(videos / "good_b.mp4", video)
    arguments = ["--videos", str(video), "--out", str(tmp_path)]

    def done(*more: str) -> bool:
        assert _run(*arguments, *more) == console.DONE
        return "1 lectures done" in capsys.readouterr().out

    assert done()
    video.touch()
    assert not done()  # touched, but the same bytes
    assert done("--beam-size", "1")
    assert done("--beam-size", "1", "--source", "aws")
    assert DataTree(tmp_path).texts("aws_narration", "talk").is_file()
    shutil.copy(videos / "silent.mp4", video)  # what was heard in another video goes away
    assert _run(*arguments, "--beam-size", "1") == console.BAD_INPUT
    assert not DataTree(tmp_path).texts("whisper_narration", "talk").exists()


def test_nothing_to_do_is_bad_input(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert _run("--videos", str(videos / "torn.mp4"), "absent.mp4", "--out", str(out)) == console.BAD_INPUT
    printed = capsys.readouterr().out
    assert "absent.mp4: there is no such file" in printed
    assert not (out / "whisper_narration_texts").exists()
    assert _run("--videos", str(tmp_path), "--out", str(out)) == console.BAD_INPUT
    assert "no videos" in capsys.readouterr().err
    assert _run("--videos", str(tmp_path / "vidoes"), "--out", str(tmp_path / "new")) == console.BAD_INPUT
    assert "vidoes: there is no such folder" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_split_chooses_lectures(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "train.csv").write_text("video_path\ngood_b.mp4\nnowhere.mp4\n")
    arguments = ["--videos", str(videos), "--split", "train", "--out", str(tmp_path)]
    assert _run(*arguments) == console.PARTLY_FAILED
    printed = capsys.readouterr().out
    assert "1 lectures done" in printed and "nowhere" in printed


def test_two_files_with_one_id(tmp_path: Path) -> None:
    for name in ("one/a.mp4", "two/a.mkv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="the id 'a'"):
        find_videos([tmp_path / "one", tmp_path / "two"])
    assert find_videos([tmp_path / "one", tmp_path / "one" / "a.mp4"]) == {"a": tmp_path / "one" / "a.mp4"}


class _Interrupted:
    """A recogniser whose person presses ctrl-C when the second lecture begins."""

    def __init__(self) -> None:
        self._inner = load_recogniser("faster-whisper", "package:tiny.en", device="cpu", jobs=2)
        self.batch_size, self.settings, self.calls = 1, self._inner.settings, 0

    def language(self, piece: np.ndarray) -> str:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return self._inner.language(piece)

    def recognise(self, pieces: list[np.ndarray], language: str) -> list[Heard]:
        return self._inner.recognise(pieces, language)


def test_an_interrupted_run_keeps_what_is_whole(videos: Path, tmp_path: Path) -> None:
    tree = DataTree(tmp_path)
    found = {name: videos / f"{name}.mp4" for name in ("good_a", "good_b")}
    with pytest.raises(KeyboardInterrupt):
        transcribe_lectures(found, tree, _Interrupted())
    assert sorted(_files(tmp_path)) == [
        f"whisper_narration_texts/{name}" for name in ("good_a.csv", "raw/good_a.csv", "words/good_a.json")
    ]
    summary = transcribe_lectures(found, tree, load_recogniser(device="cpu", jobs=2))
    assert (summary.done, summary.reused) == (["good_b"], ["good_a"])
