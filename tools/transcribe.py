"""Write what lecturers say as narration texts.

    python tools/transcribe.py --videos data/videos --out data --model package:tiny.en
    python tools/transcribe.py --videos data/videos --out data --model large-v3 --device cuda
    python tools/transcribe.py --videos data/videos --out data --model package:tiny.en --vocabulary surgical
    python tools/transcribe.py --videos a.mp4 b.mp4 --out data --engine openai-whisper --model tiny.en.pt

Rows that Whisper invents are counted, and kept with the reason in raw/<id>.csv only (docs/transcription.md).
Lectures that are done already with the same arguments are left alone. Exit code: 0 all done, 1 some lectures
failed, 2 none could be done.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.files import usable_cores
from surgvlp.lectures.tree import DataTree
from surgvlp.transcription.cleaning import Cleaning
from surgvlp.transcription.lecture_job import find_videos, transcribe_lectures
from surgvlp.transcription.recogniser import ENGINES, load_recogniser
from surgvlp.transcription.spelling import Speller
from surgvlp.transcription.vocabulary import glossary, vocabulary_prompt


def parse_flags(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--videos", nargs="+", type=Path, required=True, help="video files, or folders of them"
    )
    parser.add_argument(
        "--split", help="of these only the lectures that splits/NAME.csv of the data tree lists"
    )
    parser.add_argument("--out", type=Path, required=True, help="root of the data tree")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument(
        "--model",
        required=True,
        help="published name, folder in CTranslate2 format, .pt file of openai-whisper, or package:tiny.en",
    )
    parser.add_argument(
        "--source",
        choices=("whisper", "aws"),
        default="whisper",
        help="which narration texts to write; training takes both, so give a second recogniser's to aws",
    )
    parser.add_argument("--language", help="Whisper's code, e.g. en; left out, the model hears it itself")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument(
        "--vocabulary",
        default="",
        help='terms to expect: "cystic duct, trocar", a text file, or surgical: the shipped glossary',
    )
    parser.add_argument(
        "--spelling",
        help="correct unknown English words towards a glossary: surgical, or a file, a term a line",
    )
    parser.add_argument("--lemmas", action="store_true", help="write English words in their dictionary form")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--jobs", type=int, help="lectures at a time; as many as cores, at most 8, on cuda 1")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    tree = DataTree(flags.out)
    videos = find_videos(flags.videos)
    if flags.split:
        videos = {lecture: videos.get(lecture, tree.video(lecture)) for lecture in tree.split(flags.split)}
    cleaning = Cleaning(Speller(glossary(flags.spelling)) if flags.spelling else None, flags.lemmas)
    jobs = flags.jobs or (1 if flags.device == "cuda" else min(usable_cores(), len(videos), 8))
    recogniser = load_recogniser(
        flags.engine,
        flags.model,
        beam_size=flags.beam_size,
        vocabulary=vocabulary_prompt(flags.vocabulary),
        device=flags.device,
        jobs=jobs,
    )
    summary = transcribe_lectures(
        videos,
        tree,
        recogniser,
        kind=f"{flags.source}_narration",
        language=flags.language,
        cleaning=cleaning,
        jobs=jobs,
    )
    print(summary)
    if summary.done or summary.reused:
        return console.PARTLY_FAILED if summary.failed else console.DONE
    return console.BAD_INPUT


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
