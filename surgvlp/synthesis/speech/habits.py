"""How a live recording differs from a script read out: slips of the tongue, and what else is heard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.synthesis.speech.grammar import draw_phrase, grammar
from surgvlp.synthesis.speech.recording import Recording, rate_and_length, read_blocks


@dataclass(frozen=True)
class Style:
    """A narrator's habits; as it is, somebody who reads out a script.

    Attributes:
        hesitations, corrections: shares of sentences with some.
        asides: share of sentences about nothing in the picture, beyond the few that all narrators have.
        questions: share of sentences after which somebody in the audience asks something.
        silences: share of pauses that are long.
        music: loudness of the background music beside the voice's, between the sentences; 0 for none.
        music_below: the same below the sentences.
        distance: times as far ahead of or behind the picture as a careful narrator.
    """

    hesitations: float = 0.0
    corrections: float = 0.0
    asides: float = 0.0
    questions: float = 0.0
    silences: float = 0.0
    music: float = 0.0
    music_below: float = 0.0
    distance: float = 1.0


def draw_style(strength: float, generator: np.random.Generator) -> Style:
    """Draw habits, from none (strength 0) to those of the liveliest lectures (1)."""
    if strength <= 0:
        return Style()
    shares = strength * generator.uniform(0.3, 1.0, 5) * (0.6, 0.15, 0.25, 0.04, 0.12)
    music = generator.uniform(0.05, 0.3) * (generator.uniform() < 0.6 * strength)
    below = music * generator.choice([0.0, 0.3, 0.6])
    distance = 1 + strength * generator.uniform(0.3, 1.0)
    return Style(*(float(value) for value in (*shares, music, below, distance)))


def happens(share: float, generator: np.random.Generator) -> bool:
    """Draw whether something happens; nothing is drawn where it never does."""
    return share > 0 and bool(generator.uniform() < share)


def draw_remark(key: str, generator: np.random.Generator) -> str:
    """A phrase that any narrator may say, from `phrases/any.txt`."""
    templates = grammar("any")[key]
    return draw_phrase(templates[generator.integers(len(templates))], generator)


def hesitating(sentence: str, generator: np.random.Generator) -> str:
    """The sentence with a filler or a repeated word in one or two places."""
    words = sentence.split()
    for _ in range(int(generator.integers(1, 3))):
        place = int(generator.integers(1, len(words)))
        before = words[place - 1].rstrip(",.")
        if generator.uniform() < 0.35 and before == words[place - 1] and before.isalpha():
            words.insert(place, before.lower() if place == 1 and before != "I" else before)
        else:
            words[place - 1] = f"{before}, {draw_remark('hesitation', generator)},"
    return " ".join(words)


def correcting(sentence: str, generator: np.random.Generator) -> str:
    """The sentence with something first called by another name; as it is where nothing can be confused."""
    words = f" {sentence[:-1]} "
    for confused in generator.permutation(len(_confusions())).tolist():
        names = _confusions()[confused]
        for name in names:
            if f" {name} " not in words and f" {name}, " not in words:
                continue
            others = [other for other in names if other != name]
            wrong = others[generator.integers(len(others))]
            article = "the " if f" the {name}" in words else ""
            slip = f"{article}{wrong}, {draw_remark('correction', generator)}, {article}{name}"
            return words.replace(f"{article}{name}", slip, 1).strip() + "."
    return sentence


def _confusions() -> list[tuple[str, ...]]:
    return [choices for template in grammar("any")["confused"] for choices in template if len(choices) > 1]


def add_music(
    voice: Path, path: Path, spoken: list[tuple[float, float]], style: Style, generator: np.random.Generator
) -> None:
    """Write a lecture's sound with slow chords behind it.

    Args:
        voice: the sound without music, 16-bit mono wav.
        path: the wav file to write.
        spoken: start and end of every sentence, seconds.
        style: how loud, see `Style.music`.
        generator: draws the music.
    """
    rate, samples = rate_and_length(voice)
    loudness = _loudness(samples / rate, spoken, style)
    root, length = generator.uniform(110, 180), generator.uniform(2.0, 4.0)
    chords = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (-3, 0, 4), (2, 5, 9))
    step = round(length * rate)
    with Recording(path, rate) as recording:
        for number, part in enumerate(read_blocks(voice, step)):
            time = np.arange(len(part)) / rate
            wave = np.zeros(len(part))
            for tone in chords[generator.integers(len(chords))]:
                pitch = root * 2 ** (tone / 12)
                wave += np.sin(2 * np.pi * pitch * time) + 0.3 * np.sin(4 * np.pi * pitch * time)
            wave *= np.minimum(1, time / 0.3) * np.clip((length - time) / 0.5, 0, 1)
            at = number * step / rate + time
            near = np.arange(
                int(at[0] * _LOUDNESS_STEPS), min(len(loudness), int(at[-1] * _LOUDNESS_STEPS) + 2)
            )
            level = np.interp(at, near / _LOUDNESS_STEPS, loudness[near])
            recording.put(np.clip(part + wave * level * _VOICE / 2, -32768, 32767).astype(np.int16))


def _loudness(seconds: float, spoken: list[tuple[float, float]], style: Style) -> np.ndarray:
    """The music's, `_LOUDNESS_STEPS` a second: softer while somebody speaks, changing within a second."""
    steps = _LOUDNESS_STEPS
    loudness = np.full(int(seconds * steps) + 2, style.music)
    for start, end in spoken:
        loudness[int(start * steps) : int(end * steps) + 1] = style.music_below
    padded = np.pad(loudness, steps // 2, mode="edge")
    return np.convolve(padded, np.ones(steps + 1) / (steps + 1), "valid")


_VOICE = 4000.0  # root mean square of the voice, about
_LOUDNESS_STEPS = 20
