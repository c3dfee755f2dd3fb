from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from surgvlp.evaluation.calibration import Calibration, score_calibration
from surgvlp.evaluation.decoder_training import fit_decoder
from surgvlp.evaluation.decoding import KINDS, Decoder, decode, read_decoder
from surgvlp.evaluation.metrics import score_phases
from surgvlp.evaluation.narrated_phases import Narration
from surgvlp.evaluation.phase_grammar import STAGES, read_grammar
from surgvlp.evaluation.segments import score_segments
from surgvlp.files import InputError, write_json
from surgvlp.lectures.texts import Caption
from surgvlp.predictions import Predictions

NAMES = ("begin", "cut", "wash", "end")
CONTENT = {
    "phases": {
        "begin": {"seconds": 20, "first": 1, "then": ["cut"]},
        "cut": {"seconds": 40, "then": {"wash": 3, "end": 1}},
        "wash": {"seconds": 20, "then": ["end"]},
        "end": {"seconds": 30, "then": []},
    }
}
GRAMMAR = read_grammar(CONTENT, NAMES)
TRUE_TEMPERATURE = 0.05


def drawn_video(seed: int, seconds: int = 110, seen: float = 0.08) -> Predictions:
    """A video of the grammar; cosines favour the true phase, with errors that last some four seconds."""
    generator = np.random.default_rng(seed)
    step, states = GRAMMAR.transition(1.0), [int(generator.choice(4 * STAGES, p=GRAMMAR.start()))]
    for _ in range(seconds - 1):
        states.append(int(generator.choice(len(step), p=step[states[-1]])))
    label = np.array(states) // STAGES
    noise = np.stack(
        [np.convolve(row, np.ones(4) / 2, "same") for row in generator.normal(0, 0.07, (4, seconds))], 1
    )
    score = 0.2 + noise + seen * np.eye(4)[label]
    return Predictions(
        frame_index=np.arange(seconds),
        time_s=np.arange(seconds, dtype=np.float64),
        score=score.astype(np.float32),
        label=label,
        video=f"video_{seed}",
        dataset="d",
        class_names=NAMES,
        model="m",
        protocol="p",
        protocol_sha256="0" * 64,
    )


def decoder(temperature: float = TRUE_TEMPERATURE, evidence_s: float = 4.0) -> Decoder:
    return Decoder(GRAMMAR, Calibration(temperature, "given"), evidence_s)


@pytest.fixture(scope="module")
def videos() -> list[Predictions]:
    return [drawn_video(seed) for seed in range(12)]


def test_decoding_helps_and_its_controls_do_not(videos: list[Predictions]) -> None:
    scores = {kind: score_phases([decode(item, decoder(), kind) for item in videos]) for kind in KINDS}
    raw = score_phases(videos)
    f1 = {kind: found.macro_f1 for kind, found in scores.items()}
    assert f1["calibrated"] == raw.macro_f1  # a temperature changes no prediction
    assert raw.macro_f1 + 0.05 < f1["causal"] < f1["offline"]
    assert f1["grammar-alone"] < f1["causal"] and f1["permuted-grammar"] < raw.macro_f1
    edit = {kind: score_segments([decode(item, decoder(), kind) for item in videos]).edit for kind in KINDS}
    assert edit["calibrated"] < 0.5 < edit["causal"] < edit["offline"]


def first_part(item: Predictions, count: int) -> Predictions:
    names = ("frame_index", "time_s", "score", "label")
    return replace(item, **{name: getattr(item, name)[:count] for name in names})


def test_what_comes_later_changes_nothing_said_causally(videos: list[Predictions]) -> None:
    score = videos[0].score.copy()
    score[60:] = np.random.default_rng(0).random(score[60:].shape)
    other = replace(videos[0], score=score)
    for kind in ("calibrated", "causal", "grammar-alone"):
        one, two = decode(videos[0], decoder(), kind).score, decode(other, decoder(), kind).score
        np.testing.assert_array_equal(one[:60], two[:60])
        np.testing.assert_allclose(
            decode(first_part(videos[0], 60), decoder(), kind).score, one[:60], atol=1e-6
        )
    one, two = decode(videos[0], decoder(), "offline").score, decode(other, decoder(), "offline").score
    assert (one[:60] != two[:60]).any()


def test_the_grammar_alone_sees_no_picture(videos: list[Predictions]) -> None:
    blind = replace(videos[0], score=videos[5].score)
    one, two = decode(videos[0], decoder(), "grammar-alone"), decode(blind, decoder(), "grammar-alone")
    np.testing.assert_array_equal(one.score, two.score)


