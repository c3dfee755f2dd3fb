"""Odd sound in a video: it is transcribed all the same, or one sentence says why not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import ffmpeg
import numpy as np
import pytest
from lecture_videos import RATE, speak, write_wav

from surgvlp.lectures import DataTree, read_captions
from surgvlp.media.ffmpeg import open_input, running
from surgvlp.media.probe import probe
from surgvlp.transcription.lecture_job import Summary, transcribe_lectures
from surgvlp.transcription.recogniser import Recogniser, load_recogniser
from surgvlp.transcription.score import word_error_rate

Transcribe = Callable[[Path], tuple[Summary, list[tuple[float, str]]]]


@pytest.fixture(scope="module")
def faster() -> Recogniser:
    return load_recogniser("faster-whisper", "package:tiny.en", device="cpu", jobs=2)


@pytest.fixture
def transcribe(faster: Recogniser, tmp_path: Path) -> Transcribe:
    """Transcribes one video; gives the summary, and start and text of each row."""

    def run(video: Path) -> tuple[Summary, list[tuple[float, str]]]:
        tree = DataTree(tmp_path / "data")
        summary = transcribe_lectures({"talk": video}, tree, faster)
        narrations = tree.texts("whisper_narration", "talk")
        rows = read_captions(narrations) if narrations.is_file() else []
        return summary, [(row.start, row.text) for row in rows]

    return run


def _mux(
    path: Path,
    sounds: list[Path],
    seconds: float,
    reading: dict[str, object] | None = None,
    **options: object,
) -> Path:
    """An mp4 or mkv of a grey picture and these sound tracks; `options` are ffmpeg's for the output."""
    picture = ffmpeg.input(f"color=gray:s=32x32:r=5:d={seconds}", f="lavfi", **(reading or {})).video
    tracks = [open_input(sound, **(reading or {})).audio for sound in sounds]
    with running(ffmpeg.output(picture, *tracks, str(path), **{"c:v": "libx264", **options}), file=path):
        pass
    return path


def _talk(spoken: list[np.ndarray]) -> tuple[np.ndarray, str]:
    """A second of silence, a sentence, and again."""
    quiet = np.zeros(RATE, np.float32)
    return np.concatenate([quiet, spoken[1], quiet, spoken[2], quiet]), " ".join(
        ["now look at the left side of the picture", "the camera is moved a little closer to the wall"]
    )


def _heard(rows: list[tuple[float, str]], said: str) -> bool:
    return word_error_rate(said, " ".join(text for _, text in rows)) < 0.35


def test_no_voice(transcribe: Transcribe, tmp_path: Path) -> None:
    summary, rows = transcribe(_mux(tmp_path / "mute.mp4", [], 2))
    assert rows == []
    assert "there is no audio track" in summary.failed["talk"]
    assert "\n" not in summary.failed["talk"]


def test_of_two_tracks_the_default_one_is_taken_and_said(
    transcribe: Transcribe, spoken: list[np.ndarray], tmp_path: Path
) -> None:
    sound, said = _talk(spoken)
    other = write_wav(tmp_path / "other.wav", np.concatenate([spoken[0], np.zeros(3 * RATE, np.float32)]))
    talk = write_wav(tmp_path / "talk.wav", sound)
    flags = {"disposition:a:0": "0", "disposition:a:1": "default"}
    video = _mux(tmp_path / "talk.mkv", [other, talk], len(sound) / RATE, **flags)
    summary, rows = transcribe(video)
    assert _heard(rows, said)
    assert "talk: 2 sound tracks, only the one that players play by default is transcribed" in str(summary)


