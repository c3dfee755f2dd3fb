"""Speed and word error rate of the speech recognisers over made lectures, whose words are known.

    python tools/synthesize_lectures.py --count 6 --seed 1 --out /tmp/corpus
    python benchmarks/transcription.py --data /tmp/corpus --lectures 6
    python benchmarks/transcription.py --data /tmp/corpus --lectures 6 --openai-model tiny.en.pt

Prints a markdown table. "as it comes" is faster-whisper's own call over the whole sound, without our pieces.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel

from surgvlp import console
from surgvlp.lectures.texts import read_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.media.audio import read_audio
from surgvlp.transcription import speech
from surgvlp.transcription.lecture_job import transcribe_lectures
from surgvlp.transcription.recogniser import PACKAGED, load_recogniser, packaged_folder
from surgvlp.transcription.score import score_against_scripts, word_error_rate

MODEL = next(iter(PACKAGED))
VOCABULARY = (
    "Laparoscopic cholecystectomy: gallbladder, cystic duct, cystic artery, Calot's triangle, liver bed, "
    "trocar, grasper, hook, bipolar forceps, clipper, scissors, irrigator, specimen bag."
)


class Benchmark:
    """Lectures with known words, and a table row for each way to transcribe them."""

    def __init__(self, tree: DataTree, lectures: list[str]) -> None:
        self.tree, self.lectures = tree, lectures
        self.sounds = {lecture: read_audio(tree.video(lecture)) for lecture in lectures}
        self.scripts = {
            lecture: " ".join(row.text for row in read_captions(tree.script(lecture))) for lecture in lectures
        }

    def ours(self, name: str, lectures: list[str], jobs: int = 1, **arguments: object) -> None:
        """Our pipeline, video to csv."""
        recogniser = load_recogniser(device="cpu", jobs=jobs, **arguments)  # type: ignore[arg-type]
        with tempfile.TemporaryDirectory() as folder:
            out = DataTree(folder)
            videos = {lecture: self.tree.video(lecture) for lecture in lectures}
            started = time.perf_counter(), time.process_time()
            summary = transcribe_lectures(videos, out, recogniser, jobs=jobs)
            spent = time.perf_counter() - started[0], time.process_time() - started[1]
            (Path(folder) / "scripts").symlink_to((self.tree.root / "scripts").resolve())
            rate = score_against_scripts(out, lectures)["wer"]
        self._row(name, summary.audio_s, spent, rate, summary.rows)

    def whole(self, name: str, call: Callable[[np.ndarray], list[str]], jobs: int = 1) -> None:
        """A call that takes a lecture's whole sound and gives the texts of its segments."""
        started = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(jobs) as pool:
            texts = dict(zip(self.lectures, pool.map(call, self.sounds.values()), strict=True))
        spent = time.perf_counter() - started[0], time.process_time() - started[1]
        audio_s = sum(len(sound) for sound in self.sounds.values()) / speech.RATE
        rate = np.average(
            [word_error_rate(self.scripts[lecture], " ".join(texts[lecture])) for lecture in self.lectures],
            weights=[len(self.scripts[lecture].split()) for lecture in self.lectures],
        )
        self._row(name, audio_s, spent, float(rate), sum(map(len, texts.values())))

    def _row(self, name: str, audio_s: float, spent: tuple[float, float], rate: float, rows: int) -> None:
        figures = [f"{audio_s:.0f}", f"{audio_s / spent[0]:.1f}", f"{audio_s / spent[1]:.1f}"]
        print(f"| {name} | {' | '.join(figures)} | {100 * rate:.1f} % | {rows} |", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="made lectures")
    parser.add_argument("--lectures", type=int, default=6)
    parser.add_argument("--openai-model", help="tiny.en.pt; one lecture, as it is slow")
    flags = parser.parse_args(arguments)
    tree = DataTree(flags.data)
    benchmark = Benchmark(tree, tree.videos()[: flags.lectures])
    lectures = benchmark.lectures
    print("| tiny.en on CPU | sound, s | times real time | sound s a CPU s | word errors | rows |")
    print("|---|---|---|---|---|---|")
    benchmark.ours("ours, 2 lectures at a time", lectures, jobs=2)
    benchmark.ours("ours, 1 lecture at a time", lectures)
    benchmark.ours("ours, beam 1", lectures, beam_size=1)
    benchmark.ours("ours, with a vocabulary", lectures, vocabulary=VOCABULARY)
    for margin_s in (0.2, 0.4):
        before, speech.MARGIN_S = speech.MARGIN_S, margin_s
        benchmark.ours(f"ours, {margin_s} s around speech instead of {before}", lectures)
        speech.MARGIN_S = before
    model = WhisperModel(packaged_folder(MODEL), device="cpu", compute_type="int8", cpu_threads=1)

    def plain(sound: np.ndarray, **options: object) -> list[str]:
        return [segment.text for segment in model.transcribe(sound, beam_size=5, **options)[0]]

    def batched(sound: np.ndarray, **options: object) -> list[str]:
        segments, _ = BatchedInferencePipeline(model).transcribe(sound, beam_size=5, batch_size=8, **options)
        return [segment.text for segment in segments]

    benchmark.whole("faster-whisper as it comes", plain)
    benchmark.whole(
        "faster-whisper with VAD, words", lambda x: plain(x, vad_filter=True, word_timestamps=True)
    )
    benchmark.whole("faster-whisper batched", batched)
    benchmark.whole("faster-whisper batched, time stamps", lambda x: batched(x, without_timestamps=False))
    if flags.openai_model:
        first = lectures[:1]
        benchmark.ours("ours, the first lecture", first)
        benchmark.ours(
            "ours over openai-whisper, the same", first, engine="openai-whisper", model=flags.openai_model
        )
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
