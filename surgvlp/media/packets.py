"""What a file's packets say, where its header says nothing of lengths or something else."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import av
import numpy as np

from surgvlp.files import InputError


@dataclass
class Track:
    """The packets of one stream, in the file's order; some bytes a packet, so hours of them fit in memory.

    Attributes:
        listed: how many packets the file's own table lists; 0 where it has none that lists every one.
        count: how many there are.
        pts: time stamps in the stream's unit, of those that are shown: packets that an edit list hides are
            decoded for the sake of later ones only.
        key: is it a key frame? As long as `pts`.
        end_s: when the last one ends, in seconds after the file begins to play.
    """

    listed: int
    count: int = 0
    pts: array[int] = field(default_factory=lambda: array("q"))
    key: array[int] = field(default_factory=lambda: array("b"))
    end_s: float = 0.0

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) int64 time stamps in order of presentation, each once, and (N,) bool: is it a key frame?"""
        pts, first = np.unique(np.frombuffer(self.pts, np.int64), return_index=True)
        return pts, np.frombuffer(self.key, np.int8)[first].astype(bool)


def read_packets(
    container: av.container.InputContainer, report: Callable[[], None] = lambda: None
) -> list[Track]:
    """Read a file once without decoding: the tracks of all its streams, by their numbers.

    `report` is called whenever reading has come a mebibyte further into the file than ever before.
    """
    begins_s = (container.start_time or 0) / av.time_base
    tracks = [Track(_listed(container, stream)) for stream in container.streams]
    units = [float(stream.time_base or 0) for stream in container.streams]
    position = 0
    for packet in container.demux():
        if not packet.size:
            continue
        if (packet.pos or 0) >= position:
            position = (packet.pos or 0) + (1 << 20)
            report()
        track = tracks[packet.stream_index]
        track.count += 1
        if packet.pts is not None and not packet.is_discard:
            track.pts.append(packet.pts)
            track.key.append(packet.is_keyframe)
            end_s = (packet.pts + (packet.duration or 0)) * units[packet.stream_index] - begins_s
            track.end_s = max(track.end_s, end_s)
    return tracks


def _listed(container: av.container.InputContainer, stream: av.stream.Stream) -> int:
    # of the common containers only mp4 lists every packet, and where it comes in fragments not even that
    return len(stream.index_entries) if "mp4" in container.format.name and stream.frames else 0


def check_complete(
    path: str | os.PathLike[str], what: str, tracks: list[Track], stream: int, duration_s: float | None
) -> None:
    """Raise InputError where a file breaks off, before the end of the stream that one is interested in.

    Its table of packets decides where it has one, since durations in headers are often wrong. Elsewhere the
    header's duration decides, and some stream must reach it: sound and picture may differ in length.

    Args:
        path: the file, for the message.
        what: "picture" or "sound".
        tracks: what `read_packets` returned.
        stream: the stream's number.
        duration_s: of the whole file, as the header has it; None where it does not say.
    """
    track = tracks[stream]
    if track.listed:
        reached_s = track.end_s
        expected_s = track.end_s * track.listed / max(1, track.count)
    else:
        reached_s, expected_s = max(each.end_s for each in tracks), duration_s or 0.0
    check_reached(path, what, reached_s, expected_s)


def check_reached(path: str | os.PathLike[str], what: str, reached_s: float, expected_s: float) -> None:
    """Raise InputError where `reached_s` is clearly less than `expected_s`."""
    # one second and one per cent: headers round, and a last damaged frame is no reason to lose a lecture
    if reached_s < 0.99 * expected_s - 1:
        raise InputError(
            f"the {what} breaks off at {reached_s:.1f} s of {expected_s:.1f} s",
            file=path,
            remedy="The file is truncated, or its header is wrong: fetch it again, or copy what there is "
            "with ffmpeg -i OLD -c copy NEW",
        )
