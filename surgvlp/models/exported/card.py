"""The model card: what a person has to know before using a model, as data and as README.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from surgvlp.files import one_line

NOT_STATED = "not stated"
USAGE = """\
import surgvlp

folder = "path/of/this/folder"
model, preprocess = surgvlp.load(folder)
frames = preprocess(image)[None].to(next(model.parameters()).device)  # image: a PIL image
texts = ["the gallbladder is put into a bag"]
tokens = surgvlp.tokenize(texts, model_name=folder, max_length={max_length}, device=frames.device)
embeddings = model(frames, tokens, mode="all")  # img_emb and text_emb, not of unit length"""


@dataclass(frozen=True)
class Score:
    """One number, which means nothing without the protocol beside it.

    Attributes:
        dataset: what it was measured on.
        method: for instance "zero-shot", or the control "permuted predictions".
        metric: for instance "macro-F1".
        value: 0 to 1.
        interval: 95 %, over videos; None where it cannot be had.
        videos: how many.
        protocol, protocol_sha256: name and hash of how it was measured.
    """

    dataset: str
    method: str
    metric: str
    value: float
    interval: list[float] | None
    videos: int
    protocol: str
    protocol_sha256: str


@dataclass(frozen=True)
class ModelCard:
    """What a person has to know before using a model.

    Attributes:
        name: of the model.
        data: what it was trained on, in words.
        licence: of the weights, best as an SPDX identifier; "not stated" grants nobody anything.
        lineage: where the weights come from: the checkpoint, its step, code and starting weights, by name.
        scores: what was measured with exactly these weights.
    """

    name: str
    data: str = NOT_STATED
    licence: str = NOT_STATED
    lineage: dict[str, str] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)


def as_markdown(card: ModelCard, model_config: Mapping[str, Any], frames: str, max_length: int) -> str:
    """The card as README.md.

    Args:
        card: the card.
        model_config: the architecture.
        frames: what these go through, in words.
        max_length: tokens of a text.
    """
    image, text = model_config["backbone_img"], model_config["backbone_text"]
    model = {
        "image encoder": str(image.get("backbone_name") or "resnet_50"),
        "embedding": f"{image['num_classes']} numbers",
        "text encoder": str(text["type"]),
        "frames": frames,
        "texts": f"{max_length} tokens",
    }
    origin = {"trained on": card.data, "licence": card.licence, **card.lineage}
    lines = [
        f"# {one_line(card.name)}",
        "",
        "An image encoder and a text encoder into one space, for surgical video.",
        "",
        "```python",
        USAGE.format(max_length=max_length),
        "```",
        "",
        *_table("Model", model),
        *_table("Origin", origin),
        *_score_table(card.scores),
    ]
    return "\n".join(lines)


def _table(title: str, rows: Mapping[str, str]) -> list[str]:
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items()]
    return [f"## {title}", "", "| | |", "|---|---|", *lines, ""]


def _score_table(scores: Sequence[Score]) -> list[str]:
    if not scores:
        return ["## Scores", "", "None were given when this was exported.", ""]
    lines = []
    for score in scores:
        what = " | ".join(map(_cell, (score.dataset, score.method, score.metric)))
        how = f"{_cell(score.protocol)} {_cell(score.protocol_sha256[:12])}"
        lines.append(f"| {what} | {score.value:.3f} | {_interval(score)} | {score.videos} | {how} |")
    heading = "| data set | method | metric | value | 95 % over videos | videos | protocol, its hash |"
    return ["## Scores", "", heading, "|---|---|---|---|---|---|---|", *lines, ""]


def _interval(score: Score) -> str:
    return "" if score.interval is None else " to ".join(f"{end:.3f}" for end in score.interval)


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")
