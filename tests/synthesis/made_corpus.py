"""What the small corpus of these tests is made of."""

from __future__ import annotations

import numpy as np

from surgvlp.synthesis.corpus import CorpusArguments
from surgvlp.synthesis.operation.procedure import Procedure

ARGUMENTS = CorpusArguments(seed=7, height=96, fps=4.0, seconds=80.0, difficulty="easy")


def states_at(procedure: Procedure, times: np.ndarray) -> dict[str, np.ndarray]:
    """Each state variable's values (N,) at the times."""
    return {name: np.interp(times, *curve) for name, curve in procedure.keyframes.items()}
