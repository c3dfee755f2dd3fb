"""`surgvlp.load_dataset`: the published evaluations' data sets, from a config file as published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

import surgvlp
from surgvlp.datasets import cholect50_preprocess
from surgvlp.files import InputError
from surgvlp.lectures.triplets import CHOLECT50


def write_cholect50(root: Path, video: str, triplets: list[list[int]]) -> None:
    """The four label files and an image for each frame; frame n is grey n."""
    parts = [CHOLECT50.instruments, CHOLECT50.verbs, CHOLECT50.targets]
    rows: dict[str, list[list[int]]] = {name: [] for name in ("triplet", "instrument", "verb", "target")}
    for frame, present in enumerate(triplets):
        rows["triplet"].append([frame, *(int(number in present) for number in range(100))])
        for position, (kind, names) in enumerate(zip(("instrument", "verb", "target"), parts, strict=True)):
            shown = {CHOLECT50.triplets[number][position] for number in present}
            rows[kind].append([frame, *(int(name in shown) for name in names)])
        (root / "data" / video).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40), (frame,) * 3).save(root / "data" / video / f"{frame:06d}.png")
    for kind, lines in rows.items():
        (root / kind).mkdir(exist_ok=True)
        text = "\n".join(",".join(map(str, line)) for line in lines)
        (root / kind / f"{video}.txt").write_text(text + "\n")


def test_labelled_frames_of_a_published_config(home: Path) -> None:
    (home / "csvs").mkdir()
    (home / "frames").mkdir()
    (home / "csvs" / "video49.csv").write_text("path,label\nvideo49_0.png,1\nvideo49_1.png,7\n")
    for number in (1, 2):
        Image.new("RGB", (64, 36), (100 * number,) * 3).save(home / "frames" / f"video49_{number}.png")
    configs = Config.fromfile(str(home / "config.py"), lazy_import=False)["config"]
    frames = surgvlp.load_dataset(configs.dataset_config[0])
    batch = next(iter(torch.utils.data.DataLoader(frames, batch_size=2)))
    assert batch["label"].tolist() == [0, 6]
    torch.testing.assert_close(batch["video"].mean((1, 2, 3)), torch.tensor([100 / 255, 200 / 255]))
    listed = dict(configs.dataset_config[0], transforms=[lambda image: image.size, lambda size: size[0]])
    assert surgvlp.load_dataset(listed)[1] == {"video": 64, "label": 6}


def test_triplets_of_several_videos(tmp_path: Path) -> None:
    write_cholect50(tmp_path, "VID06", [[17], [], [17, 60]])
    write_cholect50(tmp_path, "VID110", [[94]])
    dataset = surgvlp.load_dataset(
        {"type": "CholecT50", "dataset_dir": str(tmp_path), "list_video": [6, 110], "split": "test"}
    )
    assert len(dataset) == 4
    image, labels = dataset[2]
    assert image.shape == (3, 224, 224) and float(image[0, 0, 0]) == pytest.approx((2 / 255 - 0.485) / 0.229)
    assert [kind.shape for kind in labels] == [(6,), (10,), (15,), (100,)]
    assert all(kind.dtype == np.int32 for kind in labels)
    assert labels[3].nonzero()[0].tolist() == [17, 60]
    tools = {CHOLECT50.triplets[number][0] for number in (17, 60)}
    assert {CHOLECT50.instruments[number] for number in labels[0].nonzero()[0]} == tools
    assert dataset[3][1][3].nonzero()[0].tolist() == [94] and dataset.paths[3].parent.name == "VID110"
    (tmp_path / "data" / "VID06" / "000001.png").unlink()
    with pytest.raises(InputError, match=r"triplet/VID06\.txt, row 2: there is no frame .*000001\.png"):
        surgvlp.load_dataset({"type": "CholecT50", "dataset_dir": str(tmp_path), "list_video": ["VID06"]})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([{"type": "CholecT50"}], "'config': expected a dictionary"),
        ({"type": "CholecT5"}, "Did you mean 'CholecT50'"),
        ({"type": "CholecT50", "dataset_dir": "any", "list_vido": [1]}, "Did you mean 'list_video'"),
        ({"type": "CholecT50", "dataset_dir": "any", "list_video": []}, "'config.list_video': no videos"),
        (
            {"type": "CholecT50", "dataset_dir": "any", "list_video": [1], "split": "tst"},
            "none of train, val",
        ),
    ],
)
def test_configs_that_nobody_documents_are_refused(config: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        surgvlp.load_dataset(config)


@pytest.mark.parametrize("size", [(60, 40), (41, 90)])
def test_the_triplet_transform_is_what_the_description_says(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image, side = Image.fromarray(pixels), min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    expected = (np.asarray(square) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(cholect50_preprocess()(image).numpy(), expected.transpose(2, 0, 1), atol=1e-5)
