"""Labelled frames as an image encoder takes them: decoded ahead in threads, in batches, memory flat."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from surgvlp.evaluation.protocol import Preprocessing, Source
from surgvlp.files import InputError, usable_cores
from surgvlp.lectures.labels import FrameLabels, PhaseDataset, check_images
from surgvlp.lectures.tree import DataTree
from surgvlp.media.images import read_image
from surgvlp.media.store import SUFFIX, open_frames

Pictures = Callable[[int], NDArray[np.uint8]]  # position in the video's labels -> (H, W, 3) RGB

NO_IMAGE = "Extract the frames at 1 per second, or leave the row out"


class ImageFiles:
    """The published layout: one image file a labelled frame."""

    source: Source = "image files"

    def check(self, dataset: PhaseDataset, video: str, labels: FrameLabels) -> None:
        """InputError naming the csv, its row and the image for the first frame that is not there."""
        check_images(labels.paths, dataset.root / "csvs" / f"{video}.csv", 2, NO_IMAGE, key="path")

    def open(self, video: str, labels: FrameLabels) -> Pictures:
        """Reader of a video's pictures."""
        return lambda position: read_image(labels.paths[position])


class VideoFiles:
    """Frames straight from `<folder>/<video>.frames` (a frame store) or `<folder>/<video>.mp4`.

    Args:
        folder: where they lie; all are stores, or all are videos.
        first_frame_number: the label file's number for the picture at second 0.
    """

    def __init__(self, folder: Path, first_frame_number: int) -> None:
        self.folder, self.first_frame_number = folder, first_frame_number
        stores = any(folder.glob(f"*{SUFFIX}"))
        self.suffix = SUFFIX if stores else ".mp4"
        self.source: Source = "frame store" if stores else "videos"

    def check(self, dataset: PhaseDataset, video: str, labels: FrameLabels) -> None:
        """InputError where the video is not there, or ends before its labels do."""
        table = dataset.root / "csvs" / f"{video}.csv"
        self.check_end(video, self._seconds(labels)[-1], table, len(labels.label) + 1)

    def check_end(self, video: str, last_s: float, table: Path, row: int) -> None:
        """As `check`, for a video whose last label, of `row` in `table`, is at second `last_s`."""
        path = self.folder / f"{video}{self.suffix}"
        if not path.exists():
            raise InputError(
                "there is no such video", file=path, remedy="Every labelled video needs one in this folder"
            )
        end = float(open_frames(path).times[-1])
        if last_s > end + 1:
            raise InputError(
                f"labels go to second {last_s:.0f}, {path} ends at {end:.0f}",
                file=table,
                row=row,
                remedy="Give the video that was labelled",
            )

    def open(self, video: str, labels: FrameLabels) -> Pictures:
        """Reader of a video's pictures: the frame nearest to each label's second."""
        frames, seconds = open_frames(self.folder / f"{video}{self.suffix}"), self._seconds(labels)
        lock = threading.Lock()  # a decoder has one place in the video, which threads would pull about

        def picture(position: int) -> NDArray[np.uint8]:
            with lock:
                return frames.read_at(seconds[position : position + 1])[0]

        return picture

    def _seconds(self, labels: FrameLabels) -> NDArray[np.float64]:
        return (labels.frame_index - self.first_frame_number).astype(np.float64)


def batches(
    pictures: Pictures, count: int, preprocessing: Preprocessing, size: int, batch_size: int
) -> Iterator[torch.Tensor]:
    """Frames 0..count-1 as a protocol prepares them: (B, 3, size, size), see `normalised_batches`."""

    def prepared(position: int) -> NDArray[np.uint8]:
        return resize_and_crop(pictures(position), preprocessing.resize, size)

    return normalised_batches(prepared, count, preprocessing.mean, preprocessing.std, batch_size)


def normalised_batches(
    prepared: Pictures, count: int, mean: Sequence[float], std: Sequence[float], batch_size: int
) -> Iterator[torch.Tensor]:
    """Pictures 0..count-1, all of one size, as normalised (B, 3, H, W) float32 on the CPU, in order.

    At most two batches of decoded frames exist at a time, however long the video.
    """
    means, stds = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    with ThreadPoolExecutor(usable_cores()) as pool:
        ahead: deque[Future[NDArray[np.uint8]]] = deque()
        try:
            for start in range(0, count, batch_size):
                upto = min(count, start + 2 * batch_size)
                ahead.extend(pool.submit(prepared, at) for at in range(start + len(ahead), upto))
                taken = [ahead.popleft().result() for _ in range(min(batch_size, count - start))]
                frames = torch.from_numpy(np.stack(taken)).permute(0, 3, 1, 2)
                yield (frames.float() / 255 - means) / stds
        finally:
            for future in ahead:
                future.cancel()


def resize_and_crop(image: NDArray[np.uint8], resize: list[int] | str, size: int) -> NDArray[np.uint8]:
    """Resize (H, W, 3) as the protocol says and cut the central (size, size, 3).

    PIL's bilinear with antialiasing, because released weights were evaluated with it; the crop's corner is
    rounded as torchvision does.
    """
    height, width = image.shape[:2]
    if isinstance(resize, list):
        new_height, new_width = resize
    else:
        short = min(height, width)
        new_height, new_width = size * height // short, size * width // short
    resized = Image.fromarray(image).resize((new_width, new_height), Image.Resampling.BILINEAR)
    top, left = round((new_height - size) / 2), round((new_width - size) / 2)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def lecture_frames(tree: DataTree, lecture: str, folder: Path | None = None) -> Path:
    """A lecture's frame store or else its video, in `folder` or where the data tree has them.

    Raises:
        InputError: there is neither.
    """
    found = tree.pictures(lecture, folder)
    if not found.exists():
        raise InputError(
            "there are no pictures of this narrated lecture",
            file=found,
            remedy="Put its video there, or its frame store into frame_store/ of the data tree",
        )
    return found
