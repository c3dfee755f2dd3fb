"""The doctor against machines that lack something: broken libraries, no Slurm, a bare Python."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from surgvlp.doctor import children, command, gpu, lectures, libraries, machine, packages, slurm
from surgvlp.doctor.finding import Finding

REPOSITORY = Path(__file__).parents[1]


def by_name(found: Iterable[Finding]) -> dict[str, Finding]:
    return {one.name: one for one in found}


def executable(folder: Path, name: str, script: str) -> None:
    """A program of this name in a folder that PATH names."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def distribution(folder: Path, name: str, version: str, *lines: str) -> None:
    """What pip leaves of an installed package."""
    (folder / f"{name}-{version}.dist-info").mkdir()
    head = ("Metadata-Version: 2.4", f"Name: {name.replace('_', '-')}", f"Version: {version}")
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text("\n".join([*head, *lines]) + "\n")


def test_this_machine_is_fit_and_every_line_that_is_not_ok_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--data", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("Nothing essential is missing.\n")
    for wanted in (
        "torch 2.",
        "H.264, H.265",
        "there and back: H.264 with AAC written and read",
        "GiB",
        "Slurm",
    ):
        assert wanted in printed
    lines = printed.splitlines()
    for line, following in itertools.pairwise(lines):
        if line.startswith(("  note ", "  warning ")):
            assert following.strip().startswith("-> "), line


