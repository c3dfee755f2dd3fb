"""`Recognition_frame` on real image files, and the published transform step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from surgvlp import registry
from surgvlp.datasets import RecognitionFrame, published_preprocess
from surgvlp.files import InputError
from surgvlp.registry import DATASETS


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Three frames numbered from 1 on disk and from 0 in the csv, as in Cholec80; image k has value 40 k."""
    (tmp_path / "csvs").mkdir()
    (tmp_path / "frames").mkdir()
    (tmp_path / "csvs" / "video49.csv").write_text(
        "path,label\nvideo49_0.png,1\nvideo49_1.png,7\nvideo49_2.png,3\n"
    )
    for number in (1, 2, 3):
        Image.new("RGB", (64, 48), (40 * number,) * 3).save(tmp_path / "frames" / f"video49_{number}.png")
    return tmp_path


def config(root: Path, **keys: object) -> dict[str, object]:
    return {
        "type": "Recognition_frame",
        "csv_root": str(root / "csvs"),
        "vid": "video49.csv",
        "video_root": str(root / "frames"),
        "transforms": None,
        **keys,
    }


def test_the_published_offset_and_labels(labelled: Path) -> None:
    dataset: RecognitionFrame = registry.build(
        DATASETS, config(labelled, transforms=lambda image: image.getpixel((0, 0))[0])
    )
    items = [dataset[index] for index in range(len(dataset))]
    assert [item["video"] for item in items] == [40, 80, 120]
    assert [item["label"] for item in items] == [0, 6, 2]


def test_a_batch_through_the_default_transform(labelled: Path) -> None:
    dataset = registry.build(DATASETS, config(labelled, vid="video49"))
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=3)))
    assert batch["video"].shape == (3, 3, 224, 224) and batch["video"].dtype == torch.float32
    assert batch["label"].tolist() == [0, 6, 2]
    red = (40 / 255 - 0.485) / 0.229
    assert batch["video"][0, 0].eq(batch["video"][0, 0, 0, 0]).all()
    assert float(batch["video"][0, 0, 0, 0]) == pytest.approx(red, abs=1e-5)


def test_an_offset_that_does_not_fit_names_the_row(labelled: Path) -> None:
    with pytest.raises(InputError, match=r"video49\.csv, row 2: .*video49_0\.png.*frame_offset, which is 0"):
        registry.build(DATASETS, config(labelled, frame_offset=0))
    (labelled / "frames" / "video49_3.png").unlink()
    with pytest.raises(InputError, match="row 4"):
        registry.build(DATASETS, config(labelled))


def test_a_torn_image_is_named(labelled: Path) -> None:
    path = labelled / "frames" / "video49_2.png"
    path.write_bytes(path.read_bytes()[:60])
    dataset = registry.build(DATASETS, config(labelled))
    with pytest.raises(InputError, match=r"video49_2\.png: not a whole image"):
        dataset[1]


def test_the_published_transform_is_what_the_description_says() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (270, 400, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    resized = image.resize((640, 360), Image.Resampling.BILINEAR)
    cropped = np.asarray(resized.crop((208, 68, 432, 292)), dtype=np.float64) / 255
    expected = (cropped - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(published_preprocess()(image).numpy(), expected.transpose(2, 0, 1), atol=1e-5)
    assert published_preprocess()(image.convert("L")).shape == (3, 224, 224)
