"""Weights by name, over HTTP, and from our own checkpoints; the visual encoder started from any of them."""

from __future__ import annotations

import hashlib
import http.server
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn

import surgvlp.models
from surgvlp.files import InputError
from surgvlp.models import load_backbone
from surgvlp.models.backbones import ImageInput, build_backbone, input_of
from surgvlp.models.build import build_model, resolved
from surgvlp.models.image_encoder import ImageEncoder
from surgvlp.models.released.names import WEIGHTS, ReleasedWeights

NAMES_PAGE = Path(__file__).parent.parent.parent / "docs" / "backbones.md"


def equal(one: nn.Module, other: nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][key], states[1][key]) for key in states[0]
    )


def pretraining_state(backbone: nn.Module, name: str = "test_resnet") -> dict:
    """A checkpoint of image pretraining: another student, heads, and a config that names the backbone."""
    teacher = {f"teacher.backbone.{key}": value for key, value in backbone.state_dict().items()}
    student = {f"student.backbone.{key}": torch.zeros_like(v) for key, v in backbone.state_dict().items()}
    heads = {"student.head.mlp.0.weight": torch.zeros(2), "teacher.head.mlp.0.weight": torch.zeros(2)}
    config = {"backbone": {"name": name, "drop_path_rate": 0.1}}
    return {"model": {**student, **teacher, **heads}, "config": config, "step": 7}


@pytest.fixture
def trained() -> nn.Module:
    torch.manual_seed(3)
    return build_backbone("test_resnet")


@pytest.fixture
def file(trained: nn.Module, tmp_path: Path) -> Path:
    path = tmp_path / "step_7.pt"
    torch.save(pretraining_state(trained), path)
    return path


def test_a_checkpoint_of_image_pretraining_gives_its_teacher(trained: nn.Module, file: Path) -> None:
    assert equal(load_backbone(file), trained)
    assert equal(load_backbone(str(file)), trained)


def model_config(folder: str, **image: object) -> dict:
    return {
        "type": "SurgVLP",
        "backbone_img": {"type": "img_backbones/ImageEncoder", "num_classes": 16, **image},
        "backbone_text": {
            "type": "text_backbones/BertEncoder",
            "text_bert_type": folder,
            "text_embedding_dim": 16,
            "pretrained": False,
        },
    }


def test_a_checkpoint_of_video_language_training_gives_its_visual_backbone(
    tiny_bert: str, tmp_path: Path
) -> None:
    config = model_config(tiny_bert, backbone_name="test_resnet")
    model = build_model(config)
    path = tmp_path / "step_1.pt"
    torch.save({"model": model.state_dict(), "config": {"model_config": config}}, path)
    assert equal(load_backbone(path), model.backbone_img.model)
    assert input_of(load_backbone(path)).size == 160
    torch.save(
        {
            "model": model.state_dict(),
            "config": {"model_config": config, "levels": [{"views": {"size": 64}}]},
        },
        path,
    )
    assert input_of(load_backbone(path)).size == 64
    config["backbone_img"] |= {"backbone_name": None, "pretrained": "surgenet_pvt_v2_b2"}
    torch.save({"model": model.state_dict(), "config": {"model_config": config}}, path)
    with pytest.raises(
        InputError, match=r"'model_config\.backbone_img.backbone_name': its config does not name"
    ):
        load_backbone(path)


@pytest.mark.parametrize("image", [{}, {"backbone_name": None, "pretrained": "imagenet"}])
def test_a_config_that_names_no_backbone_means_the_published_one(image: dict, tmp_path: Path) -> None:
    backbone = build_backbone("resnet_50")
    state = {f"backbone_img.model.{key}": value for key, value in backbone.state_dict().items()}
    config = {"model_config": {"backbone_img": image}, "levels": [{"views": {"size": 96}}]}
    torch.save({"model": state, "config": config}, tmp_path / "step_1.pt")
    loaded = load_backbone(tmp_path / "step_1.pt")
    assert equal(loaded, backbone) and input_of(loaded) == ImageInput(96)
    (tmp_path / "step_1.pt").unlink()


def test_the_crops_of_image_pretraining_are_the_input(trained: nn.Module, tmp_path: Path) -> None:
    state = pretraining_state(trained)
    state["config"]["crops"] = {"global_size": 64}
    torch.save(state, tmp_path / "step_7.pt")
    assert input_of(load_backbone(tmp_path / "step_7.pt")) == ImageInput(64)


def test_weights_that_are_not_finite_are_refused_by_name(trained: nn.Module, tmp_path: Path) -> None:
    key = next(key for key in trained.state_dict() if key.endswith("bn1.weight"))
    trained.state_dict()[key][0] = torch.inf
    torch.save(pretraining_state(trained), tmp_path / "broken.pt")
    with pytest.raises(InputError, match=rf"broken\.pt: entry '{key}' holds numbers that are not finite"):
        load_backbone(tmp_path / "broken.pt")


