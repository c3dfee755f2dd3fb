"""Checkpoints: whole or not at all, and never trusted without their hash."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_disk import run_on_small_disk

from surgvlp.files import InputError, sha256_of
from surgvlp.training import checkpoints


def state(step: int) -> dict[str, Any]:
    weight = torch.arange(1000.0) + step
    return {"step": step, "model": {"weight": weight}, "optimizer": {}, "ranks": [], "config": {"seed": 1}}


def test_what_is_saved_is_loaded_and_its_hash_is_that_of_sha256sum(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, 7, state(7))
    assert path.name == "step_00000007.pt"
    assert torch.equal(checkpoints.load(path)["model"]["weight"], state(7)["model"]["weight"])
    assert (tmp_path / "step_00000007.pt.sha256").read_text() == f"{sha256_of(path)}  {path.name}\n"


def test_old_ones_go_the_newest_and_the_best_stay(tmp_path: Path) -> None:
    for step in range(1, 6):
        checkpoints.save(tmp_path, step, state(step))
    checkpoints.mark_best(tmp_path, 2)
    checkpoints.keep_only(tmp_path, 2, also=[2])
    assert [path.name for path in checkpoints.listed(tmp_path)] == [
        "step_00000005.pt",
        "step_00000004.pt",
        "step_00000002.pt",
    ]
    assert sorted(path.name for path in tmp_path.glob("*.sha256")) == [
        "step_00000002.pt.sha256",
        "step_00000004.pt.sha256",
        "step_00000005.pt.sha256",
    ]
    assert torch.load(tmp_path / "best.pt", weights_only=True)["step"] == 2


def test_leftovers_of_a_killed_save_are_removed_and_nothing_else(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, 3, state(3))
    (tmp_path / ".step_00000004.pt.77.partial").write_bytes(b"half")
    (tmp_path / "step_00000004.pt.sha256").write_text("0  step_00000004.pt\n")
    (tmp_path / "notes.txt").write_text("mine")
    checkpoints.remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt", path.name, f"{path.name}.sha256"]


def test_a_pickle_that_runs_code_is_refused_even_with_a_right_hash(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "step_00000001.pt"
    for content in (pickle.dumps(Trap()), b"", b"no checkpoint at all"):
        path.write_bytes(content)
        (tmp_path / "step_00000001.pt.sha256").write_text(f"{sha256_of(path)}  {path.name}\n")
        with pytest.raises(InputError, match="cannot be read"):
            checkpoints.load(path)
    assert not (tmp_path / "sprung").exists()


def test_other_peoples_weights_are_not_taken_for_training_state(tmp_path: Path) -> None:
    path = tmp_path / "step_00000001.pt"
    torch.save({"state_dict": {"weight": torch.ones(1)}}, path)
    (tmp_path / "step_00000001.pt.sha256").write_text(f"{sha256_of(path)}  {path.name}\n")
    with pytest.raises(InputError, match="no training state"):
        checkpoints.load(path)


ON_A_SMALL_DISK = """
import sys
from pathlib import Path
from surgvlp import console
from surgvlp.training import checkpoints
import torch

folder = Path(sys.argv[1])

def main():
    for step, size in ((1, 1000), (2, 1_000_000)):
        model = {"weight": torch.ones(size)}
        rest = {"optimizer": {}, "ranks": [], "config": {}}
        checkpoints.save(folder, step, {"step": step, "model": model, **rest})
    return 0

code = console.exit_code(main)
print("newest valid:", checkpoints.newest_valid(folder)[1]["step"], flush=True)
sys.exit(code)
"""


def test_a_full_disk_is_one_line_and_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    program = [sys.executable, "-c", ON_A_SMALL_DISK, tmp_path]
    done = run_on_small_disk(tmp_path, "1m", program)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().splitlines() == [
        f"error: {tmp_path}/step_00000002.pt: the disk is full. Free some space and run again."
    ]
    assert sorted(done.stdout.splitlines()) == [
        "newest valid: 1",
        "step_00000001.pt",
        "step_00000001.pt.sha256",
    ]
