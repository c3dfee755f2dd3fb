"""What test_distributed.py starts under torchrun with two gloo processes; writes what it found as JSON."""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import torch
from test_loop import Numbers, StopAfter
from torch import Tensor, nn

from surgvlp.console import DivergedError
from surgvlp.losses import ReleasedParentChildOrder, VideoTextViews
from surgvlp.randomness import seed_everything
from surgvlp.training.distributed import Ranks, gather_samples, processes
from surgvlp.training.loop import Level, Loop, _wrapped
from surgvlp.training.objective import Batch, Objective
from surgvlp.training.schedules import Duration, Turn, plan_run
from surgvlp.training.video_text.objectives import ClipObjective, ParentChildObjective
from surgvlp.training.video_text.texts import TextEmbedding

BATCH, FRAMES = 6, 2


class Encoders(nn.Module):
    """The calls that objectives make, without batch norm, and a head that gets no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Flatten(1), nn.Linear(48, 64), nn.Tanh(), nn.Linear(64, 8))
        self.text = nn.Linear(5, 8)
        self.dropout = nn.Dropout(0.2)
        self.unused = nn.Linear(2, 2)

    def encode_frames(self, clips: Tensor) -> Tensor:
        return self.dropout(self.image(clips.flatten(0, 1))).view(*clips.shape[:2], -1)

    def encode_video(self, clips: Tensor) -> Tensor:
        return self.encode_frames(clips).mean(1)

    def encode_text(self, tokens: dict[str, Tensor]) -> Tensor:
        return self.text(tokens["input_ids"])


def make_model(dtype: torch.dtype) -> Encoders:
    torch.manual_seed(0)
    return Encoders().to(dtype)


def make_batch(dtype: torch.dtype) -> Batch:
    generator = torch.Generator().manual_seed(1)
    clips = {
        n: torch.randn(BATCH, FRAMES, 3, 4, 4, generator=generator) for n in ("frames", "view1", "view2")
    }
    tokens = torch.randn(BATCH, 3, 5, generator=generator)
    batch = {name: value.to(dtype) for name, value in {**clips, "input_ids": tokens}.items()}
    return {
        **batch,
        "attention_mask": batch["input_ids"],
        "text_index": torch.zeros(BATCH, 3),
        "padded_length": 5,
        "step_mask": torch.tensor([[True, index % 3 > 0] for index in range(BATCH)]),
    }


def clip_level() -> ClipObjective:
    return ClipObjective(VideoTextViews(), (1, 2), TextEmbedding())


def keystep_level() -> ParentChildObjective:
    return ParentChildObjective(ReleasedParentChildOrder(dtw_scale_factor=1.0), TextEmbedding())


def gradients(objective: Objective, model: Encoders, batch: Batch, ranks: Ranks) -> tuple[float, Tensor]:
    """Loss and flat gradient of one step on this rank's part of the batch."""
    model.eval()  # no dropout: it differs between ranks
    part = BATCH // ranks.world_size
    rows = slice(ranks.rank * part, (ranks.rank + 1) * part)
    own = {name: value[rows] if isinstance(value, Tensor) else value for name, value in batch.items()}
    wrapped = _wrapped(model, ranks)  # must live until the backward pass has reduced
    embeddings = gather_samples(wrapped(objective, own), ranks)
    loss = objective.loss(embeddings, own)["loss"]
    loss.backward()
    found = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return float(loss), torch.cat(found)


def compare_with_one_process(ranks: Ranks) -> dict[str, float]:
    """Largest relative difference of loss and gradient between two ranks and the whole batch in one."""
    worst: dict[str, float] = {}
    for dtype, level in product((torch.float32, torch.float64), (clip_level, keystep_level)):
        batch = make_batch(dtype)
        loss, gradient = gradients(level(), make_model(dtype), batch, ranks)
        expected_loss, expected = gradients(level(), make_model(dtype), batch, Ranks())
        scale = expected.abs().max()
        difference = max(
            abs(loss - expected_loss) / expected_loss, float((gradient - expected).abs().max() / scale)
        )
        worst[str(dtype)] = max(difference, worst.get(str(dtype), 0.0))
    return worst


class Clips(Numbers):
    """Clips of random numbers, each rank its own."""

    def __next__(self) -> Batch:
        self.taken += 1
        batch = {
            n: torch.randn(3, 2, 3, 4, 4, generator=self.generator) for n in ("frames", "view1", "view2")
        }
        if self.taken in self.poison:
            batch["view1"][0] = float("inf")
        tokens = torch.randn(3, 3, 5, generator=self.generator)
        sample_index = torch.arange(3) + 3 * self.taken
        rest = {"text_index": torch.zeros(3, 3), "padded_length": 5, "sample_index": sample_index}
        return {**batch, "input_ids": tokens, "attention_mask": tokens, **rest}


def make_loop(ranks: Ranks, poison: tuple[int, ...] = (), **options: Any) -> Loop:
    model = make_model(torch.float32)
    seed_everything(5, ranks.rank)
    plan = plan_run([Turn()], [4], Duration(steps=12), 0.05)
    level = Level("clip", Clips(ranks.rank, poison), clip_level())
    return Loop(model, [level], torch.optim.AdamW(model.parameters(), fused=True), plan, ranks, **options)


def resume_exactly(ranks: Ranks) -> bool:
    """Whether stopping after step 5 and going on in a new loop (new DDP buckets) ends with the same bits."""
    whole = make_loop(ranks)
    whole.run()
    first = make_loop(ranks, callbacks=[StopAfter(5)])
    try:
        first.run()
    except KeyboardInterrupt:
        state = first.state_dict()
    second = make_loop(ranks)
    second.load_state_dict(state)
    second.run()
    pairs = zip(whole.model.parameters(), second.model.parameters(), strict=True)
    return all(ranks.collect(all(torch.equal(a, b) for a, b in pairs)))


def stop_together(ranks: Ranks) -> list[str]:
    """What each rank says when a batch of the second one alone is bad."""
    loop = make_loop(ranks, poison=(4,) if ranks.rank == 1 else ())
    try:
        loop.run()
    except DivergedError as error:
        return ranks.collect(f"{loop.step} {error}")
    return ranks.collect("went on")


def main() -> None:
    with processes("cpu") as ranks:
        found = {
            "world_size": ranks.world_size,
            "difference": compare_with_one_process(ranks),
            "exact_resume": resume_exactly(ranks),
            "same_on_both": len(set(ranks.collect(float(next(make_loop(ranks).model.parameters()).sum()))))
            == 1,
            "diverged": stop_together(ranks),
        }
        if ranks.rank == 0:
            Path(sys.argv[1]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
