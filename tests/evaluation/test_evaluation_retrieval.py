from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from surgvlp import console
from surgvlp.evaluation.encoder import open_encoder
from surgvlp.evaluation.retrieval.pairs import keystep_frames
from surgvlp.evaluation.retrieval.ranks import chance, ranks, retrieval
from surgvlp.files import InputError
from surgvlp.lectures.texts import Caption, write_captions
from surgvlp.media import store
from surgvlp.media.encode import Encoding, VideoWriter

Array = NDArray[np.float64]


def _slow_ranks(query: Array, candidates: Array, texts: list[str]) -> list[float]:
    found = []
    for row in range(len(query)):
        cosine = [
            float(query[row] @ other / (np.linalg.norm(query[row]) * np.linalg.norm(other)))
            for other in candidates
        ]
        others = [value for value, text in zip(cosine, texts, strict=True) if text != texts[row]]
        larger, equal = sum(c > cosine[row] for c in others), sum(c == cosine[row] for c in others)
        found.append(larger + equal / 2)
    return found


def _pairs(count: int, seed: int, different: int) -> tuple[Array, Array, list[str]]:
    generator = np.random.default_rng(seed)
    bears = generator.integers(different, size=count)
    text = generator.normal(size=(different, 6))[bears]
    return text + generator.normal(size=(count, 6)), text, [f"text {number}" for number in bears]


@pytest.mark.parametrize("different", [4, 1000])
def test_ranks_are_those_of_the_slow_reference(different: int, monkeypatch: pytest.MonkeyPatch) -> None:
    video, text, texts = _pairs(37, 5, different)
    monkeypatch.setattr("surgvlp.evaluation.retrieval.ranks.ROWS_AT_ONCE", 10)
    found = ranks(video, text, texts)
    assert found["text_to_video"].tolist() == _slow_ranks(text, video, texts)
    assert found["video_to_text"].tolist() == _slow_ranks(video, text, texts)
    scores = retrieval(video, text, texts)
    for direction, rank in found.items():
        for k in (1, 5, 10):
            assert scores[f"{direction}_R@{k}"] == sum(value < k for value in rank) / 37
        assert scores[f"{direction}_median_rank"] == sorted(rank)[18] + 1


@given(st.integers(1, 12), st.integers(0, 1000), st.integers(1, 12))
def test_the_order_of_the_pairs_changes_no_score(count: int, seed: int, different: int) -> None:
    video, text, texts = _pairs(count, seed, different)
    order = np.random.default_rng(seed).permutation(count)
    moved = ranks(video[order], text[order], [texts[place] for place in order])
    for direction, rank in ranks(video, text, texts).items():
        assert moved[direction].tolist() == rank[order].tolist()


@given(st.integers(1, 12), st.integers(0, 1000), st.integers(1, 5))
def test_videos_that_lie_where_their_texts_do_are_all_found_first(
    count: int, seed: int, different: int
) -> None:
    _, text, texts = _pairs(count, seed, different)
    scores = retrieval(3 * text, text, texts)
    assert scores["mean_recall"] == 1.0 and scores["text_to_video_median_rank"] == 1.0


def test_a_network_that_maps_all_to_one_point_scores_what_random_order_does_in_the_middle() -> None:
    texts = [f"text {number}" for number in range(31)]
    scores = retrieval(np.ones((31, 4)), np.ones((31, 4)), texts)
    assert scores["mean_recall"] == 0.0
    assert scores["text_to_video_median_rank"] == scores["video_to_text_median_rank"] == 16.0


def test_videos_that_bear_the_query_s_own_text_are_no_errors_and_others_are() -> None:
    video = np.array([[1.0, 0.4], [1.0, 0.0], [0.9, 0.1]])
    text = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = ranks(video, text, ["clips on", "clips on", "bag out"])
    assert found["text_to_video"].tolist() == [1.0, 0.0, 1.0]  # the third video lies before the first
    assert found["video_to_text"].tolist() == [0.0, 0.0, 2.0]  # the wrong text stands there twice
    assert ranks(video, text)["text_to_video"].tolist() == [1.0, 0.0, 1.0]  # equal rows are the same text
    assert ranks(video, text, ["a", "b", "c"])["text_to_video"].tolist() == [2.0, 0.0, 1.0]


def test_chance_counts_the_candidates_of_other_texts() -> None:
    assert chance(["a", "b", "c", "d"]) == {"R@1": 0.25, "R@5": 1.0, "R@10": 1.0}
    assert chance(["a", "a", "b"])["R@1"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 3) / 3)


@settings(max_examples=10)
@given(st.integers(0, 100))
def test_chance_is_what_random_embeddings_reach(seed: int) -> None:
    generator = np.random.default_rng(seed)
    texts = [f"text {number % 9}" for number in range(300)]
    text = generator.normal(size=(9, 20))[np.arange(300) % 9]
    found = retrieval(generator.normal(size=(300, 20)), text, texts)
    assert abs(found["text_to_video_R@10"] - chance(texts)["R@10"]) < 0.1


def test_embeddings_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        retrieval(torch.tensor([[float("nan"), 1.0]]), torch.ones(1, 2))


def test_frames_belong_to_the_keystep_that_began_last_and_none_to_gaps() -> None:
    keysteps = [
        Caption(1.0, 4.0, "a"),
        Caption(3.0, 5.0, "b"),
        Caption(6.2, 6.8, "c"),
        Caption(8.0, 9.0, "d"),
    ]
    times, keystep, used = keystep_frames(keysteps, 1.0)
    assert times.tolist() == [1.0, 2.0, 3.0, 4.0, 8.0]
    assert keystep.tolist() == [0, 0, 1, 1, 2] and used.tolist() == [0, 1, 3]
    assert [len(part) for part in keystep_frames([], 1.0)] == [0, 0, 0]


