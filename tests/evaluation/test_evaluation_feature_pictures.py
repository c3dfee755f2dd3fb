"""Pictures of features, and both tools that look into backbones, on made lectures and a tiny network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from surgvlp.console import exit_code
from surgvlp.evaluation.backbone_probe import PROBES
from surgvlp.evaluation.feature_drawing import spread
from surgvlp.evaluation.feature_pictures import draw_components, draw_maps, principal_colours, tsne_map
from surgvlp.evaluation.labelled_frames import LabelledFrames
from surgvlp.evaluation.networks import open_networks
from surgvlp.evaluation.probes import linear_probe_accuracy, nearest_neighbour_accuracy
from surgvlp.features.images import image_features
from surgvlp.files import InputError
from surgvlp.models.backbones import ImageInput, build_backbone, check_takes
from surgvlp.models.loading import load_backbone
from surgvlp.synthesis.corpus import make_corpus
from surgvlp.synthesis.labels.writing import Labels
from surgvlp.synthesis.lecture import CorpusArguments

Tool = Callable[[str], ModuleType]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """t-SNE's threads wait for each other a thousand times, forever where test workers share the cores."""
    with threadpool_limits(1):
        yield


def test_components_are_those_of_scikit_learn_over_all_frames() -> None:
    generator = np.random.default_rng(0)
    maps = generator.normal(size=(3, 8, 4, 5)) * np.geomspace(9, 0.1, 8)[None, :, None, None] + 2
    colours = principal_colours(maps.astype(np.float32))
    assert colours.shape == (3, 4, 5, 3)
    expected = PCA(3).fit_transform(maps.transpose(0, 2, 3, 1).reshape(-1, 8))
    for number in range(3):
        found = colours[..., number].ravel().astype(float)
        correlation = np.corrcoef(found, expected[:, number])[0, 1]
        assert abs(correlation) > 0.99
        assert (found.min(), found.max()) == (0, 255)


def test_a_collapsed_networks_components_are_grey() -> None:
    maps = np.full((2, 4, 3, 3), 7, np.float32)
    maps[0, 0, 0, 0] += 1e-6
    assert (principal_colours(maps) == 128).all()
    with pytest.raises(InputError, match="the feature maps are not finite"):
        principal_colours(np.full((2, 4, 3, 3), np.nan, np.float32))


def test_frames_of_any_shape_and_names_with_dollars_get_a_sheet_with_even_margins(tmp_path: Path) -> None:
    frames = [np.full((40, 80, 3), 200, np.uint8), np.full((50, 40, 3), 90, np.uint8)]
    colours = np.random.default_rng(0).integers(0, 255, (2, 7, 7, 3), dtype=np.uint8)
    names = {"$x_1": colours, "a very long name of a file in a very deep folder.pth": colours}
    draw_components(tmp_path / "sheet.png", frames, ["first", "second $y^2"], names)
    white = np.asarray(Image.open(tmp_path / "sheet.png").convert("L")) > 250
    margins = [int((~white).any(axis).argmax()) for white in (white, white[::-1, ::-1]) for axis in (0, 1)]
    assert max(margins) - min(margins) < 6
    assert min(margins) > 30


