"""The voice and what it says: real speech, heard again in the finished video."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
from made_corpus import ARGUMENTS

from surgvlp.lectures import DataTree, read_captions
from surgvlp.lectures.labels import CHOLECYSTECTOMY as PHASES
from surgvlp.media.audio import read_audio
from surgvlp.media.probe import probe
from surgvlp.synthesis.corpus import draw_lecture, lecture_id
from surgvlp.synthesis.grammar import ASIDE, OTHER, all_sentences, grammar, normalised


def _in_new_process(program: str) -> str:
    """What a program prints; the library wants a process of its own."""
    start = "from surgvlp.synthesis.voice import Speaker, Voice\nimport hashlib\n"
    done = subprocess.run([sys.executable, "-c", start + program], capture_output=True, text=True, check=True)
    return done.stdout


def test_speech_is_repeatable_and_depends_on_the_voice() -> None:
    program = (
        "speaker = Speaker(Voice({voice}))\n"
        "for text in ('The clips are well placed.', 'The clips are well placed, and the duct is divided.'):\n"
        "    sound = speaker.speak(text)\n"
        "    print(speaker.rate, len(sound) / speaker.rate, hashlib.sha256(sound.tobytes()).hexdigest())\n"
    )
    slow = _in_new_process(program.format(voice="'en+f3', 120, 45"))
    assert slow == _in_new_process(program.format(voice="'en+f3', 120, 45"))
    fast = _in_new_process(program.format(voice="'en-us', 170, 60"))
    (rate, short, _), (_, long, _) = (line.split() for line in slow.splitlines())
    assert rate == "22050"
    assert 1 < float(short) < float(long) < 6
    assert float(fast.split()[1]) < float(short)


def test_an_unknown_voice_is_named() -> None:
    program = (
        "from surgvlp.console import exit_code\nraise SystemExit(exit_code(lambda: Speaker(Voice('tlh'))))"
    )
    command = [sys.executable, "-c", f"from surgvlp.synthesis.voice import Speaker, Voice\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: espeak-ng has no voice 'tlh'"]


def test_scripts_tell_when_there_is_speech(corpus: Path) -> None:
    """No overlaps, about two thirds of the time, and the video's sound is loud there and silent between."""
    tree = DataTree(corpus)
    for lecture in tree.videos():
        script = read_captions(tree.script(lecture))
        length = probe(tree.video(lecture)).duration_s
        sound = read_audio(tree.video(lecture), 0, length)
        spoken = np.zeros(len(sound), bool)
        for before, after in itertools.pairwise(script):
            assert before.end < after.start
        for caption in script:
            assert 0.5 < caption.end - caption.start < 12
            spoken[round(caption.start * 16000) : round(caption.end * 16000)] = True
        assert script[-1].end <= length + 0.1
        assert 0.5 < spoken.mean() < 0.85
        blocks = len(sound) // 1600
        loud = np.sqrt((sound[: blocks * 1600].reshape(blocks, 1600) ** 2).mean(axis=1))
        share = spoken[: blocks * 1600].reshape(blocks, 1600).mean(axis=1)
        assert np.median(loud[share == 1]) > 0.02
        assert np.median(loud[share == 0]) < 0.002
        assert abs(len(sound) / 16000 - length) < 0.2


def test_sentences_are_about_the_picture_or_seconds_beside_it(corpus: Path) -> None:
    """What each sentence is about goes on at most some seconds before or after it begins; few are asides."""
    about: dict[str, set[str]] = {}
    for key, templates in grammar("cholecystectomy").items():
        for template in templates:
            for sentence in all_sentences(template):
                about.setdefault(normalised(sentence), set()).add(key)
    tree = DataTree(corpus)
    said, asides, exact = 0, 0, 0
    for number in range(3):
        procedure = draw_lecture(ARGUMENTS, number).procedure
        texts = [caption.text for caption in read_captions(tree.script(lecture_id(number)))]
        assert len(set(texts)) > 0.9 * len(texts)
        for caption in read_captions(tree.script(lecture_id(number))):
            keys = about[normalised(caption.text)]
            said += 1
            if keys <= {ASIDE, OTHER}:
                asides += 1
                continue
            near = [
                procedure.action_at(time)
                for time in np.arange(caption.start + 1.5 - 4, caption.start + 1.5 + 3.01, 0.1)
            ]
            names = {timed.action.name for timed in near} | {PHASES[timed.phase] for timed in near}
            assert keys & names, caption
            now = procedure.action_at((caption.start + caption.end) / 2)
            exact += bool(keys & {now.action.name, PHASES[now.phase]})
    assert asides < 0.25 * said
    assert 0.4 * said < exact < said - asides
