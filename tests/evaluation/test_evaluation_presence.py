from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from surgvlp.datasets.cholect50 import central_square
from surgvlp.evaluation.presence import scored_frames, scores
from surgvlp.evaluation.presence_protocol import FOLDER, KINDS, read_presence_protocol
from surgvlp.evaluation.protocol import known_protocols
from surgvlp.evaluation.triplets import read_triplet_prompts
from surgvlp.files import InputError

# Changing a protocol changes what every number made with it means: it then needs another name.
PINNED = {
    "cholec80_tools": "4b8fddaee204",
    "cholect50_frames": "fd9eefced2d0",
    "cholect50_frames_released": "b8b579677521",
    "made_tools": "d29f3ad0bb79",
    "made_triplets": "e3e5642376ef",
}


def labels_of(name: str) -> str:
    return "Cholec80 tools" if name.endswith("tools") else "CholecT50"


def test_protocols_that_come_along_are_what_they_were() -> None:
    found = {
        name: read_presence_protocol(name, labels_of(name)).sha256[:12] for name in known_protocols(FOLDER)
    }
    assert found == PINNED


def test_the_released_protocol_takes_the_published_prompts_only(shared_data: Path) -> None:
    protocol = read_presence_protocol("cholect50_frames_released", "CholecT50")
    published = read_triplet_prompts(shared_data / "svl_sample" / "prompts" / "cholec_triplet.txt")
    assert published[17] == "gallbladder retraction using a grasper."
    components = {kind: [protocol.prompts[kind]] for kind in KINDS["CholecT50"][1:]}
    right = {"triplet": [published], **components}
    settled = protocol.settled(right, ["VID73"], "image files")
    assert settled.prompts["triplet"] == protocol.prompts["triplet"]
    wrong = {**right, "instrument": [["grasper", *components["instrument"][0][1:]]]}
    for prompts in (wrong, {**right, "triplet": [[*published[:99], "something else"]]}):
        with pytest.raises(InputError, match=r"is fixed to (instrument|triplet) prompts"):
            protocol.settled(prompts, ["VID73"], "image files")
    with pytest.raises(InputError, match="does not test on VID01"):
        protocol.settled(right, ["VID73", "VID01"], "image files")


def test_equal_hashes_mean_that_the_same_was_done() -> None:
    protocol = read_presence_protocol("made_tools", "Cholec80 tools")
    prompts = {"tool": [["a"] * 7]}
    settled = protocol.settled(prompts, ["video02", "video01"], "videos")
    assert settled.sha256 == protocol.settled(prompts, ["video01", "video02"], "videos").sha256
    others = [
        protocol.settled({"tool": [["b"] * 7]}, ["video01", "video02"], "videos"),
        protocol.settled(prompts, ["video01"], "videos"),
        protocol.settled(prompts, ["video01", "video02"], "image files"),
        dataclasses.replace(settled, precision="float16"),
        dataclasses.replace(settled, whole_batches_of=40),
    ]
    assert len({each.sha256 for each in (settled, *others)}) == 6
    assert dataclasses.replace(settled, about="other words").sha256 == settled.sha256


def test_ones_own_protocol_is_a_file(tmp_path: Path) -> None:
    content = json.loads((FOLDER / "made_triplets.json").read_text()) | {"name": "ours"}
    path = tmp_path / "ours.json"
    path.write_text(json.dumps(content))
    assert read_presence_protocol(path, "CholecT50").name == "ours"
    square = content["preprocessing"]
    for change, complaint in (
        ({"name": "made_triplets"}, "not the file's"),
        ({"averaging": "all frames"}, "'all frames' is not one of"),
        ({"prompts": {"tool": "given prompts"}}, "Name triplet, instrument, verb, target"),
        ({"labels": "Cholec80 tools"}, "is for Cholec80 tools, not CholecT50"),
        ({"preprocessing": {**square, "size": 0}}, "0 is no size"),
        ({"preprocessing": {**square, "std": [1.0]}}, "three numbers"),
        ({"whole_batches_of": 0}, "0 frames make no batch"),
    ):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(InputError, match=complaint):
            read_presence_protocol(path, "CholecT50")
    with pytest.raises(InputError, match="Did you mean 'made_triplets'"):
        read_presence_protocol("made_triplet", "CholecT50")


@settings(max_examples=15)
@given(st.integers(30, 300), st.integers(30, 300))
def test_the_central_square_is_cut_before_it_is_resized(height: int, width: int) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    expected = transforms.functional.resized_crop(
        image, top, left, short, short, [56, 56], transforms.InterpolationMode.BICUBIC
    )
    np.testing.assert_array_equal(np.asarray(central_square(image, 56)), np.asarray(expected))


def test_scores_are_sigmoids_of_cosines_and_float16_rounds_them_as_torch_does() -> None:
    generator = np.random.default_rng(3)
    frames, classes = (generator.normal(size=(count, 64)).astype(np.float32) for count in (500, 20))
    frames /= np.linalg.norm(frames, axis=1, keepdims=True)
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)
    cosine = torch.from_numpy(frames) @ torch.from_numpy(classes).T
    np.testing.assert_allclose(scores(frames, classes), torch.sigmoid(cosine), atol=1e-6)
    rounded = scores(frames, classes, "float16")
    half = torch.sigmoid(torch.from_numpy(frames).half() @ torch.from_numpy(classes).half().T).float().numpy()
    np.testing.assert_allclose(rounded, half, atol=6e-4)
    assert (rounded == half).mean() > 0.99  # the order in which a sum is taken moves a few
    assert len(np.unique(rounded)) < 600 < len(np.unique(scores(frames, classes)))


def test_the_released_protocol_drops_291_of_the_21251_frames() -> None:
    released = read_presence_protocol("cholect50_frames_released", "CholecT50")
    ours = read_presence_protocol("cholect50_frames", "CholecT50")
    lengths = (2154, 1750, 2146, 1709, 2117, 3713, 2945, 1357, 1635, 1725)
    assert sum(lengths) - sum(scored_frames(released, length) for length in lengths) == 291
    assert sum(scored_frames(ours, length) for length in lengths) == 21_251
