"""Both engines on real speech, and models that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lecture_videos import speak

from surgvlp.files import InputError
from surgvlp.transcription import recogniser as recogniser_module
from surgvlp.transcription.recogniser import Recogniser, load_recogniser
from surgvlp.transcription.score import word_error_rate
from surgvlp.transcription.sentences import recognise, sentences
from surgvlp.transcription.speech import speech_pieces
from surgvlp.transcription.vocabulary import vocabulary_prompt

SURGICAL = "The infundibulum is retracted, and Calot's triangle is dissected with the hook."

Lecture = tuple[np.ndarray, list[tuple[float, float]]]


@pytest.fixture(scope="module")
def faster() -> Recogniser:
    # two jobs: one thread each on two cores, which waits for no other thread on a busy machine
    return load_recogniser("faster-whisper", "package:tiny.en", device="cpu", jobs=2)


@pytest.fixture(scope="module")
def surgical(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """SURGICAL as float32 samples at 16 kHz."""
    return speak([SURGICAL], tmp_path_factory.mktemp("surgical"))[0]


def _check_lecture(recogniser: Recogniser, lecture: Lecture, script: str) -> str:
    sound, times = lecture
    pieces = list(speech_pieces([sound]))
    words, loops = recognise(pieces, recogniser, recogniser.language(pieces[0].samples))
    found = list(sentences(words))
    assert loops == 0
    text = " ".join(segment.text for segment in found)
    assert word_error_rate(script, text) < 0.35
    assert len(found) == len(times)
    for segment, (start, end) in zip(found, times, strict=True):
        assert abs(segment.start - start) < 0.4
        assert abs(segment.end - end) < 0.4
    for segment in found:
        assert all(0 <= word.probability <= 1 and word.start <= word.end for word in segment.words)
    return text


def test_faster_whisper_hears_sentences_when_they_are_said(
    faster: Recogniser, lecture: Lecture, script: str
) -> None:
    _check_lecture(faster, lecture, script)
    assert faster.settings["beam_size"] == 5


@pytest.mark.slow
def test_openai_whisper_hears_the_same(
    lecture: Lecture, script: str, faster: Recogniser, shared_data: Path
) -> None:
    model = str(shared_data / "whisper" / "tiny.en.pt")
    openai = load_recogniser("openai-whisper", model, device="cpu")
    text = _check_lecture(openai, lecture, script)
    assert word_error_rate(text, _check_lecture(faster, lecture, script)) < 0.15
    assert str(openai.settings["model"]).startswith("sha256:")


def test_words_do_not_depend_on_the_batch(faster: Recogniser, spoken: list[np.ndarray]) -> None:
    pieces = [spoken[0], spoken[1][:-7], np.concatenate(spoken)]
    together = [heard.words for heard in faster.recognise(pieces, "en")]
    alone = [faster.recognise([piece], "en")[0].words for piece in pieces]
    assert [[word.word for word in words] for words in together] == [
        [word.word for word in words] for words in alone
    ]
    for piece, words, again in zip(pieces, together, alone, strict=True):
        assert words
        assert words[-1].end <= len(piece) / 16000 + 0.5
        np.testing.assert_allclose([word.start for word in words], [word.start for word in again], atol=0.05)


@pytest.mark.parametrize("engine", ["faster-whisper", pytest.param("openai-whisper", marks=pytest.mark.slow)])
def test_the_surgical_vocabulary_helps_and_a_longer_one_is_refused(
    engine: str, request: pytest.FixtureRequest, surgical: np.ndarray
) -> None:
    model = "package:tiny.en"
    if engine == "openai-whisper":
        model = str(request.getfixturevalue("shared_data") / "whisper" / "tiny.en.pt")
    rates = []
    for vocabulary in ("", "surgical"):
        prompt = vocabulary_prompt(vocabulary)
        told = load_recogniser(engine, model, vocabulary=prompt, beam_size=1, device="cpu", jobs=2)
        heard = "".join(word.word for word in told.recognise([surgical], "en")[0].words)
        rates.append(word_error_rate(SURGICAL, heard))
    assert rates[1] < min(0.2, rates[0])
    with pytest.raises(InputError, match=r"\d+ tokens, and Whisper reads 223"):
        load_recogniser(engine, model, vocabulary="cystic duct, " * 100, device="cpu", jobs=2)


@pytest.mark.parametrize(
    ("engine", "model", "named"),
    [
        ("whisper", "tiny", "faster-whisper, openai-whisper"),
        ("faster-whisper", "package:large", "package:tiny.en"),
        ("faster-whisper", "tiny.en.pt", "openai-whisper"),
        ("openai-whisper", "package:tiny.en", "faster-whisper"),
        ("openai-whisper", "tiniest", "tiny.en"),
        ("openai-whisper", "absent/tiny.pt", "no such file"),
    ],
)
def test_unknown_models(engine: str, model: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        load_recogniser(engine, model)


def test_foreign_and_truncated_models(tmp_path: Path) -> None:
    (tmp_path / "torn.pt").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(InputError, match=r"torn\.pt"):
        load_recogniser("openai-whisper", str(tmp_path / "torn.pt"))
    with pytest.raises(InputError, match=r"model\.bin"):
        load_recogniser("faster-whisper", str(tmp_path))
    (tmp_path / "model.bin").write_bytes(b"not a model")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_recogniser("faster-whisper", str(tmp_path))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    import pickle

    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (eval, (f"open({str(marker)!r}, 'w')",))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"dims": Evil()}))
    with pytest.raises(InputError, match=r"evil\.pt"):
        load_recogniser("openai-whisper", str(tmp_path / "evil.pt"))
    assert not marker.exists()


def test_a_packaged_model_with_other_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    package, folder, hashes = recogniser_module.PACKAGED["package:tiny.en"]
    other = {**hashes, "config.json": "0" * 64}
    monkeypatch.setitem(recogniser_module.PACKAGED, "package:tiny.en", (package, folder, other))
    with pytest.raises(InputError, match="sha256"):
        load_recogniser("faster-whisper", "package:tiny.en")
