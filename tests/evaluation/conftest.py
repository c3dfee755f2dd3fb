"""A tiny made data set, a tiny random model, and predictions with a known pattern."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from tool_module import load_program
from transformers import BertConfig

from surgvlp.lectures.labels import CHOLECYSTECTOMY
from surgvlp.media.images import write_image
from surgvlp.models.build import build_model
from surgvlp.predictions import Predictions

PROMPTS = [
    "trocars in",
    "hook frees duct",
    "clips on",
    "hook on liver",
    "bag closed",
    "water and smoke",
    "bag out",
]


@pytest.fixture(scope="session")
def tool() -> Callable[[str], ModuleType]:
    return lambda name: load_program(f"tools/{name}.py")


@pytest.fixture(scope="session")
def made_predictions() -> Callable[..., list[Predictions]]:
    """`skill` is the share of frames that get their label's class; the others get the next class."""

    def make(skill: float = 1.0, videos: int = 2, frames: int = 70, **fields: object) -> list[Predictions]:
        results = []
        for number in range(videos):
            label = np.repeat(np.arange(7), frames // 7)
            predicted = np.where(np.arange(len(label)) % 10 < round(10 * skill), label, (label + 1) % 7)
            score = np.full((len(label), 7), 0.2, dtype=np.float32)
            score[np.arange(len(label)), predicted] = 0.3
            values: dict[str, object] = {
                "frame_index": np.arange(len(label)),
                "time_s": np.arange(len(label), dtype=np.float64),
                "score": score,
                "label": label,
                "video": f"lecture_{number:04d}",
                "dataset": "made",
                "class_names": CHOLECYSTECTOMY,
                "model": "model",
                "protocol": "made_frames",
                "protocol_sha256": "ab" * 32,
            }
            results.append(Predictions(**{**values, **fields}))  # type: ignore[arg-type]
        return results

    return make


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data tree with four labelled videos of 21 noisy PNG frames, whose hue tells the phase."""
    root = tmp_path_factory.mktemp("tree")
    made = root / "downstream_datasets" / "made"
    for folder in (made / "csvs", made / "frames", root / "splits", root / "prompts"):
        folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(4):
        rows = ["path,label"]
        for k in range(21):
            label = k // 3
            image = generator.integers(0, 60, (36, 64, 3)) + [90 * (label + 1 >> bit & 1) for bit in range(3)]
            write_image(made / "frames" / f"lecture_{number}_{k}.png", image.astype(np.uint8))
            rows.append(f"lecture_{number}_{k}.png,{label + 1}")
        (made / "csvs" / f"lecture_{number}.csv").write_text("\n".join(rows) + "\n")
    (root / "splits" / "train.csv").write_text("video_path\nlecture_0.mp4\nlecture_1.mp4\n")
    (root / "splits" / "test.csv").write_text("video_path\nlecture_2.mp4\nlecture_3.mp4\n")
    (root / "prompts" / "made_phases.txt").write_text("\n".join(PROMPTS))
    return root


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training's folder: config.py, and step_00000007.pt with a tiny random model and its config."""
    folder = tmp_path_factory.mktemp("run")
    bert = folder / "bert"
    bert.mkdir()
    words = sorted({word for prompt in PROMPTS for word in prompt.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (bert / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
    ).save_pretrained(bert)
    model_config = {
        "type": "SurgVLP",
        "backbone_img": {
            "type": "img_backbones/ImageEncoder",
            "num_classes": 16,
            "pretrained": "random",
            "backbone_name": "test_resnet",
        },
        "backbone_text": {
            "type": "text_backbones/SentenceEncoder",
            "name": str(bert),
            "embedding_dim": 16,
            "pretrained": False,
        },
    }
    config = {"model_config": model_config, "levels": [{"views": {"size": 32}}], "seed": 3}
    (folder / "config.py").write_text(f"config = {config!r}\n")
    torch.manual_seed(11)
    state = build_model(model_config).state_dict()
    torch.save({"model": state, "config": config, "step": 7}, folder / "step_00000007.pt")
    torch.save(state, folder / "released.pth")
    return folder
