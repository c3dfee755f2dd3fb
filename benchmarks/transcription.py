"""Speed, word errors and invented words of the speech recognisers over made lectures, whose words are known.

    python tools/synthesize_lectures.py --count 9 --seed 1 --out /tmp/corpus
    python benchmarks/transcription.py --data /tmp/corpus --results /tmp/rows.json --openai-model tiny.en.pt

Every row is written to --results as soon as it is measured, so that the same command goes on where it was
stopped; --rows takes only some. "Ours" goes from video to csv. "As it comes" is the engine's own call over
the whole sound, without our pieces. A core's seconds are those of all threads and of ffmpeg; they depend less
on what else the machine does than the clock's.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import whisper
from faster_whisper import BatchedInferencePipeline, WhisperModel
from non_speech import SOUNDS

from surgvlp import console
from surgvlp.files import read_json, write_json
from surgvlp.lectures.texts import Caption, read_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.media.audio import read_audio
from surgvlp.transcription.cleaning import PLAIN, Cleaning
from surgvlp.transcription.inventions import judge
from surgvlp.transcription.lecture_job import transcribe_lectures
from surgvlp.transcription.recogniser import Recogniser, load_recogniser, packaged_folder
from surgvlp.transcription.score import score_against_scripts, word_error_rate
from surgvlp.transcription.sentences import recognise
from surgvlp.transcription.speech import PIECE_S, RATE, speech_pieces
from surgvlp.transcription.spelling import Speller
from surgvlp.transcription.vocabulary import glossary, vocabulary_prompt

MODEL = "package:tiny.en"
LIST = (
    "gallbladder, cystic duct, cystic artery, Calot's triangle, liver bed, trocar, grasper, hook, "
    "bipolar forceps, clipper, scissors, irrigator, specimen bag, laparoscopic cholecystectomy"
)
PAUSE_S = 2.0  # a pause of a lecture in which a word is an invention, half a second from its ends
SOUND_S = 120.0

Row = dict[str, Any]


class Lectures:
    """Made lectures, and what is measured of a recogniser over them."""

    def __init__(self, tree: DataTree, lectures: list[str]) -> None:
        self.tree, self.lectures = tree, lectures
        self.scripts = {lecture: read_captions(tree.script(lecture)) for lecture in lectures}

    def ours(self, load: Callable[[], Recogniser], jobs: int = 1, cleaning: Cleaning = PLAIN) -> Row:
        """Our pipeline, video to csv."""
        recogniser = load()
        with tempfile.TemporaryDirectory() as folder:
            out = DataTree(folder)
            videos = {lecture: self.tree.video(lecture) for lecture in self.lectures}
            wall, cores = time.perf_counter(), core_seconds()
            summary = transcribe_lectures(videos, out, recogniser, cleaning=cleaning, jobs=jobs)
            wall, cores = time.perf_counter() - wall, core_seconds() - cores
            (Path(folder) / "scripts").symlink_to((self.tree.root / "scripts").resolve())
            rows = {
                lecture: read_captions(out.texts("whisper_narration", lecture)) for lecture in self.lectures
            }
            rate = score_against_scripts(out, self.lectures)["wer"]
        return {
            "sound_s": summary.audio_s,
            "wall_s": wall,
            "core_s": cores,
            "wer": rate,
            "rows": summary.rows,
            "in_pauses_per_minute": self._in_pauses(rows),
            "left_out": sum(summary.left_out.values()),
            "respelled": summary.respelled,
        }

    def whole(self, call: Callable[[np.ndarray], list[str]]) -> Row:
        """A call that takes a lecture's whole sound and gives the texts of its segments."""
        sounds = [read_audio(self.tree.video(lecture)) for lecture in self.lectures]
        wall, cores = time.perf_counter(), core_seconds()
        texts = [call(sound) for sound in sounds]
        wall, cores = time.perf_counter() - wall, core_seconds() - cores
        said = [" ".join(row.text for row in self.scripts[lecture]) for lecture in self.lectures]
        return {
            "sound_s": sum(map(len, sounds)) / RATE,
            "wall_s": wall,
            "core_s": cores,
            "wer": float(
                np.average(
                    [word_error_rate(a, " ".join(b)) for a, b in zip(said, texts, strict=True)],
                    weights=[len(text.split()) for text in said],
                )
            ),
            "rows": sum(map(len, texts)),
        }

    def _in_pauses(self, found: dict[str, list[Caption]]) -> float:
        """Words of rows whose middle lies in a pause, for each minute of pauses."""
        words = minutes = 0.0
        for lecture, script in self.scripts.items():
            pauses = [
                (before.end + 0.5, after.start - 0.5)
                for before, after in itertools.pairwise(script)
                if after.start - before.end >= PAUSE_S
            ]
            minutes += sum(end - start for start, end in pauses) / 60
            for row in found[lecture]:
                middle = (row.start + row.end) / 2
                words += len(row.text.split()) * any(start < middle < end for start, end in pauses)
        return words / max(minutes, 1e-9)


