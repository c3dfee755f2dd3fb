"""Which GPUs there are, whether torch can compute on them, and if not why. Runs in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

from surgvlp.doctor.finding import Finding
from surgvlp.doctor.machine import GIBIBYTE


def findings() -> Iterator[Finding]:
    """One finding a GPU that torch sees; where it sees none, what stands in its way."""
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for number in range(count):
        yield _computing(number)
    if count and not (shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")):
        remedy = "Install a C compiler (Debian: apt-get install gcc), with which Triton builds its kernels"
        yield Finding(
            "C compiler", "warning", "none, so torch.compile and fused kernels fail on the GPU", remedy
        )
    if not count:
        why = str(said[0].message) if said else ""
        yield unusable(nvidia_driver(), torch.version.cuda, why)


def unusable(driver: str | None, built_for: str | None, why: str) -> Finding:
    """Why torch has no GPU.

    Args:
        driver: what `nvidia_driver` says.
        built_for: the CUDA version of the installed torch; None: it was built without.
        why: what torch warned of.
    """
    if driver is None:
        remedy = (
            "None is needed for the demo, zero-shot recognition and features; training at published sizes "
            "takes one. Where there should be one: nvidia-smi must show it (in Docker: --gpus all)"
        )
        return Finding("GPU", "note", "none: everything runs on the processor", remedy)
    if built_for is None:
        remedy = "Install the torch for CUDA: https://pytorch.org/get-started/locally"
        return Finding("GPU", "warning", f"{driver}, but this torch was built without CUDA", remedy)
    reason = f" ({' '.join(why.split())[:200]})" if why else ""
    remedy = (
        f"Update the driver to one for CUDA {built_for}, or install a torch for an older CUDA "
        "(https://pytorch.org/get-started/locally); CUDA_VISIBLE_DEVICES must not hide the GPU"
    )
    return Finding("GPU", "warning", f"{driver}, but torch cannot use it{reason}", remedy)


def nvidia_driver() -> str | None:
    """The first GPU and its driver as nvidia-smi names them; None where there is no NVIDIA GPU."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "an NVIDIA device without nvidia-smi" if Path("/dev/nvidia0").exists() else None
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "nvidia-smi gives no answer"
    said = (done.stdout + done.stderr).strip().splitlines() or ["it says nothing"]
    return f"{said[0].strip()} as driver" if done.returncode == 0 else f"nvidia-smi fails: {said[0].strip()}"


def _computing(number: int) -> Finding:
    import torch

    name = f"GPU {number}"
    properties = torch.cuda.get_device_properties(number)
    about = f"{properties.name}, {properties.total_memory / GIBIBYTE:.0f} GiB"
    try:
        free = torch.cuda.mem_get_info(number)[0] / GIBIBYTE
        ones = torch.ones(64, 64, device=f"cuda:{number}")
        right = bool((ones @ ones == 64).all())
    except RuntimeError as error:
        remedy = (
            f"Torch {torch.__version__} may hold no kernels for compute capability "
            f"{properties.major}.{properties.minor}, or another program holds the GPU: see nvidia-smi"
        )
        return Finding(name, "warning", f"{about}, but it fails: {str(error).splitlines()[0][:200]}", remedy)
    if not right:
        return Finding(
            name, "warning", f"{about}, but it computes wrongly", "Have the GPU checked: nvidia-smi -q"
        )
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    found = f"{about}, {free:.0f} free, {built}"
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Finding(name, "ok", f"{found}, bfloat16")
    remedy = "Train and embed in float32 here: bfloat16 is emulated, and slow"
    return Finding(name, "note", f"{found}, no bfloat16", remedy)
