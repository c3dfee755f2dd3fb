"""One evaluation from a checkpoint to prediction files, and what is written beside them.

<output>/predictions/<video>.npz
<output>/evaluation.json          scores, settled protocol, prompts, model, data, versions, command
<output>/decoded/, decoder.json   where scores are decoded over time, see `decoded`
<output>/frame_plots/             where frames are plotted one by one, see `frame_plots`
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from surgvlp.evaluation.comparison import compare, summary
from surgvlp.evaluation.decoded import decoded_rows, remove_decoded, write_decoded
from surgvlp.evaluation.decoder_training import learn_decoder
from surgvlp.evaluation.decoding import read_decoder
from surgvlp.evaluation.encoder import open_encoder
from surgvlp.evaluation.frame_plots import write_frame_plots
from surgvlp.evaluation.frames import ImageFiles, VideoFiles
from surgvlp.evaluation.phase_grammar import read_grammar
from surgvlp.evaluation.protocol import GIVEN_VIDEOS, Protocol, read_protocol
from surgvlp.evaluation.versions import now, versions
from surgvlp.evaluation.zero_shot import recognise_phases
from surgvlp.files import InputError, read_json, write_json
from surgvlp.lectures.labels import PhaseDataset
from surgvlp.lectures.prompts import read_prompts
from surgvlp.lectures.tree import DataTree


def evaluate_zero_shot(
    *,
    data: Path,
    dataset: str,
    split: str,
    prompt_files: Sequence[Path],
    protocol: str,
    output: Path,
    checkpoint: Path | None = None,
    config: Path | None = None,
    untrained: bool = False,
    frames: Path | None = None,
    batch_size: int = 64,
    device: str | None = None,
    narrations: str | None = None,
    grammar: Path | None = None,
    plot_every: int | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Recognise the phases of a split, write predictions and `evaluation.json`, and return what that holds.

    Args:
        data: root of the data tree.
        dataset: name below `downstream_datasets/`.
        split: `test` for the protocol's own test videos or `splits/test.csv`; another `splits/<name>.csv`; or
            ids with commas between them.
        prompt_files: one a prompt set; several are an ensemble.
        protocol: name, or path of a `.json` file.
        output: folder; its `predictions/` is replaced as a whole.
        checkpoint, config, untrained, device: the model, see `open_encoder`.
        frames: folder of frame stores or videos; None reads the published layout's image files.
        batch_size: frames in one forward.
        narrations: split of narrated lectures to learn a phase grammar and the calibration from, without
            labels; scores are then decoded over time too.
        grammar: file of a phase grammar to decode with; with `narrations` these calibrate it, without it has
            to hold its calibration.
        plot_every: plot every n-th frame of each video into `frame_plots/`; None plots none.
        command: how this was called, for the record.

    Raises:
        InputError: for anything given that cannot be used; nothing is written then.
    """
    if batch_size < 1:
        raise InputError(f"{batch_size} frames make no batch", key="--batch-size")
    if plot_every is not None and plot_every < 1:
        raise InputError(f"there is no {plot_every}th frame", key="--save-plot")
    rules = read_protocol(protocol)
    labelled = DataTree(data).downstream(dataset, rules.compat)
    prompt_sets = [read_prompts(path, len(labelled.class_names)) for path in prompt_files]
    videos = videos_of(DataTree(data), labelled, rules, split)
    source = VideoFiles(frames, rules.first_frame_number) if frames else ImageFiles()
    settled = rules.settled(prompt_sets, videos, source.source)
    lectures = _narrated(DataTree(data), narrations, videos) if narrations else []
    given = read_grammar(read_json(grammar), labelled.class_names, grammar) if grammar else None
    decoder = read_decoder(grammar, labelled.class_names) if grammar and not narrations else None
    encoder = open_encoder(checkpoint, config, untrained, device)
    if narrations:
        decoder = learn_decoder(
            encoder, DataTree(data), lectures, prompt_sets, rules, labelled.class_names, given
        )
    started = time.perf_counter()
    items = recognise_phases(
        encoder, labelled, videos, prompt_sets, rules, output / "predictions", source, batch_size
    )
    seconds = time.perf_counter() - started
    rows, scores = compare({"zero-shot": items})
    content = {
        **summary(rows, scores),
        "model": encoder.name,
        "dataset": dataset,
        "data": str(data.absolute()),
        "protocol": asdict(settled),
        "protocol_sha256": settled.sha256,
        "prompts": prompt_sets,
        "frames_per_s": round(sum(len(item.label) for item in items) / seconds, 1),
        "device": str(encoder.device),
        "versions": versions(),
        "command": command,
        "date": now(),
    }
    remove_decoded(output)
    if not plot_every:
        shutil.rmtree(output / "frame_plots", ignore_errors=True)
    if decoder:
        decoded = write_decoded(items, decoder, output, content)
        content["decoded"] = [asdict(row) for row in decoded_rows(items, decoded, {})]
        content["decoder"] = decoder.content()
    write_json(output / "evaluation.json", content)
    if plot_every:
        write_frame_plots(
            items,
            lambda video: source.open(video, labelled.frames(video)),
            output / "frame_plots",
            plot_every,
            prompt_sets[0] if len(prompt_sets) == 1 else None,
        )
    return content


def _narrated(tree: DataTree, split: str, videos: Sequence[str]) -> list[str]:
    lectures = tree.split(split)
    tested = sorted(set(lectures) & set(videos))
    if tested:
        raise InputError(
            f"{', '.join(tested[:3])} would be learned from and tested on",
            key="--narrations",
            remedy="Give a split without the test videos",
        )
    return lectures


def videos_of(tree: DataTree, dataset: PhaseDataset, protocol: Protocol, split: str) -> list[str]:
    """The video ids that `--split` means, see `evaluate_zero_shot`.

    Raises:
        InputError: no such split, a bad id, or one id twice.
    """
    if split == "test" and protocol.videos != GIVEN_VIDEOS:
        return list(protocol.videos)
    named = split.split(",")
    if len(named) == 1 and not (dataset.root / "csvs" / f"{split}.csv").is_file():
        return tree.split(split)
    if len(set(named)) < len(named):
        raise InputError(f"a video stands twice in {split!r}", key="--split")
    return named