def invented(recogniser: Recogniser) -> Row:
    """Words a minute that a recogniser writes where nobody speaks: alone, behind our filters, all of ours."""
    row: Row = {}
    for name, make in SOUNDS.items():
        sound = make(SOUND_S, np.random.default_rng(1))
        length = round(PIECE_S * RATE)
        pieces = [sound[start : start + length] for start in range(0, len(sound) - RATE, length)]
        heard = [found.words for found in recogniser.recognise(pieces, "en")]
        kept = [row.segment.text for words in heard for row in judge(words, speech=[]) if not row.reason]
        spoken = list(speech_pieces([sound]))
        ours = recognise(spoken, recogniser, "en")[0] if spoken else []
        speech = [span for piece in spoken for span in piece.speech]
        ours_kept = [row.segment.text for row in judge(ours, speech) if not row.reason]
        alone = ["".join(word.word for word in words) for words in heard]
        row[name] = [_words_a_minute(texts) for texts in (alone, kept, ours_kept)]
    return row


def _words_a_minute(texts: list[str]) -> float:
    return sum(any(letter.isalnum() for letter in word) for text in texts for word in text.split()) / (
        SOUND_S / 60
    )


def core_seconds() -> float:
    """Seconds that processor cores spent on this process and the ones that it started."""
    return sum(os.times()[:4])


def faster(**arguments: Any) -> Callable[[], Recogniser]:
    """faster-whisper on one core for each job."""
    return functools.partial(load_recogniser, device="cpu", jobs=os.cpu_count() or 1, **arguments)


def measurements(lectures: Lectures, openai_model: str | None) -> dict[str, Callable[[], Row]]:
    """What is measured, by the name of its row; nothing runs yet."""
    speller = Speller(glossary("surgical"))

    def faster_whole(batched: bool, sound: np.ndarray) -> list[str]:
        model = _faster_model()
        if not batched:
            return [segment.text for segment in model.transcribe(sound, beam_size=5)[0]]
        segments, _ = BatchedInferencePipeline(model).transcribe(sound, beam_size=5, batch_size=4)
        return [segment.text for segment in segments]

    surgical = vocabulary_prompt("surgical")
    found: dict[str, Callable[[], Row]] = {
        "ours, faster-whisper": lambda: lectures.ours(faster()),
        "ours, beam 1": lambda: lectures.ours(faster(beam_size=1)),
        "ours, vocabulary as a list": lambda: lectures.ours(faster(vocabulary=LIST)),
        "ours, vocabulary surgical": lambda: lectures.ours(faster(vocabulary=surgical)),
        "ours, spelling surgical": lambda: lectures.ours(faster(), cleaning=Cleaning(speller)),
        "ours, vocabulary and spelling surgical": lambda: lectures.ours(
            faster(vocabulary=surgical), cleaning=Cleaning(speller)
        ),
        "faster-whisper as it comes": lambda: lectures.whole(functools.partial(faster_whole, False)),
        "faster-whisper as it comes, batched": lambda: lectures.whole(functools.partial(faster_whole, True)),
        "inventions, faster-whisper": lambda: invented(faster()()),
    }
    if openai_model:
        openai = functools.partial(load_recogniser, "openai-whisper", openai_model, device="cpu")
        found |= {
            "ours over openai-whisper": lambda: lectures.ours(openai),
            "inventions, openai-whisper": lambda: invented(openai()),
            "openai-whisper as it comes": lambda: lectures.whole(
                functools.partial(_openai_whole, openai_model)
            ),
        }
    return found


