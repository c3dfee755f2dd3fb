"""A tiny data tree and text model, and a run of the real train.py on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

WORDS = [
    "grasp",
    "hook",
    "clip",
    "cut",
    "duct",
    "artery",
    "liver",
    "bag",
    "smoke",
    "lift",
    "the",
    "here",
    "now",
]


@pytest.fixture(scope="session")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of two layers and a vocabulary of thirteen words."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    settings = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
    )
    BertModel(settings).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def data_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three lectures of 16 s, eight narrations and four keysteps each; the third one is for validation."""
    from surgvlp.media import store
    from surgvlp.media.encode import Encoding, VideoWriter

    root = tmp_path_factory.mktemp("tree")
    random = np.random.default_rng(0)
    for folder in ("videos", "whisper_narration_texts", "keystep_texts", "abstract_texts", "splits"):
        (root / folder).mkdir()
    for number in range(3):
        name = f"lecture_{number}"
        with VideoWriter(root / "videos" / f"{name}.mp4", 64, 48, fps=4, encoding=Encoding(gop=1)) as writer:
            for _ in range(64):
                writer.write(random.integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1))
        store.build(root / "videos" / f"{name}.mp4", root / "frames" / f"{name}.frames", short_side=48)
        sentences = [" ".join(random.choice(WORDS, 5)) for _ in range(8)]
        rows = [f"{2 * i},{2 * i + 2},{sentence}" for i, sentence in enumerate(sentences)]
        (root / "whisper_narration_texts" / f"{name}.csv").write_text(
            "start,end,text\n" + "\n".join(rows) + "\n"
        )
        steps = [
            f"{4 * i},{4 * i + 4},{WORDS[i]} {name},{' '.join(random.choice(WORDS, 5))}" for i in range(4)
        ]
        (root / "keystep_texts" / f"{name}.csv").write_text("\n".join(["start,end,step,text", *steps, ""]))
        abstract = " ".join(random.choice(WORDS, 6))
        (root / "abstract_texts" / f"{name}.csv").write_text(f"start,end,text\n0,16,{abstract}\n")
    (root / "splits" / "train.csv").write_text("video_path\nlecture_0.mp4\nlecture_1.mp4\n")
    (root / "splits" / "val.csv").write_text("video_path\nlecture_2.mp4\n")
    return root


@pytest.fixture
def tiny_config(data_tree: Path, text_model: Path) -> dict[str, Any]:
    """24 steps of clip-level pretraining: every part of the published objective, seconds on a CPU."""
    clips = {
        "type": "clips",
        "root": str(data_tree),
        "frames_root": str(data_tree / "frames"),
        "num_frames": 2,
        "size": 40,
        "max_length": 8,
    }
    return {
        "model_config": {
            "type": "SurgVLP",
            "backbone_img": {
                "type": "img_backbones/ImageEncoder",
                "num_classes": 16,
                "backbone_name": "test_resnet.r160_in1k",
            },
            "backbone_text": {
                "type": "text_backbones/SentenceEncoder",
                "name": str(text_model),
                "embedding_dim": 16,
                "freeze": True,
            },
        },
        "levels": [
            {
                "dataset": {**clips, "split": "train"},
                "loss": {"type": "SSL_VL_Loss_new"},
                "views": {"size": 32},
                "batch_size": 4,
            }
        ],
        "length": {"epochs": 6},
        "optimizer": {"learning_rate": 0.01, "warmup_steps": 3},
        "validation": {"datasets": {"clip": {**clips, "split": "val"}}, "every": {"steps": 7}},
        "checkpoints": {"every": {"steps": 3}, "keep": 2},
        "logging": {"every": {"steps": 2}, "tensorboard": False},
        "device": "cpu",
    }


@pytest.fixture
def hierarchy_config(tiny_config: dict[str, Any]) -> dict[str, Any]:
    """Clip, keystep and video level with the published turns; 6 epochs are 24 + 2 x 1 + 2 x 1 steps."""
    clip = tiny_config["levels"][0]
    tree = {key: clip["dataset"][key] for key in ("root", "frames_root", "size", "max_length")}
    levels = [
        ("keystep", {"type": "keysteps", "children": 3, "sources": ["whisper_narration"]}, 3, 8),
        ("video", {"type": "whole_lectures", "children": 5}, 5, 2),
    ]
    validation = dict(tiny_config["validation"]["datasets"])
    more = []
    for name, keys, every, batch_size in levels:
        dataset = {**tree, **keys, "num_frames": 4}
        more.append(
            {
                "name": name,
                "dataset": {**dataset, "split": "train"},
                "loss": {"type": "ParentChildOrder"},
                "views": {"size": 32},
                "batch_size": batch_size,
                "turn": {"every_epochs": every},
            }
        )
        validation[name] = {**dataset, "split": "val"}
    return {
        **tiny_config,
        "model_config": {**tiny_config["model_config"], "type": "PeskaVLP"},
        "levels": [clip, *more],
        "validation": {"datasets": validation, "every": {"epochs": 1}},
    }
