"""From a checkpoint and what was measured with it to a folder that can be handed on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from surgvlp.evaluation.encoder import (
    Encoder,
    exported_folder,
    newest_checkpoint,
    open_encoder,
    training_state,
)
from surgvlp.evaluation.protocol import read_protocol
from surgvlp.files import InputError, read_json, sha256_of, sha256_of_json
from surgvlp.models.exported import (
    Exported,
    FramePreprocessing,
    ModelCard,
    Score,
    from_pretrained,
    save_pretrained,
)
from surgvlp.models.exported.preprocessing import PUBLISHED
from surgvlp.models.exported.published import published_state, save_published

TOKENS = 77  # the published length of a text


def export_model(
    checkpoint: Path,
    output: Path,
    config: Path | None = None,
    protocol: str | None = None,
    scores: Sequence[Path] = (),
    trained_on: str | None = None,
    licence: str | None = None,
    published: Path | None = None,
) -> Exported:
    """Write a model as a folder and return it, on the CPU.

    Frames are prepared as for the training (short side and centre of its size; as published where nothing
    says a size), texts padded to its length, unless a protocol says otherwise.

    Args:
        checkpoint, config: the model, see `open_encoder`.
        output: the folder, with the model's name; an older export there is replaced.
        protocol: name or file; frames and texts are prepared as it says.
        scores: `evaluation.json` files of exactly these weights, for the card.
        trained_on, licence: for the card, in words; None leaves what an exported folder says of itself.
        published: file for the same weights in the released layout, see `save_published`.

    Raises:
        InputError: for anything given that cannot be used; nothing is written then.
    """
    if checkpoint.is_dir():
        checkpoint = newest_checkpoint(checkpoint)
    if published is not None and published.exists() and published.samefile(checkpoint):
        raise InputError("is the checkpoint itself", file=published, key="--published")
    if folder := exported_folder(checkpoint):
        if config is not None:
            raise InputError("says itself how it is built", file=folder, key="--config")
        exported = from_pretrained(folder, "cpu")
    else:
        exported = _from_checkpoint(checkpoint, config, output.name)
    if protocol is not None:
        exported = _prepared_as(exported, protocol)
    sha256 = sha256_of(checkpoint)
    known = list(exported.card.scores)
    for path in scores:
        known += [score for score in read_scores(path, sha256) if score not in known]
    card = replace(
        exported.card,
        name=output.name,
        data=trained_on or exported.card.data,
        licence=licence or exported.card.licence,
        scores=known,
    )
    exported = replace(exported, card=card)
    if published is not None:
        published_state(exported.model)  # that it can be had is known before anything is written
    save_pretrained(exported, output)
    if published is not None:
        save_published(exported.model, published)
    return exported


def read_scores(path: Path, weights_sha256: str) -> list[Score]:
    """The scores in an `evaluation.json`: of phases with their control, of triplets or tools each kind's mAP.

    Raises:
        InputError: no such file, or one of other weights.
    """
    content = read_json(path)
    rows = content.get("rows") if isinstance(content, Mapping) else None
    if not rows or not isinstance(content.get("dataset"), str):
        raise InputError(
            "holds no scores",
            file=path,
            remedy="Give what tools/evaluate_zero_shot.py, _triplets.py or _tools.py wrote",
        )
    measured = re.search(r"\(([0-9a-f]{12})\)$", str(content.get("model")))
    if not measured or not weights_sha256.startswith(measured[1]):
        raise InputError(
            f"was measured with {content.get('model')!r}, not with the weights {weights_sha256[:12]}",
            file=path,
            remedy="Evaluate the checkpoint that is exported",
        )
    if isinstance(rows, Mapping):
        return [_mean_average_precision(content, kind) for kind in rows]
    return [
        Score(
            dataset=content["dataset"],
            method=row["name"],
            metric=metric,
            value=row[key],
            interval=row[f"{key}_interval"],
            videos=row["videos"],
            protocol=row["protocol"],
            protocol_sha256=row["protocol_sha256"],
        )
        for row in rows
        for metric, key in (("macro-F1", "macro_f1"), ("accuracy", "accuracy"))
    ]


def _mean_average_precision(content: Mapping[str, Any], kind: str) -> Score:
    row = content["rows"][kind]
    return Score(
        dataset=content["dataset"],
        method=f"zero-shot, {kind}",
        metric="mAP",
        value=row["mean"],
        interval=row["interval"],
        videos=len(content["videos"]),
        protocol=content["protocol"]["name"],
        protocol_sha256=content["protocol_sha256"],
    )


def _from_checkpoint(checkpoint: Path, config: Path | None, name: str) -> Exported:
    encoder = open_encoder(checkpoint, config, device="cpu")
    return Exported(
        model=encoder.model,
        tokenizer=encoder.tokenizer,
        model_config=dict(encoder.settings["model_config"]),
        preprocessing=FramePreprocessing(encoder.size) if encoder.size else PUBLISHED,
        max_length=_text_length(encoder.settings),
        card=ModelCard(name, lineage=_lineage(checkpoint, encoder)),
    )


def _prepared_as(exported: Exported, protocol: str) -> Exported:
    rules = read_protocol(protocol)
    said = asdict(rules.preprocessing)
    if said["crop"] == "model":
        said["crop"] = exported.preprocessing.crop
    return replace(exported, preprocessing=FramePreprocessing(**said), max_length=rules.prompt_tokens)


def _lineage(checkpoint: Path, encoder: Encoder) -> dict[str, str]:
    """Where weights come from, without any path of this machine."""
    state = training_state(checkpoint)
    model_config = encoder.settings["model_config"]
    text = model_config["backbone_text"]
    lineage = {
        "checkpoint": f"{checkpoint.name}, sha256 {sha256_of(checkpoint)}",
        "text model": _without_folder(text.get("name") or text["text_bert_type"]),
    }
    if "step" in state:
        lineage["training step"] = str(state["step"])
    if "config" in state:
        started = model_config["backbone_img"].get("pretrained") or "random"
        lineage["image weights before"] = _without_folder(started)
        lineage["training config"] = f"sha256 {sha256_of_json(state['config'])}"
    environment = state.get("environment") or {}
    if "surgvlp" in environment:
        commit = (environment.get("git") or {}).get("commit")
        lineage["trained with"] = f"surgvlp {environment['surgvlp']}" + (
            f", commit {commit}" if commit else ""
        )
    return lineage


def _without_folder(name: Any) -> str:
    """A hub's or a package's name as it is; of a path the last part."""
    return Path(str(name)).name if Path(str(name)).exists() or Path(str(name)).is_absolute() else str(name)


def _text_length(settings: Mapping[str, Any]) -> int:
    try:
        return int(settings["levels"][0]["dataset"]["max_length"])
    except (KeyError, IndexError, TypeError, ValueError):
        return TOKENS
