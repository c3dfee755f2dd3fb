"""One made lecture: what is drawn of it before a frame is rendered or a word is spoken."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.files import InputError
from surgvlp.media import encode
from surgvlp.synthesis.difficulty import difficulty
from surgvlp.synthesis.editing.film import Film
from surgvlp.synthesis.editing.formats import Format, draw_format
from surgvlp.synthesis.editing.montage import Montage, draw_montage
from surgvlp.synthesis.endoscope.render import Renderer
from surgvlp.synthesis.operation.procedure import SHORTEST_S, Procedure, draw_procedure
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.speech.habits import Style, draw_style
from surgvlp.synthesis.speech.narrator import draw_voice
from surgvlp.synthesis.speech.voice import Voice


@dataclass(frozen=True)
class CorpusArguments:
    """What a made lecture follows from, together with its number.

    Args:
        seed: of every random choice.
        height: of the pictures, pixels; their width makes them 16:9, or another shape where lectures differ.
        fps: frames a second, or about that where lectures differ.
        seconds: mean length of an operation.
        procedures: types of operation, of which each lecture draws one; names with commas between them.
        difficulty: "easy", "default" or "hard", see `difficulty.Difficulty`.
    """

    seed: int = 0
    height: int = 480
    fps: float = 25
    seconds: float = 300
    procedures: str = "cholecystectomy"
    difficulty: str = "easy"

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
        difficulty(self.difficulty)


@dataclass(frozen=True)
class Lecture:
    """What is drawn of a lecture; all times are the lecture's.

    Attributes:
        procedure: the operation.
        montage: what is shown when.
        renderer: of the operation's pictures.
        film: what is seen: those pictures, and what lies before, over and between them.
        form: of the video's file.
        voice: of the narrator.
        style: in which the narrator speaks.
        speaking: what the narrator's choices are drawn from.
        writing: what the choices of keysteps and abstract are drawn from.
    """

    procedure: Procedure
    montage: Montage
    renderer: Renderer
    film: Film
    form: Format
    voice: Voice
    style: Style
    speaking: np.random.Generator
    writing: np.random.Generator


def lecture_id(number: int) -> str:
    """Id of the lecture with this number, from 0."""
    return f"lecture_{number:04d}"


def draw_lecture(arguments: CorpusArguments, number: int) -> Lecture:
    """Draw one lecture; it depends on the arguments and its number only, not on how many there are."""

    def generator(purpose: int) -> np.random.Generator:
        return np.random.default_rng([arguments.seed, number, purpose])

    level, names = difficulty(arguments.difficulty), arguments.procedures.split(",")
    kind = PROCEDURES[names[generator(4).integers(len(names))]]
    operation = draw_procedure(kind, arguments.seconds, generator(0), level.variation)
    montage = draw_montage(operation, level, generator(6))
    procedure = montage.retimed(operation)
    form = draw_format(level, arguments.fps, generator(7))
    width = round(arguments.height * form.aspect / 2) * 2
    renderer = Renderer(
        procedure, arguments.height, float(form.fps), generator(1), width=width, difficulty=level
    )
    return Lecture(
        procedure=procedure,
        montage=montage,
        renderer=renderer,
        film=Film(procedure, renderer, montage, level, form.variable, generator(8)),
        form=form,
        voice=draw_voice(generator(2)),
        style=draw_style(level.narration, generator(9)),
        speaking=generator(3),
        writing=generator(5),
    )


@functools.cache
def code_sha256() -> str:
    """Hash of this room's files and the video encoder: a lecture that other code made is made again."""
    digest = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.rglob("*")), Path(encode.__file__)):
        if path.suffix in (".py", ".txt"):
            digest.update(path.read_bytes())
    return digest.hexdigest()
