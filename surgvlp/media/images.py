"""Single images: files, JPEG bytes, resizing. RGB outside; OpenCV's BGR never leaves this file."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from surgvlp.files import InputError


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an image file as uint8 (H, W, 3) RGB; grey images are repeated over channels, alpha is dropped.

    Raises:
        InputError: there is no such file, or it is no whole image.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from error
    image = decode_image(data)
    if image is None:
        raise InputError("not an image, or a damaged one", file=path)
    return image


def write_image(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write uint8 (H, W, 3) RGB; the format follows the suffix. The file appears whole or not at all.

    Not synced to disk one by one, unlike `files.atomic_path`: frames come by the thousand.
    """
    path = Path(path)
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise InputError(f"cannot encode an image of shape {image.shape}", file=path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data.data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """JPEG bytes of uint8 (H, W, 3) RGB; equal pixels give equal bytes."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done, image.shape
    return data.tobytes()


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, C) to `size` = (height, width): area averages on the way down, bicubic on the way up.

    A picture that is to become narrower and higher, or the reverse, is first shrunk, then enlarged.
    """
    smaller = min(size[0], image.shape[0]), min(size[1], image.shape[1])
    for (height, width), how in ((smaller, cv2.INTER_AREA), (size, cv2.INTER_CUBIC)):
        if (height, width) != image.shape[:2]:
            image = cv2.resize(image, (width, height), interpolation=how)
    return image


def decode_image(data: np.ndarray) -> np.ndarray | None:
    """uint8 (H, W, 3) RGB of an image file's bytes, a uint8 vector; None where they are no image."""
    if data.size == 0:  # cv2 raises where it otherwise returns None
        return None
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:  # absurd sizes in the header
        return None
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
