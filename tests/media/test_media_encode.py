from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_videos import (
    HEIGHT,
    WIDTH,
    frames_by_ffmpeg,
    number_in,
    numbers_in,
    picture,
    quadrant_colours,
    quadrants,
    write_wav,
)
from small_disk import run_on_small_disk

from surgvlp.files import InputError
from surgvlp.media.audio import read_audio
from surgvlp.media.decode import decode, frame_times, index_frames
from surgvlp.media.encode import Encoding, VideoWriter
from surgvlp.media.images import read_image, resize, write_image
from surgvlp.media.probe import probe


def write(path: Path, frames: int = 50, **options: object) -> Path:
    with VideoWriter(path, WIDTH, HEIGHT, 25, **options) as writer:  # type: ignore[arg-type]
        for number in range(frames):
            writer.write(picture(number))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    video = write(tmp_path / "deep" / "x.mp4")
    times = frame_times(video)
    np.testing.assert_allclose(times, np.arange(50) / 25, atol=1e-9)
    assert numbers_in(decode(video, times)[0]) == list(range(50))
    assert [path.name for path in video.parent.iterdir()] == ["x.mp4"]


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "x.wav", np.sin(np.arange(32000) / 9).astype(np.float32) / 2)
    first, second = (write(tmp_path / f"{name}.mp4", audio=sound).read_bytes() for name in "ab")
    assert first == second
    assert probe(tmp_path / "a.mp4").has_audio


def test_rates_key_frames_and_quality(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "x.mp4", WIDTH, HEIGHT, 29.97, encoding=Encoding(gop=5)) as writer:
        for number in range(60):
            writer.write(picture(number))
    index = index_frames(tmp_path / "x.mp4")
    assert len(index.key_pts) == 12
    assert probe(tmp_path / "x.mp4").fps == pytest.approx(29.97, abs=1e-3)
    rough, fine = (write(tmp_path / f"{crf}.mp4", encoding=Encoding(crf=crf)) for crf in (40, 5))
    assert rough.stat().st_size < fine.stat().st_size


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=st.lists(st.integers(1, 2000), min_size=1, max_size=20),
    start=st.integers(0, 3000),
    rotation=st.sampled_from([0, 90, 180, 270]),
    aspect=st.fractions(Fraction(1, 3), 3, max_denominator=64),
    gop=st.one_of(st.none(), st.integers(1, 9)),
    faststart=st.booleans(),
)
def test_however_it_is_stored_the_same_is_shown(
    tmp_path: Path,
    gaps: list[int],
    start: int,
    rotation: int,
    aspect: Fraction,
    gop: int | None,
    faststart: bool,
) -> None:
    seconds = np.cumsum([start, *gaps]) / 1000
    encoding = Encoding(crf=5, gop=gop, rotation=rotation, pixel_aspect=aspect, faststart=faststart)
    images = [np.roll(quadrants(64, 96), 8 * (number % 2), 1) for number in range(len(seconds))]
    with VideoWriter(tmp_path / "x.mp4", 96, 64, None, encoding=encoding) as writer:
        for image, second in zip(images, seconds, strict=True):
            writer.write(image, second)
    index = index_frames(tmp_path / "x.mp4")
    # with nothing to hear, a file begins with its first picture
    np.testing.assert_allclose(index.times, seconds - seconds[0], atol=2e-5)
    assert gop is None or len(index.key_pts) >= len(seconds) / gop
    info = probe(tmp_path / "x.mp4")
    assert (info.height, info.width) == (64, 96)
    frames, _ = decode(tmp_path / "x.mp4", index.times)
    assert frames.shape == (len(seconds), 64, 96, 3)
    for frame, image in zip(frames, images, strict=True):
        np.testing.assert_allclose(quadrant_colours(frame), quadrant_colours(image), atol=12)


def test_a_player_is_told_of_turns_and_pixels(tmp_path: Path) -> None:
    encoding = Encoding(rotation=90, pixel_aspect=Fraction(16, 15), crf=5)
    with VideoWriter(tmp_path / "x.mp4", 48, 96, 25, encoding=encoding) as writer:
        for _ in range(3):
            writer.write(quadrants(96, 48))
    with av.open(tmp_path / "x.mp4") as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        # 96 rows of the upright picture are stored as 96 / (16/15) = 90 columns
        assert (stream.height, stream.width, stream.sample_aspect_ratio) == (48, 90, Fraction(16, 15))
        assert frame.rotation == -90  # anticlockwise
        assert frame.colorspace == 6
    by_ffmpeg = frames_by_ffmpeg(tmp_path / "x.mp4", 90, 48)[0]  # which turns, but leaves pixels as they are
    np.testing.assert_allclose(quadrant_colours(by_ffmpeg), quadrant_colours(quadrants(90, 48)), atol=9)


