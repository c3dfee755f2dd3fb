"""What a run over many lectures did, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Summary:
    """What a run over many lectures did.

    Attributes:
        done: lectures transcribed now; `reused`: done before with the same arguments.
        silent: lectures, now or before, in which nobody speaks; no csv is written for them.
        failed: id or file name -> the reason.
        tracks: id -> number of sound tracks, of lectures done now that have several; one of them was heard.
        rows: narration rows of the lectures done now; `dropped`: rows left empty by cleaning, or found twice.
        left_out: reason -> rows that nobody said, see `inventions`.
        loops: pieces that were decoded again because the first decoding ran into a loop.
        respelled: words that the speller changed.
        audio_s: seconds of sound of the lectures done now.
        elapsed_s: what that took.
    """

    done: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    tracks: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    dropped: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    loops: int = 0
    respelled: int = 0
    audio_s: float = 0.0
    elapsed_s: float = 0.0

    def __str__(self) -> str:
        lines = [f"{name}: {reason}" for name, reason in sorted(self.failed.items())]
        lines += [f"{lecture}: no speech found, no csv written" for lecture in sorted(self.silent)]
        lines += [
            f"{lecture}: {count} sound tracks, only the one that players play by default is transcribed"
            for lecture, count in sorted(self.tracks.items())
        ]
        lines.append(
            f"{len(self.done)} lectures done, {len(self.reused)} reused, {len(self.silent)} without speech, "
            f"{len(self.failed)} failed; {self._speed()}{self.rows} narrations "
            f"({self.dropped} empty or repeated rows dropped)"
        )
        left_out = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items() if count)
        if left_out:
            lines.append(f"rows left out since nobody said them: {left_out}")
        if self.loops:
            lines.append(f"{self.loops} pieces of sound decoded again because of a loop")
        if self.respelled:
            lines.append(f"{self.respelled} words respelled")
        return "\n".join(lines)

    def add(self, lecture: str, record: Mapping[str, Any]) -> None:
        """Count what the status record of a lecture says that was done now."""
        if record["outcome"] == "failed":
            self.failed[lecture] = record["reason"]
            return
        (self.silent if record["outcome"] == "no speech" else self.done).append(lecture)
        if record.get("audio_tracks", 1) > 1:
            self.tracks[lecture] = record["audio_tracks"]
        self.rows += record["rows"]
        self.dropped += record["empty_rows"] + record["repeated_rows"]
        self.left_out.update(record["left_out"])
        self.loops += record.get("looped_pieces", 0)
        self.respelled += record["respelled_words"]
        self.audio_s += record.get("audio_s", 0.0)

    def _speed(self) -> str:
        if not self.audio_s:
            return ""
        speed = f"{self.audio_s / self.elapsed_s:.1f} times real time"
        return f"{self.audio_s / 3600:.2f} h of sound in {self.elapsed_s:.0f} s, {speed}; "
