"""One made lecture: what is drawn of it before a frame is rendered or a word is spoken."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.files import InputError
from surgvlp.synthesis.narrator import draw_voice
from surgvlp.synthesis.procedure import SHORTEST_S, Procedure, draw_procedure
from surgvlp.synthesis.procedures import PROCEDURES
from surgvlp.synthesis.render import Renderer
from surgvlp.synthesis.voice import Voice


@dataclass(frozen=True)
class CorpusArguments:
    """What a made lecture follows from, together with its number.

    Args:
        seed: of every random choice.
        height: of the pictures, pixels; their width makes them 16:9.
        fps: frames a second.
        seconds: mean length of a lecture.
        procedures: types of operation, of which each lecture draws one; names with commas between them.
    """

    seed: int = 0
    height: int = 480
    fps: float = 25
    seconds: float = 300
    procedures: str = "cholecystectomy"

    def check(self) -> None:
        """Raise InputError for values that no lecture can be made of."""
        limits = (
            ("seed", 0, 2**63 - 1),
            ("height", 64, 2160),
            ("fps", 1, 120),
            ("seconds", SHORTEST_S, 4 * 3600),
        )
        for name, least, most in limits:
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(f"--{name} {value:g} is not between {least:g} and {most:g}")
        for name in self.procedures.split(","):
            if name not in PROCEDURES:
                known = ", ".join(PROCEDURES)
                raise InputError(f"--procedures: there is no type {name!r}", remedy=f"Known: {known}")


@dataclass(frozen=True)
class Lecture:
    """What is drawn of a lecture.

    Attributes:
        procedure: the operation.
        voice: of the narrator.
        renderer: of the pictures.
        speaking: what the narrator's choices are drawn from.
        writing: what the choices of keysteps and abstract are drawn from.
    """

    procedure: Procedure
    voice: Voice
    renderer: Renderer
    speaking: np.random.Generator
    writing: np.random.Generator

    @property
    def title(self) -> str:
        """What the lecture would be called."""
        way = "Robotic" if self.procedure.robotic else "Laparoscopic"
        return f"{way} {self.procedure.type.name.replace('_', ' ')}"


def lecture_id(number: int) -> str:
    """Id of the lecture with this number, from 0."""
    return f"lecture_{number:04d}"


def draw_lecture(arguments: CorpusArguments, number: int) -> Lecture:
    """Draw one lecture; it depends on the arguments and its number only, not on how many there are."""

    def generator(purpose: int) -> np.random.Generator:
        return np.random.default_rng([arguments.seed, number, purpose])

    names = arguments.procedures.split(",")
    kind = PROCEDURES[names[generator(4).integers(len(names))]]
    procedure = draw_procedure(kind, arguments.seconds, generator(0))
    renderer = Renderer(procedure, arguments.height, arguments.fps, generator(1))
    return Lecture(procedure, draw_voice(generator(2)), renderer, generator(3), generator(5))


@functools.cache
def code_sha256() -> str:
    """Hash of this room's files: a lecture that other code made is made again."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".txt"):
            digest.update(path.read_bytes())
    return digest.hexdigest()