def test_ntsc_rates_are_exact(tmp_path: Path) -> None:
    for fps in (29.97, Fraction(30000, 1001)):
        with VideoWriter(tmp_path / "x.mp4", WIDTH, HEIGHT, fps) as writer:
            for number in range(100):
                writer.write(picture(number))
        with av.open(tmp_path / "x.mp4") as container:
            stream = container.streams.video[0]
            assert stream.average_rate == Fraction(30000, 1001)
            assert [p.pts * p.time_base for p in container.demux(stream) if p.size] == [
                Fraction(1001 * number, 30000) for number in range(100)
            ]
            assert stream.duration * stream.time_base == Fraction(100 * 1001, 30000)


def test_other_rates_are_what_they_say(tmp_path: Path) -> None:
    for fps, exact in ((4, 4), (25.0, 25), (12.5, Fraction(25, 2)), (23.98, Fraction(24000, 1001))):
        with VideoWriter(tmp_path / "x.mp4", WIDTH, HEIGHT, fps) as writer:
            for number in range(10):
                writer.write(picture(number))
        with av.open(tmp_path / "x.mp4") as container:
            assert container.streams.video[0].average_rate == exact


def test_sound_lies_beside_the_pictures_and_may_begin_later(tmp_path: Path) -> None:
    samples = np.zeros(48000, np.float32)
    samples[16000:16400] = 0.9
    sound = write_wav(tmp_path / "x.wav", samples)
    for late_s in (0.0, 1.25):
        video = write(tmp_path / "x.mp4", 100, audio=sound, encoding=Encoding(audio_start_s=late_s))
        heard = read_audio(video)
        assert np.abs(heard).argmax() / 16000 == pytest.approx(1 + late_s, abs=0.03)
        assert len(heard) / 16000 == pytest.approx(3 + late_s, abs=0.1)
        with av.open(video) as container:  # nobody has to seek to play both
            places: dict[str, list[int]] = {"video": [], "audio": []}
            for packet in container.demux():
                if packet.size:
                    places[packet.stream.type].append(packet.pos or 0)
        assert places["audio"][0] < places["video"][50]
        assert places["video"][0] < places["audio"][-1]


def test_pictures_may_begin_after_the_sound(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "x.wav", np.sin(np.arange(48000) / 9).astype(np.float32) / 2)
    with VideoWriter(tmp_path / "x.mp4", WIDTH, HEIGHT, None, audio=sound) as writer:
        for number in range(10):
            writer.write(picture(number), 0.5 + number / 10)
    np.testing.assert_allclose(frame_times(tmp_path / "x.mp4"), 0.5 + np.arange(10) / 10, atol=2e-5)
    assert np.abs(read_audio(tmp_path / "x.mp4", 0, 0.2)).max() > 0.4


def test_the_table_of_frames_may_stand_in_front(tmp_path: Path) -> None:
    for front in (False, True):
        data = write(tmp_path / "x.mp4", encoding=Encoding(faststart=front)).read_bytes()
        assert (data.index(b"moov") < data.index(b"mdat")) == front


def test_fine_colours_keep_their_mean(tmp_path: Path) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, ::2, 0] = 255  # red columns, one pixel wide
    with VideoWriter(tmp_path / "x.mp4", 96, 64, 25, encoding=Encoding(crf=1)) as writer:
        writer.write(image)
        writer.write(np.roll(image, 1, 1))
    means = decode(tmp_path / "x.mp4", [0, 0.04])[0].mean((1, 2))
    # a coarser chroma costs some of the red, but the same in both
    np.testing.assert_allclose(means[0], means[1], atol=3)
    np.testing.assert_allclose(means, np.tile(image.mean((0, 1)), (2, 1)), atol=25)


