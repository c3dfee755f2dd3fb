"""What the code on a page of the documentation finds in its folder: generated files of the published form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image
from tool_module import load_program

from surgvlp.media.images import encode_jpeg
from surgvlp.models.build import build_model
from surgvlp.published.released import model_config_of


def nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page brings its own."""


def backbones_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SurgeNet's files where a download would have put them."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder))
    (folder / "checkpoints").mkdir()
    networks = load_program("tests/models/source_networks.py")
    for name, network in {
        "surgenetxl_caformer_s18": networks.CAFormer(torch.nn.ReLU),
        "surgenet_pvt_v2_b2": networks.PVTv2(7),
    }.items():
        torch.save(network.state_dict(), folder / "checkpoints" / f"{name}.pth")


def surg3m_lmdb(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two frames of one lecture."""
    path = folder / "data" / "surg3m" / "lmdb"
    path.mkdir(parents=True)
    picture = encode_jpeg(np.full((48, 64, 3), 90, np.uint8), 90)
    with lmdb.open(str(path), map_size=1 << 20) as environment, environment.begin(write=True) as writing:
        for number in (0, 3):
            writing.put(f"-lecture_{number}".encode(), picture)


def published_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config and weights of the published form and size, few bytes large; a vocabulary of few words."""
    text = folder / "emilyalsentzer" / "Bio_ClinicalBERT"  # a folder goes before the hub's name
    text.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "clip", "the", "duct", "bag"]
    (text / "vocab.txt").write_text("\n".join(words) + "\n")
    (text / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(words)}))
    config = model_config_of("PeskaVLP")
    (folder / "config_peskavlp.py").write_text(
        "import torchvision.transforms as transforms\n"
        f"config = dict(model_config={config!r}, transforms=transforms.ToTensor())\n"
    )
    with torch.device("meta"):
        entries = build_model(config, weights_follow=True).state_dict()
    constants = {
        name: torch.tensor(0.01).to(entry.dtype).expand(entry.shape) for name, entry in entries.items()
    }
    torch.save(constants, folder / "PeskaVLP.pth")
    Image.new("RGB", (96, 54), (140, 60, 50)).save(folder / "frame.png")


PREPARATIONS: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    "docs/systems/surgvlp.md": published_model,
    "docs/systems/surgenet.md": backbones_by_name,
    "docs/systems/lemon.md": surg3m_lmdb,
    "docs/systems/surgvista.md": nothing,
}
