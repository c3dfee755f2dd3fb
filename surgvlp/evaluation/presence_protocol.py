"""Protocols of what frames show (tools, triplets): as `protocol`, whose rules for names and hashes hold here.

They are files of their own, in `protocols/presence/`, because a mean average precision leaves open other
things than an accuracy of phases does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from surgvlp import config
from surgvlp.evaluation.protocol import FOLDER as ALL_PROTOCOLS
from surgvlp.evaluation.protocol import (
    GIVEN_PROMPTS,
    Source,
    check_split,
    check_statistics,
    prompts_sha256,
    protocol_path,
    read_named,
)
from surgvlp.files import InputError, sha256_of_json

FOLDER = ALL_PROTOCOLS / "presence"
TRIPLET_KINDS = ("triplet", "instrument", "verb", "target")
TOOL_KINDS = ("tool",)
KINDS = {"CholecT50": TRIPLET_KINDS, "Cholec80 tools": TOOL_KINDS}


@dataclass(frozen=True)
class CentralSquare:
    """From a decoded frame to what the image encoder takes: the central square of the short side, resized.

    Attributes:
        size: side in pixels afterwards, or "model" for the size that the model was trained at.
        mean, std: of RGB in 0..1, subtracted and divided by.
        interpolation: PIL's, the only one.
    """

    size: int | Literal["model"]
    mean: list[float]
    std: list[float]
    interpolation: Literal["bicubic, antialiased"] = "bicubic, antialiased"


@dataclass(frozen=True)
class PresenceProtocol:
    """One way to score what frames show.

    Attributes:
        name: the file's name without its suffix.
        about: what it is and where it comes from; no part of the hash.
        labels: format of the annotation files; it settles which kinds of classes there are (`KINDS`).
        prompts: for each kind "given prompts", or the sha256 (`prompts_sha256`) of the only prompts allowed,
            or these prompts themselves.
        videos: "given videos", or the ids that the published test split holds.
        preprocessing: of frames.
        prompt_tokens: length that prompts are padded or cut to.
        frame_offset: what is added to a second to get its image file's number.
        source: where pictures come from; a run fills it in.
        score: of a frame and a class.
        precision: of the cosine and its sigmoid; float16 makes ties.
        whole_batches_of: frames after the last whole batch of so many are not scored; None scores all.
        averaging: of average precision.
        absent_classes: what happens to a class in a video that does not show it.
        compat: "released" where the released code differs from what is right, and this follows it.
    """

    name: str
    about: str
    labels: Literal["CholecT50", "Cholec80 tools"]
    prompts: dict[str, str | list[str]]
    videos: list[str] | Literal["given videos"]
    preprocessing: CentralSquare
    prompt_tokens: int
    frame_offset: int
    source: Source = "image files"
    score: Literal["sigmoid of cosine"] = "sigmoid of cosine"
    precision: Literal["float32", "float16"] = "float32"
    whole_batches_of: int | None = None
    averaging: Literal["per video, then mean over videos, then over classes"] = (
        "per video, then mean over videos, then over classes"
    )
    absent_classes: Literal["left out"] = "left out"
    compat: Literal["released"] | None = None

    @property
    def sha256(self) -> str:
        """Hash of everything but `about`, over sorted compact JSON."""
        content = dataclasses.asdict(self)
        del content["about"]
        return sha256_of_json(content)

    def settled(
        self, prompts: Mapping[str, Sequence[Sequence[str]]], videos: Sequence[str], source: Source
    ) -> PresenceProtocol:
        """This protocol with one run's prompts, videos and picture source in place of what it leaves open.

        Args:
            prompts: for each kind one list of prompts a prompt file.
            videos: ids; they may be a part of a fixed split.
            source: of the pictures.

        Raises:
            InputError: prompts that a fixed protocol does not allow, or videos outside its split.
        """
        check_split(self.name, self.videos, videos)
        settled: dict[str, str | list[str]] = {
            kind: self._settled_prompts(kind, prompts[kind]) for kind in self.prompts
        }
        return dataclasses.replace(self, prompts=settled, videos=sorted(videos), source=source)

    def _settled_prompts(self, kind: str, prompt_sets: Sequence[Sequence[str]]) -> str:
        given, rule = prompts_sha256(prompt_sets), self.prompts[kind]
        allowed = prompts_sha256([rule]) if isinstance(rule, list) else rule
        if allowed not in (GIVEN_PROMPTS, given):
            raise InputError(
                f"protocol {self.name} is fixed to {kind} prompts {allowed[:12]}…, these are {given[:12]}…",
                remedy="Give the published prompts, or take a protocol with given prompts",
            )
        return given


def read_presence_protocol(name_or_path: str | Path, labels: str) -> PresenceProtocol:
    """A protocol by name, or one of your own by the path of its `.json` file.

    Args:
        name_or_path: of the protocol.
        labels: the format that it has to be for, see `PresenceProtocol.labels`.

    Raises:
        InputError: an unknown name (the nearest known one is named), a file that is no protocol, or one for
            other labels.
    """
    path = protocol_path(name_or_path, FOLDER)
    protocol = config.build(PresenceProtocol, read_named(path), where=str(path))
    if protocol.labels != labels:
        raise InputError(f"is for {protocol.labels}, not {labels}", file=path, key="labels")
    _check(protocol, path)
    return protocol


def _check(protocol: PresenceProtocol, path: Path) -> None:
    if set(protocol.prompts) != set(KINDS[protocol.labels]):
        raise InputError(
            "does not say which prompts",
            file=path,
            key="prompts",
            remedy=f"Name {', '.join(KINDS[protocol.labels])}",
        )
    square = protocol.preprocessing
    if square.size != "model" and square.size < 1:
        raise InputError(f"{square.size} is no size", file=path, key="preprocessing.size")
    check_statistics(square.mean, square.std, path)
    if protocol.whole_batches_of is not None and protocol.whole_batches_of < 1:
        raise InputError(
            f"{protocol.whole_batches_of} frames make no batch", file=path, key="whole_batches_of"
        )