def test_a_published_checkpoint_without_a_config_has_the_published_backbone(tmp_path: Path) -> None:
    backbone = build_backbone("resnet_50")
    state = {f"module.backbone_img.model.{key}": value for key, value in backbone.state_dict().items()}
    extra = {
        "module.backbone_img.global_embedder.bias": torch.zeros(3),
        "module.backbone_text.x": torch.ones(1),
    }
    torch.save({"state_dict": {**state, **extra}}, tmp_path / "published.pth")
    assert equal(load_backbone(tmp_path / "published.pth"), backbone)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("surgenetxl_caformer_s81", "Did you mean 'surgenetxl_caformer_s18'"),
        ("no_such_thing", "no backbone is called 'no_such_thing'"),
        ("absent.pth", "there is no such checkpoint"),
        ("folder/absent", "there is no such checkpoint"),
        ("x" * 400, "no backbone is called"),
        ("x" * 400 + ".pth", "there is no such checkpoint"),
    ],
)
def test_what_is_neither_a_name_nor_a_file_is_one_clear_line(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_backbone(name)


def test_an_architecture_is_never_taken_for_a_misspelt_weight_name(monkeypatch: pytest.MonkeyPatch) -> None:
    # timm has this network and no weights for it, which saves the test a look at the network
    monkeypatch.setitem(WEIGHTS, "my_resnet50t", ReleasedWeights("page", None, "none"))
    with pytest.raises(InputError, match="cannot fetch ImageNet weights of resnet50t"):
        load_backbone("resnet50t")


@pytest.mark.parametrize("name", ["resnet_18", "test_resnet", "test_vit"])
def test_classes_are_a_fresh_linear_layer(name: str, tmp_path: Path) -> None:
    backbone = build_backbone(name).eval()
    torch.save(pretraining_state(backbone, name), tmp_path / "state.pt")
    classifier = load_backbone(tmp_path / "state.pt", num_classes=5).eval()
    images = torch.randn(2, 3, 64, 64)
    linear = classifier.fc if name == "resnet_18" else classifier.get_classifier()
    assert isinstance(linear, nn.Linear)
    torch.testing.assert_close(classifier(images), linear(backbone(images)))


def test_the_loaders_cost_nothing_until_they_are_used() -> None:
    program = "import sys, surgvlp.models; print({'torch', 'timm'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "set()\n"
    with pytest.raises(AttributeError, match="no_such_thing"):
        surgvlp.models.no_such_thing  # noqa: B018


# Weights over HTTP


class Server(http.server.BaseHTTPRequestHandler):
    """Answers with what a test puts there: by path, status, content type, announced length and bytes."""

    answers: ClassVar[dict[str, tuple[int, str, int, bytes]]] = {}

    def do_GET(self) -> None:
        status, kind, length, body = self.answers.get(self.path, (404, "text/plain", 0, b""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.answers = {}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path / "hub")
    yield tmp_path / "hub" / "checkpoints"
    torch.hub.set_dir(before)


BINARY = "application/octet-stream"


def test_a_weight_name_is_downloaded_once_and_its_licence_said(
    server: str,
    cache: Path,
    file: Path,
    trained: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = file.read_bytes()
    Server.answers["/page/resolve/main/teacher.pth"] = (200, BINARY, len(body), body)
    weights = ReleasedWeights(f"{server}/page", "teacher.pth", "CC BY-NC-SA 4.0")
    monkeypatch.setitem(WEIGHTS, "made_weights", weights)
    with caplog.at_level(logging.INFO, "surgvlp"):
        assert equal(load_backbone("made_weights"), trained)
    assert "licence CC BY-NC-SA 4.0" in caplog.text and hashlib.sha256(body).hexdigest() in caplog.text
    Server.answers.clear()
    assert equal(load_backbone("made_weights"), trained)
    assert [path.name for path in cache.iterdir()] == ["made_weights.pth"]
    caplog.clear()
    with caplog.at_level(logging.INFO, "surgvlp"):
        assert equal(ImageEncoder(8, pretrained="made_weights").model, trained)
    assert caplog.text.count("licence") == 1
    other = ReleasedWeights(f"{server}/page", "teacher.pth", "CC BY-NC-SA 4.0", "0" * 64)
    monkeypatch.setitem(WEIGHTS, "made_weights", other)
    with pytest.raises(InputError, match=r"made_weights\.pth: sha256 is .* expected 0000.*Delete it"):
        load_backbone("made_weights")


@pytest.mark.parametrize(
    ("answer", "sha256", "message"),
    [
        ((404, "text/plain", 0, b""), None, "cannot fetch .*404.*or download .* elsewhere and copy it to"),
        ((200, "text/html", 4, b"<ht>"), None, "answers with a web page"),
        ((200, BINARY, 100, b"torn"), None, "cannot fetch|broke off after 4 of 100 bytes"),
        ((200, BINARY, 4, b"evil"), "0" * 64, "has sha256 [0-9a-f]{64}, expected 0000"),
    ],
)
def test_a_download_that_goes_wrong_leaves_nothing(
    answer: tuple[int, str, int, bytes],
    sha256: str | None,
    message: str,
    server: str,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Server.answers["/resolve/main/teacher.pth"] = answer
    monkeypatch.setitem(WEIGHTS, "made_weights", ReleasedWeights(server, "teacher.pth", "none", sha256))
    with pytest.raises(InputError, match=message):
        load_backbone("made_weights")
    assert not cache.exists() or not list(cache.iterdir())


def test_no_network_and_no_known_address_say_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = ReleasedWeights("http://127.0.0.1:9", "teacher.pth", "none")
    monkeypatch.setitem(WEIGHTS, "made_weights", closed)
    with pytest.raises(InputError, match=r"cannot fetch http://127.0.0.1:9/.*copy it to .*made_weights\.pth"):
        load_backbone("made_weights")
    with pytest.raises(
        InputError, match=r"Download it from https://huggingface\.co/visurg/LemonFM and give its"
    ):
        load_backbone("surgfm_convnext_large")


def test_names_point_to_teachers_and_the_page_lists_them_with_their_licences() -> None:
    page = NAMES_PAGE.read_text()
    for name, weights in WEIGHTS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert (weights.file or weights.page) in row
        assert ("CC BY-NC-SA" in row) == ("CC BY-NC-SA" in weights.licence)
        assert f"`{weights.architecture}`" in row or "[_reg4]" in row
        if weights.file and "caformer" in name:
            assert weights.file.endswith("_teacher.pth")


# The visual encoder


def test_the_visual_encoder_starts_from_a_file_by_one_line(trained: nn.Module, file: Path) -> None:
    encoder = ImageEncoder(12, pretrained=str(file))
    assert equal(encoder.model, trained)
    assert encoder(torch.randn(2, 3, 64, 64)).shape == (2, 12)
    named = ImageEncoder(12, pretrained=str(file), backbone_name="test_resnet")
    assert equal(named.model, trained)
    mismatch = r"not weights of this model.*taken for resnet_18, while the file looks like test_resnet"
    with pytest.raises(InputError, match=mismatch):
        ImageEncoder(12, pretrained=str(file), backbone_name="resnet_18")


def test_a_backbone_without_batch_norm_starts_it_too(tmp_path: Path) -> None:
    transformer = build_backbone("test_vit")
    torch.save(pretraining_state(transformer, "test_vit"), tmp_path / "state.pt")
    encoder = ImageEncoder(12, pretrained=str(tmp_path / "state.pt"))
    assert equal(encoder.model, transformer)


def test_a_resolved_config_builds_again_without_the_file(tiny_bert: str, file: Path) -> None:
    config = model_config(tiny_bert, pretrained=str(file))
    model = build_model(config)
    stored = resolved(config)
    assert stored["backbone_img"]["backbone_name"] == "test_resnet"
    assert resolved(stored) == stored and "backbone_name" not in config["backbone_img"]
    unresolved = build_model(config, weights_follow=True)
    file.unlink()
    again = build_model(stored, weights_follow=True)
    for other in (again, unresolved):
        other.load_state_dict(model.state_dict())
    with pytest.raises(InputError, match="no such checkpoint"):
        build_model(stored)
    with pytest.raises(InputError, match=r"backbone_name': which backbone .* is not known without its file"):
        build_model(config, weights_follow=True)


def test_where_weights_follow_none_are_fetched_to_learn_the_architecture(
    tiny_bert: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ReleasedWeights("http://127.0.0.1:9", "teacher.pth", "none", architecture="test_resnet")
    monkeypatch.setitem(WEIGHTS, "made_weights", made)
    model = build_model(model_config(tiny_bert, pretrained="made_weights"), weights_follow=True)
    assert model.backbone_img.model.state_dict().keys() == build_backbone("test_resnet").state_dict().keys()


def test_a_config_without_such_weights_is_resolved_as_it_is(tiny_bert: str) -> None:
    for image in ({}, {"pretrained": "imagenet"}, {"pretrained": "random", "backbone_name": "test_resnet"}):
        config = model_config(tiny_bert, **image)
        assert resolved(config) == config
    assert resolved({"type": "SurgVLP"}) == {"type": "SurgVLP"}
