"""The narrator: what is said when, and how it sounds."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.lectures.texts import Caption
from surgvlp.synthesis.grammar import ASIDE, OTHER, draw_sentence, grammar
from surgvlp.synthesis.procedure import Procedure
from surgvlp.synthesis.voice import Speaker, Voice

# Shares of sentences that are not about what a tool is doing; those about the phase as a whole come besides.
_ASIDES, _OTHERS, _PHASES = 0.05, 0.03, 0.12
_LAG_S = (-3.0, 4.0)  # how far the voice may be ahead of (-) or behind (+) the picture


@dataclass(frozen=True)
class Narration:
    """A spoken lecture.

    Attributes:
        sound: (samples,) int16 mono, as long as the lecture.
        rate: hertz.
        script: what was said; start and end from the sound itself.
    """

    sound: np.ndarray
    rate: int
    script: list[Caption]


def draw_voice(generator: np.random.Generator) -> Voice:
    """A narrator: language, speaker, speed and pitch.

    Of espeak-ng's voices those that the smallest Whisper model understands nearly as well as a lecturer (15
    to 20 % of words wrong); the Scottish one and +f4 cost it every third word, which no lecturer would.
    """
    language = generator.choice(["en-us", "en-us", "en", "en-gb-x-rp"])
    variant = generator.choice(["", "+m1", "+m3", "+m7", "+f2", "+f3"])
    return Voice(
        f"{language}{variant}",
        words_per_minute=int(generator.integers(135, 166)),
        pitch=int(generator.integers(38, 63)),
    )


def narrate(procedure: Procedure, speaker: Speaker, generator: np.random.Generator) -> Narration:
    """Speak about a procedure, about two thirds of its time, ahead of or behind the picture by seconds."""
    rate = speaker.rate
    sound = np.zeros(round(procedure.duration * rate), np.int16)
    habit, talkative = generator.uniform(-1.2, 1.8), generator.uniform(0.64, 0.82)
    time, said = float(generator.uniform(0.3, 2.0)), set[str]()
    script: list[Caption] = []
    while True:
        lag = float(np.clip(habit + generator.normal(0, 0.7), *_LAG_S))
        text = _choose(procedure, time + 1.5 - lag, said, generator)
        spoken = speaker.speak(text)
        begin = round(time * rate)
        end = begin + len(spoken)
        if end > len(sound):
            return Narration(sound, rate, script)
        sound[begin:end] = spoken
        script.append(Caption(round(begin / rate, 3), round(end / rate, 3), text))
        pause = len(spoken) / rate * (1 / talkative - 1) * generator.uniform(0.4, 1.6)
        time = end / rate + max(0.25, float(pause))


def write_wav(path: Path, narration: Narration) -> None:
    """Write the sound as 16-bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(narration.rate)
        file.writeframes(narration.sound.astype("<i2").tobytes())


def _choose(procedure: Procedure, time: float, said: set[str], generator: np.random.Generator) -> str:
    """A sentence about what happens at `time`, or an aside; one not said before where that is possible."""
    timed = procedure.action_at(time)
    text = ""
    for _ in range(8):
        kind = generator.uniform()
        if kind < _ASIDES:
            key = ASIDE
        elif kind < _ASIDES + _OTHERS:
            key = OTHER
        elif kind < _ASIDES + _OTHERS + _PHASES:
            key = procedure.type.phases[timed.phase]
        else:
            key = timed.action.name
        templates = grammar(procedure.type.name)[key]
        text = draw_sentence(templates[generator.integers(len(templates))], generator)
        if text not in said:
            break
    said.add(text)
    return text
