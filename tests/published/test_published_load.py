"""`surgvlp.load` and the published usage on generated weights, beside the specification's arithmetic."""

from __future__ import annotations

import doctest
import logging
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from mmengine.config import Config, ConfigDict
from PIL import Image
from published_files import text_config
from torch import Tensor
from transformers import BertModel

import surgvlp
from surgvlp import config as configs
from surgvlp.files import InputError
from surgvlp.models.mending import mended, text_model_name
from surgvlp.published.released import model_config_of

State = dict[str, Tensor]
TEXTS = ["I use the hook to dissect the gallbladder", "a clipper", "the duct " * 60, ""]


def model_config(home: Path) -> ConfigDict:
    return Config.fromfile(str(home / "config.py"), lazy_import=False)["config"].model_config


def part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def published_text_embeddings(state: State, tokens: dict[str, Tensor], words: list[list[str]]) -> Tensor:
    """The released algorithm taken literally: word pieces merged token by token, up to the first [SEP]."""
    bert = BertModel(text_config()).eval()
    bert.load_state_dict({name: value for name, value in state.items() if "position_ids" not in name})
    inputs = {name: tokens[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    with torch.no_grad():
        hidden = torch.stack(bert(**inputs, output_hidden_states=True).hidden_states[-4:], dim=1)
    merged = torch.zeros_like(hidden)
    for sample, pieces in enumerate(words):
        place = -1
        for position, piece in enumerate(pieces):
            if not piece.startswith("##"):
                place += 1
            merged[sample, :, place] += hidden[sample, :, position]
            if piece == "[SEP]":
                break
    return merged.mean(2).sum(1)


def published_image_embeddings(state: State, images: Tensor) -> Tensor:
    network = timm.create_model("test_resnet", num_classes=0)
    network.load_state_dict(part(state, "backbone_img.model."))
    with torch.no_grad():
        features = network.eval()(images)
    return (
        features @ state["backbone_img.global_embedder.weight"].T + state["backbone_img.global_embedder.bias"]
    )


def test_the_published_readme_runs(home: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(bert, home / "Bio_ClinicalBERT")
    Image.effect_noise((320, 240), 64).convert("RGB").save(home / "dissection.png")
    monkeypatch.chdir(home)
    usage = Path(__file__).parent / "usage.txt"
    result = doctest.testfile(str(usage), module_relative=False)
    assert result.attempted > 15 and result.failed == 0


def test_embeddings_are_the_specifications_arithmetic(home: Path, bert: Path, released_state: State) -> None:
    model, preprocess = surgvlp.load(model_config(home), device="cpu", pretrain=home / "SurgVLP.pth")
    images = torch.stack([preprocess(Image.effect_noise((90, 70), spread)) for spread in (20, 90)])
    tokens = surgvlp.tokenize(TEXTS, model_name=str(bert))
    ordered = (bert / "vocab.txt").read_text().split()
    words = [[ordered[number] for number in row] for row in tokens["input_ids"].tolist()]
    assert any(word.startswith("##") for row in words for word in row)
    with torch.no_grad():
        found = model(images, tokens, mode="all")
    texts = published_text_embeddings(part(released_state, "backbone_text.model."), tokens, words)
    torch.testing.assert_close(found["text_emb"], texts, atol=1e-5, rtol=1e-5)
    expected = published_image_embeddings(released_state, images)
    torch.testing.assert_close(found["img_emb"], expected, atol=1e-5, rtol=1e-4)


def archived(state: State, path: Path, *names: str) -> Path:
    """The state dict in a compressed archive, under these names."""
    torch.save(state, path.with_suffix(".inner"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(path.with_suffix(".inner"), name)
    path.with_suffix(".inner").unlink()
    return path


def test_weights_in_an_archive_are_taken_out_wherever_they_lie(
    home: Path, released_state: State, tmp_path: Path
) -> None:
    wrapped = {"state_dict": {f"module.{name}": value for name, value in released_state.items()}}
    inside = tmp_path / "inside"
    inside.mkdir()
    names = "../../evil/SurgVLP.pth", "__MACOSX/._SurgVLP.pth", "readme.txt"
    path = archived(wrapped, inside / "any.zip", *names)
    model, _ = surgvlp.load(model_config(home), "cpu", pretrain=path)
    for name, value in model.state_dict().items():
        assert torch.equal(value, released_state[name]), name
    assert not (tmp_path / "evil").exists() and [entry.name for entry in inside.iterdir()] == ["any.zip"]


def test_a_weights_file_of_another_model_is_refused(home: Path, released_state: State) -> None:
    torch.save({**released_state, "backbone_img.extra": torch.zeros(1)}, home / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth: .*1 unexpected \(backbone_img\.extra\)"):
        surgvlp.load(model_config(home), "cpu", pretrain=home / "other.pth")


def test_a_config_that_names_its_weights_needs_nothing_else(home: Path) -> None:
    config = configs.plain(model_config(home))
    config |= {"type": "MVNet", "neck": None, "head": None}
    with pytest.raises(InputError, match=r"no weights were released for MVNet.*`pretrain`"):
        surgvlp.load(config, "cpu")
    model, _ = surgvlp.load({**config, "pretrained": str(home / "SurgVLP.pth")}, "cpu")
    assert not model.training


def test_what_is_no_model_is_one_clear_line(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'PeskaVLP'"):
        surgvlp.load("PeskaVlp")
    with pytest.raises(InputError, match="neither a released model nor the folder of an exported one"):
        surgvlp.load(tmp_path)
    with pytest.raises(InputError, match="cannot use the device 'tpu9'"):
        surgvlp.load(model_config(home), "tpu9", pretrain=home / "SurgVLP.pth")


def test_misspelt_encoders_are_mended_and_said(caplog: pytest.LogCaptureFixture) -> None:
    config = model_config_of("PeskaVLP")
    right = configs.plain(config)
    config["backbone_img"] |= {"type": "img_backbones/ImageEncodr", "backbone_name": "resnet50_"}
    config["backbone_text"] |= {"type": "text_backbone/BertEncoder"}
    config["backbone_text"] |= {"text_bert_type": "milyalsentzer/Bio_ClinicalBERT"}
    with caplog.at_level(logging.WARNING, "surgvlp"):
        assert mended(ConfigDict(config)) == right
    assert len(caplog.records) == 4 and "'milyalsentzer/Bio_ClinicalBERT' is taken for 'emily" in caplog.text
    assert mended({"bert_type": "/another/machine/Bio_ClinicalBERT"})["bert_type"].startswith("emily")


def test_another_published_encoder_is_not_taken_for_a_misspelt_one() -> None:
    for kind in ("img_backbones/ImageEncoder_CLIP", "img_backbones/ImageEncoder_attnpool"):
        assert mended({"backbone_img": {"type": kind}})["backbone_img"]["type"] == kind
    elsewhere = "/another/machine/PubMedBERT"
    assert mended({"bert_type": elsewhere})["bert_type"] == elsewhere


@pytest.mark.parametrize("name", ["resnet50", "resnet_51", "convnext_tiny", "vit_small_patch16_224@64"])
def test_names_that_somebody_may_mean_are_left_alone(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert mended({"backbone_img": {"backbone_name": name}})["backbone_img"]["backbone_name"] == name
    for text in ("someone/Bio_ClinicalBERT", "emilyalsentzer/Bio_Discharge_Summary_BERT", "package:any"):
        assert text_model_name(text) == text
    assert text_model_name("/no/such/folder") == "/no/such/folder"
    assert not caplog.records


def test_an_exported_folder_loads_in_one_line(home: Path, bert: Path, tmp_path: Path) -> None:
    from surgvlp.models.exported import Exported, FramePreprocessing, ModelCard, save_pretrained
    from surgvlp.models.tokenizer import Tokenizer

    config = configs.plain(model_config(home))
    model, _ = surgvlp.load(config, "cpu", pretrain=home / "SurgVLP.pth")
    preprocessing = FramePreprocessing(crop=64)
    exported = Exported(model, Tokenizer(str(bert)), config, preprocessing, 77, ModelCard("made"))
    save_pretrained(exported, tmp_path / "mine")
    again, preprocess = surgvlp.load(str(tmp_path / "mine"), device="cpu")
    image = preprocess(Image.effect_noise((90, 70), 50)).unsqueeze(0)
    assert image.shape == (1, 3, 64, 64)
    tokens = surgvlp.tokenize(TEXTS, model_name=tmp_path / "mine")
    with torch.no_grad():
        for name, value in model(image, surgvlp.tokenize(TEXTS, model_name=bert)).items():
            assert torch.equal(again(image, tokens)[name], value)
    with pytest.raises(InputError, match="an exported folder holds its weights"):
        surgvlp.load(tmp_path / "mine", pretrain=home / "SurgVLP.pth")


@pytest.mark.slow
def test_a_released_file_of_full_size_loads_without_a_hub(tmp_path: Path) -> None:
    from surgvlp.models.build import build_model

    published = model_config_of("PeskaVLP")
    torch.manual_seed(0)
    state = build_model(published, weights_follow=True).state_dict()
    state["backbone_text.model.embeddings.position_ids"] = torch.arange(512)[None]
    assert len(state) == 520
    torch.save(state, tmp_path / "PeskaVLP.pth")
    published["backbone_text"]["text_bert_type"] = "milyalsentzer/Bio_ClinicalBERT"
    from_config, _ = surgvlp.load(published, "cpu", pretrain=tmp_path / "PeskaVLP.pth")
    by_name, preprocess = surgvlp.load("PeskaVLP", "cpu", download_root=tmp_path)
    image = preprocess(Image.effect_noise((854, 480), 50)).unsqueeze(0)
    ids = torch.randint(200, 28996, (2, 77))
    mask = (torch.arange(77) < torch.tensor([[12], [40]])).long()
    tokens = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
    with torch.no_grad():
        found, expected = by_name(image, tokens), from_config(image, tokens)
    assert found["img_emb"].shape == (1, 768) and found["text_emb"].shape == (2, 768)
    network = torchvision.models.resnet50()
    network.fc = torch.nn.Linear(2048, 768)
    fitting = {name.replace("global_embedder", "model.fc"): value for name, value in state.items()}
    network.load_state_dict(part(fitting, "backbone_img.model."))
    with torch.no_grad():
        torch.testing.assert_close(found["img_emb"], network.eval()(image), atol=1e-5, rtol=1e-4)
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_names_and_rooms_come_on_first_use_without_torch() -> None:
    program = (
        "import sys, surgvlp; models = surgvlp.available_models(); surgvlp.models; "
        "assert {'load', 'tokenize', 'load_dataset'} <= set(dir(surgvlp)); "
        "print(models, {'torch', 'timm', 'transformers'} & set(sys.modules)); surgvlp.registry.LOSSES"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "['SurgVLP', 'HecVL', 'PeskaVLP'] set()\n", result.stderr
    with pytest.raises(AttributeError, match="no_such_thing"):
        surgvlp.no_such_thing  # noqa: B018
