"""Can videos be read and written? Codecs by name, then one there and back. Runs in a process of its own."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path

import av
import numpy as np

from surgvlp.doctor.finding import Finding, pip_install
from surgvlp.media.audio import read_audio
from surgvlp.media.decode import decode
from surgvlp.media.encode import VideoWriter
from surgvlp.media.ffmpeg import executable

# what lectures come as: (how it is called, ffmpeg's names of decoders that do without special hardware)
PICTURES = {
    "H.264": ("h264",),
    "H.265": ("hevc",),
    "VP8": ("vp8",),
    "VP9": ("vp9",),
    "AV1": ("libdav1d", "libaom-av1"),
    "MPEG-2": ("mpeg2video",),
    "MPEG-4": ("mpeg4",),
    "Motion JPEG": ("mjpeg",),
}
SOUNDS = {
    "AAC": ("aac",),
    "MP3": ("mp3float", "mp3"),
    "Opus": ("opus", "libopus"),
    "Vorbis": ("vorbis",),
    "AC-3": ("ac3",),
    "PCM": ("pcm_s16le",),
}
WRITTEN = {"H.264": ("libx264",), "AAC": ("aac",)}
FPS, FRAMES, RATE, TONE_HZ = 10, 10, 16000, 440


def findings() -> Iterator[Finding]:
    """ffmpeg, decoders, encoders, and a video written and read back."""
    program = executable()
    yield _ffmpeg(program)
    listed = _listed(program)
    yield _codecs("pictures read", PICTURES, av.codecs_available, "PyAV")
    yield _codecs("sounds read", SOUNDS, listed, "ffmpeg")
    yield _codecs("written", WRITTEN, av.codecs_available, "PyAV")
    yield _there_and_back()


def _ffmpeg(program: str) -> Finding:
    done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=True)
    version = re.match(r"ffmpeg version (\S+)", done.stdout)
    return Finding("ffmpeg", "ok", f"{version[1] if version else 'version unknown'}, {program}")


def _listed(program: str) -> set[str]:
    """Names of the decoders that an ffmpeg program was built with."""
    command = [program, "-hide_banner", "-decoders"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return {words[1] for line in done.stdout.splitlines() if len(words := line.split()) > 1}


def _codecs(name: str, wanted: Mapping[str, tuple[str, ...]], there: set[str], by: str) -> Finding:
    lacking = [title for title, codecs in wanted.items() if not there.intersection(codecs)]
    if not lacking:
        return Finding(name, "ok", f"{', '.join(wanted)} ({by})")
    fix = (
        pip_install("av")
        if by == "PyAV"
        else "Install a complete ffmpeg, or none: the package's own is used then"
    )
    essential = {"H.264", "AAC"}.intersection(lacking)
    return Finding(name, "missing" if essential else "warning", f"{by} lacks {', '.join(lacking)}", fix)


def _there_and_back() -> Finding:
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        video, tone = Path(folder, "video.mp4"), Path(folder, "tone.wav")
        _write_tone(tone)
        levels = np.linspace(40, 200, FRAMES).astype(np.uint8)
        with VideoWriter(video, 64, 64, FPS, tone) as writer:
            for level in levels:
                writer.write(np.full((64, 64, 3), level, np.uint8))
        frames, _ = decode(video, (np.arange(FRAMES) + 0.5) / FPS)
        samples = read_audio(video, 0.2, 0.7)
    seen = frames.mean((1, 2, 3))
    crossings = int((np.diff(np.signbit(samples)) != 0).sum())
    if np.abs(seen - levels).max() > 8 or abs(crossings - TONE_HZ) > 20:
        remedy = f"Install the video library anew. {pip_install('--force-reinstall', 'av', 'imageio-ffmpeg')}"
        return Finding(
            "there and back", "missing", "a video comes back otherwise than it was written", remedy
        )
    took = time.perf_counter() - begin
    return Finding("there and back", "ok", f"H.264 with AAC written and read in {took:.1f} s")


def _write_tone(path: Path) -> None:
    seconds = np.arange(RATE * FRAMES // FPS) / RATE
    samples = (0.5 * 32767 * np.sin(2 * np.pi * TONE_HZ * seconds)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