@functools.cache
def _faster_model() -> WhisperModel:
    return WhisperModel(packaged_folder(MODEL), device="cpu", compute_type="int8", cpu_threads=1)


def _openai_whole(model: str, sound: np.ndarray) -> list[str]:
    result = _openai_model(model).transcribe(sound, beam_size=5, language="en", fp16=False)
    return [segment["text"] for segment in result["segments"]]


@functools.cache
def _openai_model(model: str) -> whisper.Whisper:
    return whisper.load_model(model, device="cpu")


def table(rows: dict[str, Row]) -> str:
    """The rows as two markdown tables."""
    lines = [
        "| tiny.en on CPU, beam 5 | sound, s | a core's s | sound s a core's s | times real time "
        "| word errors | rows | words a minute of pauses | left out | respelled |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        if "wer" in row:
            figures = [
                f"{row['sound_s']:.0f}",
                f"{row['core_s']:.0f}",
                f"{row['sound_s'] / row['core_s']:.1f}",
            ]
            figures += [f"{row['sound_s'] / row['wall_s']:.1f}", f"{row['wer']:.1%}", f"{row['rows']}"]
            more = [row.get(key, "") for key in ("in_pauses_per_minute", "left_out", "respelled")]
            figures += [f"{value:.2f}" if isinstance(value, float) else f"{value}" for value in more]
            lines.append(f"| {name} | {' | '.join(figures)} |")
    lines += ["", f"| words a minute where nobody speaks | {' | '.join(SOUNDS)} |", "|---" * 8 + "|"]
    for name, row in rows.items():
        if name.startswith("inventions, "):
            for index, setting in enumerate(("alone", "behind the filters", "ours")):
                figures = [f"{row[sound][index]:.1f}" for sound in SOUNDS]
                lines.append(f"| {name.removeprefix('inventions, ')}, {setting} | {' | '.join(figures)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure what is not measured yet, and print all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="made lectures")
    parser.add_argument("--lectures", type=int, default=9)
    parser.add_argument(
        "--openai-model", help="tiny.en.pt; without it the rows of openai-whisper are left out"
    )
    parser.add_argument("--results", type=Path, required=True, help="JSON file of the rows measured so far")
    parser.add_argument("--rows", nargs="*", help="names of the rows to measure now (all)")
    flags = parser.parse_args(arguments)
    torch.set_num_threads(1)
    tree = DataTree(flags.data)
    lectures = Lectures(tree, tree.videos()[: flags.lectures])
    spoken = sum(row.end - row.start for script in lectures.scripts.values() for row in script)
    print(f"{len(lectures.lectures)} lectures, {spoken / 60:.1f} minutes of speech", flush=True)
    for name, measure in measurements(lectures, flags.openai_model).items():
        rows = read_json(flags.results) if flags.results.is_file() else {}
        if name in rows or (flags.rows and name not in flags.rows):
            continue
        row = measure()
        rows = read_json(flags.results) if flags.results.is_file() else {}
        write_json(flags.results, {**rows, name: row})
        print(name, json.dumps(row), flush=True)
    print(table(read_json(flags.results)))
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
