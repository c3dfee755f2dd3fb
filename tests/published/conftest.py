"""What a user of the published package has on his disk, small: text model, config file, weights, a server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from published_files import CONFIG, VOCABULARY, WIDTH, Server, text_config
from transformers import BertModel


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a text model with five layers of width 16, its weights of no use to anybody."""
    folder = tmp_path_factory.mktemp("text") / "Bio_ClinicalBERT"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    text_config().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def released_state() -> dict[str, torch.Tensor]:
    """A state dict in the released layout, made without any code of ours; BatchNorm has seen something."""
    torch.manual_seed(3)
    image = timm.create_model("test_resnet", num_classes=0)
    for name, buffer in image.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
    text = BertModel(text_config())
    linear = torch.nn.Linear(image.num_features, WIDTH)
    return {
        **{f"backbone_img.model.{name}": value for name, value in image.state_dict().items()},
        **{f"backbone_img.global_embedder.{name}": value for name, value in linear.state_dict().items()},
        **{f"backbone_text.model.{name}": value for name, value in text.state_dict().items()},
        "backbone_text.model.embeddings.position_ids": torch.arange(96)[None],
    }


@pytest.fixture
def home(bert: Path, released_state: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    """Folder with `config.py`, `SurgVLP.pth`, and the labelled frames that the config names."""
    torch.save(released_state, tmp_path / "SurgVLP.pth")
    (tmp_path / "config.py").write_text(CONFIG.format(kind="SurgVLP", bert=bert, root=tmp_path))
    return tmp_path


@pytest.fixture
def server() -> Iterator[str]:
    Server.body, Server.breaks_after, Server.tag, Server.kind = b"", None, '"1"', "application/zip"
    Server.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
