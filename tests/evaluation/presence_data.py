"""Small annotated data sets in CholecT50's and Cholec80's layouts, and a way to run the tools on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tool_module import load_program

from surgvlp import console
from surgvlp.lectures.presence import CHOLEC80_TOOLS
from surgvlp.lectures.triplets import CHOLECT50
from surgvlp.media.images import write_image
from surgvlp.synthesis.labels.cholec80 import write_tools
from surgvlp.synthesis.labels.cholect50 import write_triplets

FRAMES = 12
SHOWN = (17, 60, 94)  # grasper retracts gallbladder, hook dissects gallbladder, grasper idle


def write_cholect50(root: Path, videos: tuple[str, ...]) -> None:
    """Frames of noise whose colour says which of three triplets is there; the others never are."""
    generator = np.random.default_rng(5)
    for video in videos:
        present = np.zeros((FRAMES, len(CHOLECT50.triplets)), bool)
        (root / "data" / video).mkdir(parents=True)
        for frame in range(FRAMES):
            present[frame, SHOWN[frame % 3]] = True
            image = generator.integers(0, 200, (36, 64, 3)) + [50 * (frame % 3 == part) for part in range(3)]
            write_image(root / "data" / video / f"{frame:06d}.png", image.astype(np.uint8))
        write_triplets(root, video, present, CHOLECT50)


def write_cholec80(root: Path, videos: tuple[str, ...]) -> None:
    """Images from number 1, as Cholec80's frames are extracted; the hook is there in every third second."""
    generator = np.random.default_rng(6)
    (root / "frames").mkdir(parents=True)
    for video in videos:
        tools = np.zeros((FRAMES, len(CHOLEC80_TOOLS)), bool)
        tools[::3, 2] = tools[1::2, 0] = True
        for second in range(FRAMES):
            image = generator.integers(0, 256, (36, 64, 3), dtype=np.uint8)
            write_image(root / "frames" / f"{video}_{second + 1}.png", image)
        write_tools(root / "tool_annotations" / f"{video}-tool.txt", tools)


def run_tool(name: str, flags: Mapping[str, object]) -> int:
    """Exit code of a tool; flags that are None are left out, those that are True have no value."""
    arguments = []
    for flag, value in flags.items():
        if value is not None:
            arguments.append("--" + flag.replace("_", "-"))
            arguments += [] if value is True else [str(value)]
    return console.exit_code(lambda: load_program(f"tools/{name}.py").main(arguments))
