from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_videos import HEIGHT, WIDTH, number_in, numbers_in, picture, write_wav
from small_disk import run_on_small_disk

from surgvlp.files import InputError
from surgvlp.media.decode import decode, frame_times, index_frames
from surgvlp.media.encode import VideoWriter
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
    with VideoWriter(tmp_path / "x.mp4", WIDTH, HEIGHT, 29.97, gop=5) as writer:
        for number in range(60):
            writer.write(picture(number))
    index = index_frames(tmp_path / "x.mp4")
    assert len(index.key_pts) == 12
    assert probe(tmp_path / "x.mp4").fps == pytest.approx(29.97, abs=1e-3)
    rough, fine = (write(tmp_path / f"{crf}.mp4", crf=crf).stat().st_size for crf in (40, 5))
    assert rough < fine


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
    with pytest.raises(InputError, match=r"x\.mp4: ffmpeg failed"):
        write(tmp_path / "x.mp4", frames=2000, audio=tmp_path / "text.wav")
    with (
        pytest.raises(ValueError, match="expected uint8"),
        VideoWriter(tmp_path / "x.mp4", 32, 32, 25) as writer,
    ):
        writer.write(np.zeros((32, 32), np.uint8))
    assert not (tmp_path / "x.mp4").exists()


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, numpy\n"
        "from surgvlp.console import exit_code\n"
        "from surgvlp.media.encode import VideoWriter\n"
        "def main():\n"
        "    with VideoWriter(sys.argv[1], 320, 240, 25, crf=10) as writer:\n"
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
