"""Exported folders: what goes in comes out, offline, and nothing that was changed is let in."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from surgvlp.datasets.phases import published_preprocess
from surgvlp.evaluation.frames import resize_and_crop
from surgvlp.files import InputError, read_json, sha256_of, write_json
from surgvlp.models import load_backbone
from surgvlp.models.backbones import input_of
from surgvlp.models.build import build_model
from surgvlp.models.exported import (
    Exported,
    FramePreprocessing,
    ModelCard,
    Score,
    from_pretrained,
    save_pretrained,
)
from surgvlp.models.exported.preprocessing import PUBLISHED
from surgvlp.models.tokenizer import Tokenizer

TEXTS = ["I use the Hook to dissect", "the grasper holds.", "clip " * 40]
SCORE = Score("cholec80", "zero-shot", "macro-F1", 0.3125, [0.25, 0.375], 40, "cholec80_frames", "ab" * 32)


def made(text_model: str, text_type: str, key: str = "text_bert_type") -> Exported:
    """An untrained model over the text model of a folder."""
    torch.manual_seed(1)
    text = {"type": f"text_backbones/{text_type}", key: text_model}
    text |= {"text_embedding_dim": 16} if text_type == "BertEncoder" else {"embedding_dim": 16}
    model_config = {
        "type": "SurgVLP",
        "backbone_img": {
            "type": "img_backbones/ImageEncoder",
            "num_classes": 16,
            "pretrained": "random",
            "backbone_name": "test_resnet",
        },
        "backbone_text": text,
        "neck": None,
    }
    card = ModelCard("tiny", data="nothing", licence="CC0-1.0", lineage={"step": "7"}, scores=[SCORE])
    model = build_model(model_config).eval()
    return Exported(model, Tokenizer(text_model), model_config, FramePreprocessing(32), 12, card)


@pytest.fixture(scope="module")
def bert(tiny_bert: str) -> Exported:
    return made(tiny_bert, "BertEncoder")


@pytest.fixture(scope="module")
def folder(bert: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("exported") / "tiny"
    save_pretrained(bert, folder)
    return folder


def test_its_visual_encoder_alone_is_a_backbone(bert: Exported, folder: Path) -> None:
    backbone = load_backbone(folder / "model.safetensors")
    expected = bert.model.backbone_img.model.state_dict()
    assert list(expected) == list(backbone.state_dict())
    assert all(torch.equal(value, expected[name]) for name, value in backbone.state_dict().items())
    assert input_of(backbone).size == 32


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def embeddings(exported: Exported) -> tuple[torch.Tensor, torch.Tensor]:
    frames = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        tokens = exported.tokenizer(TEXTS, exported.max_length)
        return exported.model.encode_image(frames), exported.model.encode_text(tokens)


@pytest.mark.parametrize(("kind", "key"), [("BertEncoder", "text_bert_type"), ("SentenceEncoder", "name")])
def test_a_loaded_model_is_the_saved_one_without_network_and_without_the_text_model_it_came_from(
    kind: str, key: str, tiny_bert: str, tmp_path: Path, offline: None
) -> None:
    source = shutil.copytree(tiny_bert, tmp_path / "source")
    saved = made(str(source), kind, key)
    save_pretrained(saved, tmp_path / "one")
    shutil.rmtree(source)
    loaded = from_pretrained(tmp_path / "one", "cpu")
    for expected, found in zip(embeddings(saved), embeddings(loaded), strict=True):
        assert torch.equal(found, expected)
    assert not loaded.model.training
    same = ("card", "preprocessing", "max_length")
    assert all(getattr(loaded, name) == getattr(saved, name) for name in same)
    save_pretrained(loaded, tmp_path / "two")
    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(names) >= 6
    for name in names:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name


def test_no_path_of_the_machine_is_written(folder: Path, tiny_bert: str) -> None:
    for path in folder.rglob("*.*"):
        assert str(Path(tiny_bert).parent).encode() not in path.read_bytes(), path


def test_whoever_may_read_one_file_may_read_all(folder: Path) -> None:
    assert len({path.stat().st_mode for path in folder.rglob("*.*") if path.is_file()}) == 1


def test_lower_casing_of_the_published_text_model_travels(tiny_bert: str, tmp_path: Path) -> None:
    named = shutil.copytree(tiny_bert, tmp_path / "Bio_ClinicalBERT")
    saved = made(str(named), "BertEncoder")
    save_pretrained(saved, tmp_path / "plain")
    shutil.rmtree(named)
    loaded = from_pretrained(tmp_path / "plain", "cpu")
    ids = loaded.tokenizer(["THE HOOK"], 8)["input_ids"]
    assert torch.equal(ids, loaded.tokenizer(["the hook"], 8)["input_ids"])
    assert 1 not in ids  # no unknown words


def test_the_card_for_people_says_what_the_data_say(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert "| trained on | nothing |" in text
    assert "| licence | CC0-1.0 |" in text
    row = "| cholec80 | zero-shot | macro-F1 | 0.312 | 0.250 to 0.375 | 40 | cholec80_frames abababababab |"
    assert row in text


def test_words_of_others_cannot_break_the_card(bert: Exported, tmp_path: Path) -> None:
    card = ModelCard("a", data="one | two\n## Scores\n\x1b[31mred")
    save_pretrained(dataclasses.replace(bert, card=card), tmp_path / "a")
    lines = (tmp_path / "a" / "README.md").read_text().splitlines()
    assert "| trained on | one \\| two ## Scores [31mred |" in lines
    assert lines.count("## Scores") == 1


def change_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change_description(**changes: object) -> Callable[[Path], None]:
    return lambda folder: write_json(folder / "config.json", {**read_json(folder / "config.json"), **changes})


def name_code(folder: Path, key: str = "auto_map", value: object = "evil.Model") -> None:
    path = folder / "text_encoder" / "config.json"
    write_json(path, {**read_json(path), key: value})
    description = read_json(folder / "config.json")
    description["files"]["text_encoder/config.json"] = sha256_of(path)
    write_json(folder / "config.json", description)


def name_kernels(folder: Path) -> None:
    name_code(folder, "_attn_implementation", "somebody/kernel")


def call_a_function(folder: Path) -> None:
    """mmengine's registries import any dotted name, and torch.hub.load runs a file in a folder."""
    (folder / "hubconf.py").write_text("raise SystemExit('this ran')")
    part = {"type": "torch.hub.load", "repo_or_dir": str(folder), "source": "local", "model": "any"}
    description = read_json(folder / "config.json")
    description["model_config"]["backbone_img"] = part
    write_json(folder / "config.json", description)


