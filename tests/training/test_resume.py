"""A run is a function of config, data and seed: killed anywhere and resumed, it ends with the same bits."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from training_command import command, write_config

from surgvlp.files import InputError
from surgvlp.training import checkpoints
from surgvlp.training.run import train
from surgvlp.training.video_text.task import VideoTextTask


def fingerprint(state: dict[str, Any]) -> str:
    """sha256 over all that training changes: weights, moments, generators, positions."""
    digest = hashlib.sha256()
    for part in ("model", "optimizer", "ranks", "best", "step", "objectives"):
        _update(digest, state[part])
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        digest.update(value.contiguous().numpy().tobytes())
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            digest.update(str(key).encode())
            _update(digest, value[key])
    elif isinstance(value, list | tuple):
        for item in value:
            _update(digest, item)
    else:
        digest.update(repr(value).encode())


@pytest.fixture
def work_dir(tmp_path: Path, tiny_config: dict[str, Any]) -> Path:
    return write_config(tmp_path / "work", tiny_config)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run that was never killed is; made by the first test that needs it."""
    return tmp_path_factory.mktemp("finished")


@pytest.fixture
def reference(finished: Path, work_dir: Path) -> Path:
    if not checkpoints.listed(finished):
        train(VideoTextTask, work_dir, finished)
    return finished


def final(output: Path) -> dict[str, Any]:
    return checkpoints.load(checkpoints.path_of(output, 24))


@pytest.mark.slow
def test_killed_at_several_moments_and_resumed_ends_with_the_same_bits(
    reference: Path, work_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "killed"
    _kill_when(work_dir, output, lambda: _logged(output) >= 2)  # before the first checkpoint
    assert not checkpoints.listed(output)
    for _ in range(4):
        _kill_when(work_dir, output, lambda: any(output.glob(".step_*.partial")))
        if torn := list(output.glob(".step_*.partial")):
            break
    assert torn, "no kill fell into a save"
    newest = checkpoints.load(checkpoints.listed(output)[0])["step"] if checkpoints.listed(output) else 0
    _kill_when(work_dir, output, lambda: _logged(output) >= newest + 5, "workers=1")
    done = subprocess.run(
        command(work_dir, output, "--resume"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(output.glob("*.partial"))
    assert fingerprint(final(output)) == fingerprint(final(reference))
    assert _curve(output) == _curve(reference)


def _kill_when(work_dir: Path, output: Path, moment: Any, *options: str) -> None:
    """Start (or resume) the training and SIGKILL it at a moment."""
    flags = ["--cfg-options", *options] if options else []
    process = subprocess.Popen(
        command(work_dir, output, "--resume", *flags), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 200
        while not moment():
            assert process.poll() is None, "the training ended before the moment to kill it"
            assert time.monotonic() < deadline
            time.sleep(0.0005)
    finally:
        process.kill()
        process.wait()


def _logged(output: Path) -> int:
    """The last step in metrics.jsonl."""
    if not (output / "metrics.jsonl").exists():
        return 0
    lines = (output / "metrics.jsonl").read_text().split("\n")[:-1]
    return max((json.loads(line)["step"] for line in lines), default=0)


def _curve(output: Path) -> list[Any]:
    """Steps in metrics.jsonl, and validations; a mean of losses starts anew where a process does."""
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [line if line["split"] == "validation" else line["step"] for line in lines]


def test_a_torn_or_corrupt_newest_checkpoint_gives_way_to_the_one_before_loudly(
    reference: Path, work_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = fingerprint(final(reference))
    for name, damage in (("torn", _truncate), ("corrupt", _flip_a_byte)):
        output = shutil.copytree(reference, tmp_path / name)
        path = checkpoints.path_of(output, 24)
        damage(path)
        caplog.clear()
        train(VideoTextTask, work_dir, output, resume=True)
        warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert any(str(path) in message for message in warnings)
        assert fingerprint(final(output)) == expected


def _truncate(path: Path) -> None:
    with open(path, "r+b") as stream:
        stream.truncate(path.stat().st_size // 2)


def _flip_a_byte(path: Path) -> None:
    with open(path, "r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, 1)
        stream.write(bytes([byte ^ 1]))


def test_resuming_without_the_optimizers_moments_or_the_generators_ends_elsewhere(
    reference: Path, work_dir: Path, tmp_path: Path
) -> None:
    """The negative control: each part of the state matters to the fingerprint of the weights."""
    expected = final(reference)["model"]["backbone_img.global_embedder.weight"]
    step = checkpoints.listed(reference)[-1]
    state = checkpoints.load(step)
    without_moments = copy.deepcopy(state)
    without_moments["optimizer"]["state"] = {}
    other_views = copy.deepcopy(state)
    other_views["ranks"][0]["streams"]["clip"]["generator"] = torch.Generator().manual_seed(5).get_state()
    other_place = copy.deepcopy(state)
    other_place["ranks"][0]["streams"]["clip"]["sampler"]["position"] += 1
    for number, changed in enumerate([state, without_moments, other_views, other_place]):
        output = tmp_path / str(number)
        checkpoints.save(output, state["step"], changed)
        train(VideoTextTask, work_dir, output, resume=True)
        same = torch.equal(final(output)["model"]["backbone_img.global_embedder.weight"], expected)
        assert same == (number == 0)


def test_what_is_only_looked_at_does_not_change_what_is_learned(
    reference: Path, work_dir: Path, tmp_path: Path
) -> None:
    options = ["validation=None", "workers=2", "logging.every.steps=5", "checkpoints.every.steps=24"]
    train(VideoTextTask, work_dir, tmp_path / "other", options=options)
    model = final(tmp_path / "other")["model"]
    assert all(torch.equal(value, model[name]) for name, value in final(reference)["model"].items())


def test_a_finished_run_resumes_to_itself(reference: Path, work_dir: Path, tmp_path: Path) -> None:
    output = shutil.copytree(reference, tmp_path / "again", symlinks=True)
    before = (output / "step_00000024.pt").read_bytes()
    finished = train(VideoTextTask, work_dir, output, resume=True)
    assert finished.checkpoint.read_bytes() == before


def test_an_earlier_run_is_not_overwritten_unasked(reference: Path, work_dir: Path) -> None:
    with pytest.raises(InputError, match="--resume"):
        train(VideoTextTask, work_dir, reference)


def test_a_config_that_computes_something_else_is_refused_by_its_keys(
    reference: Path, work_dir: Path
) -> None:
    with pytest.raises(InputError, match=r"optimizer\.learning_rate was 0\.01, is 0\.5"):
        train(VideoTextTask, work_dir, reference, resume=True, options=["optimizer.learning_rate=0.5"])


def test_a_longer_run_goes_on_with_a_warning(
    reference: Path, work_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    output = shutil.copytree(reference, tmp_path / "longer", symlinks=True)
    finished = train(VideoTextTask, work_dir, output, resume=True, options=["length.epochs=7"])
    assert finished.checkpoint.name == "step_00000028.pt"
    assert any("length.epochs was 6, is 7" in record.getMessage() for record in caplog.records)


def test_no_usable_checkpoint_among_several_is_for_the_person_to_decide(
    reference: Path, work_dir: Path, tmp_path: Path
) -> None:
    output = shutil.copytree(reference, tmp_path / "ruined", symlinks=True)
    for path in checkpoints.listed(output):
        _truncate(path)
    with pytest.raises(InputError, match="none of the"):
        train(VideoTextTask, work_dir, output, resume=True)