def test_offline_goes_no_way_that_the_grammar_forbids(videos: list[Predictions]) -> None:
    """Also where the evidence insists on it."""
    backwards = replace(videos[0], score=videos[0].score[::-1].copy())
    path = decode(backwards, decoder(temperature=0.001, evidence_s=1.0), "offline").score.argmax(axis=1)
    assert path[0] == 0
    for one, two in itertools.pairwise(path):
        assert one == two or GRAMMAR.following[one, two] > 0


def test_the_same_video_at_more_frames_decodes_alike(videos: list[Predictions]) -> None:
    item = videos[1]
    dense = replace(
        item,
        frame_index=np.arange(4 * len(item.label)),
        time_s=np.arange(4 * len(item.label)) / 4.0,
        score=np.repeat(item.score, 4, axis=0),
        label=np.repeat(item.label, 4),
    )
    for kind in ("causal", "offline", "grammar-alone"):
        one, two = decode(item, decoder(), kind), decode(dense, decoder(), kind)
        agree = one.score.argmax(axis=1) == two.score[3::4].argmax(axis=1)
        assert agree.mean() > 0.95, kind


def test_name_and_hash_say_what_was_done(videos: list[Predictions]) -> None:
    item = videos[0]
    found = {kind: decode(item, decoder(), kind) for kind in KINDS}
    assert {one.protocol for one in found.values()} == {f"p+{kind}" for kind in KINDS}
    hashes = [one.protocol_sha256 for one in found.values()]
    hashes.append(decode(item, decoder(temperature=0.04), "causal").protocol_sha256)
    hashes.append(decode(item, decoder(evidence_s=2), "causal").protocol_sha256)
    hashes.append(decode(replace(item, protocol_sha256="1" * 64), decoder(), "causal").protocol_sha256)
    assert len(set(hashes)) == len(hashes) and item.protocol_sha256 not in hashes
    reworded = replace(decoder(), grammar=replace(GRAMMAR, about="other words"))
    assert decode(item, reworded, "causal").protocol_sha256 == found["causal"].protocol_sha256
    for one in found.values():
        np.testing.assert_allclose(one.score.sum(axis=1), 1, atol=1e-5)


def test_a_decoder_is_fitted_without_a_label() -> None:
    """Lecturers speak of what is seen, two thirds of the time; frames of unseen lectures are then decoded."""
    generator = np.random.default_rng(1)
    lectures = [drawn_video(seed) for seed in range(100, 124)]
    narrations = []
    for item in lectures:
        captions = [Caption(float(start), start + 4.0, "words") for start in range(0, 110, 5)]
        said = item.label[2::5]
        said = np.where(generator.random(len(said)) < 1 / 3, generator.integers(4, size=len(said)), said)
        score = generator.normal(0.2, 0.02, (len(said), 4)) + 0.1 * np.eye(4)[said]
        narrations.append(Narration(item.video, captions, score.astype(np.float32)))
    found = fit_decoder(narrations, {item.video: item.score for item in lectures}, NAMES)
    unseen = [drawn_video(seed) for seed in range(12)]
    raw, calibrated = score_calibration(unseen), [decode(item, found, "calibrated") for item in unseen]
    assert score_calibration(calibrated).expected_error < 0.15 < 0.3 < raw.expected_error
    assert found.evidence_s in (2.0, 4.0, 8.0)  # errors last four seconds
    causal = score_phases([decode(item, found, "causal") for item in unseen])
    assert causal.macro_f1 > score_phases(unseen).macro_f1 + 0.05


def test_a_decoder_is_read_as_it_was_written(tmp_path: Path, videos: list[Predictions]) -> None:
    write_json(tmp_path / "decoder.json", decoder().content())
    found = read_decoder(tmp_path / "decoder.json", NAMES)
    one, two = (decode(videos[0], each, "offline") for each in (decoder(), found))
    np.testing.assert_array_equal(one.score, two.score)
    assert one.protocol_sha256 == two.protocol_sha256


def test_what_cannot_be_decoded_is_said(tmp_path: Path, videos: list[Predictions]) -> None:
    write_json(tmp_path / "plain.json", CONTENT)
    with pytest.raises(InputError, match=r"plain.json, 'calibration': says nothing.*Give --narrations"):
        read_decoder(tmp_path / "plain.json", NAMES)
    write_json(tmp_path / "bad.json", {**CONTENT, "calibration": {"temperature": 0, "evidence_s": 1}})
    with pytest.raises(InputError, match="both above 0"):
        read_decoder(tmp_path / "bad.json", NAMES)
    with pytest.raises(InputError, match="about other phases"):
        decode(replace(videos[0], class_names=("a", "b", "c", "d")), decoder(), "causal")
    with pytest.raises(InputError, match="do not rise"):
        decode(replace(videos[0], time_s=videos[0].time_s[::-1]), decoder(), "causal")
