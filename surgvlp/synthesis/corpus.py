"""Made corpora on disk: lectures with pictures, voice and every label, in the layout of the data tree."""

from __future__ import annotations

import hashlib
import math
import tempfile
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import surgvlp
from surgvlp.console import progress_bar
from surgvlp.files import InputError, sha256_of, write_json, write_text
from surgvlp.lectures.texts import write_captions
from surgvlp.lectures.tree import DataTree
from surgvlp.media.decode import FrameReader, index_frames
from surgvlp.media.encode import VideoWriter
from surgvlp.media.images import write_image
from surgvlp.synthesis.narrator import draw_voice, narrate, write_wav
from surgvlp.synthesis.procedure import SHORTEST_S, Procedure, draw_procedure
from surgvlp.synthesis.procedures import PROCEDURES
from surgvlp.synthesis.processes import in_new_processes
from surgvlp.synthesis.render import Renderer
from surgvlp.synthesis.voice import Speaker, Voice

DATASET = "made"
TYPE = PROCEDURES["cholecystectomy"]
PROMPTS = TYPE.prompts
_STEP = "synthesis"  # its record in status/<id>.json


@dataclass(frozen=True)
class CorpusArguments:
    """What a made lecture follows from, together with its number.

    Args:
        seed: of every random choice.
        height: of the pictures, pixels; their width makes them 16:9.
        fps: frames a second.
        seconds: mean length of a lecture.
    """

    seed: int = 0
    height: int = 480
    fps: float = 25
    seconds: float = 300

    def check(self) -> None:
        """Raise InputError for values that no lecture can be made of."""
        limits = (
            ("seed", 0, 2**63 - 1),
            ("height", 64, 2160),
            ("fps", 1, 120),
            ("seconds", SHORTEST_S, 4 * 3600),
        )
        for name, least, most in limits:
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(f"--{name} {value:g} is not between {least:g} and {most:g}")


@dataclass(frozen=True)
class Lecture:
    """What is drawn before a frame is rendered or a word is spoken."""

    procedure: Procedure
    voice: Voice
    renderer: Renderer
    speaking: np.random.Generator


def lecture_id(number: int) -> str:
    """Id of the lecture with this number, from 0."""
    return f"lecture_{number:04d}"


def draw_lecture(arguments: CorpusArguments, number: int) -> Lecture:
    """Draw one lecture; it depends on the arguments and its number only, not on how many there are."""

    def generator(purpose: int) -> np.random.Generator:
        return np.random.default_rng([arguments.seed, number, purpose])

    procedure = draw_procedure(TYPE, arguments.seconds, generator(0))
    renderer = Renderer(procedure, arguments.height, arguments.fps, generator(1))
    return Lecture(procedure, draw_voice(generator(2)), renderer, generator(3))


def is_test(number: int, test_share: float) -> bool:
    """Whether a lecture is in the test split: spread evenly, the same however many lectures there are."""
    return math.floor((number + 1) * test_share) > math.floor(number * test_share)


def make_corpus(
    arguments: CorpusArguments, root: Path, count: int, test_share: float, jobs: int
) -> dict[str, list[str]]:
    """Make `count` lectures below `root`, reusing those made of the same arguments by the same code.

    Every lecture is made in a new process, since the voice's sound depends on what its process spoke before.

    Args:
        arguments: of the lectures.
        root: of the data tree; made if it is not there.
        count: number of lectures.
        test_share: share of the lectures that go to the split "test", from 0 to below 1.
        jobs: lectures made at the same time.

    Returns:
        Ids under "made" and "reused".

    Raises:
        InputError: impossible arguments, a missing voice, a full disk. Finished lectures stay.
    """
    arguments.check()
    if count < 1 or jobs < 1:
        raise InputError("--count and --jobs must be at least 1")
    if not 0 <= test_share < 1:
        raise InputError(f"--test-share {test_share:g} is not between 0 and 1")
    tree = DataTree(root)
    done: dict[str, list[str]] = {"made": [], "reused": []}
    for number in range(count):
        kind = "reused" if _is_made(tree, arguments, number) else "made"
        done[kind].append(lecture_id(number))
    missing = [number for number in range(count) if lecture_id(number) in set(done["made"])]
    with progress_bar("making lectures", count, "lectures", len(done["reused"])) as bar:
        calls = [(arguments, number, root) for number in missing]
        in_new_processes(make_lecture, calls, jobs, lambda _: bar.advance(1))
    _write_common(tree, arguments, count, test_share)
    return done


