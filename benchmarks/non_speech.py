"""Sounds of lectures in which nobody speaks: rooms, machines and music, made with numpy from a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RATE = 16000
_CHORDS = (
    (48, 52, 55, 60),
    (45, 48, 52, 57),
    (41, 45, 48, 53),
    (43, 47, 50, 55),
)  # C, Am, F, G as MIDI notes


def silence(seconds: float, generator: np.random.Generator) -> np.ndarray:
    """Digital silence."""
    return np.zeros(round(seconds * RATE), np.float32)


def room(seconds: float, generator: np.random.Generator) -> np.ndarray:
    """An empty room: faint hiss over the hum of the mains."""
    time = _time(seconds)
    hum = sum(np.sin(2 * np.pi * 50 * k * time) / k**2 for k in (1, 2, 3, 5))
    return _mixed(0.004 * hum + 0.002 * generator.normal(size=len(time)), 0.01)


def theatre(seconds: float, generator: np.random.Generator) -> np.ndarray:
    """An operating theatre: a pulse oximeter's beep, and suction that comes and goes."""
    time = _time(seconds)
    beep = np.sin(2 * np.pi * 880 * time) * (time % 0.85 < 0.09)
    noise = np.convolve(generator.normal(size=len(time)), np.hanning(24) / 12, "same")
    suction = noise * np.clip(np.sin(2 * np.pi * time / 7), 0, 1)
    return _mixed(0.5 * beep + 0.5 * suction, 0.2)


def chords(seconds: float, generator: np.random.Generator) -> np.ndarray:
    """Slow chords as of a piano."""
    return _music(
        seconds, [(bar * 2.0, note, 2.0) for bar in range(round(seconds / 2)) for note in _bar(bar)]
    )


def arpeggio(seconds: float, generator: np.random.Generator) -> np.ndarray:
    """Broken chords, six notes a second, as below the titles of many a lecture."""
    notes = []
    for step in range(round(seconds * 6)):
        bar = _bar(step // 12)
        notes.append((step / 6, bar[generator.integers(4)] + 12, 0.5))
    return _music(seconds, notes)


def strings(seconds: float, generator: np.random.Generator) -> np.ndarray:
    """A melody of held notes with vibrato and the resonances of a voice: the music most like speech."""
    time = _time(seconds)
    notes = np.repeat(generator.choice([57, 60, 62, 64, 65, 67], size=round(seconds) + 1), RATE)[: len(time)]
    pitch = 440 * 2 ** ((notes - 69) / 12) * (1 + 0.012 * np.sin(2 * np.pi * 5.5 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros(len(time))
    for k in range(1, 16):
        formants = sum(np.exp(-(((k * pitch - centre) / 180) ** 2)) for centre in (600, 1100, 2500))
        sound += np.sin(k * phase) * (0.05 + formants) / k**0.5
    return _mixed(sound * np.minimum(1, 8 * (time % 1.0)), 0.2)


def drums(seconds: float, generator: np.random.Generator) -> np.ndarray:
    """A beat under chords."""
    time = _time(seconds)
    kick = np.sin(2 * np.pi * 60 * time) * np.exp(-12 * (time % 0.5))
    snare = generator.normal(size=len(time)) * np.exp(-25 * ((time + 0.25) % 0.5))
    return _mixed(kick + 0.5 * snare + 2 * chords(seconds, generator), 0.25)


SOUNDS: dict[str, Callable[[float, np.random.Generator], np.ndarray]] = {
    "silence": silence,
    "room": room,
    "theatre": theatre,
    "chords": chords,
    "arpeggio": arpeggio,
    "strings": strings,
    "drums": drums,
}


def _time(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def _bar(number: int) -> tuple[int, ...]:
    return _CHORDS[number % len(_CHORDS)]


def _music(seconds: float, notes: list[tuple[float, int, float]]) -> np.ndarray:
    """Struck notes (start in s, MIDI number, length in s), each of six partials that die away."""
    sound = np.zeros(round((seconds + 4) * RATE))
    for start, note, length in notes:
        time = _time(length + 0.5)
        tone = sum(
            np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * k * time) * np.exp(-(1.2 + 0.7 * k) * time) / k
            for k in range(1, 7)
        )
        first = round(start * RATE)
        sound[first : first + len(time)] += tone * np.minimum(1, time / 0.005)
    return _mixed(sound[: round(seconds * RATE)], 0.2)


def _mixed(sound: np.ndarray, level: float) -> np.ndarray:
    """Scaled to a root mean square of `level`, clipped as a recorder would."""
    power = float(np.sqrt(np.mean(np.square(sound))))
    return np.clip(sound * level / max(power, 1e-9), -1, 1).astype(np.float32)
