"""A small data tree with real videos whose pixels say which lecture and second they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision import transforms

from surgvlp.lectures import Caption, write_captions
from surgvlp.media import store
from surgvlp.media.encode import VideoWriter

SECONDS = 24
HEIGHT, WIDTH = 64, 96


IMAGENET = transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def published_keys(tree: Path) -> dict[str, Any]:
    """What published dicts of every level hold alike."""
    return {
        "csv": str(tree / "splits" / "train.csv"),
        "video_root": str(tree / "videos"),
        "min_time": 4.0,
        "size": 32,
        "crop_only": False,
        "center_crop": False,
        "random_flip": True,
        "bert_type": "emilyalsentzer/Bio_ClinicalBERT",
        "transforms": transforms.Compose([IMAGENET]),
    }


class WordTokenizer:
    """One token a word: its length; enough to see which text is where."""

    def __call__(self, texts: list[str], max_length: int) -> dict[str, torch.Tensor]:
        words = [[len(word) for word in text.split()][:max_length] for text in texts]
        ids = torch.zeros(len(texts), max_length, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, numbers in enumerate(words):
            ids[row, : len(numbers)] = torch.tensor(numbers)
            mask[row, : len(numbers)] = 1
        return {"input_ids": ids, "attention_mask": mask}


def colour(lecture: str, second: int) -> tuple[int, int, int]:
    """What lecture `lecture` shows at `second`."""
    return 10 + 9 * second, 40 + 60 * "abc".index(lecture), 128


def second_of(frames: np.ndarray) -> np.ndarray:
    """The seconds (T,) that frames (T, 3, S, S) show, exact to the second."""
    return np.round((frames[:, 0].mean((1, 2)) - 10) / 9).astype(int)


def lecture_of(frames: np.ndarray) -> str:
    """The lecture that frames (T, 3, S, S) show."""
    return "abc"[round((float(frames[:, 1].mean()) - 40) / 60)]


def write_split(root: Path, name: str, lectures: str) -> None:
    """Write `splits/<name>.csv` of one-letter lectures."""
    (root / "splits").mkdir(exist_ok=True)
    (root / "splits" / f"{name}.csv").write_text(
        "video_path\n" + "".join(f"{lecture}.mp4\n" for lecture in lectures)
    )


def write_tree(root: Path) -> None:
    """Lectures a, b, c with videos, frame stores, two narration sources, keysteps, abstract; split `train`.

    The keysteps of c have no short titles (column `step`), nor has any narration.
    """
    for name in "abc":
        video = root / "videos" / f"{name}.mp4"
        video.parent.mkdir(exist_ok=True)
        with VideoWriter(video, WIDTH, HEIGHT, fps=8) as writer:
            for number in range(SECONDS * 8):
                writer.write(np.full((HEIGHT, WIDTH, 3), colour(name, number // 8), np.uint8))
        store.build(video, root / "frames" / f"{name}.frames", rate=4.0)
        whisper = [
            Caption(2.0 * k, 2.0 * k + 1.5, f"{name} says sentence {'very ' * (k % 4)}{k}") for k in range(12)
        ]
        aws = [Caption(6.0 * k + 0.5, 6.0 * k + 5.5, f"{name} states {k}") for k in range(4)]
        write_captions(root / "whisper_narration_texts" / f"{name}.csv", whisper)
        write_captions(root / "aws_narration_texts" / f"{name}.csv", aws)
        keysteps = [
            Caption(
                6.0 * k, 6.0 * k + 6, f"{name} describes step {k}", "" if name == "c" else f"{name} step {k}"
            )
            for k in range(4)
        ]
        write_captions(root / "keystep_texts" / f"{name}.csv", keysteps)
        abstract = [Caption(0.0, float(SECONDS), f"{name} in short", f"{name} title")]
        write_captions(root / "abstract_texts" / f"{name}.csv", abstract)
    write_split(root, "train", "abc")