def make_lecture(arguments: CorpusArguments, number: int, root: Path) -> None:
    """Make one lecture with all its files, in a process that has not spoken yet."""
    cv2.setNumThreads(1)  # the lectures are the parallel part
    tree, lecture = DataTree(root), lecture_id(number)
    tree.write_status(lecture, _STEP, {})  # a lecture killed half-way must not pass for the old one
    for partial in tree.root.glob(f"*/.{lecture}.*.partial"):  # of a process that was killed
        partial.unlink()
    drawn = draw_lecture(arguments, number)
    speaker = Speaker(drawn.voice)
    narration = narrate(drawn.procedure, speaker, drawn.speaking)
    renderer = drawn.renderer
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "voice.wav"
        write_wav(wav, narration)
        video = VideoWriter(tree.video(lecture), renderer.width, renderer.height, arguments.fps, audio=wav)
        with video as writer:
            for frame in renderer.frames():
                writer.write(frame)
    write_captions(tree.script(lecture), narration.script)
    _write_labels(tree, lecture, drawn.procedure)
    record = {
        **_recipe(arguments, number),
        "seconds": round(drawn.procedure.duration, 3),
        "voice": asdict(drawn.voice),
        "espeak_ng": speaker.version,
        "sha256": sha256_of(tree.video(lecture)),
    }
    tree.write_status(lecture, _STEP, record)


def _write_labels(tree: DataTree, lecture: str, procedure: Procedure) -> None:
    """Frames at 1 a second, out of the encoded video as with real ones, and their phases."""
    folder = tree.root / "downstream_datasets" / DATASET
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    for old in (folder / "frames").glob(f"{lecture}_*.png"):
        old.unlink()
    index = index_frames(tree.video(lecture))
    times = np.arange(math.ceil(min(procedure.duration, index.end_s)), dtype=np.float64)
    with FrameReader(tree.video(lecture), index) as reader:
        for second, (_, frame) in enumerate(reader.read(index.shown_at(times))):
            write_image(folder / "frames" / f"{lecture}_{second}.png", frame)
    rows = [f"{lecture}_{second}.png,{phase + 1}" for second, phase in enumerate(procedure.phases_at(times))]
    write_text(folder / "csvs" / f"{lecture}.csv", "\n".join(["path,label", *rows]) + "\n")


def _write_common(tree: DataTree, arguments: CorpusArguments, count: int, test_share: float) -> None:
    ids = {"train": [], "test": []}  # type: dict[str, list[str]]
    for number in range(count):
        ids["test" if is_test(number, test_share) else "train"].append(lecture_id(number))
    for split, lectures in ids.items():
        rows = [f"{lecture}.mp4" for lecture in lectures]
        write_text(tree.root / "splits" / f"{split}.csv", "\n".join(["video_path", *rows]) + "\n")
    for name in PROMPTS:
        text = resources.files("surgvlp.synthesis").joinpath("prompts", f"{name}.txt").read_text("utf-8")
        write_text(tree.prompts(name), text)
    statuses = {lecture: tree.read_status(lecture)[_STEP] for lecture in map(lecture_id, range(count))}
    write_json(
        tree.root / "corpus.json",
        {
            "arguments": {**asdict(arguments), "count": count, "test_share": test_share},
            "surgvlp": surgvlp.__version__,
            "espeak_ng": statuses[lecture_id(0)]["espeak_ng"],
            "classes": list(TYPE.phases),
            "lectures": {
                lecture: {key: status[key] for key in ("seconds", "voice", "sha256")}
                for lecture, status in statuses.items()
            },
        },
    )


def _recipe(arguments: CorpusArguments, number: int) -> dict[str, Any]:
    return {"arguments": asdict(arguments), "number": number, "code": _code_sha256()}


def _code_sha256() -> str:
    """Hash of this room's files: a lecture that other code made is made again."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".txt"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_made(tree: DataTree, arguments: CorpusArguments, number: int) -> bool:
    lecture = lecture_id(number)
    record = tree.read_status(lecture).get(_STEP, {})
    recipe = _recipe(arguments, number)
    labels = tree.root / "downstream_datasets" / DATASET / "csvs" / f"{lecture}.csv"
    files = (tree.video(lecture), tree.script(lecture), labels)
    return {key: record.get(key) for key in recipe} == recipe and all(path.is_file() for path in files)
