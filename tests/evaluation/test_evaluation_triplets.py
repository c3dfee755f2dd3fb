from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from presence_data import SHOWN, run_tool, write_cholect50
from tool_module import REPOSITORY
from torchvision import transforms

from surgvlp import predictions
from surgvlp.evaluation.encoder import open_encoder
from surgvlp.evaluation.presence_protocol import FOLDER
from surgvlp.evaluation.triplets import NAMES, NO_IDLE, derived, read_triplet_prompts, score_triplets
from surgvlp.files import InputError
from surgvlp.lectures.prompts import read_prompts
from surgvlp.lectures.triplets import CHOLECT50
from surgvlp.predictions import Predictions

PROMPTS = REPOSITORY / "data" / "prompts"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("triplets")
    write_cholect50(root / "downstream_datasets" / "made" / "cholect50", ("VID01", "VID02"))
    # Words that the tiny model knows, so that classes differ.
    words = ["hook", "duct", "clips", "bag", "water", "smoke", "trocars"]
    lines = [f"{row}:{words[row % 7]} {words[row // 7 % 7]} on_liver" for row in range(100)]
    (root / "triplets.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def evaluate(data: Path, run_folder: Path, tmp_path: Path) -> Callable[..., int]:
    def run(**changes: object) -> int:
        flags: dict[str, object] = {
            "checkpoint": run_folder / "step_00000007.pt",
            "data": data,
            "dataset": "made/cholect50",
            "prompts": data / "triplets.txt",
            "protocol": "made_triplets",
            "output": tmp_path / "out",
            **changes,
        }
        return run_tool("evaluate_triplets", flags)

    return run


def random_triplets(rare: float) -> list[Predictions]:
    generator = np.random.default_rng(4)
    items = []
    for number in range(2):
        label = generator.random((60, 100)) < rare
        items.append(
            Predictions(
                frame_index=np.arange(60),
                time_s=np.arange(60.0),
                score=generator.random((60, 100)).astype(np.float32),
                label=label.astype(np.int64),
                video=f"VID{number:02d}",
                dataset="made",
                class_names=NAMES["triplet"],
                model="model",
                protocol="protocol",
                protocol_sha256="ab" * 32,
            )
        )
    return items


def test_scores_are_those_of_one_frame_at_a_time(
    evaluate: Callable[..., int], run_folder: Path, data: Path, tmp_path: Path
) -> None:
    assert evaluate(batch_size=5) == 0
    encoder = open_encoder(run_folder, None)
    transform = transforms.Compose(
        [
            transforms.CenterCrop(36),
            transforms.Resize(32, transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    texts = {
        "triplet": [line.split(":")[1].replace("_", " ") for line in (data / "triplets.txt").open()],
        "verb": [name.replace("_", " ") for name in CHOLECT50.verbs],
    }
    with torch.no_grad():
        for kind, prompts in texts.items():
            classes = encoder.model.encode_text(encoder.tokenizer(prompts, 77))
            items = predictions.load_folder(tmp_path / "out" / "predictions" / kind)
            assert [item.video for item in items] == ["VID01", "VID02"]
            for item in items:
                assert item.class_names == NAMES[kind] and item.protocol == "made_triplets"
                folder = data / "downstream_datasets" / "made" / "cholect50" / "data" / item.video
                for frame in (0, 7, 11):
                    picture = transform(Image.open(folder / f"{frame:06d}.png"))[None]
                    cosine = torch.cosine_similarity(encoder.model.encode_image(picture), classes)
                    np.testing.assert_allclose(item.score[frame], torch.sigmoid(cosine), atol=1e-5)
    shown = [np.flatnonzero(row).tolist() for row in items[0].label]
    assert shown == [[CHOLECT50.verbs.index(CHOLECT50.triplets[SHOWN[k % 3]][1])] for k in range(12)]


def test_the_record_holds_every_row_beside_its_controls(
    evaluate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(json=True) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert list(record["rows"])[:4] == ["triplet", "instrument", "verb", "target"]
    assert {"instrument-verb", "instrument-target", "target, from triplets", NO_IDLE} < set(record["rows"])
    folder = tmp_path / "out" / "predictions"
    again = score_triplets({kind: predictions.load_folder(folder / kind) for kind in NAMES})
    for name, row in record["rows"].items():
        assert (row["mean"], row["chance"]) == (again[name].mean, again[name].chance)
    assert (record["frames"], record["frames_not_scored"]) == (24, 0)
    assert predictions.load_folder(folder / "verb")[0].protocol_sha256 == record["protocol_sha256"]
    assert evaluate() == 0
    assert "made_triplets  sha256" in capsys.readouterr().out


def test_pairs_components_and_idle_instruments_are_ivtmetrics_where_all_classes_occur() -> None:
    from ivtmetrics.recognition import Recognition

    items = random_triplets(rare=0.4)
    theirs = Recognition(100)
    for item in items:
        theirs.update(item.label, item.score)
        theirs.video_end()
    names = {
        "iv": "instrument-verb",
        "it": "instrument-target",
        "i": "instrument, from triplets",
        "v": "verb, from triplets",
        "t": "target, from triplets",
        "ivt": "triplet",
    }
    ours = score_triplets({"triplet": items})
    for symbol, name in names.items():
        expected = theirs.compute_video_AP(symbol)
        assert ours[name].mean == pytest.approx(expected["mAP"], abs=1e-9), name
        found = [each.average_precision for each in ours[name].classes]
        np.testing.assert_allclose(found, expected["AP"], atol=1e-9)
    assert ours[NO_IDLE].mean == pytest.approx(theirs.compute_video_AP("ivt", ignore_null=True)["mAP"])


def test_a_pair_is_as_likely_as_the_likeliest_triplet_that_contains_it() -> None:
    item = random_triplets(rare=0.02)[0]
    pairs = derived([item], (0, 1))[0]
    assert len(pairs.class_names) == 26 and len(derived([item], (0, 2))[0].class_names) == 59
    column = pairs.class_names.index("hook,dissect")
    members = [
        place for place, triplet in enumerate(CHOLECT50.triplets) if triplet[:2] == ("hook", "dissect")
    ]
    np.testing.assert_array_equal(pairs.score[:, column], item.score[:, members].max(axis=1))
    np.testing.assert_array_equal(pairs.label[:, column], item.label[:, members].max(axis=1))


def test_a_protocol_that_scores_whole_batches_in_float16_says_what_it_left_out(
    evaluate: Callable[..., int], tmp_path: Path
) -> None:
    content = json.loads((FOLDER / "made_triplets.json").read_text())
    changes = {"name": "ours", "whole_batches_of": 5, "precision": "float16"}
    (tmp_path / "ours.json").write_text(json.dumps({**content, **changes}))
    assert evaluate() == 0
    whole = predictions.load_folder(tmp_path / "out" / "predictions" / "triplet")
    assert evaluate(protocol=tmp_path / "ours.json") == 0
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["frames_not_scored"] == 4
    for item, other in zip(
        predictions.load_folder(tmp_path / "out" / "predictions" / "triplet"), whole, strict=True
    ):
        assert item.frame_index.tolist() == list(range(10))
        np.testing.assert_array_equal(item.score, item.score.astype(np.float16))
        np.testing.assert_allclose(item.score, other.score[:10], atol=1e-3)


def test_prompts_that_come_along_describe_every_class() -> None:
    triplets = read_triplet_prompts(PROMPTS / "cholect50_triplets.txt")
    assert len(set(triplets)) == 100
    for prompt, (instrument, _, _) in zip(triplets, CHOLECT50.triplets, strict=True):
        assert {"clipper": "clip applier"}.get(instrument, instrument) in prompt
    for kind in ("instrument", "verb", "target"):
        assert len(set(read_prompts(PROMPTS / f"cholect50_{kind}s.txt", len(NAMES[kind])))) == len(
            NAMES[kind]
        )


def test_the_published_form_of_prompts_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    lines = [f"{row}:phase {row}: grasper,cystic_plate" for row in range(100)]
    path.write_text("\n".join(lines))
    assert read_triplet_prompts(path) == ["grasper cystic plate"] * 100
    path.write_text("\n".join(line.split(":")[1] for line in lines))
    assert read_triplet_prompts(path)[99] == "phase 99"
    for row, line, complaint in (
        (7, "8:out of place", r"row 8: this is triplet 7, not 8"),
        (0, "99: phase: out of place", r"row 1: this is triplet 0, not 99"),
        (50, "50: ", r"row 51: no sentence"),
    ):
        path.write_text("\n".join([*lines[:row], line, *lines[row + 1 :]]))
        with pytest.raises(InputError, match=complaint):
            read_triplet_prompts(path)
    path.write_text("\n".join(lines[:99]))
    with pytest.raises(InputError, match="99 lines for 100 triplets"):
        read_triplet_prompts(path)


def test_bad_input_is_one_line_and_nothing_is_written(
    evaluate: Callable[..., int], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short.txt"
    short.write_text("one\ntwo\n")
    gap = tmp_path / "gap"
    shutil.copytree(data, gap)
    (gap / "downstream_datasets" / "made" / "cholect50" / "data" / "VID02" / "000004.png").unlink()
    cases: list[tuple[dict[str, object], str]] = [
        ({"prompts": short}, r"short.txt.*2 lines for 100 triplets"),
        ({"verb_prompts": short}, r"short.txt: 2 lines for 10 classes"),
        ({"protocol": "made_tools"}, r"is for Cholec80 tools, not CholecT50"),
        ({"protocol": "cholect50_frames_released"}, r"no annotations of VID06, VID10"),
        ({"protocol": "cholect50_frames_released", "videos": "VID01"}, r"does not test on VID01"),
        ({"dataset": "made/cholect5"}, r"there is no such data set"),
        ({"dataset": "../made"}, r"'\.\.' is not a usable id"),
        ({"videos": "VID01,VID09"}, r"no annotations of VID09.*There are those of VID01, VID02"),
        ({"videos": "VID01,VID01"}, r"a video stands there twice"),
        ({"data": gap}, r"VID02.txt, row 5: there is no frame .*000004.png"),
        ({"batch_size": 0}, r"0 frames make no batch"),
        ({"checkpoint": None}, r"no model to evaluate"),
    ]
    for changes, complaint in cases:
        assert evaluate(**changes) == 2, changes
        message = capsys.readouterr().err.strip()
        assert message.count("\n") == 0 and message.startswith("error: "), message
        assert re.search(complaint, message), message
        assert not (tmp_path / "out").exists(), changes


def test_idle_instruments_alone_leave_that_row_out() -> None:
    item = random_triplets(rare=0.3)[0]
    label = np.zeros_like(item.label)
    label[::2, 94:] = 1
    rows = score_triplets({"triplet": [replace(item, label=label)]})
    assert NO_IDLE not in rows and rows["triplet"].chance == 0.5