def list_outside(folder: Path) -> None:
    description = read_json(folder / "config.json")
    description["files"]["text_encoder/../../secret.json"] = "0" * 64
    write_json(folder / "config.json", description)


def rename_backbone(folder: Path) -> None:
    description = read_json(folder / "config.json")
    description["model_config"]["backbone_img"]["backbone_name"] = "resnet_18"
    write_json(folder / "config.json", description)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_weights, "model.safetensors: is torn or was changed"),
        (lambda folder: (folder / "model.safetensors").unlink(), "is no exported model"),
        (lambda folder: (folder / "config.json").unlink(), "is no exported model"),
        (lambda folder: (folder / "config.json").write_text("[]"), "has format None"),
        (lambda folder: (folder / "text_encoder" / "tokenizer.json").unlink(), "there is no such file"),
        (
            lambda folder: (folder / "text_encoder" / "a.pkl").write_bytes(b"."),
            "a.pkl: is not among the files",
        ),
        (change_description(format=2), "has format 2, known is 1"),
        (change_description(modell=1), "Did you mean 'model_config'"),
        (change_description(max_length=0), "0 is no number of tokens"),
        (change_description(preprocessing={"crop": 0}), "a crop of 0 does not fit"),
        (change_description(model_config={"type": "SurgVLP"}), "backbone_img.*missing"),
        (name_code, "names code to run"),
        (name_kernels, "names code to run"),
        (call_a_function, "backbone_img.type.*unknown config key"),
        (list_outside, "is no file of an exported model"),
        (rename_backbone, "these are not weights of this model"),
    ],
)
def test_a_damaged_or_changed_folder_is_refused(
    copy: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(copy)
    with pytest.raises(InputError, match=message):
        from_pretrained(copy, "cpu")


def test_an_export_overwrites_an_export_and_nothing_else(
    bert: Exported, copy: Path, tiny_bert: str, tmp_path: Path
) -> None:
    save_pretrained(dataclasses.replace(bert, max_length=9), copy)
    assert from_pretrained(copy, "cpu").max_length == 9
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds something else"):
        save_pretrained(bert, thesis)
    assert [path.name for path in thesis.iterdir()] == ["chapter.tex"]
    text_model = shutil.copytree(tiny_bert, tmp_path / "bert")  # with files of the same names
    with pytest.raises(InputError, match="holds something else"):
        save_pretrained(bert, text_model)


def test_an_export_that_fails_leaves_the_one_before(bert: Exported, copy: Path) -> None:
    card = dataclasses.replace(bert.card, scores=[dataclasses.replace(SCORE, value=float("nan"))])
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_pretrained(dataclasses.replace(bert, card=card), copy)
    assert from_pretrained(copy, "cpu").card == bert.card
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


@settings(max_examples=25)
@given(st.integers(20, 90), st.integers(20, 90), st.sampled_from(["RGB", "L", "RGBA"]), st.integers(0, 99))
def test_frames_are_prepared_as_in_evaluation_and_as_published(
    height: int, width: int, mode: str, seed: int
) -> None:
    channels = {"RGB": (3,), "L": (), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8)
    image = Image.fromarray(pixels)
    own = FramePreprocessing(24)
    square = resize_and_crop(np.asarray(image.convert("RGB")), "short side", 24)
    expected = torch.from_numpy(square.copy()).permute(2, 0, 1) / 255 - torch.tensor(own.mean)[:, None, None]
    torch.testing.assert_close(own(image), expected / torch.tensor(own.std)[:, None, None])
    if mode == "RGB":
        assert torch.equal(PUBLISHED(image), published_preprocess()(image))


@pytest.mark.parametrize(
    "values",
    [{"crop": 0}, {"crop": 9, "resize": [8, 20]}, {"crop": 9, "std": [1, 0, 1]}, {"crop": 9, "mean": [0.5]}],
)
def test_preprocessing_that_cannot_be_is_refused(values: dict) -> None:
    with pytest.raises(InputError, match="preprocessing"):
        FramePreprocessing(**values)


def test_the_description_is_plain_data_that_other_programs_read(folder: Path) -> None:
    description = json.loads((folder / "config.json").read_text())
    assert description["model_config"]["backbone_text"]["text_bert_type"] == "text_encoder"
    assert description["files"]["model.safetensors"] == sha256_of(folder / "model.safetensors")
    assert description["preprocessing"]["crop"] == 32
