"""Evaluation protocols: what was done to get a number, as a small file whose hash stands beside it.

The same weights score a macro-F1 between 23 and 32 on Cholec80 depending on who evaluates, so that a number
without its protocol cannot be compared. A protocol file leaves open what a run supplies: the prompts ("given
prompts") and the videos ("given videos"). `settled` fills both in, and its hash then stands for exactly what
was done: equal hashes, comparable numbers.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from surgvlp import config
from surgvlp.files import InputError, did_you_mean, read_json, sha256_of_json

GIVEN_PROMPTS, GIVEN_VIDEOS = "given prompts", "given videos"
Source = Literal["image files", "videos", "frame store"]
FOLDER = Path(__file__).parent / "protocols"


@dataclass(frozen=True)
class Preprocessing:
    """From a decoded frame to what the image encoder takes.

    Attributes:
        resize: [height, width] whatever the frame's own proportions (as published), or "short side" to the
            crop's size with the proportions kept.
        crop: side of the central square in pixels, or "model" for the size that the model was trained at.
        interpolation: bilinear with antialiasing (PIL's), the only one.
        mean, std: of RGB in 0..1, subtracted and divided by.
    """

    resize: list[int] | Literal["short side"]
    crop: int | Literal["model"]
    mean: list[float]
    std: list[float]
    interpolation: Literal["bilinear, antialiased"] = "bilinear, antialiased"


@dataclass(frozen=True)
class Protocol:
    """One way to evaluate.

    Attributes:
        name: the file's name without its suffix.
        about: what it is and where it comes from; no part of the hash.
        dataset: the labelled data set it is made for.
        prompts: "given prompts", or the sha256 (`prompts_sha256`) of the only prompts it allows.
        videos: "given videos", or the ids that the published test split holds.
        input: what one prediction is made from.
        source: where its pictures come from; a run fills it in, since JPEGs or another decoder change pixels.
        preprocessing: of frames.
        prompt_tokens: length that prompts are padded or cut to; mean-pooled encoders divide by it.
        score: of a frame and a class.
        averaging: of accuracy and macro-F1.
        absent_classes: which classes enter a video's macro-F1.
        frame_offset: what is added to the label file's frame number to get the image's.
        first_frame_number: the label file's number for the picture at second 0 of the video.
        compat: "released" where the released code differs from what is right, and this follows it.
    """

    name: str
    about: str
    dataset: str
    prompts: str
    videos: list[str] | Literal["given videos"]
    preprocessing: Preprocessing
    prompt_tokens: int
    frame_offset: int
    first_frame_number: int = 0
    input: Literal["frame"] = "frame"
    source: Source = "image files"
    score: Literal["cosine"] = "cosine"
    averaging: Literal["per video, then mean over videos"] = "per video, then mean over videos"
    absent_classes: Literal["union of labels and predictions"] = "union of labels and predictions"
    compat: Literal["released"] | None = None

    @property
    def sha256(self) -> str:
        """Hash of everything but `about`, over sorted compact JSON."""
        content = dataclasses.asdict(self)
        del content["about"]
        return sha256_of_json(content)

    def settled(
        self, prompt_sets: Sequence[Sequence[str]], videos: Sequence[str], source: Source = "image files"
    ) -> Protocol:
        """This protocol with one run's prompts, videos and picture source in place of what it leaves open.

        Videos may be a part of a fixed split; the hash then says so by being another one.

        Raises:
            InputError: prompts that a fixed protocol does not allow, or videos outside its split.
        """
        prompts = prompts_sha256(prompt_sets)
        if self.prompts not in (GIVEN_PROMPTS, prompts):
            raise InputError(
                f"protocol {self.name} is fixed to prompts {self.prompts[:12]}…, these are {prompts[:12]}…",
                remedy="Give the published prompts, or take a protocol with given prompts",
            )
        check_split(self.name, self.videos, videos)
        return dataclasses.replace(self, prompts=prompts, videos=sorted(videos), source=source)


def check_split(protocol: str, allowed: Sequence[str] | str, videos: Sequence[str]) -> None:
    """InputError naming the videos that a protocol of a fixed split does not test on."""
    outside = [] if allowed == GIVEN_VIDEOS else sorted(set(videos) - set(allowed))
    if outside:
        raise InputError(
            f"protocol {protocol} does not test on {', '.join(outside[:5])}"
            + (f" and {len(outside) - 5} more" if len(outside) > 5 else ""),
            remedy="Leave them out of the split",
        )


def prompts_sha256(prompt_sets: Sequence[Sequence[str]]) -> str:
    """Hash of prompt files' texts: lines joined by a line end, files by a blank line."""
    return hashlib.sha256("\n\n".join("\n".join(prompts) for prompts in prompt_sets).encode()).hexdigest()


def known_protocols(folder: Path = FOLDER) -> list[str]:
    """Names of the protocols in one of the package's folders, those of phases by default."""
    return sorted(path.stem for path in folder.glob("*.json"))


def read_protocol(name_or_path: str | Path) -> Protocol:
    """A protocol by name, or one of your own by the path of its `.json` file.

    Raises:
        InputError: an unknown name (the nearest known one is named), or a file that is no protocol.
    """
    path = protocol_path(name_or_path, FOLDER)
    protocol = config.build(Protocol, read_named(path), where=str(path))
    _check_geometry(protocol.preprocessing, path)
    return protocol


def protocol_path(name_or_path: str | Path, folder: Path) -> Path:
    """The `.json` file that is meant: one of your own by its path, or one in `folder` by its name.

    Raises:
        InputError: an unknown name; the nearest known one is named.
    """
    path = Path(name_or_path)
    if path.suffix == ".json":
        return path
    known = known_protocols(folder)
    if str(name_or_path) not in known:
        remedy = did_you_mean(str(name_or_path), known)
        raise InputError(f"unknown protocol '{name_or_path}'", remedy=remedy)
    return folder / f"{name_or_path}.json"


def read_named(path: Path) -> Any:
    """What a protocol's file holds; its name has to be the file's, as it stands beside every number."""
    content = read_json(path)
    name = content.get("name", path.stem) if isinstance(content, Mapping) else path.stem
    if name != path.stem:
        raise InputError(f"its name is {name!r}, not the file's", file=path, key="name")
    return content


def _check_geometry(preprocessing: Preprocessing, path: Path) -> None:
    resize, crop = preprocessing.resize, preprocessing.crop
    if isinstance(crop, int) and crop < 1:
        raise InputError(f"{crop} is no size", file=path, key="preprocessing.crop")
    if isinstance(resize, list):
        if len(resize) != 2 or min(resize) < 1:
            raise InputError("expected [height, width]", file=path, key="preprocessing.resize")
        if crop == "model" or crop > min(resize):
            raise InputError(
                f"a crop of {crop} does not fit into {resize}", file=path, key="preprocessing.crop"
            )
    check_statistics(preprocessing.mean, preprocessing.std, path)


def check_statistics(mean: Sequence[float], std: Sequence[float], path: Path) -> None:
    """InputError unless a protocol's statistics are of red, green and blue."""
    for key, values in (("mean", mean), ("std", std)):
        if len(values) != 3:
            raise InputError(
                "expected three numbers, for red, green, blue", file=path, key=f"preprocessing.{key}"
            )
