"""Speech by espeak-ng, and small videos with a given sound."""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from surgvlp.media.encode import VideoWriter

RATE = 16000
# the library has one state a process, so it speaks in one of its own
_SPEAK = """
import sys
import numpy as np
from surgvlp.synthesis.speech.voice import Speaker, Voice
speaker = Speaker(Voice(sys.argv[2], 150, 45))
spoken = [speaker.speak(sentence) for sentence in sys.argv[3:]]
np.savez(sys.argv[1], rate=speaker.rate, **{f"spoken{number}": sound for number, sound in enumerate(spoken)})
"""


def speak(sentences: Sequence[str], folder: Path, voice: str = "en-us") -> list[np.ndarray]:
    """Each sentence as float32 samples at 16 kHz; `folder` is for a temporary file."""
    path = folder / "spoken.npz"
    subprocess.run([sys.executable, "-c", _SPEAK, str(path), voice, *sentences], check=True)
    with np.load(path, allow_pickle=False) as archive:
        rate = int(archive["rate"])
        sounds = [archive[f"spoken{number}"] for number in range(len(sentences))]
    return [_resampled(sound / 32768, rate) for sound in sounds]


def write_wav(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    """Write float32 (N,) or (N, channels) in [-1, 1] as 16-bit PCM."""
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def write_video(path: Path, sound: np.ndarray | None, seconds: float) -> None:
    """A small mp4 with this sound at 16 kHz, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = None
    if sound is not None:
        audio = write_wav(path.with_suffix(".wav"), sound)
    with VideoWriter(path, 32, 32, 5, audio=audio) as writer:
        for _ in range(round(seconds * 5)):
            writer.write(np.zeros((32, 32, 3), np.uint8))
    if audio is not None:
        audio.unlink()


def _resampled(sound: np.ndarray, rate: int) -> np.ndarray:
    count = len(sound) * RATE // rate
    return np.interp(np.arange(count) * rate / RATE, np.arange(len(sound)), sound).astype(np.float32)
