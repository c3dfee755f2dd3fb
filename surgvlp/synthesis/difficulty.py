"""The dial: how much life, besides the operation itself, a made lecture has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from surgvlp.files import InputError


@dataclass(frozen=True)
class Difficulty:
    """Strengths of what makes lectures hard to learn from, each from 0 (none of it) to 1 (a lot).

    Attributes:
        cards: title cards and anatomy drawings, during which the operation stands still.
        outside: the endoscope is taken out and cleaned, while the operation goes on.
        overlays: logos, the speaker's inset, captions, bars.
        soiling: drops, blood and fog on the lens.
        occlusion: gauze or tissue close before the lens.
        formats: other aspect ratios and frame rates, rotation flags, lengths of groups of pictures.
        variation: phases that return, overlap or are missing; robotic operations.
        narration: a voice further from the picture, hesitations, corrections, silences, music.
        smoke, blood: more of them than cautery and dissection always bring.
        darkness: weak light, and the noise that comes with it.
    """

    cards: float = 0.0
    outside: float = 0.0
    overlays: float = 0.0
    soiling: float = 0.0
    occlusion: float = 0.0
    formats: float = 0.0
    variation: float = 0.0
    narration: float = 0.0
    smoke: float = 0.0
    blood: float = 0.0
    darkness: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) <= 1:
                raise ValueError(f"{field.name} {getattr(self, field.name)} is not between 0 and 1")


EASY = Difficulty()  # the operation and nothing else, by the book
DIFFICULTIES: Mapping[str, Difficulty] = MappingProxyType(
    {
        "easy": EASY,
        "default": Difficulty(
            cards=0.5,
            outside=0.4,
            overlays=0.5,
            soiling=0.4,
            occlusion=0.3,
            formats=0.5,
            variation=0.5,
            narration=0.5,
            smoke=0.3,
            blood=0.3,
            darkness=0.3,
        ),
        "hard": Difficulty(
            cards=0.9,
            outside=0.9,
            overlays=1.0,
            soiling=1.0,
            occlusion=0.8,
            formats=1.0,
            variation=1.0,
            narration=1.0,
            smoke=0.9,
            blood=0.9,
            darkness=0.9,
        ),
    }
)


def difficulty(name: str) -> Difficulty:
    """The difficulty of that name.

    Raises:
        InputError: there is none.
    """
    if name not in DIFFICULTIES:
        raise InputError(f"unknown difficulty {name!r}", remedy=f"Choose from {', '.join(DIFFICULTIES)}")
    return DIFFICULTIES[name]
