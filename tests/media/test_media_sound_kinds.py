"""Every kind of sound that lectures come in: tracks, channels, rates, levels."""

from __future__ import annotations

from pathlib import Path

import ffmpeg
import numpy as np
import pytest
from media_videos import even_video, joined, write_wav

from surgvlp.files import InputError
from surgvlp.media.audio import read_audio, stream_audio
from surgvlp.media.ffmpeg import open_input, running
from surgvlp.media.probe import probe

RATE = 16000
LAYOUTS = {"mono": "FC", "stereo": "FL FR", "5.1": "FL FR FC LFE BL BR", "7.1": "FL FR FC LFE BL BR SL SR"}


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return even_video(tmp_path_factory.mktemp("sound") / "v.mp4", 60)


def tone(folder: Path, hertz: float, rate: int = RATE, level: float = 0.5) -> Path:
    samples = level * np.sin(2 * np.pi * hertz * np.arange(2 * rate) / rate)
    return write_wav(folder / f"{hertz:g}_{rate}.wav", samples.astype(np.float32), rate)


def loudest(samples: np.ndarray, rate: int = RATE) -> float:
    """The frequency of the loudest partial."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples))


def with_tracks(path: Path, picture: Path, tones: list[Path], **options: object) -> Path:
    streams = [open_input(picture).video, *(open_input(each).audio for each in tones)]
    options = {"c:v": "copy", "acodec": "aac", **options}
    with running(ffmpeg.output(*streams, f"file:{path}", **options), file=path):
        pass
    return path


def surround(path: Path, picture: Path, layout: str, level: dict[str, float]) -> Path:
    """Sound with these levels (0 to 1) of a 440 Hz tone in each channel."""
    parts = [f"{level.get(name, 0)}*sin(2*PI*440*t)" for name in LAYOUTS[layout].split()]
    source = ffmpeg.input(f"aevalsrc={'|'.join(parts)}:c={layout}:s=48000:d=2", format="lavfi")
    output = ffmpeg.output(
        open_input(picture).video, source.audio, f"file:{path}", vcodec="copy", acodec="flac"
    )
    with running(output, file=path):
        pass
    return path


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_of_two_voices_the_default_one_is_heard(picture: Path, tmp_path: Path, ending: str) -> None:
    tones = [tone(tmp_path, 300), tone(tmp_path, 700)]
    flags = {"disposition:a:0": 0, "disposition:a:1": "default"}
    for name, options, hertz in (("second", flags, 700), ("first", {}, 300)):
        video = with_tracks(tmp_path / f"{name}.{ending}", picture, tones, **options)
        info = probe(video)
        assert (info.audio_tracks, info.audio_stream) == (2, 2 if name == "second" else 1)
        assert loudest(read_audio(video)) == pytest.approx(hertz, abs=2)
        assert loudest(np.concatenate(list(stream_audio(video)))) == pytest.approx(hertz, abs=2)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
def test_any_sample_rate(picture: Path, tmp_path: Path, rate: int) -> None:
    video = joined(tmp_path / "x.mp4", picture, tone(tmp_path, 440, rate))
    info = probe(video)
    assert (info.audio_tracks, info.has_audio) == (1, True)
    whole = np.concatenate(list(stream_audio(video)))
    assert len(whole) / RATE == pytest.approx(2, abs=0.15)
    assert loudest(whole) == pytest.approx(440, abs=2)
    assert np.abs(whole[RATE // 2 : -RATE // 2]).max() == pytest.approx(0.5, abs=0.03)
    piece = read_audio(video, 1.25, 1.75)  # the same samples, wherever one comes in
    assert np.corrcoef(piece, whole[int(1.25 * RATE) : int(1.75 * RATE)])[0, 1] > 0.99


@pytest.mark.parametrize("layout", ["stereo", "5.1", "7.1"])
def test_all_channels_at_full_level_do_not_clip(picture: Path, tmp_path: Path, layout: str) -> None:
    level = dict.fromkeys(LAYOUTS[layout].split(), 1.0)
    heard = read_audio(surround(tmp_path / "x.mkv", picture, layout, level))
    assert np.abs(heard).max() <= 1
    assert np.sqrt(np.square(heard).mean()) == pytest.approx(np.sqrt(0.5), abs=0.01)  # a whole sine
    assert loudest(heard) == pytest.approx(440, abs=2)


def test_the_voice_in_the_middle_is_heard(picture: Path, tmp_path: Path) -> None:
    voice = np.abs(read_audio(surround(tmp_path / "c.mkv", picture, "5.1", {"FC": 0.6}))).max()
    music = np.abs(read_audio(surround(tmp_path / "b.mkv", picture, "5.1", {"BL": 0.6}))).max()
    assert voice > 0.25 * 0.6
    assert voice > 1.5 * music


def test_one_channel_stays_as_it_is(picture: Path, tmp_path: Path) -> None:
    heard = read_audio(surround(tmp_path / "x.mkv", picture, "mono", {"FC": 0.9}))
    assert np.abs(heard).max() == pytest.approx(0.9, abs=0.01)


def test_no_voice_ends_in_a_sentence(picture: Path) -> None:
    assert (probe(picture).audio_tracks, probe(picture).audio_stream) == (0, None)
    with pytest.raises(InputError, match="there is no audio track"):
        read_audio(picture)
