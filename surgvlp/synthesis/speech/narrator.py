"""The narrator: what is said when, and how it sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from surgvlp.lectures.texts import Caption
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.speech.grammar import ASIDE, OTHER, as_sentence, draw_sentence, grammar
from surgvlp.synthesis.speech.habits import (
    Style,
    add_music,
    correcting,
    draw_remark,
    happens,
    hesitating,
)
from surgvlp.synthesis.speech.recording import Recording
from surgvlp.synthesis.speech.voice import Speaker, Voice

# Shares of sentences that are not about what a tool is doing; those about the phase as a whole come besides.
_ASIDES, _OTHERS, _PHASES = 0.05, 0.03, 0.12
_ROBOTIC = 0.04  # about the robot, where there is one
_LONG_S = (6.0, 20.0)  # a long silence
_LAG_S = (-3.0, 4.0)  # how far a careful voice may be ahead of (-) or behind (+) the picture


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


def narrate(
    procedure: Procedure,
    speaker: Speaker,
    generator: np.random.Generator,
    path: Path,
    style: Style | None = None,
) -> list[Caption]:
    """Speak about a procedure, ahead of or behind the picture by seconds.

    Args:
        procedure: what is spoken about.
        speaker: who speaks.
        generator: of all choices.
        path: the wav file to write, as long as the procedure; with music, another beside it for a while.
        style: the narrator's habits; without, about two thirds of the time are spoken, without a slip.

    Returns:
        What was said, sentence by sentence, whoever said it; start and end from the sound itself.
    """
    style = style or Style()
    with Recording(path, speaker.rate) as recording:
        script = _speak(procedure, speaker, generator, recording, style)
        recording.fill(round(procedure.duration * speaker.rate))
    if style.music > 0:
        voice = path.rename(path.with_suffix(".voice.wav"))
        add_music(voice, path, [(caption.start, caption.end) for caption in script], style, generator)
        voice.unlink()
    return script


def _speak(
    procedure: Procedure, speaker: Speaker, generator: np.random.Generator, recording: Recording, style: Style
) -> list[Caption]:
    rate, length = speaker.rate, round(procedure.duration * speaker.rate)
    habit, talkative = generator.uniform(-1.2, 1.8), generator.uniform(0.64, 0.82)
    audience = draw_voice(generator) if style.questions else None
    time, said = float(generator.uniform(0.3, 2.0)), set[str]()
    script: list[Caption] = []

    def say(text: str, voice: Voice | None = None) -> float:
        """Put a sentence at `time` and give its length; 0 where the lecture is over before it ends."""
        nonlocal time
        spoken = speaker.speak(text, voice)
        begin = round(time * rate)
        end = begin + len(spoken)
        if end > length:
            return 0.0
        recording.put(spoken, begin)
        script.append(Caption(round(begin / rate, 3), round(end / rate, 3), text))
        time = end / rate
        return len(spoken) / rate

    while True:
        lag = style.distance * float(np.clip(habit + generator.normal(0, 0.7), *_LAG_S))
        text = _slipping(_choose(procedure, time + 1.5 - lag, said, style, generator), style, generator)
        lasts = say(text)
        if not lasts:
            return script
        if happens(style.questions, generator):
            time += generator.uniform(0.4, 1.2)
            asked = say(as_sentence(draw_remark("question", generator)), audience)
            time += generator.uniform(0.4, 1.5)
            if not (asked and say(as_sentence(draw_remark("answer", generator)))):
                return script
        pause = lasts * (1 / talkative - 1) * generator.uniform(0.4, 1.6)
        if happens(style.silences, generator):
            pause = generator.uniform(*_LONG_S)
        time += max(0.25, float(pause))


def _choose(
    procedure: Procedure, time: float, said: set[str], style: Style, generator: np.random.Generator
) -> str:
    """A sentence about what happens at `time`, or an aside; one not said before where that is possible."""
    if happens(style.asides, generator):
        return as_sentence(draw_remark("off_screen", generator))
    if procedure.robotic and happens(_ROBOTIC, generator):
        return as_sentence(draw_remark("robotic", generator))
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


def _slipping(sentence: str, style: Style, generator: np.random.Generator) -> str:
    """The sentence as it is really said."""
    if happens(style.corrections, generator):
        sentence = correcting(sentence, generator)
    if happens(style.hesitations, generator):
        sentence = hesitating(sentence, generator)
    return sentence
