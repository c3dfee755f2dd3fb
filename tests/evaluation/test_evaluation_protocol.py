from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from surgvlp.evaluation.protocol import FOLDER, known_protocols, prompts_sha256, read_protocol
from surgvlp.files import InputError
from surgvlp.lectures.prompts import read_prompts

# Changing a protocol changes what every number made with it means: it then needs another name.
PINNED = {
    "autolaparo_frames": "edd18a2c0f84",
    "autolaparo_frames_released": "c52cecdcca0f",
    "cholec80_frames": "48a3db19b4c0",
    "cholec80_frames_released": "81a23978a573",
    "made_frames": "ecc92a11504f",
}


def test_protocols_that_come_along_are_what_they_were() -> None:
    assert {name: read_protocol(name).sha256[:12] for name in known_protocols()} == PINNED


def test_the_hash_is_of_what_is_done_and_not_of_the_words_about_it() -> None:
    protocol = read_protocol("cholec80_frames")
    assert dataclasses.replace(protocol, about="other words").sha256 == protocol.sha256
    changes = [
        {"frame_offset": 0},
        {"prompt_tokens": 35},
        {"videos": ["video49"]},
        {"source": "videos"},
        {"preprocessing": dataclasses.replace(protocol.preprocessing, crop=336)},
    ]
    hashes = {dataclasses.replace(protocol, **change).sha256 for change in changes}
    assert len(hashes | {protocol.sha256}) == len(changes) + 1


def test_settling_fills_in_prompts_and_videos() -> None:
    protocol = read_protocol("made_frames")
    settled = protocol.settled([["a"] * 7], ["lecture_2", "lecture_1"])
    assert settled.videos == ["lecture_1", "lecture_2"] and settled.prompts == prompts_sha256([["a"] * 7])
    assert settled.sha256 == protocol.settled([["a"] * 7], ["lecture_1", "lecture_2"]).sha256
    assert settled.sha256 != protocol.settled([["b"] * 7], ["lecture_1", "lecture_2"]).sha256
    assert prompts_sha256([["a", "b"]]) != prompts_sha256([["a"], ["b"]])


def test_the_released_protocols_take_the_published_prompts_only(shared_data: Path) -> None:
    folder = shared_data / "svl_sample" / "prompts"
    for name, file, video in (
        ("cholec80_frames_released", "class_prompt_cholec80_manual.txt", "video49"),
        ("autolaparo_frames_released", "class_prompt_autolapa_manual.txt", "15"),
    ):
        protocol = read_protocol(name)
        published = read_prompts(folder / file, 7)
        assert protocol.settled([published], [video]).prompts == protocol.prompts
        with pytest.raises(InputError, match="is fixed to prompts"):
            protocol.settled([[*published[:6], "Something else"]], [video])


def test_a_training_video_is_no_test_video() -> None:
    with pytest.raises(InputError, match="does not test on video01, video02"):
        read_protocol("cholec80_frames").settled([["a"] * 7], ["video02", "video49", "video01"])


def test_an_unknown_name_gets_the_nearest_known() -> None:
    with pytest.raises(InputError, match="Did you mean 'cholec80_frames'"):
        read_protocol("cholec80_frame")
    with pytest.raises(InputError, match=r"unknown protocol 'x'\. Known: autolaparo_frames"):
        read_protocol("x")


def test_ones_own_protocol_is_a_file(tmp_path: Path) -> None:
    content = json.loads((FOLDER / "made_frames.json").read_text())
    path = tmp_path / "ours.json"
    path.write_text(json.dumps({**content, "name": "ours"}))
    assert read_protocol(path).name == "ours"
    for change, complaint in (
        ({"name": "made_frames"}, "not the file's"),
        ({"name": "ours", "resise": 1}, "unknown config key"),
        ({"name": "ours", "averaging": "all frames"}, "'all frames' is not one of"),
        (
            {"name": "ours", "preprocessing": {**content["preprocessing"], "resize": [100, 100]}},
            "does not fit",
        ),
        ({"name": "ours", "preprocessing": {**content["preprocessing"], "mean": [0.5]}}, "three numbers"),
        ({"name": "ours", "preprocessing": {**content["preprocessing"], "crop": 0}}, "is no size"),
    ):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(InputError, match=complaint):
            read_protocol(path)
    with pytest.raises(InputError, match="there is no such file"):
        read_protocol(tmp_path / "gone.json")
