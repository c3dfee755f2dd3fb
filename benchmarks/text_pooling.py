"""Published text encoding: walking over the tokens against the closed form, padding against packing.

    python benchmarks/text_pooling.py --write benchmarks/text_pooling.md

120 prompts (our own for phases, triplets and instruments) of 77 tokens, through a BERT-base with random
weights. Pooling is timed from the four last layers' hidden states to embeddings: as published, which needs
all 77 columns, and as `BertEncoder` does it, whose transformer computed the columns that hold words alone.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import BertConfig

from surgvlp import console
from surgvlp.files import write_text
from surgvlp.models.text_encoder import BertEncoder, summed_tokens
from surgvlp.models.tokenizer import Tokenizer, trimmed

PROMPTS = Path(__file__).parents[1] / "data" / "prompts"
FILES = ("cholec80_phases", "autolaparo_phases", "cholect50_triplets", "cholect50_instruments")
LENGTH, LAYERS = 77, 4


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


class Measured(NamedTuple):
    """CPU seconds of each way, number and mean length of the texts, how far both embeddings differ."""

    rows: list[tuple[str, float]]
    texts: int
    words: float
    difference: float  # at most, as a share of the largest number


def best_time(function: Callable[[], object], repeats: int) -> float:
    """Seconds of the processor for the fastest of some runs; on one thread, other programs hardly matter."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        function()
        times.append(time.process_time() - begin)
    return min(times)


def encoder() -> BertEncoder:
    """BERT-base with random weights, over the vocabulary of the packaged tokenizer."""
    with tempfile.TemporaryDirectory() as folder:
        BertConfig().save_pretrained(folder)
        return BertEncoder(folder, text_last_n_layers=LAYERS, pretrained=False).eval()


def prompts() -> list[str]:
    """The lines of our prompt files, without the numbers in front of triplets."""
    lines = [line for name in FILES for line in (PROMPTS / f"{name}.txt").read_text().splitlines()]
    return [line.rpartition(":")[2] for line in lines]


@torch.no_grad()
def measured(repeats: int) -> Measured:
    """Pooling and all encoding, both ways."""
    texts, tokenizer, model = prompts(), Tokenizer("package:all-MiniLM-L6-v2"), encoder()
    tokens = tokenizer(texts, LENGTH)
    mask, short = tokens["attention_mask"], trimmed(tokens)
    pieces = tokenizer._tokenizer.convert_ids_to_tokens(tokens["input_ids"].flatten().tolist())
    starts_word = torch.tensor([not piece.startswith("##") for piece in pieces]).view_as(mask)
    names = ("input_ids", "attention_mask", "token_type_ids")

    def layers(tokens: dict[str, Tensor]) -> tuple[Tensor, ...]:
        inputs = {name: tokens[name] for name in names}
        return model.model(**inputs, output_hidden_states=True).hidden_states[-LAYERS:]

    def published(hidden: tuple[Tensor, ...]) -> Tensor:
        return walked(torch.stack(hidden, dim=1), mask, starts_word)

    expected = published(layers(tokens))
    difference = float((model(tokens) - expected).abs().max() / expected.abs().max())
    padded, used, short_mask = layers(tokens), layers(short), short["attention_mask"]
    rows = [
        ("pooling, token by token", best_time(lambda: published(padded), repeats)),
        ("pooling, closed form", best_time(lambda: summed_tokens(used, short_mask), repeats)),
        ("prompts end to end, as published", best_time(lambda: published(layers(tokens)), repeats)),
        ("prompts end to end, packed by length", best_time(lambda: model(tokens), repeats)),
    ]
    return Measured(rows, len(texts), float(mask.sum(1).float().mean()), difference)


def table(found: Measured, command: str) -> str:
    """Markdown with what was measured, where and when."""
    rows, texts, words, difference = found
    lines = [
        "# Text encoding",
        "",
        f"`{command}`, {datetime.date.today()}, {platform.machine()} CPU, "
        f"threads: {torch.get_num_threads()}, torch {torch.__version__.split('+')[0]}; {texts} prompts of "
        f"{LENGTH} tokens, {words:.0f} used on average; BERT-base, random weights. CPU seconds, best of "
        f"several runs; the load average was {os.getloadavg()[1]:.1f}.",
        "",
        "| what | CPU seconds |",
        "|---|---|",
        *(f"| {name} | {seconds:.4f} |" for name, seconds in rows),
        "",
        f"Pooling is {rows[0][1] / rows[1][1]:.0f} times as fast as the walk, the prompts "
        f"{rows[2][1] / rows[3][1]:.1f} times as fast end to end. Embeddings differ by at most "
        f"{difference:.0e} of the largest number.",
    ]
    return "\n".join(lines) + "\n"


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--repeats", type=int, default=2, help="runs of which the fastest counts")
    parser.add_argument("--write", type=Path, help="markdown file to write the table to")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    torch.set_num_threads(flags.threads)
    text = table(measured(flags.repeats), "python benchmarks/text_pooling.py")
    print(text, end="")
    if flags.write:
        write_text(flags.write, text)
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
