"""What people get: sdist and wheel are built, installed into a new environment, used and type-checked."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from email.parser import HeaderParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import surgvlp

REPOSITORY = Path(__file__).parents[1]
LEFT_BY_WORK = {"runs", "build", "dist", "site", "__pycache__"}
UNWANTED = {"configs/demo/log.txt", "configs/demo/step_00000100.pt", "tests/test_files.pyc"}

USE = """
import sys
import surgvlp
assert "torch" not in sys.modules and surgvlp.__file__.startswith(sys.prefix), surgvlp.__file__

import torch
from PIL import Image
from transformers import BertConfig
from surgvlp.evaluation.protocol import read_protocol
from surgvlp.models.build import build_model

words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "use", "the", "hook"]
open("vocab.txt", "w").write("\\n".join(words))
BertConfig(
    vocab_size=len(words), hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32
).save_pretrained(".")
config = {
    "type": "SurgVLP",
    "backbone_img": {
        "type": "img_backbones/ImageEncoder", "num_classes": 16, "pretrained": "imagenet",
        "backbone_name": "resnet_18", "img_norm": False,
    },
    "backbone_text": {
        "type": "text_backbones/BertEncoder", "text_bert_type": "./", "text_last_n_layers": 4,
        "text_aggregate_method": "sum", "text_norm": False, "text_embedding_dim": 16,
        "text_freeze_bert": False, "text_agg_tokens": False,
    },
}
torch.save(build_model(config, weights_follow=True).state_dict(), "weights.pth")
model, preprocess = surgvlp.load(config, device="cpu", pretrain="weights.pth")
tokens = surgvlp.tokenize(["I use the hook", "the grasper holds"], max_length=16, model_name="./")
seen = model(preprocess(Image.new("RGB", (640, 360))).unsqueeze(0), tokens, mode="all")
assert read_protocol("cholec80_frames").sha256
print(surgvlp.available_models(), tuple(seen["img_emb"].shape), tuple(seen["text_emb"].shape))
"""

TYPED = """
import surgvlp
from surgvlp.files import InputError

model, preprocess = surgvlp.load("SurgVLP", device="cpu", pretrain="weights.pth")
reveal_type(surgvlp.available_models())
reveal_type(model)
surgvlp.tokenize(3)
surgvlp.load("SurgVLP", devise="cpu")
raise InputError("no such column", row="header")
"""
SAID = """
note: Revealed type is "list[str]"
note: Revealed type is "surgvlp.models.dual_encoder.DualEncoder"
error: Argument 1 to "tokenize" has incompatible type "int"; expected "str | Sequence[str]"  [arg-type]
error: Unexpected keyword argument "devise" for "load"; did you mean "device"?  [call-arg]
error: Argument "row" to "InputError" has incompatible type "str"; expected "int | None"  [arg-type]
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, with files in it that runs leave and nobody should get."""
    target = tmp_path_factory.mktemp("source") / "surgvlp"
    shutil.copytree(REPOSITORY, target, ignore=left_by_work)
    for name in UNWANTED:
        (target / name).write_text("left by a run")
    return target


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with sdist and wheel, the wheel made from the sdist, without any network."""
    out = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source])
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment that holds the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    python = folder / "bin" / "python"
    alone = ["--no-deps", "--no-index", "--no-compile", "--quiet"]
    run([sys.executable, "-m", "pip", "--python", python, "install", *alone, *built.glob("*.whl")])
    return python


