"""Every released layout: a file as its authors saved it gives the outputs that their own arithmetic gives."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from source_networks import CAFormer, ConvNeXtV2, PVTv2, StarReLU, randomised
from source_transformers import DinoTransformer
from torch import Tensor, nn

from surgvlp.files import InputError
from surgvlp.models import load_backbone
from surgvlp.models.backbones import build_backbone, width_of
from surgvlp.models.loading import architecture_of, backbone_from, fill
from surgvlp.models.released.layouts import translated
from surgvlp.models.released.nesting import LEFT_OUT, PREFIXES, innermost, without_wrappings

State = dict[str, Tensor]
ENTRIES = Path(__file__).parent / "released_entries.txt"


def prefixed(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


def dino_checkpoint(state: State) -> dict:
    """What a DINO training saves: a student under data parallelism, a teacher without, heads, flags."""
    student = {key: torch.zeros(1).expand(value.shape) for key, value in state.items()}
    head = {"head.mlp.0.weight": torch.ones(2, 2), "head.last_layer.weight_g": torch.ones(4, 1)}
    return {
        "student": prefixed("module.", {**prefixed("backbone.", student), **head}),
        "teacher": {**prefixed("backbone.", state), **head},
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]},
        "epoch": 50,
        "args": argparse.Namespace(arch="any", lr=5e-4, global_crops_scale=(0.4, 1.0)),
        "dino_loss": {"center": torch.zeros(1, 4)},
    }


def with_published_gammas(state: State) -> State:
    """DINOv3's layer scales are reported as `gamma_1`, where its own code says `ls1.gamma`."""
    return {re.sub(r"\.ls(\d)\.gamma$", r".gamma_\1", key): value for key, value in state.items()}


def dinov2_teacher(state: State) -> dict:
    heads = {"dino_head.mlp.0.weight": torch.ones(2), "ibot_head.mlp.0.weight": torch.ones(2)}
    return {"teacher": {**prefixed("backbone.", state), **heads}}


RELEASES: dict[str, tuple[Callable[[], nn.Module], str, Callable[[State], dict]]] = {
    "CAFormer with ReLU, training checkpoint": (
        lambda: CAFormer(nn.ReLU),
        "caformer_s18_relu",
        dino_checkpoint,
    ),
    "CAFormer with StarReLU, bare": (lambda: CAFormer(StarReLU, 7), "caformer_s18", dict),
    "ConvNeXtV2, prefixed": (
        lambda: ConvNeXtV2(7),
        "convnextv2_tiny",
        lambda state: prefixed("backbone.", state),
    ),
    "PVTv2, nested and prefixed twice": (
        lambda: PVTv2(7),
        "pvt_v2_b2",
        lambda state: {"state_dict": prefixed("module.encoder.", state)},
    ),
    "DINOv1": (
        lambda: DinoTransformer(1, 384, 12, patch=16, grid=4),
        "vit_small_patch16_224.dino@64",
        dict,
    ),
    "DINOv2": (
        lambda: DinoTransformer(2, 384, 12, patch=14, grid=4),
        "vit_small_patch14_dinov2@56",
        dinov2_teacher,
    ),
    "DINOv2 with registers": (
        lambda: DinoTransformer(2, 384, 12, patch=14, grid=4, registers=4),
        "vit_small_patch14_reg4_dinov2@56",
        lambda state: {"model": prefixed("backbone.", state)},
    ),
    "DINOv2, Meta's training state": (
        lambda: DinoTransformer(2, 384, 12, patch=14, grid=4),
        "vit_small_patch14_dinov2@56",
        lambda state: {
            "model": {
                **prefixed("student.backbone.", {key: torch.zeros(1) for key in state}),
                **prefixed("teacher.backbone.", state),
                "teacher.dino_head.mlp.0.weight": torch.ones(2),
            },
            "iteration": 7,
        },
    ),
    "DINOv3": (
        lambda: DinoTransformer(3, 384, 12, patch=16, grid=4),
        "vit_small_patch16_dinov3_surgenet",
        with_published_gammas,
    ),
}


@pytest.mark.parametrize("release", RELEASES)
def test_a_released_file_gives_its_own_networks_outputs(release: str, tmp_path: Path) -> None:
    make, architecture, saved = RELEASES[release]
    source = randomised(make())
    path = tmp_path / "released.pth"
    torch.save(saved(source.state_dict()), path)
    assert architecture_of(path) == architecture
    backbone = load_backbone(path).eval()
    size = {"DINOv1": (64, 64), "DINOv3": (32, 64)}.get(
        release, (56, 56) if "DINOv2" in release else (64, 96)
    )
    images = torch.randn(2, 3, *size)
    with torch.inference_mode():
        expected, found = source(images), backbone(images)
    assert found.shape == (2, width_of(backbone))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    path.unlink()


