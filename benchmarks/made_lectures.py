"""How fast lectures are made: the parts of a frame at several sizes, whole corpora, memory over length.

    python benchmarks/made_lectures.py parts     # CPU time of each part, one process, one thread
    python benchmarks/made_lectures.py corpus    # whole lectures with voice and labels, two at a time
    python benchmarks/made_lectures.py memory    # of lectures of several lengths

Prints markdown. CPU times are the best of three passes over twenty seconds spread over a lecture of five
minutes. `made_lectures.md` beside this file holds measured tables.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from surgvlp.media.encode import VideoWriter
from surgvlp.media.probe import probe
from surgvlp.synthesis.corpus import make_lecture
from surgvlp.synthesis.endoscope.camera import Sensor
from surgvlp.synthesis.labels.writing import ALL_BUT_MASKS
from surgvlp.synthesis.lecture import CorpusArguments, draw_lecture
from surgvlp.synthesis.pictures.picture import Picture

HEIGHTS = (160, 240, 480, 720, 1080)
TOOL = Path(__file__).parents[1] / "tools" / "synthesize_lectures.py"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("parts", "corpus", "memory", "peak"))
    parser.add_argument("--heights", type=int, nargs="+", default=HEIGHTS, help="of the pictures, pixels")
    parser.add_argument("--seconds", type=int, default=120, help="of each lecture of a corpus")
    parser.add_argument("--difficulty", nargs="+", default=("easy", "default", "hard"))
    flags = parser.parse_args()
    cv2.setNumThreads(1)
    if flags.what == "parts":
        parts(flags.heights, flags.difficulty)
    elif flags.what == "corpus":
        corpora(flags.seconds, flags.difficulty)
    elif flags.what == "memory":
        memory()
    else:
        peak(flags.seconds)


def parts(heights: Sequence[int], levels: Sequence[str]) -> None:
    """CPU milliseconds of the parts of a frame."""
    print(
        "| height | difficulty | ground | what moves, overlays | light and noise | encoding | all, ms "
        "| frames a second a core | mask, ms | boxes, ms | scene, s a lecture |\n" + "|---" * 11 + "|"
    )
    for height in heights:
        for level in levels:
            begin = time.process_time()
            film = draw_lecture(CorpusArguments(1, height, 25, 300, difficulty=level), 0).film
            scene = time.process_time() - begin
            starts = np.linspace(0, len(film) - 26, 20).astype(int)
            numbers = [int(start) + step for start in starts for step in range(25)]
            ground, light = Clock(Picture, "fill"), Clock(Sensor, "picture")
            with tempfile.TemporaryDirectory() as folder:
                passes = []
                for _ in range(3):
                    ground.spent = light.spent = drawing = encoding = 0.0
                    with VideoWriter(Path(folder) / "x.mp4", film.width, film.height, 25) as writer:
                        for number in numbers:
                            begin = time.process_time()
                            picture = film.picture(number)
                            drawn = time.process_time()
                            writer.write(picture.data)
                            drawing += drawn - begin
                            encoding += time.process_time() - drawn
                    rest = drawing - ground.spent - light.spent
                    passes.append(np.array([ground.spent, rest, light.spent, encoding]) * 1e3 / len(numbers))
            ground.stop()
            light.stop()
            best = np.min(passes, axis=0)
            extra = [milliseconds(ask, numbers[::10]) for ask in (film.mask, film.boxes)]
            print(
                f"| {height} | {level} | {' | '.join(f'{part:.2f}' for part in best)} | {best.sum():.2f} | "
                f"{1e3 / best.sum():.0f} | {extra[0]:.1f} | {extra[1]:.1f} | {scene:.2f} |",
                flush=True,
            )


class Clock:
    """Sums the CPU time that a method takes, until it is stopped."""

    def __init__(self, owner: type, name: str) -> None:
        self.spent, self._owner, self._name = 0.0, owner, name
        self._method: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any) -> Any:
            begin = time.process_time()
            result = self._method(*arguments)
            self.spent += time.process_time() - begin
            return result

        setattr(owner, name, timed)

    def stop(self) -> None:
        """Put the method back."""
        setattr(self._owner, self._name, self._method)


def milliseconds(function: Callable[[int], Any], numbers: Sequence[int]) -> float:
    """CPU time of a call, the best of three passes."""
    passes = []
    for _ in range(3):
        begin = time.process_time()
        for number in numbers:
            function(number)
        passes.append(time.process_time() - begin)
    return min(passes) / len(numbers) * 1e3


def corpora(seconds: int, levels: Sequence[str]) -> None:
    """Frames a second of the command that makes a corpus, of 480 lines at 25 a second."""
    print("| difficulty | frames | frames a second |\n" + "|---" * 3 + "|")
    for level in levels:
        with tempfile.TemporaryDirectory() as folder:
            command = [
                sys.executable,
                str(TOOL),
                "--height",
                "480",
                "--fps",
                "25",
                "--jobs",
                "2",
                "--seed",
                "1",
            ]
            command += ["--seconds", str(seconds), "--count", "4", "--difficulty", level, "--out", folder]
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            spent = time.perf_counter() - begin
            videos = [probe(path) for path in sorted(Path(folder, "videos").glob("*.mp4"))]
        frames = round(sum(video.end_s * video.fps for video in videos))
        print(f"| {level} | {frames} | {frames / spent:.0f} |", flush=True)


def memory() -> None:
    """The greatest memory of a process that makes one lecture of 120 lines."""
    print("| minutes | greatest memory, MB |\n|---|---|")
    for seconds in (120, 600):
        command = [sys.executable, __file__, "peak", "--seconds", str(seconds)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(f"| {seconds / 60:.0f} | {float(answer):.0f} |", flush=True)


def peak(seconds: int) -> None:
    """Make one lecture and print the memory that it took, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        make_lecture(CorpusArguments(1, 120, 25, seconds), 0, Path(folder), ALL_BUT_MASKS)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


if __name__ == "__main__":
    main()