def test_clusters_stay_clusters_in_a_map_that_depends_on_the_seed_alone() -> None:
    generator = np.random.default_rng(0)
    group = np.arange(60) % 3
    features = (generator.normal(size=(3, 12))[group] * 4 + generator.normal(size=(60, 12))).astype(
        np.float32
    )
    found = tsne_map(features)
    np.testing.assert_array_equal(found, tsne_map(features))
    distance = np.linalg.norm(found[:, None] - found[None], axis=-1) + np.eye(60) * 1e9
    assert (group[distance.argmin(1)] == group).mean() > 0.95


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((4, 3)), "4 frames are too few for a map"),
        (np.full((9, 3), np.inf), "the features are not finite"),
        (np.full((9, 3), 0.3), "all frames have the same features"),
    ],
)
def test_what_cannot_be_mapped_is_one_line(features: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tsne_map(features.astype(np.float32))


def test_more_groups_than_colours_can_be_told_apart(tmp_path: Path) -> None:
    group = np.arange(40) % 20
    points = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    draw_maps(tmp_path / "maps.png", {"net": points}, group, [f"class {number}" for number in range(20)], "")
    assert Image.open(tmp_path / "maps.png").size[0] > 800


def test_frames_are_spread_evenly() -> None:
    np.testing.assert_array_equal(spread(10, 5), [1, 3, 5, 7, 9])
    np.testing.assert_array_equal(spread(3, 5), [0, 1, 2])


@pytest.fixture(scope="module")
def lectures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two made lectures, one of them for testing; their phases also under another data set's name."""
    root = tmp_path_factory.mktemp("made")
    arguments = CorpusArguments(seed=7, height=96, fps=4.0, seconds=75.0, difficulty="easy")
    make_corpus(arguments, root, count=2, test_share=0.5, jobs=2, labels=Labels(("phases",)))
    (root / "downstream_datasets/made_appendectomy").symlink_to("made")
    return root


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What image pretraining leaves of a tiny network."""
    torch.manual_seed(5)
    state = build_backbone("resnet10t").state_dict()
    path = tmp_path_factory.mktemp("run") / "step_00000001.pt"
    model = {f"teacher.backbone.{name}": value for name, value in state.items()}
    torch.save({"model": model, "config": {"backbone": {"name": "resnet10t"}}}, path)
    return path


def made(lectures: Path, checkpoint: Path, output: Path) -> list[str]:
    return [
        *("--backbone", f"ours={checkpoint}", "--data", str(lectures), "--dataset", "made"),
        *("--protocol", "made_frames", "--output", str(output), "--device", "cpu"),
    ]


def test_a_backbone_is_probed_beside_its_controls(
    tool: Tool, lectures: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--untrained", "--size", "64", "--every", "2", "--k", "5"]
    assert tool("probe_backbone").main([*made(lectures, checkpoint, tmp_path), *options]) == 0
    printed = capsys.readouterr().out
    assert all(title.format(k=5) in printed for title in PROBES.values())
    result = json.loads((tmp_path / "probe.json").read_text())
    rows = {row["name"]: row for row in result["rows"]}
    assert list(rows) == ["ours", "ours, untrained", "ours, labels permuted", "most frequent class"]
    assert result["networks"]["ours"]["dimensions"] == 512
    assert len(result["networks"]["ours"]["sha256"]) == 64
    assert not set(result["train"]["videos"]) & set(result["test"]["videos"])
    for row in rows.values():
        for probe in PROBES:
            assert row[probe]["accuracy"] == pytest.approx(np.mean(row[probe]["video_accuracy"]))
    other = rows["most frequent class"]["k-NN"]
    assert other["lead"] == pytest.approx(rows["ours"]["k-NN"]["accuracy"] - other["accuracy"])


def test_the_tool_scores_what_a_training_scores_with_its_frames_in_memory(
    tool: Tool, lectures: Path, checkpoint: Path, tmp_path: Path
) -> None:
    options = ["--size", "64", "--every", "3", "--k", "5"]
    assert tool("probe_backbone").main([*made(lectures, checkpoint, tmp_path), *options]) == 0
    row = json.loads((tmp_path / "probe.json").read_text())["rows"][0]
    frames = LabelledFrames(str(lectures), "made", "made_frames", every=3, size=64, k=5)
    train, test = frames.read()
    features = [
        image_features(
            load_backbone(checkpoint), part.pictures.transpose(0, 2, 3, 1), "cpu", 7, False, ImageInput(64)
        )
        for part in (train, test)
    ]
    given = (features[0], train.label, features[1], test.label)
    found = nearest_neighbour_accuracy(*given, k=5, test_videos=test.video)
    assert found.accuracy == pytest.approx(row["k-NN"]["accuracy"])
    assert linear_probe_accuracy(*given).accuracy == pytest.approx(row["linear"]["accuracy"])


def test_frames_and_data_sets_are_drawn(tool: Tool, lectures: Path, checkpoint: Path, tmp_path: Path) -> None:
    arguments = made(lectures, checkpoint, tmp_path)
    arguments.insert(arguments.index("made") + 1, "made_appendectomy")
    options = ["--untrained", "--pictures", "2", "--points", "20", "--side", "96"]
    assert tool("draw_features").main([*arguments, *options]) == 0
    names = ["components.png", "tsne_data_sets.png", "tsne_made.png", "tsne_made_appendectomy.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name in names:
        assert np.asarray(Image.open(tmp_path / name).convert("L")).std() > 5


def test_untrained_networks_are_the_same_each_time_and_not_the_trained_ones(checkpoint: Path) -> None:
    _, first = open_networks([str(checkpoint.parent)], untrained=True)
    torch.rand(3)
    trained, second = open_networks([str(checkpoint)], untrained=True)
    for name, value in first.backbone.state_dict().items():
        assert torch.equal(value, second.backbone.state_dict()[name])
    assert not torch.equal(trained.backbone.conv1[0].weight, second.backbone.conv1[0].weight)


def test_a_size_that_a_transformer_cannot_see_is_one_line() -> None:
    backbone = build_backbone("vit_tiny_patch16_224")
    check_takes(backbone, 96, "vit")
    with pytest.raises(InputError, match=r"vit takes no pictures of 100 pixels \(.*\)\. Its own are of 224"):
        check_takes(backbone, 100, "vit")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("probe_backbone", ["--dataset", "cholec80"], "no label files <video>.csv here"),
        ("probe_backbone", ["--k", "500"], "training frames are too few for 500 neighbours"),
        ("probe_backbone", ["--every", "900", "--k", "1"], "training frames are of one class"),
        ("probe_backbone", ["--test", "train"], "would be learned from and tested on"),
        ("probe_backbone", ["--batch-size", "0"], "'--batch-size': 0 is below 1"),
        ("probe_backbone", ["--size", "0"], "'--size': 0 is below 1"),
        ("probe_backbone", ["--backbone", "nowhere/x.pth"], "x.pth"),
        ("probe_backbone", ["--device", "abacus"], "cannot use the device 'abacus'"),
        ("draw_features", ["--protocol", "made_frames", "made_frames"], "2 values for 1 data sets"),
        ("draw_features", ["--dataset", "made", "made"], "one data set stands twice"),
        ("draw_features", ["--split", "none"], "there is no such file"),
        ("draw_features", ["--points", "-1"], "'--points': -1 is below 0"),
        ("draw_features", ["--points", "3", "--pictures", "0"], "3 frames are too few for a map"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    tool: Tool,
    lectures: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: list[str],
    message: str,
) -> None:
    arguments = [*made(lectures, checkpoint, tmp_path / "out"), *options]
    assert exit_code(lambda: tool(name).main(arguments)) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1 and message in error[0]
    assert not list((tmp_path / "out").glob("*"))


def test_two_networks_of_one_name_are_refused(
    tool: Tool, lectures: Path, checkpoint: Path, tmp_path: Path
) -> None:
    arguments = made(lectures, checkpoint, tmp_path)
    arguments[1:2] = [str(checkpoint), f"again={checkpoint}", f"again={checkpoint}"]
    with pytest.raises(InputError, match=r"two networks are called 'again'\. Give them as NAME=BACKBONE"):
        tool("probe_backbone").main(arguments)
