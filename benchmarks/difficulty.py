"""What scores mean on made lectures of each difficulty: a floor that sees nothing but colour, and ceilings.

Draws lectures of several seeds and difficulties, takes a frame a second as it is before encoding, and scores,
by macro-F1 over the labelled frames of the unseen lectures:

* colour: logistic regression on mean and deviation of red, green and blue, the report's colour baseline;
* shapes: logistic regression on histograms of oriented gradients, without learning;
* frozen network: logistic regression on the features of a small frozen network that learned the phases
  of 20 other, easy lectures;
* supervised: the same network, trained from scratch on the labelled lectures. Nothing is selected on the
  unseen ones: the last epoch counts.

    nice -n 15 python benchmarks/difficulty.py --out /tmp/difficulty --seeds 1 101 102

What has been measured is reused, so that it can be stopped and run again. `difficulty.md` is what it prints,
with machine and date.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surgvlp.console import progress_bar
from surgvlp.files import atomic_path, write_json
from surgvlp.synthesis.corpus import is_test
from surgvlp.synthesis.difficulty import DIFFICULTIES
from surgvlp.synthesis.lecture import CorpusArguments, draw_lecture

SIZE = 64  # pixels, both ways
PRETRAINING_SEED = 201
COLUMNS = ("colour", "shapes", "supervised", "frozen network")
Split = tuple[np.ndarray, np.ndarray]  # uint8 (N, SIZE, SIZE, 3) and int64 (N,)


def main() -> None:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of what was measured")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 101, 102])
    parser.add_argument("--difficulties", nargs="+", default=list(DIFFICULTIES), choices=list(DIFFICULTIES))
    parser.add_argument("--lectures", type=int, default=20, help="of a seed; 30 %% of them unseen")
    parser.add_argument("--epochs", type=int, default=12, help="of the network")
    flags = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    for column in COLUMNS:  # the cheap ones first
        for seed in flags.seeds:
            for name in flags.difficulties:
                path = flags.out / f"{name}_{seed}.json"
                scores = json.loads(path.read_text()) if path.exists() else {}
                if column not in scores:
                    scores[column] = measure(flags, column, name, seed)
                    print(f"{name}, seed {seed}, {column}: {scores[column]:.3f}", flush=True)
                    write_json(path, scores)
    print_table(flags)


def measure(flags: argparse.Namespace, column: str, name: str, seed: int) -> float:
    """Macro-F1 on the unseen lectures."""
    train, test = splits(flags, name, seed)
    if column == "colour":
        return probe(colours(train[0]), train[1], colours(test[0]), test[1], 1.0)
    if column == "shapes":
        return probe(shapes(train[0]), train[1], shapes(test[0]), test[1], 1e-3)
    if column == "supervised":
        return score(test[1], predicted(trained(train, flags.epochs, seed), test[0]))
    network = pretrained(flags)
    return probe(features(network, train[0]), train[1], features(network, test[0]), test[1], 0.1)


def splits(flags: argparse.Namespace, name: str, seed: int) -> tuple[Split, Split]:
    """Frames and labels of the lectures to learn from, and of the unseen ones."""
    path = flags.out / f"{name}_{seed}.npz"
    if not path.exists():
        with atomic_path(path) as partial, partial.open("wb") as file:
            np.savez(file, *drawn_splits(name, seed, flags.lectures))
    with np.load(path) as stored:
        train, train_phases, test, test_phases = stored.values()
    return (train, train_phases), (test, test_phases)


def drawn_splits(name: str, seed: int, lectures: int) -> list[np.ndarray]:
    """Frames to learn from and their phases, unseen frames and their phases."""
    found: dict[bool, list[Split]] = {False: [], True: []}
    arguments = CorpusArguments(seed=seed, height=160, fps=6, seconds=110, difficulty=name)
    with progress_bar(f"drawing {name} lectures", lectures, "lectures") as bar:
        for number in range(lectures):
            found[is_test(number, 0.3)].append(frames_and_phases(arguments, number))
            bar.advance(1)
    return [np.concatenate(part) for unseen in (False, True) for part in zip(*found[unseen], strict=True)]


def frames_and_phases(arguments: CorpusArguments, number: int) -> Split:
    """A frame a second of one lecture, but for those that have no phase: cards, drawings and black."""
    drawn = draw_lecture(arguments, number)
    seconds = np.arange(int(drawn.film.times[-1]))
    seconds = seconds[[not drawn.montage.segment_at(second).stands for second in seconds]]
    numbers = np.searchsorted(drawn.film.times, seconds, side="right") - 1
    pictures = (drawn.film.frame(int(it)) for it in numbers)
    small = [cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(small), drawn.procedure.phases_at(seconds)


def colours(frames: np.ndarray) -> np.ndarray:
    """(N, 6)."""
    pixels = frames.reshape(len(frames), -1, 3).astype(np.float64)
    return np.concatenate([pixels.mean(axis=1), pixels.std(axis=1)], axis=1)


def shapes(frames: np.ndarray) -> np.ndarray:
    """(N, 1764) histograms of oriented gradients: 9 directions, cells of 8 pixels, blocks of 2 x 2.

    Dalal and Triggs, CVPR 2005.
    """
    grey = frames.astype(np.float32).mean(axis=3)
    dy, dx = np.gradient(grey, axis=(1, 2))
    direction = (np.arctan2(dy, dx) % np.pi / np.pi * 9).astype(int) % 9
    strength = np.hypot(dx, dy)
    cells = SIZE // 8
    histogram = np.stack(
        [
            (strength * (direction == number)).reshape(-1, cells, 8, cells, 8).sum(axis=(2, 4))
            for number in range(9)
        ],
        axis=-1,
    )
    corners = [histogram[:, y : y + cells - 1, x : x + cells - 1] for y in (0, 1) for x in (0, 1)]
    blocks = np.concatenate(corners, axis=-1)
    blocks /= np.linalg.norm(blocks, axis=-1, keepdims=True) + 1
    return blocks.reshape(len(frames), -1)


def probe(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, inverse_penalty: float
) -> float:
    """Macro-F1 of a logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, max_iter=2000))
    return score(y_test, model.fit(x_train, y_train).predict(x_test))