NARRATED = ["trocars in", "hook frees duct", "clips on", "hook on liver", "bag closed", "bag out"]
ENDINGS = {"a": "and water", "b": "and smoke"}  # words that the tiny tokenizer knows


@pytest.fixture(scope="session")
def narrated_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lectures of 12 s with frame stores, narrations, keysteps and abstracts."""
    root = tmp_path_factory.mktemp("narrated")
    (root / "splits").mkdir()
    (root / "splits" / "test.csv").write_text("video_path\na.mp4\nb.mp4\n")
    (root / "splits" / "train.csv").write_text("video_path\nc.mp4\n")
    generator = np.random.default_rng(4)
    for name in ("a", "b"):
        shades = np.repeat(generator.integers(0, 255, (6, 1, 1, 3)), 8, axis=0)
        noise = generator.integers(-30, 30, (48, 36, 64, 3))
        with VideoWriter(root / f"{name}.mp4", 64, 36, 4, encoding=Encoding(crf=10)) as writer:
            for frame in np.clip(shades + noise, 0, 255).astype(np.uint8):
                writer.write(frame)
        store.build(root / f"{name}.mp4", root / "frame_store" / f"{name}.frames")
        said = [Caption(2.0 * k, 2.0 * k + 1.5, text) for k, text in enumerate(NARRATED)]
        late = [Caption(12.5, 13.0, "said behind the end")] if name == "b" else []
        write_captions(root / "whisper_narration_texts" / f"{name}.csv", [*said, *late])
        steps = [
            Caption(4.0 * k, 4.0 * k + 4.0, f"{NARRATED[2 * k]} {ENDINGS[name]}", "step") for k in range(3)
        ]
        write_captions(root / "keystep_texts" / f"{name}.csv", steps)
        write_captions(
            root / "abstract_texts" / f"{name}.csv", [Caption(0.0, 12.0, f"clips {ENDINGS[name]}")]
        )
    return root


@pytest.fixture
def evaluate(
    tool: Callable[[str], ModuleType], narrated_tree: Path, run_folder: Path, tmp_path: Path
) -> Callable[..., int]:
    def run(*more: str) -> int:
        flags = ["--checkpoint", str(run_folder), "--data", str(narrated_tree), "--output", str(tmp_path)]
        return console.exit_code(lambda: tool("evaluate_retrieval").main([*flags, *more]))

    return run


def test_the_tool_scores_what_embedding_one_by_one_does(
    evaluate: Callable[..., int], narrated_tree: Path, run_folder: Path, tmp_path: Path
) -> None:
    assert evaluate("--batch-size", "7") == 0
    result = json.loads((tmp_path / "retrieval.json").read_text())
    assert [result["levels"][level]["pairs"] for level in ("clip", "keystep", "video")] == [12, 6, 2]
    assert result["levels"]["clip"]["texts"] == 6
    assert result["left_out"] == {"b": {"clip": 1}}
    encoder = open_encoder(run_folder, None)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    videos, texts = [], []
    for name in ("a", "b"):
        frames = store.FrameStore(narrated_tree / "frame_store" / f"{name}.frames")
        for k in range(3):
            # Rows are a quarter of a second apart; of two equally near ones the earlier counts.
            rows = [frames.nearest([4 * k + 4 * (part + 0.5) / 10])[0] for part in range(10)]
            pictures = torch.from_numpy(np.stack([_prepared(frames.read([row])[0]) for row in rows]))
            with torch.no_grad():
                embedded = encoder.model.encode_image(((pictures / 255 - mean) / std).permute(0, 3, 1, 2))
                texts.append(
                    encoder.model.encode_text(encoder.tokenizer([f"{NARRATED[2 * k]} {ENDINGS[name]}"], 200))
                )
            videos.append(embedded.mean(0))
    found = ranks(torch.stack(videos), torch.cat(texts), [str(number) for number in range(6)])
    assert result["levels"]["keystep"]["text_to_video_rank"] == found["text_to_video"].tolist()
    assert result["levels"]["keystep"]["video_to_text_rank"] == found["video_to_text"].tolist()
    assert [row["frames"] for row in result["alignment"]["lectures"]] == [12, 12]


def _prepared(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    from PIL import Image
    from torchvision import transforms

    transform = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(32)])
    return np.asarray(transform(Image.fromarray(picture)), np.float32)


def test_scores_of_the_same_inputs_are_kept_and_others_made_anew(
    evaluate: Callable[..., int], tmp_path: Path
) -> None:
    assert evaluate() == 0
    first = (tmp_path / "retrieval.json").read_text()
    kept = {**json.loads(first), "date": "long ago"}
    (tmp_path / "retrieval.json").write_text(json.dumps(kept))
    assert evaluate("--json") == 0
    assert json.loads((tmp_path / "retrieval.json").read_text())["date"] == "long ago"
    assert evaluate("--untrained") == 0
    assert json.loads((tmp_path / "retrieval.json").read_text())["untrained"] is True
    (tmp_path / "retrieval.json").write_text("{ torn")
    assert evaluate() == 0
    assert json.loads((tmp_path / "retrieval.json").read_text())["levels"] == json.loads(first)["levels"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--narrations", "script"), "scripts/a.csv, '--narrations': there are no such narrations"),
        (("--split", "train"), "c.mp4: there are no pictures"),
        (("--batch-size", "0"), "0 frames make no batch"),
        (("--split", "other"), "other.csv"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_written(
    evaluate: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    message: str,
) -> None:
    assert evaluate(*flags) == console.BAD_INPUT
    assert message in capsys.readouterr().err
    assert not (tmp_path / "retrieval.json").exists()
