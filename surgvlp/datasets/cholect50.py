"""The published data set of triplets, `CholecT50`, and the transform of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision import transforms as tv

from surgvlp.datasets.phases import read_image
from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD
from surgvlp.files import InputError
from surgvlp.lectures.labels import check_images
from surgvlp.lectures.presence import read_triplets
from surgvlp.registry import DATASETS

SIDE = 224  # pixels


def cholect50_preprocess() -> Callable[[Image.Image], Tensor]:
    """How the published systems see a frame in triplet recognition: PIL image to (3, 224, 224) float32.

    The largest central square, resized with bicubic interpolation, ImageNet normalisation: other than the
    transform of phase recognition.
    """
    return tv.Compose([central_square, tv.ToTensor(), tv.Normalize(IMAGENET_MEAN, IMAGENET_STD)])


def central_square(image: Image.Image, side: int = SIDE) -> Image.Image:
    """The central square of an image, as high as its short side, resized to (side, side) as published."""
    width, height = image.size
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2
    square = image.crop((left, top, left + short, top + short))
    return square.resize((side, side), Image.Resampling.BICUBIC)


@DATASETS.register_module(name="CholecT50")
class CholecT50:
    """The frames of some videos with what is done in them, one after the other.

    An item is `(image, (tool (6,), verb (10,), target (15,), triplet (100,)))`: the image as `preprocess`
    gives it, the labels as int32 arrays of 0 and 1, in the order of CholecT50's ids.

    Args:
        dataset_dir: folder with `data/VID01/000000.png` and `{triplet,instrument,verb,target}/VID01.txt`.
        list_video: the videos, as numbers (`6` is VID06) or names.
        split: what `list_video` is: `train`, `val` or `test`; nothing is augmented, so it decides nothing.
        preprocess: what is done to an RGB PIL image; None: `cholect50_preprocess()`.

    Raises:
        InputError: naming file and row: labels that cannot be used, or an image that is not there.
    """

    def __init__(
        self,
        dataset_dir: str,
        list_video: Sequence[int | str],
        split: Literal["train", "val", "test"] = "test",
        preprocess: Callable[[Image.Image], Any] | None = None,
    ) -> None:
        if split not in ("train", "val", "test"):
            raise InputError(f"{split!r} is none of train, val, test", key="config.split")
        if not list_video:
            raise InputError("no videos", key="config.list_video")
        self.preprocess = preprocess or cholect50_preprocess()
        root = Path(dataset_dir)
        self.paths: list[Path] = []
        found = []
        for video in list_video:
            name = video if isinstance(video, str) else f"VID{video:02d}"
            labels = read_triplets(root, name)
            paths = [root / "data" / name / f"{number:06d}.png" for number in labels.frame_index]
            check_images(paths, root / "triplet" / f"{name}.txt", 1, "Check dataset_dir")
            self.paths += paths
            found.append((labels.instrument, labels.verb, labels.target, labels.triplet))
        self._labels = [np.concatenate(kind).astype(np.int32) for kind in zip(*found, strict=True)]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, tuple[np.ndarray, ...]]:
        image = self.preprocess(read_image(self.paths[index]))
        return image, tuple(kind[index] for kind in self._labels)
