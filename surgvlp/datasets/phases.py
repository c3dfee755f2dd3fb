"""The published data set of labelled frames, `Recognition_frame`, and the transform of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from PIL import Image
from torch import Tensor
from torchvision import transforms as tv

from surgvlp.datasets.views import IMAGENET_MEAN, IMAGENET_STD
from surgvlp.files import InputError, checked_id
from surgvlp.lectures.labels import check_images, read_frame_labels
from surgvlp.registry import DATASETS


def published_preprocess() -> Callable[[Image.Image], Tensor]:
    """How the published systems see a frame in phase recognition: PIL image to (3, 224, 224) float32.

    Resized to 360 x 640 whatever its shape, the central 224 x 224 cut out (about 22 % of the picture),
    ImageNet normalisation.
    """
    return tv.Compose(
        [
            tv.Resize((360, 640)),
            tv.CenterCrop(224),
            _as_rgb,
            tv.ToTensor(),
            tv.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )


@DATASETS.register_module(name="Recognition_frame")
class RecognitionFrame:
    """The labelled frames of one video: `{"video": (3, H, W), "label": int from 0}`.

    Args:
        csv_root: folder of `<vid>.csv`, columns path,label with labels from 1.
        vid: the video's name, with or without `.csv`.
        video_root: folder of the images.
        transforms: what is done to an RGB PIL image, one function or a list of them, one after the other;
            `published_preprocess()` by default.
        frame_offset: added to the csv's frame number to get the image file's. The published loader adds 1 for
            every data set; that is right for Cholec80. AutoLaparo's csvs count from 1 as its images do: 0.

    Raises:
        InputError: naming file and row: a bad csv, or an image that is not there.
    """

    def __init__(
        self,
        csv_root: str,
        vid: str,
        video_root: str,
        transforms: Callable[[Image.Image], Any] | Sequence[Callable[..., Any]] | None = None,
        frame_offset: int = 1,
    ) -> None:
        csv = Path(csv_root) / f"{checked_id(vid.removesuffix('.csv'))}.csv"
        self.labels = read_frame_labels(csv, Path(video_root), None, frame_offset)
        if isinstance(transforms, Sequence):
            transforms = cast(Callable[[Image.Image], Any], tv.Compose(transforms))
        self.transforms = transforms or published_preprocess()
        remedy = f"Check video_root and frame_offset, which is {frame_offset}"
        check_images(self.labels.paths, csv, 2, remedy)

    def __len__(self) -> int:
        return len(self.labels.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = read_image(self.labels.paths[index])
        return {"video": self.transforms(image), "label": int(self.labels.label[index])}


def read_image(path: Path) -> Image.Image:
    """An image file as RGB; InputError where it is torn or none."""
    try:
        return Image.open(path).convert("RGB")
    except OSError as error:
        raise InputError(f"not a whole image ({error})", file=path) from error


def _as_rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB")