def score(label: np.ndarray, guess: np.ndarray) -> float:
    """Macro-F1 over the classes that occur."""
    return float(f1_score(label, guess, labels=np.unique(label), average="macro"))


def pretrained(flags: argparse.Namespace) -> torch.nn.Module:
    """The network after the phases of other, easy lectures."""
    path = flags.out / "network.pt"
    if not path.exists():
        network = trained(splits(flags, "easy", PRETRAINING_SEED)[0], flags.epochs, PRETRAINING_SEED)
        torch.save(network.state_dict(), path)
    network = new_network()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network


def new_network() -> torch.nn.Module:
    """About 5 million parameters, at random."""
    return timm.create_model("resnet10t", num_classes=7).to(memory_format=torch.channels_last)


def trained(train: Split, epochs: int, seed: int) -> torch.nn.Module:
    """A network trained from scratch with labels, on shifted, mirrored pictures of wandering brightness."""
    torch.manual_seed(seed)
    frames, labels = torch.from_numpy(train[0]), torch.from_numpy(train[1])
    network, batch = new_network().train(), 32
    steps = epochs * (len(labels) // batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1.5e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=steps)
    with progress_bar("training", steps, "steps") as bar:
        for _ in range(epochs):
            for rows in torch.randperm(len(labels))[: len(labels) // batch * batch].split(batch):
                logits = network(augmented(normalised(frames[rows])))
                loss = torch.nn.functional.cross_entropy(logits, labels[rows], label_smoothing=0.1)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.advance(1)
    return network


def normalised(frames: torch.Tensor) -> torch.Tensor:
    """float32 (N, 3, H, W) around 0 of uint8 (N, H, W, 3)."""
    return (frames.permute(0, 3, 1, 2).float() / 255 - 0.35) / 0.25


def augmented(x: torch.Tensor) -> torch.Tensor:
    """Each batch shifted by up to a tenth, each picture mirrored or not, brighter or darker."""
    shift = tuple(int(value) for value in torch.randint(-SIZE // 10, SIZE // 10 + 1, (2,)))
    x = torch.roll(x, shift, dims=(2, 3))
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
    return x * torch.empty(len(x), 1, 1, 1).uniform_(0.7, 1.3) + torch.empty(len(x), 3, 1, 1).uniform_(
        -0.3, 0.3
    )


@torch.inference_mode()
def predicted(network: torch.nn.Module, frames: np.ndarray) -> np.ndarray:
    """(N,) classes."""
    batches = normalised(torch.from_numpy(frames)).split(128)
    return torch.cat([network.eval()(batch).argmax(1) for batch in batches]).numpy()


@torch.inference_mode()
def features(network: torch.nn.Module, frames: np.ndarray) -> np.ndarray:
    """(N, 512) what the last layer sees."""
    batches = normalised(torch.from_numpy(frames)).split(128)
    network.eval()
    pooled = [network.forward_head(network.forward_features(batch), pre_logits=True) for batch in batches]
    return torch.cat(pooled).numpy()


def print_table(flags: argparse.Namespace) -> None:
    """Means over seeds, and of several seeds the lowest and highest."""
    print("\n| difficulty | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for name in flags.difficulties:
        rows = [json.loads((flags.out / f"{name}_{seed}.json").read_text()) for seed in flags.seeds]
        cells = []
        for column in COLUMNS:
            values = [row[column] for row in rows]
            spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.2f}{spread}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
