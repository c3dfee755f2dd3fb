"""What runs without this package: ONNX, torch programs, and the released layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import BertConfig

from surgvlp.files import InputError
from surgvlp.models.build import DualEncoder, build_model
from surgvlp.models.exported import Exported, FramePreprocessing, ModelCard
from surgvlp.models.exported.programs import _parts, save_onnx, save_programs
from surgvlp.models.exported.published import POSITIONS, save_published
from surgvlp.models.tokenizer import Tokenizer
from surgvlp.models.weights import load_weights

TEXTS = ["i use the hook to dissect the gallbladder .", "clip", "the grasper holds", "hook", "i"]


@pytest.fixture(scope="module")
def flat_bert(tiny_bert: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny BERT with two layers, since writing ONNX takes a second a layer."""
    folder = tmp_path_factory.mktemp("flat_bert")
    BertConfig.from_pretrained(tiny_bert, num_hidden_layers=2).save_pretrained(folder)
    shutil.copy(Path(tiny_bert) / "vocab.txt", folder)
    return str(folder)


def model_of(bert: str, backbone: str = "test_resnet", sentences: bool = False) -> DualEncoder:
    text = {"type": "text_backbones/SentenceEncoder", "name": bert, "pretrained": False}
    if not sentences:
        text = {
            "type": "text_backbones/BertEncoder",
            "text_bert_type": bert,
            "text_last_n_layers": 2,
            "text_embedding_dim": 16,
            "pretrained": False,
        }
    torch.manual_seed(2)
    return build_model(
        {
            "type": "SurgVLP",
            "backbone_img": {
                "type": "img_backbones/ImageEncoder",
                "num_classes": 16,
                "backbone_name": backbone,
            },
            "backbone_text": text,
        }
    ).eval()


def exported_of(bert: str, sentences: bool = False) -> Exported:
    model = model_of(bert, sentences=sentences)
    return Exported(model, Tokenizer(bert), {}, FramePreprocessing(32), 12, ModelCard("tiny"))


@pytest.fixture(scope="module")
def bert(flat_bert: str) -> Exported:
    return exported_of(flat_bert)


@pytest.mark.parametrize("rows", [1, 5])
def test_onnx_computes_what_the_model_computes_for_any_number_of_rows(
    rows: int, bert: Exported, onnx_folder: Path
) -> None:
    frames = torch.randn(rows, 3, 32, 32)
    tokens = bert.tokenizer(TEXTS[:rows], 12)
    with torch.no_grad():
        expected = bert.model(frames, tokens)
    for name, inputs in (("image", {"frames": frames}), ("text", tokens)):
        session = onnxruntime.InferenceSession(onnx_folder / f"{name}_encoder.onnx")
        (output,) = session.get_outputs()
        (found,) = session.run(None, {key: value.numpy() for key, value in inputs.items()})
        np.testing.assert_allclose(found, expected[output.name].numpy(), rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def onnx_folder(bert: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("onnx")
    differences = save_onnx(bert, folder)
    assert sorted(differences) == ["image_encoder.onnx", "text_encoder.onnx"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(differences)
    return folder


def test_a_torch_program_computes_what_the_model_computes(flat_bert: str, tmp_path: Path) -> None:
    exported = exported_of(flat_bert, sentences=True)
    assert max(save_programs(exported, tmp_path).values()) < 1e-5
    image, text = (torch.export.load(tmp_path / f"{name}_encoder.pt2").module() for name in ("image", "text"))
    frames, tokens = torch.randn(4, 3, 32, 32), exported.tokenizer(TEXTS, 12)
    with torch.no_grad():
        torch.testing.assert_close(image(frames=frames), exported.model.encode_image(frames))
        torch.testing.assert_close(text(**tokens), exported.model.encode_text(tokens))


def test_a_program_that_computes_something_else_is_not_passed(bert: Exported) -> None:
    image, text = _parts(bert)
    with pytest.raises(RuntimeError, match=r"image_encoder is 1.0e\+00 away"):
        image.difference(lambda inputs: torch.zeros(len(inputs["frames"]), 16))
    with pytest.raises(RuntimeError, match="text_encoder is nan away"):
        text.difference(lambda inputs: torch.full((len(inputs["input_ids"]), 16), torch.nan))


def test_the_published_file_loads_as_the_published_package_loads_it(flat_bert: str, tmp_path: Path) -> None:
    model = model_of(flat_bert, "resnet_18")
    save_published(model, tmp_path / "ours.pth")
    theirs = model_of(flat_bert, "resnet_18")
    for parameter in theirs.parameters():
        torch.nn.init.zeros_(parameter)
    positions = torch.zeros(1, 64, dtype=torch.int64)  # a buffer that transformers 4.30 stores
    embeddings = theirs.backbone_text.model.embeddings
    del embeddings.position_ids
    embeddings.register_buffer("position_ids", positions, persistent=True)
    theirs.load_state_dict(torch.load(tmp_path / "ours.pth", weights_only=True), strict=True)
    assert torch.equal(theirs.state_dict()[POSITIONS], torch.arange(64)[None])
    again = model_of(flat_bert, "resnet_18")
    load_weights(again, tmp_path / "ours.pth")
    for name, value in model.state_dict().items():
        assert torch.equal(theirs.state_dict()[name], value), name
        assert torch.equal(again.state_dict()[name], value), name


def test_what_the_published_code_cannot_build_is_not_written_for_it(flat_bert: str, tmp_path: Path) -> None:
    path = tmp_path / "ours.pth"
    with pytest.raises(InputError, match=r"no ResNet of torchvision.*surgvlp\.load"):
        save_published(model_of(flat_bert, "test_resnet"), path)
    with pytest.raises(InputError, match="no BertEncoder"):
        save_published(model_of(flat_bert, "resnet_18", sentences=True), path)
    assert not list(tmp_path.iterdir())
