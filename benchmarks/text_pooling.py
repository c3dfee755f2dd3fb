"""Published text pooling: walking over the tokens against the closed form, and padding against trimming.

    python benchmarks/text_pooling.py --write benchmarks/text_pooling.md

Pooling is timed forward and backward on the four last layers of BERT-base for one clip batch of the published
size (120 narrations of 77 tokens); the whole encoder (all-MiniLM-L6-v2's shape, random weights) forward.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from surgvlp import console
from surgvlp.files import write_text
from surgvlp.models.text_encoder import SentenceEncoder
from surgvlp.models.tokenizer import trimmed

TEXTS, LENGTH, LAYERS, WIDTH, USED = 120, 77, 4, 768, 25


def walked(hidden: Tensor, mask: Tensor, starts_word: Tensor) -> Tensor:
    """Merge word pieces token by token, zero-fill, mean over all positions, sum over layers."""
    samples = []
    for sample, tokens in enumerate(hidden.unbind()):
        words: list[Tensor] = []
        for position, token in enumerate(tokens.unbind(1)):
            if not mask[sample, position].item():
                break
            if starts_word[sample, position].item() or not words:
                words.append(token)
            else:
                words[-1] = words[-1] + token
        empty = [torch.zeros_like(words[0])] * (hidden.shape[2] - len(words))
        samples.append(torch.stack(words + empty, dim=1))
    return torch.stack(samples).mean(2).sum(1)


def closed_form(hidden: Tensor, mask: Tensor) -> Tensor:
    """One masked sum over tokens and layers, over the padded length."""
    return (hidden * mask[:, None, :, None]).sum((1, 2)) / hidden.shape[2]


def best_time(function: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some runs, after one that warms up."""
    function()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def pooling_rows() -> list[tuple[str, float]]:
    """Forward and backward of both poolings, which must agree."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(TEXTS, LAYERS, LENGTH, WIDTH, generator=generator).requires_grad_()
    lengths = torch.randint(USED - 15, USED + 16, (TEXTS, 1), generator=generator)
    mask = (torch.arange(LENGTH) < lengths).long()
    starts_word = torch.rand(TEXTS, LENGTH, generator=generator) < 0.8
    torch.testing.assert_close(
        walked(hidden, mask, starts_word), closed_form(hidden, mask), atol=1e-5, rtol=1e-4
    )

    def run(pool: Callable[[], Tensor]) -> None:
        hidden.grad = None
        pool().square().sum().backward()

    return [
        ("pooling, token by token", best_time(lambda: run(lambda: walked(hidden, mask, starts_word)), 2)),
        ("pooling, closed form", best_time(lambda: run(lambda: closed_form(hidden, mask)), 5)),
    ]


def encoder_rows() -> list[tuple[str, float]]:
    """The encoder over padding, and over the columns that are used."""
    model = SentenceEncoder("package:all-MiniLM-L6-v2", 256, pretrained=False).eval()
    mask = (torch.arange(LENGTH) < USED).long().expand(TEXTS, -1)
    tokens = {"input_ids": torch.full((TEXTS, LENGTH), 1000), "attention_mask": mask}
    short = trimmed(tokens)
    with torch.no_grad():
        padded = best_time(lambda: model.model(**tokens), 3)
        cut = best_time(lambda: model.model(short["input_ids"], short["attention_mask"]), 3)
    return [(f"encoder over {LENGTH} padded columns", padded), (f"encoder over {USED} used columns", cut)]


def table(rows: list[tuple[str, float]], command: str) -> str:
    """Markdown with what was measured, where and when."""
    lines = [
        "# Text pooling",
        "",
        f"`{command}`, {datetime.date.today()}, {platform.machine()} CPU, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__.split('+')[0]}; {TEXTS} texts of "
        f"{LENGTH} tokens, {USED} used. Seconds, best of several runs; the load average was "
        f"{os.getloadavg()[1]:.1f}.",
        "",
        "| what | seconds |",
        "|---|---|",
        *(f"| {name} | {seconds:.4f} |" for name, seconds in rows),
        "",
        f"The closed form is {rows[0][1] / rows[1][1]:.0f} times as fast as the walk; trimming makes the "
        f"encoder {rows[2][1] / rows[3][1]:.1f} times as fast.",
    ]
    return "\n".join(lines) + "\n"


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--write", type=Path, help="markdown file to write the table to")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    torch.set_num_threads(flags.threads)
    text = table(pooling_rows() + encoder_rows(), "python benchmarks/text_pooling.py")
    print(text, end="")
    if flags.write:
        write_text(flags.write, text)
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
