"""Small videos with a given sound."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from surgvlp.media.encode import VideoWriter

RATE = 16000


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