def test_two_people_speak_in_turn(transcribe: Transcribe, tmp_path: Path) -> None:
    voices = [("en-us", "The gallbladder is removed."), ("en-gb-x-rp+f2", "And where is the liver?")]
    parts = [np.zeros(RATE // 2, np.float32)]
    for voice, text in voices:
        parts += [*speak([text], tmp_path, voice), np.zeros(RATE // 2, np.float32)]
    sound = np.concatenate(parts)
    wav = write_wav(tmp_path / "both.wav", sound)
    _, rows = transcribe(_mux(tmp_path / "talk.mp4", [wav], len(sound) / RATE))
    assert len(rows) == 2
    assert _heard(rows, " ".join(text for _, text in voices))


@pytest.mark.parametrize("kind", ["telephone", "surround", "one channel", "late", "early"])
def test_any_sound_is_transcribed_on_the_clock_of_the_picture(
    kind: str, transcribe: Transcribe, spoken: list[np.ndarray], tmp_path: Path
) -> None:
    sound, said = _talk(spoken)
    seconds, path, start_s = len(sound) / RATE, tmp_path / "talk.mp4", 1.0
    wav = write_wav(tmp_path / "talk.wav", sound)
    if kind == "telephone":
        video = _mux(path, [wav], seconds, ar=8000, ac=1)
    elif kind == "surround":  # the voice in the centre, as films have it, noise at the back
        noise = np.random.default_rng(0).normal(0, 0.003, len(sound)).astype(np.float32)
        zero = np.zeros_like(sound)
        surround = np.stack([zero, zero, sound, zero, noise, noise], axis=1)  # L R C LFE Ls Rs
        wav = write_wav(tmp_path / "surround.wav", surround)
        video = _mux(path, [wav], seconds, **{"channel_layout:a": "5.1"})
    elif kind == "one channel":
        wav = write_wav(tmp_path / "stereo.wav", np.stack([np.zeros_like(sound), sound], axis=1))
        video = _mux(path, [wav], seconds)
    elif kind == "late":  # sound from 2 s on
        video = tmp_path / "talk.mkv"
        picture = ffmpeg.input(f"color=gray:s=32x32:r=5:d={seconds + 2}", f="lavfi").video
        with running(ffmpeg.output(picture, open_input(wav, itsoffset=2).audio, str(video)), file=video):
            pass
        start_s = 3.0
    else:  # the sound's time stamps begin below zero, the picture's at zero; a player begins with the sound
        video = _mux(tmp_path / "talk.mkv", [wav], seconds, {"itsoffset": -2}, avoid_negative_ts="disabled")
        assert probe(video).start_s == pytest.approx(2, abs=0.05)
    summary, rows = transcribe(video)
    assert summary.failed == {}
    assert _heard(rows, said)
    assert rows[0][0] == pytest.approx(start_s, abs=0.4)


def test_a_header_with_a_wrong_duration(
    transcribe: Transcribe, spoken: list[np.ndarray], tmp_path: Path
) -> None:
    """The movie header claims ten times the length, as broken recorders write; the tracks know better."""
    sound, said = _talk(spoken)
    wav = write_wav(tmp_path / "talk.wav", sound)
    video = _mux(tmp_path / "talk.mp4", [wav], len(sound) / RATE)
    data = bytearray(video.read_bytes())
    place = data.index(b"mvhd") + 4 + 16
    for factor in (10, 0.1):
        claimed = round(int.from_bytes(data[place : place + 4], "big") * factor)
        changed = data[:place] + claimed.to_bytes(4, "big") + data[place + 4 :]
        video.write_bytes(changed)
        summary, rows = transcribe(video)
        assert summary.failed == {}
        assert _heard(rows, said)


_MEASURED = """
import json, resource, sys
from surgvlp.lectures import DataTree
from surgvlp.transcription.lecture_job import transcribe_lectures
from surgvlp.transcription.recogniser import load_recogniser
from pathlib import Path
recogniser = load_recogniser("faster-whisper", "package:tiny.en", device="cpu", jobs=2)
megabytes = []
for video in sys.argv[2:]:
    summary = transcribe_lectures({Path(video).stem: Path(video)}, DataTree(sys.argv[1]), recogniser)
    megabytes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(json.dumps({"megabytes": megabytes, "silent": summary.silent, "hours": summary.audio_s / 3600}))
"""


@pytest.mark.slow
def test_four_hours_need_no_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    videos = []
    for name, seconds in (("short", 600), ("long", 4 * 3600)):
        path = tmp_path / f"{name}.mkv"
        picture = ffmpeg.input(f"color=gray:s=16x16:r=1/10:d={seconds}", f="lavfi").video
        sound = ffmpeg.input(f"anullsrc=r=8000:cl=mono:d={seconds}", f="lavfi").audio
        with running(ffmpeg.output(picture, sound, str(path), **{"c:a": "pcm_alaw"}), file=path):
            pass
        videos.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(tmp_path / "data"), *videos],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    short, long = found["megabytes"]
    assert found["silent"] == ["long"]
    assert found["hours"] == pytest.approx(4, rel=1e-3)
    assert long - short < 100  # the sound alone, all at once, is 920 MB
