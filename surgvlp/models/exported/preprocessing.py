"""From a picture to what an image encoder takes, as plain data that travels with the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision import transforms as tv

from surgvlp.files import InputError


@dataclass(frozen=True)
class FramePreprocessing:
    """Resize, cut out the centre, normalise: PIL image -> (3, crop, crop) float32.

    Attributes:
        crop: side in pixels of the central square.
        resize: [height, width] whatever the picture's own proportions (as published), or "short side" to
            `crop` with the proportions kept.
        mean, std: of RGB in 0..1, subtracted and divided by.
        interpolation: bilinear with antialiasing (PIL's), the only one.

    Raises:
        InputError: a crop that does not fit, or statistics that cannot normalise.
    """

    crop: int
    resize: list[int] | Literal["short side"] = "short side"
    mean: list[float] = field(default_factory=lambda: list(IMAGENET_DEFAULT_MEAN))
    std: list[float] = field(default_factory=lambda: list(IMAGENET_DEFAULT_STD))
    interpolation: Literal["bilinear, antialiased"] = "bilinear, antialiased"

    def __post_init__(self) -> None:
        sides = [self.crop, self.crop] if isinstance(self.resize, str) else self.resize
        if len(sides) != 2 or not 1 <= self.crop <= min(sides) or max(sides) > 10_000:
            raise InputError(f"a crop of {self.crop} does not fit into {self.resize}", key="preprocessing")
        numbers = [*self.mean, *self.std]
        if len(self.mean) != 3 or len(self.std) != 3 or not all(map(math.isfinite, numbers)):
            raise InputError("expected three numbers, for red, green, blue", key="preprocessing.mean and std")
        if min(self.std) <= 0:
            raise InputError("deviations are above 0", key="preprocessing.std")

    def __call__(self, image: Image.Image) -> Tensor:
        resize = tv.Resize(self.crop if isinstance(self.resize, str) else self.resize)
        picture = tv.CenterCrop(self.crop)(resize(image.convert("RGB")))
        normalised: Tensor = tv.Normalize(self.mean, self.std)(tv.ToTensor()(picture))
        return normalised

    def in_words(self) -> str:
        """For people."""
        resize = f"short side {self.crop}"
        if not isinstance(self.resize, str):
            resize = f"{self.resize[0]} x {self.resize[1]} (height x width)"
        return f"RGB in 0 to 1, resized to {resize}, centre {self.crop} x {self.crop}, normalised"


PUBLISHED = FramePreprocessing(crop=224, resize=[360, 640])
