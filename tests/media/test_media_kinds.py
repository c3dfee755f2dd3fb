"""Every kind of picture that lectures come in, each beside what the ffmpeg program makes of it."""

from __future__ import annotations

from pathlib import Path

import av
import ffmpeg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_videos import (
    converted,
    copied,
    even_video,
    frames_by_ffmpeg,
    numbers_in,
    quadrant_colours,
    quadrants,
    still_video,
    write_wav,
)

from surgvlp.files import InputError
from surgvlp.media.decode import decode, frame_times
from surgvlp.media.display import Display
from surgvlp.media.ffmpeg import open_input, running
from surgvlp.media.images import resize, write_image
from surgvlp.media.probe import probe
from surgvlp.media.store import FrameStore, VideoFrames, build


@pytest.fixture(scope="module")
def upright(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return still_video(tmp_path_factory.mktemp("kinds") / "upright.mp4", quadrants(48, 96), crf=5)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_and_mirrored_as_a_player_shows_it(
    upright: Path, tmp_path: Path, turn: int, mirrored: bool
) -> None:
    flip = {"display_hflip": None} if mirrored else {}
    video = copied(tmp_path / "x.mp4", upright, display_rotation=turn, **flip)
    height, width = (96, 48) if turn in (90, 270) else (48, 96)
    info = probe(video)
    assert (info.height, info.width) == (height, width)
    expected = quadrant_colours(frames_by_ffmpeg(video, height, width)[0])
    frames, _ = decode(video, [0.1])
    assert frames.shape == (1, height, width, 3)
    np.testing.assert_allclose(quadrant_colours(frames[0]), expected, atol=3)
    original = quadrant_colours(quadrants(48, 96))
    assert (np.abs(expected - original).max() < 8) == (turn == 0 and not mirrored)

    build(video, tmp_path / "x.frames", short_side=32)
    for stored in (FrameStore(tmp_path / "x.frames"), VideoFrames(video, short_side=32)):
        assert stored.size == ((64, 32) if turn in (90, 270) else (32, 64))
        assert stored.read([0])[0].flags["C_CONTIGUOUS"]
        np.testing.assert_allclose(quadrant_colours(stored.read([0])[0]), expected, atol=8)


@pytest.mark.parametrize(
    ("aspect", "height", "width"),
    [("16/15", 48, 102), ("8/9", 48, 85), ("4/3", 48, 128), ("1/1", 48, 96), ("100/1", 48, 96)],
)
def test_pixels_are_made_square(upright: Path, tmp_path: Path, aspect: str, height: int, width: int) -> None:
    # the last is a damaged header's: nobody's pixels are a hundred times wider than high
    for ending in ("mp4", "mkv"):
        video = converted(tmp_path / f"x.{ending}", upright, vf=f"setsar={aspect}")
        info = probe(video)
        assert (info.height, info.width) == (height, width)
        frames, _ = decode(video, [0])
        assert frames.shape == (1, height, width, 3)
        np.testing.assert_allclose(quadrant_colours(frames[0]), quadrant_colours(quadrants(48, 96)), atol=12)


def test_square_pixels_and_a_turn_together(upright: Path, tmp_path: Path) -> None:
    wide = converted(tmp_path / "wide.mp4", upright, vf="setsar=4/3")
    video = copied(tmp_path / "x.mp4", wide, display_rotation=90)
    assert decode(video, [0])[0].shape == (1, 128, 48, 3)  # 96 x 4/3 wide, then turned
    build(video, tmp_path / "x.frames", short_side=24)
    assert FrameStore(tmp_path / "x.frames").size == (64, 24)


def matrix(name: str, pixels: str, full: bool = False, **options: object) -> dict[str, object]:
    """ffmpeg options that convert to a colour matrix and say so in the file."""
    full_range = "pc" if full else "tv"
    scale = f"scale=out_color_matrix={name}:out_range={full_range},format={pixels}"
    tag = {"bt601": "smpte170m", "bt2020": "bt2020nc"}.get(name, name)
    return {"vf": f"{scale},setparams=colorspace={tag}:range={full_range}", **options}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("untagged.mp4", {"pix_fmt": "yuv420p"}),
        ("bt601.mp4", matrix("bt601", "yuv420p")),
        ("bt709.mp4", matrix("bt709", "yuv420p")),
        ("bt709_full.mp4", matrix("bt709", "yuv420p", full=True)),
        (
            "bt2020_10_bit.mp4",
            matrix("bt2020", "yuv420p10le", vcodec="libx265"),
        ),
        ("4_2_2.mp4", matrix("bt601", "yuv422p")),
        ("4_4_4.mp4", matrix("bt709", "yuv444p")),
        ("10_bit.mp4", matrix("bt709", "yuv420p10le")),
        ("4_2_2_10_bit.mov", {"vcodec": "prores"}),
        ("motion_jpeg.avi", {"vcodec": "mjpeg", "q:v": 2}),
        ("mpeg_2.mpg", {"vcodec": "mpeg2video", "q:v": 2}),
        ("mpeg_4.avi", {"vcodec": "mpeg4", "q:v": 2}),
        ("vp9.webm", {"vcodec": "libvpx-vp9", "crf": 5}),
        ("rgb.mkv", {"vcodec": "ffv1", "pix_fmt": "bgr0"}),
    ],
)
def test_red_comes_out_red(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    image = quadrants(48, 96)
    video = still_video(tmp_path / name, image, **{"crf": 5, **options} if name.endswith("mp4") else options)
    frames, _ = decode(video, [0.1])
    np.testing.assert_allclose(quadrant_colours(frames[0]), quadrant_colours(image), atol=9)
    by_ffmpeg = frames_by_ffmpeg(video, 48, 96)[0]
    np.testing.assert_allclose(quadrant_colours(frames[0]), quadrant_colours(by_ffmpeg), atol=2)


def test_grey_pictures_and_odd_sizes(tmp_path: Path) -> None:
    image = quadrants(47, 95)
    grey = still_video(tmp_path / "grey.mp4", image, pix_fmt="gray", crf=5)
    frames, _ = decode(grey, [0])
    np.testing.assert_allclose(frames[0], frames_by_ffmpeg(grey, 47, 95)[0], atol=2)
    assert (frames[0] == frames[0][..., :1]).all()
    for name, options in (("x.mkv", {"vcodec": "ffv1"}), ("x.webm", {"vcodec": "libvpx-vp9", "crf": 5})):
        video = still_video(tmp_path / name, image, pix_fmt="yuv420p", **options)
        info = probe(video)
        assert (info.height, info.width) == (47, 95)
        np.testing.assert_allclose(
            quadrant_colours(decode(video, [0])[0][0]), quadrant_colours(image), atol=9
        )
        build(video, tmp_path / "x.frames", short_side=20)
        assert FrameStore(tmp_path / "x.frames").size == (20, 40)


def test_interlaced_fields_are_blended(tmp_path: Path) -> None:
    toothed = np.zeros((64, 96, 3), np.uint8)
    toothed[::2, 20:60] = 255  # an edge that moved between the fields
    toothed[1::2, 40:80] = 255
    flags = {"flags": "+ilme+ildct", "x264-params": "tff=1", "vf": "setfield=tff", "crf": 2}
    video = still_video(tmp_path / "x.mp4", toothed, pix_fmt="yuv444p", **flags)
    frame = decode(video, [0.1])[0][0]
    shown = frames_by_ffmpeg(video, 64, 96)[0].astype(float)
    blended = shown[1:-1] / 2 + (shown[:-2] + shown[2:]) / 4
    np.testing.assert_allclose(frame[1:-1], blended, atol=3)
    rows = frame[1:-1, 30].astype(int)
    assert np.ptp(rows) < 12  # no teeth, where the stored rows jump between 0 and 255


def test_a_cover_image_is_no_picture(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "x.wav", np.zeros(16000, np.float32))
    write_image(tmp_path / "cover.png", quadrants(48, 96))
    cover, moving = open_input(tmp_path / "cover.png").video, even_video(tmp_path / "v.mp4", 10)
    for name, other in (("voice.m4a", open_input(sound).audio), ("x.mp4", open_input(moving).video)):
        options = {"c:v": "copy", "acodec": "aac", "disposition:v:0": "attached_pic", "format": "mp4"}
        with running(ffmpeg.output(cover, other, f"file:{tmp_path / name}", **options), file=sound):
            pass
    with pytest.raises(InputError, match="no picture"):
        probe(tmp_path / "voice.m4a")
    assert numbers_in(decode(tmp_path / "x.mp4", [0.1])[0]) == [2]


def test_a_frame_size_that_changes_midway_is_scaled(tmp_path: Path) -> None:
    first = still_video(tmp_path / "1.ts", quadrants(48, 96), crf=5)
    second = still_video(tmp_path / "2.ts", quadrants(64, 128), crf=5, output_ts_offset=0.2)
    (tmp_path / "x.ts").write_bytes(first.read_bytes() + second.read_bytes())
    frames, _ = decode(tmp_path / "x.ts", [0, 0.35])
    assert frames.shape == (2, 48, 96, 3)
    for frame in frames:
        np.testing.assert_allclose(quadrant_colours(frame), quadrant_colours(quadrants(48, 96)), atol=9)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    transposed=st.booleans(),
    upside_down=st.booleans(),
    mirrored=st.booleans(),
)
def test_scaling_before_turning_is_turning_before_scaling(
    height: int, width: int, transposed: bool, upside_down: bool, mirrored: bool
) -> None:
    image = np.random.default_rng(height * 41 + width).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    display = Display(37, 53, transposed, upside_down, mirrored)
    shown = display.show(av.VideoFrame.from_ndarray(image, format="rgb24"), (height, width))
    turned = image.transpose(1, 0, 2) if transposed else image
    turned = turned[::-1] if upside_down else turned
    turned = turned[:, ::-1] if mirrored else turned
    expected = resize(np.ascontiguousarray(turned), (height, width))
    np.testing.assert_allclose(shown.astype(int), expected, atol=2)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return even_video(tmp_path_factory.mktemp("kinds") / "numbered.mp4", 120, gop=1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("one_key_frame.mp4", {"g": 10000, "keyint_min": 10000, "sc_threshold": 0}),
        ("key_frames_only.mp4", {"g": 1}),
        ("open_groups.mp4", {"x264-params": "open-gop=1:bframes=4:b-pyramid=normal:keyint=15:min-keyint=15"}),
        ("open_groups.mkv", {"x264-params": "open-gop=1:bframes=4:b-pyramid=normal:keyint=15:min-keyint=15"}),
        ("intra_refresh.mp4", {"x264-params": "intra-refresh=1:keyint=20"}),
        ("hevc.mp4", {"vcodec": "libx265", "x265-params": "keyint=16:open-gop=1:log-level=error"}),
        ("hidden_frames.webm", {"vcodec": "libvpx-vp9", "g": 20, "auto-alt-ref": 1, "lag-in-frames": 12}),
        ("av1.mp4", {"vcodec": "libsvtav1", "preset": 12, "g": 24}),
        ("mpeg_2.ts", {"vcodec": "mpeg2video", "g": 15, "bf": 2, "q:v": 2}),
        ("motion_jpeg.mov", {"vcodec": "mjpeg", "q:v": 2}),
    ],
)
def test_any_group_of_pictures_from_any_place(
    numbered: Path, tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    video = converted(
        tmp_path / name, numbered, pix_fmt="yuvj420p" if "jpeg" in name else "yuv420p", **options
    )
    times = frame_times(video)
    assert len(times) == 120
    whole, _ = decode(video, times)
    assert numbers_in(whole) == list(range(120))
    wanted = np.random.default_rng(3).integers(0, 120, 12)
    for number in wanted:  # one by one: a seek each
        np.testing.assert_array_equal(decode(video, [times[number]])[0][0], whole[number])
    np.testing.assert_array_equal(decode(video, times[wanted])[0], whole[wanted])
