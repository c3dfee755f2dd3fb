"""AutoLaparo's own distribution: `labels/label_nn.txt`, one row a second.

Wang et al., "AutoLaparo", MICCAI 2022, task 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from surgvlp.files import write_text


def write_phases(path: Path, phase: np.ndarray) -> None:
    """Write `label_nn.txt`.

    Args:
        path: of the file.
        phase: (N,) class of each second from 0; the file counts seconds and classes from 1.
    """
    rows = [f"{second}\t{number + 1}" for second, number in enumerate(phase.tolist(), start=1)]
    write_text(path, "\n".join(["Frame\tPhase", *rows]) + "\n")