def test_a_bare_python_gets_the_report_too_and_an_exit_code_that_says_so(tmp_path: Path) -> None:
    program = f"""import sys; sys.path.insert(0, {str(REPOSITORY)!r})
from surgvlp.doctor.command import main; sys.exit(main(['--json']))"""
    bare = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(bare, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and not done.stderr
    groups = json.loads(done.stdout)["groups"]
    missing = {one["name"] for found in groups.values() for one in found if one["state"] == "missing"}
    assert missing >= {"packaging", "torch", "av", "cv2", "ffmpeg"}
    assert "No module named 'torch'" in by_name(Finding(**one) for one in groups["GPU"])["GPU"].found


def test_libraries_that_crash_hang_or_lack_something_are_named_and_the_others_still_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {
        "chatters": "print('surgvlp'); print('no line end', end='')",
        "dies": "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
        "hangs": "import time; time.sleep(60)",
        "cv2": "raise ImportError('libGL.so.1: cannot open shared object file')",
        "misfits": "raise RuntimeError('operator does\\nnot exist')",
    }
    for name, program in broken.items():
        (tmp_path / f"{name}.py").write_text(program)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(libraries, "LIBRARIES", dict.fromkeys([*broken, "json"], "its-package"))
    found = by_name(libraries.loading(timeout_s=6))
    assert found["libraries"].found == "2 of 6 load: chatters, json"
    assert found["dies"].found == "does not load: crashed with SIGILL"
    assert "too old" in str(found["dies"].remedy)
    assert found["hangs"].found == "does not load: no answer within 6 s"
    assert "apt-get install libgl1" in str(found["cv2"].remedy)
    assert found["misfits"].found == "does not load: RuntimeError: operator does not exist"
    assert all(found[name].state == "missing" for name in ("dies", "hangs", "cv2", "misfits"))


def test_packages_are_compared_with_what_surgvlp_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(
        *(tmp_path, "surgvlp", "9.9.9", "Requires-Python: >=3.99"),
        *("Requires-Dist: made-old>=2", "Requires-Dist: made-absent>=1", "Requires-Dist: made-right[x]>=1"),
        *("Requires-Dist: not-here; sys_platform == 'nowhere'", "Requires-Dist: opencv-python>=1"),
        *("Provides-Extra: export", "Requires-Dist: made-onnx>=1.19; extra == 'export'"),
        *("Provides-Extra: dev", "Requires-Dist: made-linter>=1; extra == 'dev'"),
    )
    distribution(tmp_path, "made_old", "1.5")
    distribution(tmp_path, "made_right", "1.5rc1")
    distribution(tmp_path, "onnxruntime_gpu", "1.23")
    monkeypatch.syspath_prepend(tmp_path)
    found = by_name(packages.findings())
    assert found["Python"].state == "missing" and ">=3.99 is needed" in found["Python"].found
    assert found["surgvlp"].state == "warning" and "9.9.9 is installed" in found["surgvlp"].found
    assert found["packages"].found.startswith("2 of 4 as asked for")
    assert found["made-old"].found == "1.5 is installed, >=2 is needed"
    assert found["made-absent"].remedy == "Run: python -m pip install 'made-absent>=1'"
    assert found["extra export"].state == "note" and "'made-onnx>=1.19'" in str(found["extra export"].remedy)
    assert "onnxruntime and onnxruntime-gpu overwrite" in found["onnxruntime"].found
    assert not {"not-here", "made-linter", "extra dev"} & set(found)


@pytest.mark.parametrize(
    ("script", "built_for", "state", "words"),
    [
        ("echo 'NVIDIA H200, 580.65'", "13.0", "warning", "NVIDIA H200, 580.65 as driver, but torch cannot"),
        ("echo 'NVIDIA H200, 580.65'", None, "warning", "this torch was built without CUDA"),
        ("echo 'Driver mismatch'; exit 9", "13.0", "warning", "nvidia-smi fails: Driver mismatch"),
    ],
)
def test_a_gpu_that_torch_cannot_use_says_why(
    script: str,
    built_for: str | None,
    state: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executable(tmp_path, "nvidia-smi", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = gpu.unusable(gpu.nvidia_driver(), built_for, "")
    assert found.state == state and words in found.found and found.remedy


def test_no_gpu_is_no_fault() -> None:
    found = gpu.unusable(None, "13.0", "")
    assert found.state == "note" and "everything runs on the processor" in found.found


def test_an_ffmpeg_that_lacks_codecs_or_fails_is_essential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = "' V....D h264  H.264\n A....D opus  Opus'"
    executable(
        tmp_path, "ffmpeg", f'[ "$1" = -version ] && echo "ffmpeg version 4.2-poor" || printf {listed}'
    )
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found, broke_off = children.run_checks("videos")
    seen = by_name(found)
    assert seen["ffmpeg"].found == f"4.2-poor, {tmp_path / 'ffmpeg'}"
    assert seen["sounds read"].state == "missing" and "lacks AAC, MP3" in seen["sounds read"].found
    assert broke_off or seen["there and back"].state == "missing"


def test_memory_is_what_the_container_or_the_job_may_have(tmp_path: Path) -> None:
    own = tmp_path / "own"
    whole = machine.memory_bytes(tmp_path, own)
    assert whole and whole > 1 << 28
    own.write_text("5:cpu:/\n4:memory:/docker/7\n0::/slurm/job_7/step_0\n")
    step, docker = tmp_path / "slurm" / "job_7" / "step_0", tmp_path / "memory" / "docker"
    for group in (step, docker):
        group.mkdir(parents=True)
    (step / "memory.max").write_text("max\n")
    assert machine.memory_bytes(tmp_path, own) == whole
    (step.parent / "memory.max").write_text(f"{1 << 20}\n")
    assert machine.memory_bytes(tmp_path, own) == 1 << 20
    (docker / "memory.limit_in_bytes").write_text(f"{1 << 19}\n")
    assert machine.memory_bytes(tmp_path, own) == 1 << 19


def test_a_full_disk_is_essential_and_folders_of_one_disk_share_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    disks = [one for one in machine.findings(tmp_path / "not" / "yet") if one.name.startswith("free disk")]
    assert [one.name for one in disks] == ["free disk: data, working folder, temporary files"]
    monkeypatch.setattr(machine, "NO_DISK", 1 << 60)
    disks = [one for one in machine.findings(tmp_path) if one.name.startswith("free disk")]
    assert disks[0].state == "missing" and disks[0].remedy


def test_slurm_says_its_partitions_or_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [one.state for one in slurm.findings()] == ["note"]
    for name in slurm.PROGRAMS:
        executable(tmp_path, name, "exit 0")
    executable(tmp_path, "sinfo", "echo 'gpu* up 2-00:00:00 12 gpu:h200:8'; echo 'cpu up 1:00:00 4 (null)'")
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    found = by_name(slurm.findings())
    assert (
        found["Slurm"].found
        == "gpu* (12 nodes, up to 2-00:00:00, gpu:h200:8); cpu (4 nodes, up to 1:00:00, (null))"
    )
    assert "job 77" in found["Slurm job"].found
    executable(tmp_path, "sinfo", "echo 'Unable to contact slurm controller' >&2; exit 1")
    found = by_name(slurm.findings())
    assert found["Slurm"].state == "warning" and "Unable to contact" in found["Slurm"].found
    (tmp_path / "sinfo").write_bytes(b"not a program")
    found = by_name(slurm.findings())
    assert found["Slurm"].state == "warning" and "sinfo does not run" in found["Slurm"].found


def test_the_data_tree_is_counted_and_what_stops_a_run_is_named(tmp_path: Path) -> None:
    for name in ("videos/one.mp4", "whisper_narration_texts/one.csv", "videos/.two.mp4.12.partial"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    for name, rows in {"train": "one.mp4", "test": "one.mp4\ntwo.mp4", "bad": "../three.mp4"}.items():
        (tmp_path / "splits").mkdir(exist_ok=True)
        (tmp_path / "splits" / f"{name}.csv").write_text(f"video_path\n{rows}\n")
    csvs = tmp_path / "downstream_datasets" / "cholec80" / "csvs"
    csvs.mkdir(parents=True)
    (csvs / "video49.csv").write_text("path,label\nvideo49_0.png,1\n")
    found = by_name(lectures.findings(str(tmp_path)))
    assert found["data"].found.endswith(": 1 videos, 1 whisper narration files")
    assert found["split train"].state == "ok"
    assert "1 of 2 lectures have neither video nor frame store, as two" in found["split test"].found
    assert "'../three' is not a usable id" in found["split bad"].found
    assert "no image" in found["cholec80"].found and found["cholec80"].found.endswith("video49_1.png")
    assert found["half-written"].state == "warning"
    frames = csvs.parent / "frames"
    frames.mkdir()
    (frames / "video49_1.png").write_bytes(b"")
    assert by_name(lectures.findings(str(tmp_path)))["cholec80"].state == "ok"


def test_models_that_are_on_this_disk_are_found_where_the_libraries_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HOME", str(tmp_path))
    repository = tmp_path / "hub" / "hub" / "models--emilyalsentzer--Bio_ClinicalBERT"
    for name in ("refs/main", "snapshots/abc/config.json", "snapshots/abc/vocab.txt"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("abc")
    weights = tmp_path / "torch" / "hub" / "checkpoints" / "surgenetxl_caformer_s18.pth"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(3 << 20))
    own = tmp_path / ".cache" / "surgvlp" / "HecVL.pth"
    own.parent.mkdir(parents=True)
    own.write_bytes(bytes(1 << 20))
    found, broke_off = children.run_checks("weights")
    seen = by_name(found)
    assert broke_off is None
    assert seen["emilyalsentzer/Bio_ClinicalBERT"].found == str(repository / "snapshots" / "abc")
    assert seen["image backbones"].found == f"{weights.parent}: surgenetxl_caformer_s18.pth (3 MiB)"
    assert seen["vision-language models"].found == f"{own.parent}: HecVL.pth (1 MiB)"