def test_surgfms_checkpoint_gives_torchvisions_outputs(tmp_path: Path) -> None:
    with torch.device("meta"):
        source = torchvision.models.convnext_large()
    source.classifier[2] = nn.Identity()
    source = randomised(source.to_empty(device="cpu"))
    state = {key: value.half() for key, value in source.state_dict().items()}  # the real size: spare the disk
    source.load_state_dict(state)
    path = tmp_path / "released.pth"
    torch.save(dino_checkpoint(state), path)
    backbone = load_backbone(path).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected, found = source(images), backbone(images)
    assert found.shape == (1, 1536)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    path.unlink()


def recorded_entries() -> dict[str, dict[str, tuple[str, tuple[int, ...]]]]:
    """By architecture, source entry -> (entry of the timm module, source shape), blocks written out."""
    tables: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {}
    for line in ENTRIES.read_text().splitlines()[1:]:
        if line.startswith("["):
            table = tables.setdefault(line.strip("[]"), {})
            continue
        source, target, shape, blocks = line.split(" | ")
        sizes = tuple(int(size) for size in shape.split("x"))
        for block in range(1 if blocks == "-" else int(blocks)):
            table[source.replace("#", str(block))] = (target.replace("#", str(block)), sizes)
    return tables


SOURCES: dict[str, Callable[[], nn.Module]] = {
    "caformer_s18_relu": lambda: CAFormer(nn.ReLU, 7),
    "caformer_s18": lambda: CAFormer(StarReLU, 7),
    "convnextv2_tiny": lambda: ConvNeXtV2(7),
    "pvt_v2_b2": lambda: PVTv2(7),
}


@pytest.mark.parametrize("architecture", SOURCES)
def test_the_slow_networks_have_exactly_the_entries_of_the_released_files(architecture: str) -> None:
    recorded = {source: shape for source, (_, shape) in recorded_entries()[architecture].items()}
    with torch.device("meta"):
        state = SOURCES[architecture]().state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == recorded


@pytest.mark.parametrize("architecture", [*SOURCES, "convnext_large"])
def test_every_recorded_entry_is_renamed_as_verified(architecture: str) -> None:
    recorded = recorded_entries()[architecture]
    assert len(recorded) >= 158
    state = {source: torch.empty(shape, device="meta") for source, (_, shape) in recorded.items()}
    weights = translated(without_wrappings(state), "file")
    wanted = {target for source, (target, _) in recorded.items() if not source.startswith(LEFT_OUT)}
    assert weights.architecture == architecture
    assert weights.state.keys() == wanted
    with torch.device("meta"):
        module = build_backbone(architecture).state_dict()
    assert weights.state.keys() == module.keys()
    assert all(value.numel() == module[key].numel() for key, value in weights.state.items())


BASE, LARGE = ("base", 768, 12), ("large", 1024, 24)


@pytest.mark.parametrize(
    ("size", "width", "depth", "version", "patch", "registers"),
    [
        (*BASE, 1, 16, 0),
        ("tiny", 192, 12, 1, 16, 0),
        ("small", 384, 12, 1, 32, 0),
        (*BASE, 2, 14, 0),
        (*BASE, 2, 14, 4),
        (*BASE, 3, 16, 0),
        (*LARGE, 2, 14, 0),
        (*LARGE, 2, 14, 4),
        (*LARGE, 3, 16, 0),
    ],
)
def test_larger_transformers_fit_entry_by_entry(
    size: str, width: int, depth: int, version: int, patch: int, registers: int
) -> None:
    with torch.device("meta"):
        source = DinoTransformer(version, width, depth, patch, grid=4, registers=registers)
        weights = translated(without_wrappings(source.state_dict()), "file")
        module = build_backbone(weights.architecture).state_dict()
    assert size in weights.architecture
    assert {key: value.shape for key, value in weights.state.items()} == {
        key: value.shape for key, value in module.items()
    }


NAMES = st.sampled_from(["blocks.0.weight", "stem.model.bias", "norm.module.weight", "x.encoder.head.weight"])
PATHS = st.lists(st.sampled_from(PREFIXES), max_size=4)


@given(names=st.sets(NAMES, min_size=1), prefixes=PATHS, left_out=st.sets(st.sampled_from(LEFT_OUT)))
def test_wrappings_come_off_the_front_and_nowhere_else(
    names: set[str], prefixes: list[str], left_out: set[str]
) -> None:
    state = {name: torch.tensor(float(number)) for number, name in enumerate(names)}
    wrapped = prefixed("".join(prefixes), {**state, **dict.fromkeys(left_out, torch.zeros(1))})
    assert without_wrappings(wrapped) == state


def test_a_transformer_that_cannot_be_built_is_named_with_its_file() -> None:
    with torch.device("meta"):
        state = DinoTransformer(1, 192, 12, 8, grid=4).state_dict()
    with pytest.raises(InputError, match=r"^file: looks like DINO ViT .*no vit_tiny_patch8_224@32 to build"):
        translated(state, "file")


@pytest.mark.parametrize("teacher", [{}, {"teacher": None}, {"teacher": {}}])
def test_a_student_is_taken_aloud(teacher: dict, caplog: pytest.LogCaptureFixture) -> None:
    content = {"student": {"weight": torch.ones(1)}, **teacher}
    assert innermost(content, "file")["weight"] == 1
    assert "no teacher in it, so the student" in caplog.text


