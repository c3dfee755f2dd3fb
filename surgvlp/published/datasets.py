"""`surgvlp.load_dataset`: the data set that a published config describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgvlp import registry
from surgvlp.models.mending import mended
from surgvlp.registry import DATASETS


def load_dataset(config: Mapping[str, Any]) -> Any:
    """Build a data set of a published or own config, to be read with torch's DataLoader.

        frames = surgvlp.load_dataset(
            dict(type="Recognition_frame", csv_root="csvs", vid="video49.csv", video_root="frames")
        )
        frames[0]     # {"video": (3, 224, 224), "label": 0}

    Args:
        config: `type` and its keys, a dictionary or mmengine's. `Recognition_frame` and `CholecT50` are those
            of the published evaluations; the data sets of training are documented in `surgvlp.datasets`.

    Raises:
        InputError: an unknown type or key (with the nearest known one), or files that cannot be used.
    """
    return registry.build(DATASETS, mended(config), "config")
