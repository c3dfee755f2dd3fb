"""Containers that say something wrong, or nothing: each works or ends in a sentence."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_videos import NTSC, converted, copied, even_video, joined, numbers_in, write_video, write_wav

from surgvlp.files import InputError
from surgvlp.media.audio import read_audio, stream_audio
from surgvlp.media.decode import decode, frame_times, index_frames
from surgvlp.media.probe import probe
from surgvlp.media.store import FrameStore, build

RATE = 16000


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 s of picture, 8 s of sound with a click at second 2.5."""
    folder = tmp_path_factory.mktemp("containers")
    samples = (0.1 * np.sin(np.arange(8 * RATE) / 7)).astype(np.float32)
    samples[int(2.5 * RATE) :][:40] = 0.9
    return joined(folder / "x.mp4", even_video(folder / "v.mp4", 300), write_wav(folder / "x.wav", samples))


def click(samples: np.ndarray) -> float:
    return float(np.abs(samples).argmax() / RATE)


def with_duration(path: Path, video: Path, box: bytes, factor: float) -> Path:
    """An mp4 whose boxes of this kind (mvhd, mdhd, tkhd) state another duration; version 0 of the boxes."""
    data = bytearray(video.read_bytes())
    at, found = data.find(box), 0
    while at >= 0:
        # after name: version and flags 4, times 8, then time scale 4 (tkhd: track 4, reserved 4), duration 4
        place = at + 4 + (20 if box == b"tkhd" else 16)
        assert data[at + 4] == 0
        duration = int.from_bytes(data[place : place + 4], "big")
        data[place : place + 4] = round(duration * factor).to_bytes(4, "big")
        at, found = data.find(box, at + 1), found + 1
    assert found
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("factor", [0.4, 2.5])
@pytest.mark.parametrize("boxes", [[b"mvhd"], [b"mdhd"], [b"mvhd", b"mdhd", b"tkhd"]])
def test_an_mp4_with_a_wrong_duration_is_read_by_its_table(
    lecture: Path, tmp_path: Path, boxes: list[bytes], factor: float
) -> None:
    video = lecture
    for number, box in enumerate(boxes):
        video = with_duration(tmp_path / f"{number}.mp4", video, box, factor)
    index = index_frames(video)
    np.testing.assert_allclose(index.times, np.arange(300) / float(NTSC), atol=1e-9)
    assert index.end_s == pytest.approx(10.01, abs=0.02)
    assert numbers_in(decode(video, [0, 4, 9.99])[0]) == [0, 119, 299]
    assert build(video, tmp_path / "x.frames").rows == 41
    heard = np.concatenate(list(stream_audio(video)))
    assert len(heard) / RATE == pytest.approx(8, abs=0.1)
    assert click(heard) == pytest.approx(2.5, abs=0.03)
    assert len(read_audio(video)) / RATE == pytest.approx(8, abs=0.1)
    assert click(read_audio(video, 2.0, 3.0)) == pytest.approx(0.5, abs=0.03)


