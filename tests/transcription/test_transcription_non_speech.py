"""Where nobody speaks nothing is written, by either engine."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from lecture_videos import write_video

from surgvlp.lectures import DataTree, read_captions
from surgvlp.transcription.inventions import judge
from surgvlp.transcription.lecture_job import transcribe_lectures
from surgvlp.transcription.recogniser import Heard, Recogniser, Word, load_recogniser
from surgvlp.transcription.score import word_error_rate
from surgvlp.transcription.speech import RATE, speech_pieces

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from non_speech import SOUNDS


@pytest.fixture(scope="module")
def faster() -> Recogniser:
    return load_recogniser("faster-whisper", "package:tiny.en", device="cpu", jobs=2)


@pytest.mark.parametrize("name", SOUNDS)
def test_no_speech_is_found_in_silence_noise_and_music(name: str) -> None:
    for seed in (3, 4):  # the first note of the arpeggio of seed 3 sounds like a syllable
        sound = SOUNDS[name](45.0, np.random.default_rng(seed))
        assert sound.dtype == np.float32 and len(sound) == 45 * RATE
        assert list(speech_pieces([sound])) == []


def _invented(recogniser: Recogniser, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """What a recogniser writes that is given such sounds all the same, and how it is judged."""
    rows = []
    for name in names:
        sound = SOUNDS[name](20.0, np.random.default_rng(4))
        words = recogniser.recognise([sound], "en")[0].words
        rows += [(row.segment.text, row.reason) for row in judge(words, speech=[])]
    return [(text, reason) for text, reason in rows if text.strip(" .")]


def test_what_faster_whisper_invents_is_left_out(faster: Recogniser) -> None:
    invented = _invented(faster, tuple(SOUNDS))
    assert invented  # the recogniser does invent, else this test shows nothing
    assert [row for row in invented if not row[1]] == []


@pytest.mark.slow
def test_what_openai_whisper_invents_is_left_out(shared_data: Path) -> None:
    openai = load_recogniser("openai-whisper", str(shared_data / "whisper" / "tiny.en.pt"), device="cpu")
    invented = _invented(openai, ("silence", "theatre", "chords", "strings"))
    assert [row for row in invented if not row[1]] == []


def test_a_lecture_with_music_is_written_as_without(
    faster: Recogniser, spoken: list[np.ndarray], script: str, tmp_path: Path
) -> None:
    generator = np.random.default_rng(5)
    parts = [SOUNDS["arpeggio"](12.0, generator)]
    for sound, name in zip(spoken, ("theatre", "chords", "silence"), strict=True):
        parts += [sound, SOUNDS[name](9.0, generator)]
    sound = np.concatenate(parts)
    write_video(tmp_path / "lecture.mp4", sound, len(sound) / RATE)
    tree = DataTree(tmp_path)
    transcribe_lectures({"lecture": tmp_path / "lecture.mp4"}, tree, faster)
    rows = read_captions(tree.texts("whisper_narration", "lecture"))
    assert word_error_rate(script, " ".join(row.text for row in rows)) < 0.35
    assert len(rows) == 3
    assert rows[0].start > 11.5


class _Inventive:
    """A recogniser that says its credits after each piece, and runs into a loop in the first."""

    batch_size = 4

    def __init__(self, inner: Recogniser) -> None:
        self._inner, self.settings = inner, {**inner.settings, "inventive": True}

    def language(self, piece: np.ndarray) -> str:
        return "en"

    def recognise(self, pieces: list[np.ndarray], language: str) -> list[Heard]:
        credits = ["", "Subtitles", "by", "the", "Amara.org", "community."][1:]
        heard = []
        for found in self._inner.recognise(pieces, language):
            end = found.words[-1].end
            more = [Word(f" {word}", end, end + 0.1, 0.8) for word in credits]
            loop = [Word(" Now", end + 0.2, end + 0.3, 0.8)] * 9
            heard.append(Heard([*found.words, *more, *loop], True))
        return heard


def test_what_is_left_out_is_counted_and_kept_in_raw_with_its_reason(
    faster: Recogniser, videos: Path, tmp_path: Path
) -> None:
    tree = DataTree(tmp_path)
    plain = transcribe_lectures({"good_b": videos / "good_b.mp4"}, tree, faster)
    assert "left out" not in str(plain)
    expected = read_captions(tree.texts("whisper_narration", "good_b"))
    summary = transcribe_lectures({"good_b": videos / "good_b.mp4"}, tree, _Inventive(faster))
    found = read_captions(tree.texts("whisper_narration", "good_b"))
    assert [row.text for row in found] == [*(row.text for row in expected), "now"]
    with tree.raw("whisper_narration", "good_b").open(newline="") as stream:
        raw = list(csv.DictReader(stream))
    assert [(row["text"], row["left_out"]) for row in raw[-3:]] == [
        ("Subtitles by the Amara.org community.", "phantom_phrase"),
        ("Now", ""),
        ("Now Now Now Now Now Now Now Now", "repetition_loop"),
    ]
    record = tree.read_status("good_b")["transcription_whisper_narration"]
    assert record["left_out"] == {
        "sound_label": 0,
        "phantom_phrase": 1,
        "repetition_loop": 1,
        "impossible_rate": 0,
        "no_voice": 0,
        "wild_guess": 0,
    }
    assert record["looped_pieces"] == 1
    assert "left out since nobody said them: 1 phantom_phrase, 1 repetition_loop\n" in str(summary)
    assert "1 pieces of sound decoded again because of a loop" in str(summary)
