"""Retrieval and alignment on unseen lectures, from a checkpoint to one file: `<output>/retrieval.json`.

::

    protocol, protocol_sha256, model, untrained, data, split, lectures, narrations, left_out
    levels.<level>        pairs, texts (different ones), chance, scores, and for every pair its lecture,
                          start, end, text_to_video and video_to_text rank: intervals come from these
    alignment             scores, chance, lectures (each with its scores), left_out
    inputs_sha256         of all that the numbers depend on; corpus_sha256 of texts and pictures alone
    versions, device, command, date
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from surgvlp import config as configs
from surgvlp.evaluation.encoder import config_file, newest_checkpoint, open_encoder
from surgvlp.evaluation.frames import lecture_frames
from surgvlp.evaluation.protocol import Preprocessing
from surgvlp.evaluation.retrieval.alignment import AlignmentScores, score_alignment
from surgvlp.evaluation.retrieval.pairs import (
    LEVELS,
    LectureEmbeddings,
    LecturePairs,
    embed_lectures,
    keystep_frames,
    read_pairs,
)
from surgvlp.evaluation.retrieval.ranks import chance, ranks, recalls
from surgvlp.evaluation.versions import now, versions
from surgvlp.features.embed import unit
from surgvlp.files import InputError, read_json, sha256_of, sha256_of_json, write_json
from surgvlp.lectures.tree import DataTree
from surgvlp.media.store import SUFFIX

FILE = "retrieval.json"
NARRATIONS = ("whisper_narration", "aws_narration", "script")


@dataclass(frozen=True)
class RetrievalProtocol:
    """What was done to get the numbers; published: 10 frames a pair, mean-pooled, cosine, and the tokens.

    Attributes:
        frames_per_pair: spread evenly over the stretch of video; the mean of their un-normalised embeddings
            stands for it.
        frames_per_s: of the single frames that are aligned with keysteps.
        text_tokens: what texts of a level are padded or cut to, as in the published training.
        pool: what a query is compared with.
    """

    name: str = "retrieval_10_frames"
    frames_per_pair: int = 10
    frames_per_s: float = 1.0
    text_tokens: tuple[tuple[str, int], ...] = (("clip", 77), ("keystep", 200), ("video", 200))
    preprocessing: Preprocessing = field(
        default_factory=lambda: Preprocessing(
            resize="short side", crop="model", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
        )
    )
    score: str = "cosine"
    pool: str = "all pairs of the level over all lectures of the split"
    equal_texts: str = "candidates that bear the query's own text do not count"
    keystep_text: str = "the column text"

    @property
    def sha256(self) -> str:
        """Hash over sorted compact JSON."""
        return sha256_of_json(asdict(self))


PROTOCOL = RetrievalProtocol()


def evaluate_retrieval(
    *,
    data: Path,
    output: Path,
    split: str = "test",
    narrations: str = "whisper_narration",
    checkpoint: Path | None = None,
    config: Path | None = None,
    untrained: bool = False,
    frames: Path | None = None,
    batch_size: int = 64,
    device: str | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Write `retrieval.json` into `output` and return what it holds; one of the same inputs is kept.

    Args:
        data: root of the data tree.
        output: folder.
        split: name of `splits/<name>.csv`.
        narrations: one of `NARRATIONS`; script is what was really said in made lectures.
        checkpoint, config, untrained, device: the model, see `open_encoder`.
        frames: folder of frame stores or videos; None takes the data tree's `frame_store/`, or its videos.
        batch_size: frames in one forward.
        command: how this was called, for the record.

    Raises:
        InputError: for anything given that cannot be used; nothing is written then.
    """
    if batch_size < 1:
        raise InputError(f"{batch_size} frames make no batch", key="--batch-size")
    if narrations not in NARRATIONS:
        raise InputError(
            f"{narrations!r} is no kind of narration",
            key="--narrations",
            remedy=f"Known: {', '.join(NARRATIONS)}",
        )
    lectures, left_out = _read(DataTree(data), split, narrations, frames)
    corpus = sha256_of_json([narrations, [_described(lecture) for lecture in lectures]])
    if checkpoint is not None and checkpoint.is_dir():
        checkpoint = newest_checkpoint(checkpoint)
    weights = sha256_of(checkpoint) if checkpoint and checkpoint.is_file() else str(checkpoint)
    inputs = sha256_of_json([PROTOCOL.sha256, corpus, weights, _config_as_read(config), untrained])
    kept = _kept(output / FILE, inputs)
    if kept is not None:
        return kept
    encoder = open_encoder(checkpoint, config, untrained, device)
    if encoder.size is None:
        raise InputError(
            "the model's config does not say how large its frames are",
            remedy="Give --config with the config file of its training",
        )
    embedded = list(
        embed_lectures(
            encoder,
            lectures,
            preprocessing=PROTOCOL.preprocessing,
            size=encoder.size,
            frames_per_pair=PROTOCOL.frames_per_pair,
            frames_per_s=PROTOCOL.frames_per_s,
            text_tokens=dict(PROTOCOL.text_tokens),
            batch_size=batch_size,
        )
    )
    content = {
        "protocol": asdict(PROTOCOL),
        "protocol_sha256": PROTOCOL.sha256,
        "model": encoder.name,
        "checkpoint_sha256": weights if checkpoint else None,
        "untrained": untrained,
        "data": str(data.absolute()),
        "split": split,
        "lectures": [lecture.name for lecture in lectures],
        "narrations": narrations,
        "left_out": left_out,
        "levels": {level: _level(level, lectures, embedded) for level in LEVELS},
        "alignment": _alignment(lectures, embedded),
        "corpus_sha256": corpus,
        "inputs_sha256": inputs,
        "versions": versions(),
        "device": str(encoder.device),
        "command": command,
        "date": now(),
    }
    write_json(output / FILE, content)
    return content


