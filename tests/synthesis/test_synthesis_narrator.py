"""The voice and what it says: real speech, heard again in the finished video."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_corpus import ARGUMENTS

from surgvlp.lectures import DataTree, read_captions
from surgvlp.lectures.labels import CHOLECYSTECTOMY as PHASES
from surgvlp.media.audio import read_audio
from surgvlp.media.probe import probe
from surgvlp.synthesis.corpus import draw_lecture, lecture_id
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.speech.grammar import ASIDE, OTHER, all_sentences, grammar, normalised
from surgvlp.synthesis.speech.habits import Style, correcting, draw_style, hesitating


def _in_new_process(program: str) -> str:
    """What a program prints; the library wants a process of its own."""
    start = "from surgvlp.synthesis.speech.voice import Speaker, Voice\nimport hashlib\n"
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
    command = [sys.executable, "-c", f"from surgvlp.synthesis.speech.voice import Speaker, Voice\n{program}"]
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


_LIVE = """
import hashlib, json, os, tempfile
from pathlib import Path
import numpy as np
from surgvlp.synthesis.speech.recording import read_blocks
from surgvlp.synthesis.speech.habits import Style
from surgvlp.synthesis.speech.narrator import draw_voice, narrate
from surgvlp.synthesis.operation.procedure import draw_procedure
from surgvlp.synthesis.operation.procedures import PROCEDURES
style = Style({habits})
procedure = draw_procedure(PROCEDURES["cholecystectomy"], 150, np.random.default_rng(1))
speaker = Speaker(Voice())
with tempfile.TemporaryDirectory() as folder:
    wav = Path(folder, "voice.wav")
    script = narrate(procedure, speaker, np.random.default_rng(2), wav, style)
    assert os.listdir(folder) == ["voice.wav"]
    sound = np.concatenate(list(read_blocks(wav, 1000)))
silent = np.ones(len(sound), bool)
for caption in script:
    silent[int(caption.start * speaker.rate) : int(caption.end * speaker.rate) + 1] = False
level = [float(np.sqrt((sound[part] ** 2.0).mean())) for part in (silent, ~silent)]
pauses = [b.start - a.end for a, b in zip(script, script[1:])]
digest = hashlib.sha256(sound.tobytes()).hexdigest()
texts = [caption.text for caption in script]
print(json.dumps(dict(texts=texts, level=level, pauses=pauses, digest=digest, silent=float(silent.mean()))))
"""


def test_a_lively_narrator_hesitates_is_asked_falls_silent_and_has_music() -> None:
    habits = "hesitations=0.8, corrections=0.3, asides=0.3, questions=0.2, silences=0.3, music=0.2"
    live = json.loads(_in_new_process(_LIVE.format(habits=habits)))
    assert live == json.loads(_in_new_process(_LIVE.format(habits=habits)))
    plain = json.loads(_in_new_process(_LIVE.format(habits="")))
    fillers = re.compile(r", (uh|um|er|uhm|well|you know|let's see),|\b(\w+) \2\b", re.IGNORECASE)
    slips = [bool(fillers.search(text)) for text in live["texts"]]
    assert np.mean(slips) > 0.25 and not any(fillers.search(text) for text in plain["texts"])
    assert any(text.endswith("?") for text in live["texts"])
    assert max(live["pauses"]) > 6 > max(plain["pauses"])
    assert live["silent"] > plain["silent"]
    assert plain["level"][0] < 5
    assert 100 < live["level"][0] < 0.4 * live["level"][1]


def test_slips_keep_what_was_meant() -> None:
    """Taking the fillers and the doubled words away gives the sentence back; a correction ends in it."""
    sentences = [
        next(all_sentences(template))
        for kind in PROCEDURES
        for templates in grammar(kind).values()
        for template in templates
    ]
    corrected = 0
    for number, sentence in enumerate(sentences):
        generator = np.random.default_rng(number)
        slipped = hesitating(sentence, generator)
        assert slipped != sentence
        words = iter(re.findall(r"[a-z0-9]+", slipped.lower()))
        assert all(word in words for word in normalised(sentence).split())  # in this order
        better = correcting(sentence, generator)
        if better != sentence:
            corrected += 1
            slip = re.search(r", (sorry|no|I mean|excuse me|or rather), ", better)
            assert slip
            head, tail = better[: slip.start()], better[slip.end() :]
            assert any(head[:cut] + tail == sentence for cut in range(len(head) + 1)), (sentence, better)
    assert corrected > 0.5 * len(sentences)


_ROBOTIC = """
import json, tempfile
from pathlib import Path
import numpy as np
from surgvlp.synthesis.speech.recording import rate_and_length
from surgvlp.synthesis.speech.habits import draw_style
from surgvlp.synthesis.speech.narrator import narrate
from surgvlp.synthesis.operation.procedure import draw_procedure
from surgvlp.synthesis.operation.procedures import PROCEDURES
seed = next(s for s in range(99) if draw_procedure(KIND, 240, np.random.default_rng(s), 1).robotic)
procedure = draw_procedure(KIND, 240, np.random.default_rng(seed), 1)
style = draw_style(1, np.random.default_rng(1))
speaker = Speaker(Voice())
with tempfile.TemporaryDirectory() as folder:
    script = narrate(procedure, speaker, np.random.default_rng(2), Path(folder, "voice.wav"), style)
    assert rate_and_length(Path(folder, "voice.wav")) == (22050, round(procedure.duration * 22050))
print(json.dumps([[caption.start, caption.end, caption.text] for caption in script]))
"""


@pytest.mark.parametrize("kind", PROCEDURES)
def test_a_robotic_operation_of_every_type_is_told_in_its_own_words(kind: str) -> None:
    script = json.loads(_in_new_process(_ROBOTIC.replace("KIND", f'PROCEDURES["{kind}"]')))
    assert len(script) > 25
    assert all(before[1] < after[0] for before, after in itertools.pairwise(script))
    own = {
        normalised(text) for lines in grammar(kind).values() for line in lines for text in all_sentences(line)
    }
    own |= {
        normalised(text)
        for lines in grammar("any").values()
        for line in lines
        for text in all_sentences(line)
    }
    exact = sum(normalised(text) in own for _, _, text in script)
    assert exact > 0.3 * len(script)  # the others with a slip


def test_no_style_draws_nothing_and_full_strength_has_every_habit() -> None:
    generator = np.random.default_rng(3)
    before = generator.bit_generator.state
    assert draw_style(0, generator) == Style() and generator.bit_generator.state == before
    styles = [draw_style(1, generator) for _ in range(50)]
    assert all(min(style.hesitations, style.asides, style.silences) > 0.02 for style in styles)
    assert 0.3 < np.mean([style.music > 0 for style in styles]) < 0.9
