"""Is this a Slurm cluster, and what does it offer?"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator

from surgvlp.doctor.finding import Finding, pip_install

TIMEOUT_S = 20
PROGRAMS = ("sbatch", "srun", "squeue")


def findings() -> Iterator[Finding]:
    """Slurm's programs, its partitions, and the job that this process is in."""
    there = [name for name in PROGRAMS if shutil.which(name)]
    if not there:
        yield Finding(
            "Slurm", "note", "none", "None is needed on one machine; on a cluster ask on its login node"
        )
        return
    if len(there) < len(PROGRAMS):
        lacking = ", ".join(name for name in PROGRAMS if name not in there)
        yield Finding(
            "Slurm", "warning", f"no {lacking}", "Load the cluster's Slurm module, or ask its staff"
        )
    yield _partitions()
    if importlib.util.find_spec("submitit") is None:
        yield Finding(
            "submitit", "note", "not installed", f"To send jobs from Python: {pip_install('submitit')}"
        )
    if job := os.environ.get("SLURM_JOB_ID"):
        yield Finding(
            "Slurm job", "ok", f"this is job {job}, {os.environ.get('SLURM_GPUS_ON_NODE', '0')} GPUs"
        )


def _partitions() -> Finding:
    command = ["sinfo", "--noheader", "--format=%P %a %l %D %G"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        problem = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError:
        return Finding("Slurm", "warning", "no sinfo", "Load the cluster's Slurm module, or ask its staff")
    except OSError as error:
        problem = f"sinfo does not run: {error}"
    except subprocess.TimeoutExpired:
        problem = f"sinfo gives no answer within {TIMEOUT_S} s"
    if problem:
        return Finding(
            "Slurm", "warning", problem.splitlines()[0][:200], "Try sinfo again, or ask the cluster's staff"
        )
    partitions = [words for line in done.stdout.splitlines() if len(words := line.split()) == 5]
    described = [
        f"{name} ({nodes} nodes, up to {limit}, {gres})" for name, _, limit, nodes, gres in partitions
    ]
    return Finding("Slurm", "ok", "; ".join(described) or "no partitions")