def read_retrieval(path: Path) -> dict[str, Any]:
    """What `evaluate_retrieval` wrote; InputError where it is missing or something else."""
    content = read_json(path)
    needed = {"levels", "alignment", "corpus_sha256", "protocol_sha256", "model", "lectures"}
    if not isinstance(content, dict) or not needed <= set(content) or set(content["levels"]) != set(LEVELS):
        raise InputError(
            "not the scores of a retrieval", file=path, remedy="Run tools/evaluate_retrieval.py again"
        )
    return content


def _read(
    tree: DataTree, split: str, narrations: str, frames: Path | None
) -> tuple[list[LecturePairs], dict[str, dict[str, int]]]:
    lectures, left_out = [], {}
    for name in tree.split(split):
        pairs, behind = read_pairs(tree, name, narrations, lecture_frames(tree, name, frames))
        lectures.append(pairs)
        if behind:
            left_out[name] = behind
    for level in LEVELS:
        if not any(lecture.pairs[level] for lecture in lectures):
            raise InputError(f"no {level} of split {split} lies within its video", file=tree.root)
    return lectures, left_out


def _level(
    level: str, lectures: Sequence[LecturePairs], embedded: Sequence[LectureEmbeddings]
) -> dict[str, Any]:
    pairs = [(lecture.name, item) for lecture in lectures for item in lecture.pairs[level]]
    texts = [item.text for _, item in pairs]
    found = ranks(
        np.concatenate([item.video[level] for item in embedded]),
        np.concatenate([item.text[level] for item in embedded]),
        texts,
    )
    return {
        "pairs": len(pairs),
        "texts": len(set(texts)),
        "scores": recalls(found),
        "chance": chance(texts),
        "lecture": [name for name, _ in pairs],
        "start": [item.start for _, item in pairs],
        "end": [item.end for _, item in pairs],
        **{f"{direction}_rank": rank.tolist() for direction, rank in found.items()},
    }


def _alignment(lectures: Sequence[LecturePairs], embedded: Sequence[LectureEmbeddings]) -> dict[str, Any]:
    """Scores are unweighted means over lectures; those with fewer than two keysteps have no order."""
    rows, left_out = [], []
    for lecture, item in zip(lectures, embedded, strict=True):
        _, _, used = keystep_frames(lecture.pairs["keystep"], PROTOCOL.frames_per_s)
        if len(used) < 2:
            left_out.append(lecture.name)
            continue
        similarity = unit(item.frame) @ unit(item.text["keystep"][used]).T
        texts = [lecture.pairs["keystep"][place].text for place in used]
        scored = score_alignment(similarity, item.keystep, texts)
        rows.append({"lecture": lecture.name, **asdict(scored)})
    names = [item.name for item in fields(AlignmentScores)]
    means = {name: float(np.mean([row[name] for row in rows])) for name in names} if rows else {}
    return {"scores": means, "lectures": rows, "left_out": left_out}


def _described(lecture: LecturePairs) -> list[Any]:
    """What decides a lecture's numbers beside the model, as plain data."""
    if lecture.frames.suffix == SUFFIX:
        pictures: Any = read_json(lecture.frames / "record.json")
    else:
        pictures = lecture.frames.stat().st_size
    texts = {level: [asdict(item) for item in items] for level, items in lecture.pairs.items()}
    return [lecture.name, pictures, texts]


def _kept(path: Path, inputs: str) -> dict[str, Any] | None:
    """The scores that are there, if they are of the same inputs."""
    if not path.is_file():
        return None
    try:
        content = read_retrieval(path)
    except InputError:
        return None  # torn or of another version: it is written anew
    return content if content.get("inputs_sha256") == inputs else None


def _config_as_read(path: Path | None) -> str:
    """What a config says, the files that it builds on included: the same path may say something else now."""
    return "" if path is None else repr(configs.read(config_file(path)))
