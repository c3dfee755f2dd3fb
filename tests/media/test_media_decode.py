from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_videos import (
    NTSC,
    copied,
    even_video,
    frames_by_ffmpeg,
    joined,
    numbers_in,
    slow_but_steady,
    write_video,
    write_wav,
)

from surgvlp.files import InputError
from surgvlp.media.decode import (
    FrameReader,
    decode,
    frame_times,
    index_frames,
    scaled_size,
)
from surgvlp.media.killable import in_killable_process


@pytest.fixture(scope="module")
def ntsc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return even_video(tmp_path_factory.mktemp("videos") / "ntsc.mp4", 600)


def test_29_97_frames_a_second(ntsc: Path) -> None:
    quarter = np.arange(0, 80) / 4
    frames, times = decode(ntsc, quarter)
    shown = [int(Fraction(k, 4) * NTSC) for k in range(80)]
    assert numbers_in(frames) == shown
    np.testing.assert_allclose(times, np.array(shown) / float(NTSC), atol=1e-9)
    np.testing.assert_allclose(frame_times(ntsc), np.arange(600) / float(NTSC), atol=1e-9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=st.lists(st.integers(1, 400), min_size=1, max_size=60),
    gop=st.integers(1, 20),
    wanted=st.lists(st.floats(-1, 30), min_size=1, max_size=12),
    ending=st.sampled_from(["mp4", "mkv"]),
)
def test_variable_rates_against_an_obvious_reference(
    tmp_path: Path, gaps: list[int], gop: int, wanted: list[float], ending: str
) -> None:
    stamps = np.cumsum([0, *gaps])
    video = write_video(tmp_path / f"variable.{ending}", stamps.tolist(), Fraction(1, 600), gop)
    times = frame_times(video)
    np.testing.assert_allclose(times, stamps / 600, atol=6e-4)  # Matroska rounds to milliseconds
    rounding = 1e-6 + (5e-4 if ending == "mkv" else 0)
    reference = [max([0, *(i for i, t in enumerate(times) if t <= second + rounding)]) for second in wanted]
    frames, shown = decode(video, wanted)
    assert numbers_in(frames) == reference
    np.testing.assert_array_equal(shown, times[reference])


@pytest.mark.parametrize("start", [0.0, 1.3, 3.3])
def test_a_cut_with_an_edit_list_shows_what_a_player_shows(ntsc: Path, tmp_path: Path, start: float) -> None:
    cut = copied(tmp_path / "cut.mp4", ntsc, ss=start)
    expected = numbers_in(frames_by_ffmpeg(cut))
    times = frame_times(cut)
    assert len(times) == len(expected)
    assert numbers_in(decode(cut, times)[0]) == expected
    assert expected[0] == pytest.approx(start * float(NTSC), abs=1)
    assert times[0] == pytest.approx(0, abs=0.034)
    some = [100, 3, 57, 3]  # seeks, back and forth
    assert numbers_in(decode(cut, times[some])[0]) == [expected[i] for i in some]


def test_other_containers_and_offsets(ntsc: Path, tmp_path: Path) -> None:
    for name, options in (("x.mkv", {}), ("x.ts", {}), ("x.mp4", {"output_ts_offset": 2.5})):
        video = copied(tmp_path / name, ntsc, **options)
        times = frame_times(video)
        np.testing.assert_allclose(times, np.arange(600) / float(NTSC), atol=1e-3, err_msg=name)
        assert numbers_in(decode(video, [7.3, 0, 19])[0]) == [218, 0, 569], name


def test_picture_that_starts_after_the_sound(ntsc: Path, tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "x.wav", np.zeros(16000 * 5, np.float32))
    late = joined(tmp_path / "late.mp4", ntsc, sound, video_later_s=1.5)
    assert frame_times(late)[0] == pytest.approx(1.5, abs=1e-3)
    frames, times = decode(late, [0, 1.5, 2.5])
    assert numbers_in(frames) == [0, 0, int(NTSC)]
    assert times[0] == times[1] == pytest.approx(1.5, abs=1e-3)