@pytest.mark.parametrize("encoding", [Encoding(), Encoding(rotation=90, pixel_aspect=Fraction(16, 15))])
def test_planes_are_taken_as_pictures_are(tmp_path: Path, encoding: Encoding) -> None:
    image = quadrants(48, 90)
    for name, frame in (("rgb", image), ("planes", cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420))):
        with VideoWriter(tmp_path / name, 90, 48, 25, encoding=encoding) as writer:
            for _ in range(3):
                writer.write(frame)
    (rgb,), (planes,) = (decode(tmp_path / name, np.zeros(1))[0] for name in ("rgb", "planes"))
    np.testing.assert_allclose(quadrant_colours(planes), quadrant_colours(rgb), atol=6)


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    video = write(tmp_path / "x.mp4")
    before = video.read_bytes()
    with pytest.raises(RuntimeError), VideoWriter(video, WIDTH, HEIGHT, 25) as writer:
        writer.write(picture(1))
        raise RuntimeError
    assert video.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]


def test_unusable_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="even sizes"):
        VideoWriter(tmp_path / "x.mp4", 33, 32, 25)
    with pytest.raises(InputError, match=r"x\.wav"):
        VideoWriter(tmp_path / "x.mp4", 32, 32, 25, audio=tmp_path / "x.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(InputError, match=r"text\.wav: not a"):
        write(tmp_path / "x.mp4", frames=2000, audio=tmp_path / "text.wav")
    with (
        pytest.raises(ValueError, match="expected uint8"),
        VideoWriter(tmp_path / "x.mp4", 32, 32, 25) as writer,
    ):
        writer.write(np.zeros((32, 32), np.uint8))
    with pytest.raises(ValueError, match="no frames"), VideoWriter(tmp_path / "x.mp4", 32, 32, 25):
        pass
    frame = np.zeros((32, 32, 3), np.uint8)
    with (
        pytest.raises(ValueError, match="comes after"),
        VideoWriter(tmp_path / "x.mp4", 32, 32, None) as writer,
    ):
        writer.write(frame, 0.5)
        writer.write(frame, 0.5)
    for fps, at_s in ((25, 1.0), (None, None)):
        with (
            pytest.raises(ValueError, match="times of frames"),
            VideoWriter(tmp_path / "x.mp4", 32, 32, fps) as writer,
        ):
            writer.write(frame, at_s)
    for unusable in ({"rotation": 45}, {"pixel_aspect": Fraction(9)}, {"audio_start_s": -1.0}):
        with pytest.raises(InputError):
            Encoding(**unusable)  # type: ignore[arg-type]
    assert not (tmp_path / "x.mp4").exists()


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, numpy\n"
        "from surgvlp.console import exit_code\n"
        "from surgvlp.media.encode import Encoding, VideoWriter\n"
        "def main():\n"
        "    with VideoWriter(sys.argv[1], 320, 240, 25, encoding=Encoding(crf=10)) as writer:\n"
        "        for seed in range(200):\n"
        "            noise = numpy.random.default_rng(seed).integers(0, 255, (240, 320, 3))\n"
        "            writer.write(noise.astype(numpy.uint8))\n"
        "    return 0\n"
        "sys.exit(exit_code(main))\n"
    )
    done = run_on_small_disk(tmp_path, "64k", [sys.executable, "-c", program, tmp_path / "x.mp4"])
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines() == [
        f"error: {tmp_path}/x.mp4: the disk is full. Free some space and run again."
    ]
    assert done.stdout.strip() == ""


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 4095), ending=st.sampled_from(["png", "jpg", "bmp"]))
def test_images_come_back(tmp_path: Path, number: int, ending: str) -> None:
    image = picture(number, 48, 192)
    image[:24] = image[:24] // 255 * np.array([200, 30, 40], np.uint8)  # not grey: channels keep their order
    write_image(tmp_path / f"x.{ending}", image)
    back = read_image(tmp_path / f"x.{ending}")
    assert number_in(back[24:]) == number
    np.testing.assert_allclose(back.astype(int).mean((0, 1)), image.mean((0, 1)), atol=5)
    if ending != "jpg":
        np.testing.assert_array_equal(back, image)
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_unreadable_images_are_named(tmp_path: Path) -> None:
    for name, data in (("gone.png", None), ("empty.png", b""), ("text.png", b"hello")):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name):
            read_image(tmp_path / name)


def test_resize() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[::2] = 200
    assert resize(image, (40, 60)) is image
    assert (resize(image, (20, 30)) == 100).all()  # averages, where a point sample would give 0 or 200
    assert resize(image, (80, 90)).shape == (80, 90, 3)
