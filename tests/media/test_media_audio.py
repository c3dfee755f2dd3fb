from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_videos import copied, even_video, joined, write_video, write_wav

from surgvlp.files import InputError
from surgvlp.media.audio import read_audio, stream_audio
from surgvlp.media.decode import frame_times
from surgvlp.media.probe import probe


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s of picture; sound with a click at 2.5 s and a tone that rises with time."""
    folder = tmp_path_factory.mktemp("sound")
    seconds = np.arange(20 * 16000) / 16000
    samples = 0.3 * np.sin(2 * np.pi * (200 + 20 * seconds) * seconds)
    samples[:48000] = 0
    samples[40000:40040] = 0.9
    return joined(
        folder / "x.mp4",
        even_video(folder / "v.mp4", 600),
        write_wav(folder / "x.wav", samples.astype(np.float32)),
    )


def click(samples: np.ndarray) -> float:
    """Second of the loudest sample in the quiet beginning."""
    return float(np.abs(samples[: 5 * 16000]).argmax() / 16000)


def test_blocks_join_to_the_whole_sound(video: Path) -> None:
    blocks = list(stream_audio(video, block_s=3))
    assert [len(block) for block in blocks[:-1]] == [48000] * (len(blocks) - 1)
    whole = np.concatenate(blocks)
    assert whole.dtype == np.float32
    assert len(whole) / 16000 == pytest.approx(20, abs=0.1)
    assert 0.2 < np.abs(whole).max() <= 1
    np.testing.assert_array_equal(whole, np.concatenate(list(stream_audio(video))))
    assert len(np.concatenate(list(stream_audio(video, rate=8000)))) == pytest.approx(len(whole) / 2, abs=2)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.floats(0, 22), length=st.floats(0, 5))
def test_a_window_is_a_piece_of_the_whole(video: Path, start: float, length: float) -> None:
    whole = np.concatenate(list(stream_audio(video)))
    piece = read_audio(video, start, start + length)
    expected = whole[round(start * 16000) : round((start + length) * 16000)]
    assert abs(len(piece) - len(expected)) <= 2
    shared = min(len(piece), len(expected))
    # a sample more or less of shift, which is what a seek in the middle may cost
    assert shared < 100 or max(
        np.corrcoef(piece[2 : shared - 2], expected[2 + d : shared - 2 + d])[0, 1] if expected.std() else 1
        for d in (-2, -1, 0, 1, 2)
    ) > (0.99 if expected[:shared].std() > 0.1 else -1)


def test_sound_and_picture_are_on_one_clock(video: Path, tmp_path: Path) -> None:
    picture, sound = video.parent / "v.mp4", video.parent / "x.wav"
    assert click(read_audio(video)) == pytest.approx(2.5, abs=0.03)
    late = joined(tmp_path / "late_sound.mp4", picture, sound, sound_later_s=1.5)
    assert click(read_audio(late)) == pytest.approx(4.0, abs=0.03)
    assert click(np.concatenate(list(stream_audio(late)))) == pytest.approx(4.0, abs=0.03)
    late = joined(tmp_path / "late_picture.mp4", picture, sound, video_later_s=1.5)
    assert click(read_audio(late)) == pytest.approx(2.5, abs=0.03)
    shifted = copied(tmp_path / "shifted.mp4", video, output_ts_offset=4)
    # copied so, the encoder's lead-in of 64 ms is played and the picture waits for it
    assert click(read_audio(shifted)) - frame_times(shifted)[0] == pytest.approx(2.5, abs=0.03)


def test_no_sound_is_said(video: Path) -> None:
    for read in (read_audio, lambda path: list(stream_audio(path))):
        with pytest.raises(InputError, match=r"v\.mp4: there is no audio track"):
            read(video.parent / "v.mp4")


def test_sound_that_breaks_off_is_said(video: Path, tmp_path: Path) -> None:
    data = copied(tmp_path / "whole.mp4", video, movflags="+faststart").read_bytes()
    (tmp_path / "short.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"short\.mp4"):
        list(stream_audio(tmp_path / "short.mp4"))


def test_leaving_early_stops_ffmpeg(video: Path) -> None:
    blocks = stream_audio(video, block_s=0.1)
    assert len(next(blocks)) == 1600
    blocks.close()  # type: ignore[attr-defined]


def test_probe(video: Path, tmp_path: Path) -> None:
    info = probe(video)
    assert (info.width, info.height, info.frames, info.has_audio) == (192, 32, 600, True)
    assert info.fps == pytest.approx(30000 / 1001, abs=1e-3)
    assert info.end_s == pytest.approx(20.02, abs=0.01)
    assert info.audio_end_s == pytest.approx(20, abs=0.1)
    assert not info.variable_rate
    silent = probe(video.parent / "v.mp4")
    assert not silent.has_audio
    assert silent.audio_end_s == 0
    matroska = probe(copied(tmp_path / "x.mkv", video))
    assert matroska.frames == pytest.approx(600, abs=2)
    late = probe(joined(tmp_path / "l.mp4", video.parent / "v.mp4", video.parent / "x.wav", video_later_s=2))
    assert late.start_s == pytest.approx(2, abs=1e-3)


def test_probe_sees_variable_rates(tmp_path: Path) -> None:
    pts = np.cumsum([0, *([1] * 30), *([3] * 30)]).tolist()
    assert probe(write_video(tmp_path / "x.mp4", pts, Fraction(1, 30))).variable_rate