def test_the_teacher_is_preferred_wherever_it_lies() -> None:
    teacher, student = {"weight": torch.ones(1)}, {"weight": torch.zeros(1)}
    for content in (
        {"student": student, "teacher": teacher},
        {"model": {"student": student, "teacher": teacher}},
        {"net": teacher, "optimizer": {}},
        teacher,
    ):
        assert innermost(content, "file")["weight"] == 1
    round_and_round: dict = {}
    round_and_round["model"] = round_and_round
    with pytest.raises(InputError, match="not a named tensor"):
        innermost(round_and_round, "file")


@pytest.fixture(scope="module")
def relu_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("released") / "relu.pth"
    torch.save(randomised(CAFormer(nn.ReLU)).state_dict(), path)
    return path


def test_relu_weights_never_end_in_the_network_with_star_relu_nor_the_other_way(
    relu_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"of 200 entries, 48 missing \(stages"):
        backbone_from(relu_file, "caformer_s18")
    star = tmp_path / "star.pth"
    torch.save(CAFormer(StarReLU).state_dict(), star)
    with pytest.raises(InputError, match=r"of 152 entries, 48 unexpected \(stages"):
        backbone_from(star, "caformer_s18_relu")
    state = torch.load(relu_file, weights_only=True)
    torch.save({**state, "stages.0.0.mlp.act.scale": torch.ones(1)}, star)
    with pytest.raises(InputError, match="47 missing"):
        load_backbone(star)


def test_what_is_missing_and_unexpected_is_said_and_nothing_is_loaded(relu_file: Path) -> None:
    state = translated(torch.load(relu_file, weights_only=True), relu_file).state
    backbone = build_backbone("caformer_s18_relu")
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    broken = {key: value for key, value in state.items() if key != "head.norm.bias"}
    broken |= {"extra.weight": torch.zeros(1), "stem.conv.bias": torch.zeros(65)}
    with pytest.raises(InputError) as raised:
        fill(backbone, broken, relu_file, "caformer_s18_relu")
    for part in ("1 missing (head.norm.bias)", "1 unexpected (extra.weight)", "stem.conv.bias (65,) instead"):
        assert part in str(raised.value)
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"layer.weight": torch.zeros(1)}, "no known layout of a backbone has entries such as layer.weight"),
        ({"head.weight": torch.zeros(1)}, r"entries such as \(none\)"),
        ({"cls_token": torch.zeros(1, 1, 99)}, "looks like DINOv3.*no vision transformer of width 99"),
        (
            {"cls_token": torch.zeros(1, 1, 384), "pos_embed": torch.zeros(1, 5, 384)},
            "has no entry 'patch_embed.proj.weight'",
        ),
        (
            {
                "cls_token": torch.zeros(1, 1, 384),
                "pos_embed": torch.zeros(1, 4, 384),
                "patch_embed.proj.weight": torch.zeros(384, 3, 16, 16),
            },
            "3 position embeddings are of no square picture",
        ),
        (
            {
                "cls_token": torch.zeros(1, 1, 384),
                "blocks.0.ls1.gamma": torch.zeros(384),
                "blocks.0.gamma_1": torch.zeros(384),
            },
            "names an entry twice",
        ),
        (
            {
                "cls_token": torch.zeros(1, 1, 384),
                "pos_embed": torch.zeros(1, 5, 99),
                "patch_embed.proj.weight": torch.zeros(384, 3, 14, 14),
                "blocks.0.ls1.gamma": torch.zeros(384),
                "register_tokens": torch.zeros(1, 4, 384),
            },
            "looks like DINOv2.*size of tensor",
        ),
    ],
)
def test_what_is_no_released_layout_is_one_clear_line(state: State, message: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.pth"
    torch.save(state, path)
    with pytest.raises(InputError, match=message):
        load_backbone(path)


def test_what_is_not_verified_is_a_warning_and_the_rest_is_not(
    relu_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "surgvlp"):
        load_backbone(relu_file)
        assert not caplog.records
        path = tmp_path / "released.pth"
        torch.save(DinoTransformer(3, 384, 12, patch=16, grid=4).state_dict(), path)
        load_backbone(path)
    assert "provisional" in caplog.text and "epsilon" in caplog.text


@pytest.mark.parametrize(
    "release", ["CAFormer with ReLU, training checkpoint", "PVTv2, nested and prefixed twice"]
)
def test_classes_are_one_fresh_linear_layer_over_the_features(release: str, tmp_path: Path) -> None:
    path = tmp_path / "released.pth"
    torch.save(RELEASES[release][0]().state_dict(), path)
    features, classifier = load_backbone(path).eval(), load_backbone(path, num_classes=5).eval()
    linear = classifier.get_classifier()
    assert isinstance(linear, nn.Linear) and linear.out_features == 5
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(classifier(images), linear(features(images)))