def test_a_matroska_that_promises_too_much_is_refused_in_a_sentence(lecture: Path, tmp_path: Path) -> None:
    whole = copied(tmp_path / "whole.mkv", lecture)
    data = bytearray(whole.read_bytes())
    place = data.index(b"\x44\x89\x88") + 3  # Duration, 8 bytes: milliseconds as a double
    assert np.frombuffer(data[place : place + 8], ">f8")[0] == pytest.approx(10010, abs=20)
    data[place : place + 8] = np.array(25000, ">f8").tobytes()
    (tmp_path / "more.mkv").write_bytes(data)
    for read in (frame_times, lambda path: list(stream_audio(path))):
        with pytest.raises(InputError, match=r"more\.mkv: the \w+ breaks off at 10\.0 s of 25\.0 s.*copy"):
            read(tmp_path / "more.mkv")
    data[place : place + 8] = np.array(4000, ">f8").tobytes()
    (tmp_path / "less.mkv").write_bytes(data)
    for video in (tmp_path / "less.mkv", whole):  # the sound is shorter, and matroska says so nowhere
        assert len(frame_times(video)) == 300
        assert numbers_in(decode(video, [9.9])[0]) == [296]
        assert len(np.concatenate(list(stream_audio(video)))) / RATE == pytest.approx(8, abs=0.1)
    repaired = copied(tmp_path / "repaired.mkv", tmp_path / "more.mkv")  # what the sentence recommends
    assert len(frame_times(repaired)) == 300


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fragments.mp4", {"c": "copy", "movflags": "frag_keyframe+empty_moov"}),
        ("live.mkv", {"c": "copy", "live": 1}),
        ("live.webm", {"vcodec": "libvpx", "acodec": "libopus", "live": 1, "b:v": "1M"}),
        ("x.ts", {"c": "copy"}),
        ("x.avi", {"vcodec": "mpeg4", "q:v": 2, "acodec": "mp2"}),
        ("x.mpg", {"vcodec": "mpeg2video", "q:v": 2, "acodec": "mp2", "r": 25}),
        ("x.flv", {"c": "copy"}),
        ("x.mov", {"c": "copy"}),
    ],
)
def test_containers_that_tell_no_length_or_count(
    lecture: Path, tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    video = converted(tmp_path / name, lecture, **options)
    info = probe(video)
    assert 9 < info.end_s < 10.1
    assert 7.7 < info.audio_end_s < 10.1  # some know only the length of the whole
    times = frame_times(video)
    assert times[0] == pytest.approx(0, abs=0.1)
    assert times[-1] - times[0] == pytest.approx(9.97, abs=0.1)
    assert abs(numbers_in(decode(video, [times[0] + 5.0])[0])[0] - 149) <= 1
    assert click(np.concatenate(list(stream_audio(video)))) - times[0] == pytest.approx(2.5, abs=0.06)
    assert click(read_audio(video, 2.0, 4.0)) + 2 - times[0] == pytest.approx(2.5, abs=0.06)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(("picture_s", "sound_s"), [(0.0, 1.5), (1.5, 0.0)])
def test_streams_that_start_late(
    lecture: Path, tmp_path: Path, ending: str, picture_s: float, sound_s: float
) -> None:
    folder = lecture.parent
    video = joined(tmp_path / f"x.{ending}", folder / "v.mp4", folder / "x.wav", picture_s, sound_s)
    times = frame_times(video)
    heard = np.concatenate(list(stream_audio(video)))
    assert click(heard) - times[0] == pytest.approx(2.5 + sound_s - picture_s, abs=0.03)
    assert min(times[0], np.flatnonzero(np.abs(heard) > 0.05)[0] / RATE) == pytest.approx(0, abs=0.1)
    at_s = click(heard) - 0.25
    for start_s in (0.0, at_s):
        piece = read_audio(video, start_s, start_s + 5)
        assert click(piece) + start_s == pytest.approx(click(heard), abs=0.01)


def test_negative_start_times(lecture: Path, tmp_path: Path) -> None:
    shifted = {"c": "copy", "output_ts_offset": -3, "avoid_negative_ts": "disabled"}
    video = converted(tmp_path / "x.mp4", lecture, **shifted)  # the edit list hides what lies before 0
    times = frame_times(video)
    assert len(times) == pytest.approx(7 * float(NTSC), abs=2)
    assert numbers_in(decode(video, [0, 5.0])[0]) == pytest.approx([90, 240], abs=1)
    assert len(np.concatenate(list(stream_audio(video)))) / RATE == pytest.approx(5, abs=0.1)
    video = converted(tmp_path / "x.mkv", lecture, **shifted)  # begins at -3; pictures before 0 have no times
    times = frame_times(video)
    assert times[0] == pytest.approx(3, abs=0.1)
    assert numbers_in(decode(video, [8.0])[0]) == pytest.approx([238], abs=1)
    assert click(np.concatenate(list(stream_audio(video)))) == pytest.approx(2.5 + times[0] - 3, abs=0.06)


def test_nothing_or_next_to_nothing_inside(tmp_path: Path) -> None:
    one = even_video(tmp_path / "one.mp4", 1)
    frames, times = decode(one, [0.0, 3.0])
    assert numbers_in(frames) == [0, 0]
    assert list(times) == [0, 0]
    assert build(one, tmp_path / "one.frames").rows == 1
    for name in ("one.mkv", "live.mkv"):
        single = copied(tmp_path / name, one, **({"live": 1} if name == "live.mkv" else {}))
        assert probe(single).frames == 1
        assert build(single, tmp_path / f"{name}.frames").rows == 1
    for name in ("none.mp4", "none.mkv"):
        none = copied(tmp_path / name, one, vframes=0)
        with pytest.raises(InputError, match=rf"{name}: .*(no frames|no picture|End of file)"):
            decode(none, [0.0])
        with pytest.raises(InputError, match=name):
            probe(none)


def test_a_table_that_lists_more_than_there_is(tmp_path: Path) -> None:
    video = even_video(tmp_path / "x.mp4", 60)
    data = bytearray(video.read_bytes())
    for box, place in ((b"stsz", 12), (b"stts", 12)):  # 60 samples become some more than a thousand million
        at = data.index(box) + place
        assert int.from_bytes(data[at : at + 4], "big") == 60 or box == b"stts"
        data[at : at + 4] = (1 << 30).to_bytes(4, "big")
    video.write_bytes(data)
    with pytest.raises(InputError, match=r"x\.mp4"):
        build(video, tmp_path / "x.frames")
    assert not (tmp_path / "x.frames").exists()


@pytest.mark.slow
def test_four_hours_take_no_more_memory_than_two_minutes(tmp_path: Path) -> None:
    minute = write_video(tmp_path / "minute.mp4", range(120), Fraction(1, 2), size=(32, 48))
    program = (
        "import resource, sys; from pathlib import Path; from surgvlp.media.store import build\n"
        "info = build(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "print(info.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks_mb = []
    for name, minutes in (("short", 2), ("long", 240)):
        video = copied(tmp_path / f"{name}.mp4", minute, stream_loop=minutes - 1)
        command = [sys.executable, "-c", program, video, tmp_path / f"{name}.frames"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows, peak = map(int, done.stdout.split())
        assert rows == pytest.approx(240 * minutes, abs=4)
        peaks_mb.append(peak / 1024)
    assert peaks_mb[1] - peaks_mb[0] < 40
    store = FrameStore(tmp_path / "long.frames")
    assert numbers_in(store.read_at([3 * 3600 + 20.0])) == [40]


def test_an_edit_list_that_hides_the_end(lecture: Path, tmp_path: Path) -> None:
    data = bytearray(lecture.read_bytes())
    at = data.find(b"elst")
    while at >= 0:  # name, version and flags, count of entries, then the duration of the first: 4 bytes each
        duration = int.from_bytes(data[at + 12 : at + 16], "big")
        data[at + 12 : at + 16] = (duration * 2 // 5).to_bytes(4, "big")
        at = data.find(b"elst", at + 1)
    (tmp_path / "x.mp4").write_bytes(data)
    times = frame_times(tmp_path / "x.mp4")
    assert len(times) == pytest.approx(4 * float(NTSC), abs=2)
    assert numbers_in(decode(tmp_path / "x.mp4", [0.0, 3.5])[0]) == [0, 104]
    assert len(np.concatenate(list(stream_audio(tmp_path / "x.mp4")))) / RATE == pytest.approx(3.2, abs=0.1)
