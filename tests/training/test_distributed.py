"""Two processes are one training: same loss, same gradient, exact resume, stopping together."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from training_command import REPOSITORY, write_config

from surgvlp.training import checkpoints

HERE = Path(__file__).parent


def torchrun(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{HERE}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*launch, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=environment,
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two_ranks.py found."""
    path = tmp_path_factory.mktemp("two_ranks") / "found.json"
    done = torchrun(HERE / "two_ranks.py", str(path))
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(path.read_text())
    assert result["world_size"] == 2
    return result


@pytest.mark.slow
def test_loss_and_gradient_are_those_of_the_whole_batch_in_one_process(found: dict[str, Any]) -> None:
    assert found["difference"]["torch.float32"] < 1e-5
    assert found["difference"]["torch.float64"] < 1e-10


@pytest.mark.slow
def test_a_resumed_run_of_two_ranks_ends_with_the_same_bits(found: dict[str, Any]) -> None:
    assert found["exact_resume"]


@pytest.mark.slow
def test_both_ranks_stop_at_the_same_step_with_the_samples_of_both(found: dict[str, Any]) -> None:
    first, second = found["diverged"]
    assert first == second
    assert first.startswith("3 step 4 (clip)")
    assert first.count("sample ") == 6


@pytest.mark.slow
def test_train_py_on_two_processes_resumes_to_the_same_bits(
    tiny_config: dict[str, Any], tmp_path: Path
) -> None:
    config = {**tiny_config, "length": {"steps": 9}, "checkpoints": {"every": {"steps": 4}, "keep": 9}}
    work_dir, output = write_config(tmp_path / "work", config), tmp_path / "output"
    flags = [f"--work_dir={work_dir}", "--resume"]
    done = torchrun(REPOSITORY / "train.py", *flags, f"--output_dir={output}")
    assert done.returncode == 0, done.stderr
    again = tmp_path / "again"
    again.mkdir()
    for path in output.glob("step_00000004.pt*"):
        shutil.copy(path, again)
    done = torchrun(REPOSITORY / "train.py", *flags, f"--output_dir={again}")
    assert done.returncode == 0, done.stderr
    states = [checkpoints.load(checkpoints.path_of(folder, 9)) for folder in (output, again)]
    assert len(states[0]["ranks"]) == 2
    for name, value in states[0]["model"].items():
        assert torch.equal(value, states[1]["model"][name]), name
