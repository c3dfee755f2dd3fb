"""Features of whole videos by an image backbone, one .npz a video, resumable."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from surgvlp.console import Bar, progress_bar
from surgvlp.features.images import image_features, squashed
from surgvlp.features.picture_sources import Pictures, files_of, find_sources, open_pictures
from surgvlp.files import UNREADABLE_ARRAYS, DiskFullError, InputError, atomic_path, sha256_of_json
from surgvlp.media.numbered_frames import Picture
from surgvlp.models import load_backbone
from surgvlp.models.backbones import ImageInput, check_takes, input_of
from surgvlp.models.modes import usable_device

FORMAT = 1


@dataclass(frozen=True)
class Extractor:
    """How features are made.

    Attributes:
        backbone: on `device`; images (B, 3, S, S) -> (B, D).
        name: what stands in the files for it.
        device: where it is.
        image_input: size and colour statistics of its pictures.
        rate: pictures a second.
        folder_rate: images a second in folders of images; None: as `rate`.
        precision: of the features in the files.
        batch_size: pictures at once.
        bfloat16: compute in bfloat16.
    """

    backbone: nn.Module
    name: str
    device: torch.device
    image_input: ImageInput
    rate: float = 1.0
    folder_rate: float | None = None
    precision: Literal["float32", "float16"] = "float32"
    batch_size: int = 64
    bfloat16: bool = False

    def __post_init__(self) -> None:
        for key in ("rate", "folder_rate"):
            value = getattr(self, key)
            if value is not None and not 0 < value <= 240:
                raise InputError(f"{value} pictures a second", key=key, remedy="Use more than 0, at most 240")
        if self.batch_size < 1:
            raise InputError(f"expected 1 or more, got {self.batch_size}", key="batch_size")

    def features(self, pictures: Iterable[Picture]) -> NDArray[np.float32]:
        """(N, D) of pictures of any sizes, see `image_features`."""
        return image_features(
            self.backbone, pictures, self.device, self.batch_size, self.bfloat16, self.image_input
        )

    def settings(self) -> dict[str, Any]:
        """What decides the features, but for the pictures."""
        return {
            "format": FORMAT,
            "backbone_sha256": weights_sha256(self.backbone),
            "preprocessing": {**asdict(self.image_input), "resize": "both sides to size, PIL bilinear"},
            "rate": self.rate,
            "folder_rate": self.folder_rate,
            "precision": self.precision,
            "bfloat16": self.bfloat16,
        }


def open_extractor(
    backbone: str, device: str | None = None, size: int | None = None, **options: Any
) -> Extractor:
    """Load a backbone.

    Args:
        backbone: a name or file, as `models.load_backbone` takes it.
        device: torch's name; None: a GPU where there is one.
        size: side in pixels of its pictures; None: its own.
        options: further fields of `Extractor`.

    Raises:
        InputError: no such backbone or device, a size that the backbone does not take.
    """
    where = usable_device(device)
    loaded = load_backbone(backbone).to(where)
    if size is not None:
        check_takes(loaded, size, backbone)
    return Extractor(loaded, Path(backbone).name, where, input_of(loaded, size), **options)


@dataclass
class ExtractionReport:
    """What came of each video.

    Attributes:
        written: the new files.
        reused: files that were there already, whole and of the same backbone, settings and pictures.
        failed: {source: why}.
        pictures: how many were embedded.
        seconds: how long that took.
    """

    written: list[Path] = field(default_factory=list)
    reused: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    pictures: int = 0
    seconds: float = 0.0


def extract_all(places: Sequence[Path], out: Path, extractor: Extractor) -> ExtractionReport:
    """Write `<out>/<id>.npz` for every video, frame store and folder of images.

    A file has `features` (N, D) float32 or float16, `time_s` (N,) float64, `frame_number` (N,) int64 (see
    `picture_sources.Pictures`) and the strings `video`, `backbone`, `backbone_sha256`, `preprocessing` (JSON)
    and `made_from`, a hash of settings and pictures by which the next run knows it. Files appear whole or not
    at all. What cannot be read is reported, and the others go on; a full disk stops the run.

    Raises:
        InputError: nothing to read, unusable or equal ids, no folder to write to, a full disk.
    """
    if out.exists() and not out.is_dir():
        raise InputError("this is a file", file=out, remedy="Give a folder for the features")
    sources = find_sources(places)
    settings = extractor.settings()
    report = ExtractionReport()
    with progress_bar("features", len(sources), unit="videos") as bar:
        progress = _Progress(bar, report)
        for name, path in sources.items():
            target = out / f"{name}.npz"
            try:
                made_from = sha256_of_json([settings, _state_of(path)])
                if is_current(target, made_from):
                    report.reused.append(target)
                else:
                    features, pictures = _extract(path, extractor, progress.picture)
                    _write(target, name, extractor.name, settings, made_from, features, pictures)
                    report.written.append(target)
            except DiskFullError:
                raise
            except InputError as error:
                report.failed[path] = str(error)
            progress.video()
    return report


class _Progress:
    """Moves the bar by parts of a video and keeps count."""

    def __init__(self, bar: Bar, report: ExtractionReport) -> None:
        self._bar, self._report, self._start, self._share = bar, report, time.perf_counter(), 0.0

    def picture(self, share: float) -> None:
        self._report.pictures += 1
        self._report.seconds = time.perf_counter() - self._start
        self._share += share
        rate = self._report.pictures / self._report.seconds
        self._bar.advance(share, **{"pictures/s": f"{rate:.3g}"})

    def video(self) -> None:
        self._bar.advance(1 - self._share)
        self._share = 0.0


def is_current(target: Path, made_from: str) -> bool:
    """Is there a whole file of these settings and pictures? All of it is read, to check its sums."""
    try:
        with zipfile.ZipFile(target) as archive:
            whole = archive.testzip() is None
        with np.load(target, allow_pickle=False) as content:
            return whole and str(content["made_from"]) == made_from
    except UNREADABLE_ARRAYS:
        return False


def weights_sha256(module: nn.Module) -> str:
    """Hex digest of a module's parameters and buffers by name, wherever they were loaded from."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        array = value.detach().cpu().contiguous()
        digest.update(f"{name} {array.dtype} {tuple(array.shape)}\n".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _extract(
    path: Path, extractor: Extractor, moved: Callable[[float], None]
) -> tuple[NDArray[Any], Pictures]:
    pictures = open_pictures(path, extractor.rate, extractor.folder_rate)
    count = len(pictures.number)

    def counted() -> Iterator[Picture]:
        for picture in pictures.read(lambda image: squashed(image, extractor.image_input.size)):
            moved(1 / count)
            yield picture

    features: NDArray[Any] = extractor.features(counted())
    with np.errstate(over="ignore"):  # said below
        features = features.astype(extractor.precision)
    if not np.isfinite(features).all():
        raise InputError(
            f"its features are not finite numbers in {extractor.precision}",
            file=path,
            remedy="Use float32, and look whether the backbone's weights are sound",
        )
    return features, pictures


def _write(
    target: Path,
    name: str,
    backbone: str,
    settings: dict[str, Any],
    made_from: str,
    features: NDArray[Any],
    pictures: Pictures,
) -> None:
    arrays = {
        "features": features,
        "time_s": pictures.time_s,
        "frame_number": pictures.number,
        "video": np.asarray(name),
        "backbone": np.asarray(backbone),
        "backbone_sha256": np.asarray(settings["backbone_sha256"]),
        "preprocessing": np.asarray(json.dumps(settings["preprocessing"])),
        "made_from": np.asarray(made_from),
    }
    with atomic_path(target) as partial, partial.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def _state_of(path: Path) -> list[list[Any]]:
    """Names, sizes and modification times of a source's files."""
    if not path.exists():
        raise InputError("there is no such file", file=path)
    return [[file.name, (state := file.stat()).st_size, state.st_mtime_ns] for file in files_of(path)]
