"""Real lectures' texts, spoken by the narrator at their own times, transcribed back and compared.

    python benchmarks/spoken_back.py --data svl_sample --out /tmp/spoken --model package:tiny.en
    python benchmarks/spoken_back.py --data svl_sample --out /tmp/spoken --vocabulary surgical

Each row of `whisper_narration_texts` is spoken at its own start, over the pictures of a made operation; one
that is too long for its time is sped up, and where that is not enough its last words are left out. Lectures
that are spoken already are kept. Prints a markdown table.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from surgvlp import console
from surgvlp.files import read_json, usable_cores
from surgvlp.lectures.texts import Caption, read_captions, write_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.media.encode import VideoWriter
from surgvlp.media.ffmpeg import open_input, running
from surgvlp.synthesis.editing.film import Film
from surgvlp.synthesis.lecture import CorpusArguments, draw_lecture
from surgvlp.synthesis.speech.recording import Recording
from surgvlp.synthesis.speech.voice import Speaker, Voice
from surgvlp.transcription.lecture_job import transcribe_lectures
from surgvlp.transcription.recogniser import Word, load_recogniser
from surgvlp.transcription.score import score_against_scripts, start_errors
from surgvlp.transcription.vocabulary import vocabulary_prompt

FASTEST = 1.5  # times the voice's own rate; beyond that the smallest Whisper hears little
BREATH_S = 0.05
FPS = 8  # of the pictures
VOICES = ("en-us", "en-gb-x-rp+f2", "en-us+m3", "en+m7", "en-us+f3")


def speak(captions: Sequence[Caption], speaker: Speaker, duration_s: float, path: Path) -> list[Caption]:
    """Speak each text at its own start.

    Args:
        captions: ascending starts.
        speaker: whose voice it is.
        duration_s: of the sound; the last text ends before it.
        path: the wav file to write.

    Returns:
        what was really said and when, without the words that there was no time for.
    """
    rate, length = speaker.rate, round(duration_s * speaker.rate)
    script: list[Caption] = []
    ends = [caption.start for caption in captions[1:]] + [duration_s]
    with Recording(path, rate) as recording:
        for caption, end in zip(captions, ends, strict=True):
            first = round(caption.start * rate)
            room = max(0, min(length, round((end - BREATH_S) * rate)) - first)
            text, spoken = _fitted(caption.text, speaker, room)
            if text:
                recording.put(spoken, first)
                script.append(Caption(caption.start, round((first + len(spoken)) / rate, 3), text))
        recording.fill(length)
    return script


def _fitted(text: str, speaker: Speaker, room: int) -> tuple[str, np.ndarray]:
    """As many of the words as can be said in `room` samples, and how that sounds."""
    words = text.split()
    while words:
        spoken = speaker.speak(" ".join(words) + ".")
        if len(spoken) <= room:
            return " ".join(words), spoken
        if len(spoken) <= room * FASTEST:
            return " ".join(words), _faster(spoken, len(spoken) / room, speaker.rate)[:room]
        words = words[: min(len(words) - 1, int(len(words) * room * FASTEST / len(spoken)) + 1)]
    return "", np.empty(0, np.int16)


def _faster(sound: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """The same words at the same pitch in less time."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        with Recording(Path(file.name), rate) as recording:
            recording.put(sound)
        stream = open_input(file.name).audio.filter("atempo", factor * 1.01)
        with running(stream.output("pipe:1", format="s16le", ac=1, ar=rate), file=file.name) as process:
            assert process.stdout is not None
            return np.frombuffer(process.stdout.read(), "<i2")


def make_lecture(
    texts: Path, out: Path, lecture: str, number: int, voice: str, until_s: float | None = None
) -> None:
    """Write `videos/<lecture>.mp4` and `scripts/<lecture>.csv` of a narration csv, or of its first seconds.

    One process each, since a process has one voice. `number` is that of the made operation.
    """
    tree = DataTree(out)
    if tree.video(lecture).is_file():
        return
    captions = [row for row in read_captions(texts) if until_s is None or row.end <= until_s]
    duration_s = captions[-1].end + 1
    tree.video(lecture).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "voice.wav"
        script = speak(captions, Speaker(Voice(voice, words_per_minute=160)), duration_s, wav)
        write_captions(tree.script(lecture), script)
        film = film_of(duration_s, number)
        with VideoWriter(tree.video(lecture), film.width, film.height, FPS, audio=wav) as writer:
            for frame in range(round(duration_s * FPS)):
                writer.write(film.picture(frame).data)


def film_of(seconds: float, number: int) -> Film:
    """A made operation of that length or longer: how long one lasts varies around what is asked for."""
    cv2.setNumThreads(1)
    asked = seconds
    while True:
        film = draw_lecture(CorpusArguments(1, 160, FPS, asked), number).film
        if len(film) >= round(seconds * FPS):
            return film
        asked *= 1.2


def compare(tree: DataTree, lecture: str) -> dict[str, float]:
    """What came back of a lecture: words said, word error rate, errors of sentence starts in seconds."""
    said = read_captions(tree.script(lecture))
    heard = [Word(**word) for word in read_json(tree.words("whisper_narration", lecture))]
    errors = np.abs(start_errors(said, heard))
    score = score_against_scripts(tree, [lecture])
    return {
        "words": score["words"],
        "wer": score["wer"],
        "rows": len(read_captions(tree.texts("whisper_narration", lecture))),
        "sentences": len(said),
        "starts_found": len(errors),
        "start_error_median_s": float(np.median(errors)),
        "start_error_95_percent_s": float(np.percentile(errors, 95)),
    }


def main(arguments: list[str] | None = None) -> int:
    """Speak, transcribe, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="data tree with whisper_narration_texts/")
    parser.add_argument("--out", type=Path, required=True, help="data tree to write")
    parser.add_argument("--model", default="package:tiny.en")
    parser.add_argument("--vocabulary", default="")
    flags = parser.parse_args(arguments)
    texts = {path.stem: path for path in sorted((flags.data / "whisper_narration_texts").glob("*.csv"))}
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(usable_cores(), spawn, max_tasks_per_child=1) as pool:
        voices = (VOICES[index % len(VOICES)] for index in range(len(texts)))
        roots, numbers = [flags.out] * len(texts), range(len(texts))
        list(pool.map(make_lecture, texts.values(), roots, texts, numbers, voices))
    tree = DataTree(flags.out)
    vocabulary = vocabulary_prompt(flags.vocabulary)
    recogniser = load_recogniser(model=flags.model, device="cpu", vocabulary=vocabulary, jobs=usable_cores())
    videos = {lecture: tree.video(lecture) for lecture in texts}
    print(transcribe_lectures(videos, tree, recogniser, jobs=usable_cores()), file=sys.stderr)
    rows = {lecture: compare(tree, lecture) for lecture in texts}
    total = sum(row["words"] for row in rows.values())
    print("| lecture | words | word errors | sentences | rows | starts found | median error, s | 95 %, s |")
    print("|---|---|---|---|---|---|---|---|")
    for lecture, row in rows.items():
        figures = f"{row['words']:.0f} | {row['wer']:.1%} | {row['sentences']} | {row['rows']}"
        print(
            f"| {lecture} | {figures} | {row['starts_found']} | {row['start_error_median_s']:.2f} "
            f"| {row['start_error_95_percent_s']:.2f} |"
        )
    rate = sum(row["wer"] * row["words"] for row in rows.values()) / total
    print(f"| all | {total:.0f} | {rate:.1%} | {sum(row['sentences'] for row in rows.values())} | | | | |")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