def test_the_wheel_holds_the_package_with_all_its_data_and_nothing_else(source: Path, built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = {Path(name).name: archive.read(name) for name in names if ".dist-info/" in name}
    held = {name for name in names if ".dist-info/" not in name}
    assert held == files_in(source, "surgvlp")
    assert {"surgvlp/py.typed", "surgvlp/evaluation/protocols/cholec80_frames.json"} <= held
    assert about["LICENSE"] == (REPOSITORY / "LICENSE").read_bytes()
    metadata = HeaderParser().parsestr(about["METADATA"].decode())
    assert metadata["Version"] == surgvlp.__version__ and metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert {"demo", "dev", "docs", "export"} <= set(metadata.get_all("Provides-Extra") or ())


def test_every_library_that_the_package_imports_is_one_it_asks_for(source: Path, built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (about,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = HeaderParser().parsestr(archive.read(about).decode()).get_all("Requires-Dist") or []
    always, with_extras = asked_for(lines, ""), asked_for(lines, "", "demo", "export")
    holding = {module: {plain(name) for name in names} for module, names in packages_distributions().items()}
    known = {*sys.stdlib_module_names, "surgvlp", "triton"}  # torch brings triton where there may be a GPU
    for path in (source / "surgvlp").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for nodes, libraries in ((tree.body, always), (ast.walk(tree), with_extras)):
            unasked = [one for one in imported(nodes) - known if not holding.get(one, set()) & libraries]
            assert not unasked, f"{path} imports {unasked}"


def test_the_sdist_is_the_repository_without_what_runs_leave(source: Path, built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    for folder in (".ci", "surgvlp", "tools", "tests", "docs", "benchmarks", "configs", "data"):
        assert names >= files_in(source, folder) - UNWANTED
    assert names >= {"Makefile", "MANIFEST.in", "CHANGELOG.md", "CONTRIBUTING.md", "mkdocs.yml", "train.py"}
    assert not names & UNWANTED


def test_the_package_imports_where_nothing_else_is_installed(installed: Path, tmp_path: Path) -> None:
    program = "import surgvlp; print(surgvlp.__version__, sorted(set(dir(surgvlp)) & {'load', 'tokenize'}))"
    printed = run([installed, "-I", "-c", program], tmp_path)
    assert printed == f"{surgvlp.__version__} ['load', 'tokenize']\n"
    assert "--json" in run([installed.parent / "surgvlp-doctor", "--help"], tmp_path)


def test_a_users_program_is_type_checked_against_the_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(TYPED)
    checker = [sys.executable, "-m", "mypy", "--python-executable", installed, "--ignore-missing-imports"]
    command = [str(word) for word in (*checker, "--config-file=", "--cache-dir", tmp_path, "program.py")]
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout
    remarks = [
        line.partition(": ")[2] for line in said.splitlines() if "Revealed" in line or "error:" in line
    ]
    assert remarks == SAID.strip().splitlines()


def test_the_installed_package_loads_a_model_and_embeds(installed: Path, tmp_path: Path) -> None:
    (packages,) = installed.parents[1].glob("lib/python*/site-packages")
    # the packages of this environment, but not what its own .pth files add: an editable surgvlp, for example
    (packages / "beside.pth").write_text(
        f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n"
    )
    try:
        printed = run([installed, "-I", "-c", USE], tmp_path)
    finally:
        (packages / "beside.pth").unlink()
    assert printed == "['SurgVLP', 'HecVL', 'PeskaVLP'] (1, 16) (2, 16)\n"


def asked_for(lines: list[str], *extras: str) -> set[str]:
    """Names of the distributions that are installed with any of these extras."""
    requirements = [Requirement(line) for line in lines]
    return {
        plain(one.name)
        for one in requirements
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    }


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    """The first words of what these statements import."""
    names: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module]
    return {name.partition(".")[0] for name in names}


def plain(name: str) -> str:
    """A distribution's name as all spellings of it are compared."""
    return name.lower().replace("_", "-")


def left_by_work(folder: str, names: list[str]) -> set[str]:
    """What of a folder is no part of the repository, as .gitignore has it."""
    left = LEFT_BY_WORK.intersection(names)
    left |= {name for name in names if name[0] == "." and name not in (".ci", ".gitignore")}
    left |= {name for name in names if name.endswith(".egg-info")}
    if Path(folder) == REPOSITORY / "data":
        left |= {name for name in names if name.startswith("made")}
    if REPOSITORY / "configs" in Path(folder).parents:
        left |= {name for name in names if name != "config.py" and not Path(folder, name).is_dir()}
    return left


def files_in(source: Path, folder: str) -> set[str]:
    """All files below a folder of the repository's copy, relative to the copy."""
    return {str(path.relative_to(source)) for path in (source / folder).rglob("*") if path.is_file()}


def run(command: Sequence[object], folder: Path | None = None) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
