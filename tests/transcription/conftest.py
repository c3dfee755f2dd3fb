"""Real speech for the recognisers, spoken by espeak-ng; and lectures beside a language model's server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from language_model_lectures import Run, new_tree, runner
from language_model_servers import LanguageModelServer, sensible, write_config
from lecture_videos import RATE, speak, write_video

from surgvlp.lectures import DataTree

SENTENCES = (
    "We open the bag and put the stone into it.",
    "Now look at the left side of the picture.",
    "The camera is moved a little closer to the wall.",
)


@pytest.fixture(scope="session")
def script() -> str:
    """All that is said in the lecture."""
    return " ".join(SENTENCES)


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """Each of SENTENCES as float32 samples at 16 kHz."""
    return speak(SENTENCES, tmp_path_factory.mktemp("speech"))


@pytest.fixture(scope="session")
def lecture(spoken: list[np.ndarray]) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """A lecture's sound, and when each sentence is really spoken.

    2 s of silence, a sentence, 1.2 s, a sentence, 9 s, a sentence, 1 s.
    """
    parts: list[np.ndarray] = []
    times = []
    length = 0
    for silence_s, sound in zip((2.0, 1.2, 9.0), spoken, strict=True):
        parts += [np.zeros(round(silence_s * RATE), np.float32), sound]
        begin = length + round(silence_s * RATE)
        length = begin + len(sound)
        times.append((begin / RATE, length / RATE))
    return np.concatenate([*parts, np.zeros(RATE, np.float32)]), times


@pytest.fixture(scope="session")
def videos(
    lecture: tuple[np.ndarray, list[tuple[float, float]]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with two good lectures, and a mute, a silent and a truncated one."""
    folder = tmp_path_factory.mktemp("videos")
    sound, times = lecture
    write_video(folder / "good_a.mp4", sound, len(sound) / RATE)
    short = sound[: round((times[1][1] + 1) * RATE)]
    write_video(folder / "good_b.mp4", short, len(short) / RATE)
    write_video(folder / "mute.mp4", None, 2)
    write_video(folder / "silent.mp4", np.zeros(3 * RATE, np.float32), 3)
    whole = (folder / "good_a.mp4").read_bytes()
    (folder / "torn.mp4").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> DataTree:
    """Narrations of five lectures."""
    return new_tree(tmp_path / "data")


@pytest.fixture
def server() -> Iterator[LanguageModelServer]:
    """A server whose model does what it is asked."""
    with LanguageModelServer(lambda exchange: exchange.say(sensible(exchange.body))) as server:
        yield server


@pytest.fixture
def run(
    tree: DataTree, server: LanguageModelServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a tool over the tree with that server's model."""
    return runner(tree, write_config(tmp_path / "model.py", server.url, attempts=2, timeout_s=5), capsys)
