"""What a level trains for: how a batch becomes embeddings, and embeddings a loss."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

Batch = dict[str, Any]


class Objective(Protocol):
    """Embedding and loss are apart, so that gathering over ranks and gradient caching happen between them.

    Implementations inherit from this class; the hooks do nothing unless they say otherwise.

    Attributes:
        gathers: whether `loss` compares the samples of all ranks; else it gets this rank's own, and the
            gradient is the mean over ranks.
    """

    gathers: bool = True

    def embed(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Tensors (B, ...), this rank's samples first; all that `loss` needs of a sample is in them."""
        ...

    def loss(self, embeddings: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """{"loss": scalar, ...named scalars to log}. `batch` is this rank's own; see `gathers`."""
        ...

    def before_step(self, model: nn.Module, step: int) -> None:
        """Before the forward pass of a step of this level."""
        return

    def after_step(self, model: nn.Module, step: int) -> None:
        """After the optimizer's step."""
        return

    def state_dict(self) -> dict[str, Any]:
        """What the objective itself carries from step to step."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        return
