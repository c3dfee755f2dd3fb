"""Features of videos, frame stores and folders of images, by the tool as a person calls it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from surgvlp import console
from surgvlp.features.extraction import is_current, weights_sha256
from surgvlp.features.images import image_features
from surgvlp.features.picture_sources import find_sources, open_pictures
from surgvlp.files import InputError
from surgvlp.media.decode import decode
from surgvlp.media.images import read_image, write_image
from surgvlp.media.store import FrameStore, build
from surgvlp.models import load_backbone
from surgvlp.models.backbones import ImageInput, build_backbone

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import extract_features
from media_videos import even_video, number_in

NAME = "test_resnet"
SIZE = ["--size", "32"]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of our own, as image pretraining writes it."""
    torch.manual_seed(0)
    state = {f"teacher.backbone.{key}": value for key, value in build_backbone(NAME).state_dict().items()}
    path = tmp_path_factory.mktemp("backbone") / "mine.pt"
    torch.save({"model": state, "config": {"backbone": {"name": NAME}}}, path)
    return path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of each: a.mp4 (4 s), b.frames (4 a second, 3 s), c with 5 images."""
    folder = tmp_path_factory.mktemp("places")
    even_video(folder / "a.mp4", 40, fps=Fraction(10))
    even_video(folder / "b.mp4", 30, fps=Fraction(10))
    build(folder / "b.mp4", folder / "b.frames", rate=4.0)
    (folder / "c").mkdir()
    generator = np.random.default_rng(0)
    for number in (8, 9, 10, 11, 100):
        picture = generator.integers(0, 256, (40, 60, 3)).astype(np.uint8)
        write_image(folder / "c" / f"frame{number}.png", picture)
    return folder


def run(backbone: Path, out: Path, *arguments: object) -> int:
    words = ["--backbone", backbone, "--out", out, *SIZE, "--device", "cpu", *arguments]
    return console.exit_code(lambda: extract_features.main([str(word) for word in words]))


def read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def expected(backbone: Path, pictures: Sequence[np.ndarray]) -> np.ndarray:
    loaded = load_backbone(backbone)
    image_input = ImageInput(size=32)
    return image_features(loaded, pictures, "cpu", batch_size=1, image_input=image_input)


def test_features_of_every_kind_of_source_are_those_of_its_pictures(
    backbone: Path, places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(backbone, tmp_path, "--videos", places, "--batch-size", 3, "--rate", 2) == 0
    assert "3 written" in capsys.readouterr().out
    video, store, folder = (read(tmp_path / f"{name}.npz") for name in "abc")

    assert video["frame_number"].tolist() == list(range(0, 40, 5))
    np.testing.assert_allclose(video["time_s"], np.arange(8) / 2, atol=1e-6)
    frames = decode(places / "a.mp4", video["time_s"])[0]
    np.testing.assert_allclose(video["features"], expected(backbone, frames), atol=1e-5)

    assert store["frame_number"].tolist() == [0, 2, 4, 6, 8, 10]
    frames = FrameStore(places / "b.frames").read(store["frame_number"])
    np.testing.assert_allclose(store["features"], expected(backbone, frames), atol=1e-5)

    assert folder["frame_number"].tolist() == [8, 9, 10, 11, 100]
    assert folder["time_s"].tolist() == [0, 0.5, 1, 1.5, 46]
    images = [read_image(places / "c" / f"frame{number}.png") for number in folder["frame_number"]]
    np.testing.assert_allclose(folder["features"], expected(backbone, images), atol=1e-5)


def test_a_file_says_what_it_was_made_with(backbone: Path, places: Path, tmp_path: Path) -> None:
    run(backbone, tmp_path, "--videos", places / "a.mp4", "--precision", "float16", "--bfloat16")
    content = read(tmp_path / "a.npz")
    assert content["features"].dtype == np.float16 and content["features"].shape[0] == 4
    assert str(content["video"]) == "a" and str(content["backbone"]) == "mine.pt"
    assert str(content["backbone_sha256"]) == weights_sha256(load_backbone(backbone))
    preprocessing = json.loads(str(content["preprocessing"]))
    assert preprocessing["size"] == 32 and preprocessing["mean"] == [0.485, 0.456, 0.406]


def test_whole_files_of_the_same_settings_stay_and_others_are_made_again(
    backbone: Path, places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def made(*arguments: object) -> str:
        assert run(backbone, tmp_path / "out", "--videos", video, store, *arguments) == 0
        return capsys.readouterr().out.split(": ")[1].split(" (")[0].strip()

    video, store = tmp_path / "a.mp4", places / "b.frames"
    video.write_bytes((places / "a.mp4").read_bytes())
    assert made() == "2 written"
    first = (tmp_path / "out" / "a.npz").read_bytes()
    assert made() == "0 written, 2 up to date"
    damaged = bytearray(first)
    damaged[len(first) // 2] ^= 255
    (tmp_path / "out" / "a.npz").write_bytes(damaged)
    assert made() == "1 written"
    assert read(tmp_path / "out" / "a.npz").keys() == read(tmp_path / "out" / "b.npz").keys()
    (tmp_path / "out" / "a.npz").write_bytes(first[:1000])
    assert made() == "1 written"
    assert made("--rate", 2) == "2 written" and made("--rate", 2, "--precision", "float16") == "2 written"
    assert made("--rate", 2, "--precision", "float16", "--batch-size", 1) == "0 written, 2 up to date"
    even_video(video, 20, fps=Fraction(10))
    assert made("--rate", 2, "--precision", "float16") == "1 written"
    assert len(read(tmp_path / "out" / "a.npz")["features"]) == 4


def test_another_backbone_under_the_same_name_is_noticed(
    backbone: Path, places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(backbone)
    key = next(key for key, value in content["model"].items() if value.is_floating_point())
    content["model"][key] += 1e-3
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / backbone.name
    torch.save(content, other)
    moved = tmp_path / "moved.pt"
    moved.write_bytes(backbone.read_bytes())
    for used, line in ((backbone, "1 written"), (moved, "1 up to date"), (other, "1 written")):
        assert run(used, tmp_path / "out", "--videos", places / "c") == 0
        assert line in capsys.readouterr().out


def test_what_cannot_be_read_is_named_and_the_others_go_on(
    backbone: Path, places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, images = tmp_path / "broken.mp4", tmp_path / "images"
    broken.write_bytes((places / "a.mp4").read_bytes()[:700])
    images.mkdir()
    for number, picture in enumerate((places / "c").iterdir()):
        (images / f"{number}.png").write_bytes(picture.read_bytes())
    (images / "3.png").write_bytes(b"no picture")
    absent = tmp_path / "absent.mp4"
    assert run(backbone, tmp_path / "out", "--videos", broken, images, absent, places / "c") == 1
    shown = capsys.readouterr()
    for name in (
        "broken.mp4: not a video",
        "images/3.png: not an image",
        "absent.mp4: there is no such file",
    ):
        assert name in shown.err.replace("\n", " ")
    assert "1 written" in shown.out and "3 failed" in shown.out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["c.npz"]


def test_nothing_that_can_be_read_ends_with_two(
    backbone: Path, places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(backbone, tmp_path / "out", "--videos", tmp_path / "empty") == 2
    assert run(backbone, tmp_path / "out", "--videos", tmp_path / "absent.mp4") == 2
    assert run(backbone, tmp_path / "out", "--videos", tmp_path / "absent.mp4", tmp_path / "gone.mp4") == 2
    assert run(backbone, tmp_path / "out", "--videos", places / "a.mp4", places / "x" / "a.mkv") == 2
    assert run(tmp_path / "absent.pt", tmp_path / "out", "--videos", places / "c") == 2
    assert run(backbone, tmp_path / "out", "--videos", places / "c", "--rate", 0) == 2
    assert run(backbone, tmp_path / "out", "--videos", places / "c", "--device", "nowhere") == 2
    shown = capsys.readouterr().err
    for text in ("no videos, frame stores", "none of the 2", "same id", "absent.pt", "'rate'", "nowhere"):
        assert text in shown
    assert not (tmp_path / "out").exists()
    assert run(backbone, backbone, "--videos", places / "c") == 2
    assert "mine.pt: this is a file" in capsys.readouterr().err.replace("\n", " ")


def test_a_folder_of_images_may_be_the_one_that_one_is_in(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(places / "c")
    assert find_sources([Path()]) == {"c": Path()}


@given(place=st.integers(0, 2000), byte=st.integers(0, 255))
def test_a_damaged_file_is_never_current_and_never_an_error(
    place: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "packed.npz"
    np.savez_compressed(
        path, made_from=np.asarray("x" * 9), features=np.random.default_rng(0).normal(size=150)
    )
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content)
    assert is_current(path, "x" * 9) in (True, False)
    assert not is_current(path, "y" * 9)


def test_a_folder_of_videos_stays_one_with_a_cover_in_it(places: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes((places / "a.mp4").read_bytes())
    (tmp_path / ".hidden.mp4").write_bytes(b"")
    (tmp_path / "cover.png").write_bytes((places / "c" / "frame8.png").read_bytes())
    assert find_sources([tmp_path]) == {"a": tmp_path / "a.mp4"}
    everything = {"a": places / "a.mp4", "b": places / "b.frames", "c": places / "c"}
    assert find_sources([places, places / "c"]) == everything


def test_a_store_is_not_asked_for_more_than_it_has(places: Path) -> None:
    with pytest.raises(InputError, match="has 4 pictures a second, 5 are asked for"):
        open_pictures(places / "b.frames", rate=5)
    assert open_pictures(places / "b.frames", rate=4).number.tolist() == list(range(12))
    assert open_pictures(places / "b.frames", rate=3).number.tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]


def test_a_video_gives_what_is_on_screen_and_repeats_it_where_it_is_slower(places: Path) -> None:
    pictures = open_pictures(places / "a.mp4", rate=20)
    assert pictures.number.tolist() == [row // 2 for row in range(len(pictures.number))]
    assert 78 <= len(pictures.number) <= 80
    assert [
        number_in(picture) for picture in pictures.read(lambda picture: picture)
    ] == pictures.number.tolist()


def test_folders_have_a_rate_of_their_own(places: Path, tmp_path: Path) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    for number in range(1, 76):
        Image.fromarray(picture).save(tmp_path / f"{number:06}.png")
    pictures = open_pictures(tmp_path, rate=1, folder_rate=25)
    assert pictures.number.tolist() == [1, 26, 51] and pictures.time_s.tolist() == [0, 1, 2]
    (tmp_path / "cover.png").write_bytes((tmp_path / "000001.png").read_bytes())
    (tmp_path / "x000001.png").write_bytes((tmp_path / "000001.png").read_bytes())
    assert open_pictures(tmp_path, rate=25).number.tolist() == list(range(77))  # numbers are not distinct
    with pytest.raises(InputError, match="has 1 pictures a second, 2 are asked for"):
        open_pictures(tmp_path, rate=2, folder_rate=1)