def test_a_reader_gives_the_same_however_it_gets_there(ntsc: Path) -> None:
    index = index_frames(ntsc)
    whole = frames_by_ffmpeg(ntsc)
    for threads in (1, 3):
        with FrameReader(ntsc, index, threads=threads) as reader:
            for wanted in ([5], [0], [599], [30, 31, 200, 201, 599], [2, 590]):
                got = list(reader.read(np.array(wanted)))
                assert [number for number, _ in got] == wanted
                for number, frame in got:
                    np.testing.assert_array_equal(frame, whole[number])


def test_scaling_never_enlarges(ntsc: Path) -> None:
    assert scaled_size(1080, 1920, 384) == (384, 683)
    assert scaled_size(1920, 1080, 384) == (683, 384)
    assert scaled_size(240, 320, 384) == (240, 320)
    assert scaled_size(240, 320, None) == (240, 320)
    frames, _ = decode(ntsc, [1.0], short_side=24)
    assert frames.shape == (1, 24, 144, 3)
    assert numbers_in(frames) == [29]


def test_no_times_no_frames(ntsc: Path) -> None:
    frames, times = decode(ntsc, [])
    assert frames.shape == (0, 32, 192, 3)
    assert times.shape == (0,)


def test_bad_files_are_named(ntsc: Path, tmp_path: Path) -> None:
    whole = copied(tmp_path / "whole.mp4", ntsc, movflags="+faststart").read_bytes()
    cases = {
        "missing.mp4": None,
        "empty.mp4": b"",
        "text.mp4": b"start,end,text\n0,1,hello\n",
        "headless.mp4": whole[4000:],
        "no_index.mp4": ntsc.read_bytes()[:20000],
        "cut_short.mp4": whole[: len(whole) * 6 // 10],
        "playlist.mp4": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    }
    for name, data in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name) as caught:
            decode(tmp_path / name, [0.0])
        assert "\n" not in str(caught.value)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture"):
        frame_times(write_wav(tmp_path / "x.wav", np.zeros(1600, np.float32)))


def test_a_damaged_stretch_is_shown_as_the_frame_before(tmp_path: Path) -> None:
    video = even_video(tmp_path / "x.mp4", 300, gop=30)
    data = bytearray(video.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    video.write_bytes(data)
    index = index_frames(video)
    with FrameReader(video, index) as reader:
        try:
            got = [number for number, _ in reader.read(np.arange(300))]
        except InputError as error:  # which of the two depends on the decoder; both are clear
            assert "cannot be decoded" in str(error) or "breaks off" in str(error)
        else:
            assert (np.diff(got) >= 0).all()
            assert got[0] == 0
            assert got[-1] == 299


def test_a_hanging_process_is_stopped() -> None:
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"no progress for 0.5 s"):
        in_killable_process(time.sleep, 60, timeout_s=0.5)
    assert time.monotonic() - begin < 30


def test_time_without_progress_counts_not_the_whole_time() -> None:
    steps: list[int] = []
    assert in_killable_process(slow_but_steady, timeout_s=4, report=steps.append) == "done"
    assert steps == list(range(10))


def test_what_a_process_raises_and_returns_arrives(ntsc: Path) -> None:
    np.testing.assert_array_equal(in_killable_process(frame_times, ntsc, timeout_s=60), frame_times(ntsc))
    with pytest.raises(InputError, match="/nowhere"):
        in_killable_process(frame_times, "/nowhere", timeout_s=60)
    with pytest.raises(ValueError, match="invalid literal") as caught:
        in_killable_process(int, "x", timeout_s=60)
    assert "killable.py" in str(caught.value.__cause__)
    with pytest.raises(InputError, match=r"crashed \(exit code 7\)"):
        in_killable_process(os._exit, 7, timeout_s=60)
    with pytest.raises(InputError, match=r"x\.mp4: decoding crashed \(SIGSEGV\)"):
        in_killable_process(ctypes.string_at, 0, timeout_s=60, file="x.mp4")


def test_a_process_dies_with_its_parent(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    child_program = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = f"""
from surgvlp.media.killable import in_killable_process
if __name__ == "__main__":
    in_killable_process(exec, {child_program!r}, timeout_s=60)
"""
    script = tmp_path / "parent.py"
    script.write_text(program)
    parent = subprocess.Popen([sys.executable, str(script)])
    deadline = time.monotonic() + 30
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    child = int(mark.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while time.monotonic() < deadline and _alive(child):
        time.sleep(0.02)
    assert not _alive(child)


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
