from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from presence_data import FRAMES, run_tool, write_cholec80
from tool_module import REPOSITORY

from surgvlp import predictions
from surgvlp.evaluation.average_precision import score_presence
from surgvlp.lectures.presence import CHOLEC80_TOOLS
from surgvlp.lectures.prompts import read_prompts
from surgvlp.media.encode import Encoding, VideoWriter
from surgvlp.media.images import read_image


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tools")
    write_cholec80(root / "downstream_datasets" / "cholec80", ("video41", "video80"))
    (root / "tools.txt").write_text("hook\nclips\nbag\nwater\nsmoke\ntrocars in\nbag out\n")
    with VideoWriter(root / "video41.mp4", 64, 36, 2, encoding=Encoding(crf=5)) as writer:
        for second in range(FRAMES):
            frame = read_image(
                root / "downstream_datasets" / "cholec80" / "frames" / f"video41_{second + 1}.png"
            )
            writer.write(frame)
            writer.write(frame)
    return root


@pytest.fixture
def evaluate(data: Path, run_folder: Path, tmp_path: Path) -> Callable[..., int]:
    def run(**changes: object) -> int:
        flags: dict[str, object] = {
            "checkpoint": run_folder,
            "data": data,
            "videos": "video41,video80",
            "prompts": data / "tools.txt",
            "output": tmp_path / "out",
            **changes,
        }
        return run_tool("evaluate_tools", flags)

    return run


def test_tools_are_scored_where_cholec80_annotates_them(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(json=True) == 0
    record = json.loads(capsys.readouterr().out)
    items = predictions.load_folder(tmp_path / "out" / "predictions" / "tool")
    assert [item.video for item in items] == ["video41", "video80"]
    assert items[0].frame_index.tolist() == [25 * second for second in range(FRAMES)]
    assert items[0].time_s.tolist() == list(range(FRAMES))
    assert items[0].class_names == CHOLEC80_TOOLS
    assert np.flatnonzero(items[1].label[:, 2]).tolist() == [0, 3, 6, 9]
    scores = score_presence(items)
    assert record["rows"]["tool"]["mean"] == scores.mean
    named = {each["name"]: each["average_precision"] for each in record["rows"]["tool"]["classes"]}
    assert named["Hook"] is not None and named["Clipper"] is None
    assert record["protocol"]["source"] == "image files"


def test_a_video_gives_the_same_scores_as_its_frames_and_another_hash(
    evaluate: Callable[..., int], data: Path, tmp_path: Path
) -> None:
    found = []
    for frames in (None, data):
        assert evaluate(videos="video41", frames=frames) == 0
        found += predictions.load_folder(tmp_path / "out" / "predictions" / "tool")
    images, video = found
    np.testing.assert_allclose(video.score, images.score, atol=0.02)
    assert video.protocol_sha256 != images.protocol_sha256


def test_prompts_that_come_along_describe_every_tool() -> None:
    prompts = read_prompts(REPOSITORY / "data" / "prompts" / "cholec80_tools.txt", len(CHOLEC80_TOOLS))
    assert len(set(prompts)) == 7 and "hook" in prompts[2] and "bag" in prompts[6]


def test_bad_input_is_one_line_and_nothing_is_written(
    evaluate: Callable[..., int], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    six = tmp_path / "six.txt"
    six.write_text("tool\n" * 6)
    cases: list[tuple[dict[str, object], str]] = [
        ({"prompts": six}, r"six.txt: 6 lines for 7 classes"),
        ({"videos": None}, r"no annotations of video42, video43"),
        ({"protocol": "cholect50_frames"}, r"is for CholecT50, not Cholec80 tools"),
        ({"frames": data}, r"video80.mp4.*there is no such video"),
        ({"protocol": "made_tools"}, r"video41-tool.txt, row 2: there is no frame .*video41_0.png"),
    ]
    for changes, complaint in cases:
        assert evaluate(**changes) == 2, changes
        message = capsys.readouterr().err.strip()
        assert message.count("\n") == 0 and message.startswith("error: "), message
        assert re.search(complaint, message), message
        assert not (tmp_path / "out").exists(), changes


def test_annotations_that_outlast_the_video_are_named(
    evaluate: Callable[..., int], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with VideoWriter(tmp_path / "video41.mp4", 64, 36, 2, encoding=Encoding(crf=5)) as writer:
        for _ in range(10):
            writer.write(np.zeros((36, 64, 3), np.uint8))
    assert evaluate(videos="video41", frames=tmp_path) == 2
    assert "labels go to second 11" in capsys.readouterr().err
