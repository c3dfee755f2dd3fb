from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from surgvlp import predictions
from surgvlp.files import InputError


def example(video: str = "video49") -> predictions.Predictions:
    return predictions.Predictions(
        frame_index=np.arange(4),
        time_s=np.arange(4.0),
        score=np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3),
        label=np.array([0, 1, 2, -1]),
        video=video,
        dataset="cholec80",
        class_names=("a", "b", "c"),
        model="model",
        protocol="cholec80_frames",
        protocol_sha256="00",
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    original = example()
    predictions.save(original, tmp_path)
    [loaded] = predictions.load_folder(tmp_path)
    for field in fields(original):
        np.testing.assert_array_equal(getattr(loaded, field.name), getattr(original, field.name))


def test_a_foreign_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "video1.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(InputError, match=r"video1\.npz: not a prediction file"):
        predictions.load_folder(tmp_path)
    np.savez(tmp_path / "video1.npz", score=np.zeros((1, 2)))
    with pytest.raises(InputError, match="lacks frame_index"):
        predictions.load_folder(tmp_path)
    with pytest.raises(InputError, match="no prediction files"):
        predictions.load_folder(tmp_path / "elsewhere")


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    arrays = {field.name: np.asarray(getattr(example(), field.name)) for field in fields(example())}
    np.savez(tmp_path / "video1.npz", **{**arrays, "label": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(InputError, match="not a prediction file"):
        predictions.load(tmp_path / "video1.npz")


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="differ in length"):
        replace(example(), label=np.zeros(3, dtype=np.int64))
    with pytest.raises(InputError, match="classes are 2"):
        replace(example(), class_names=("a", "b"))


def test_a_video_name_with_a_path_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a usable id"):
        predictions.save(example("../../evil"), tmp_path / "out")
    assert list(tmp_path.rglob("*")) == []
