"""The config of a video-language training: every key with its meaning. Unknown keys are refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from surgvlp import config
from surgvlp.files import InputError
from surgvlp.training.schedules import Duration, Turn
from surgvlp.training.settings import RunSettings


@dataclass(frozen=True)
class ViewsSettings:
    """What happens to clips on the device; see `surgvlp.datasets.Views`.

    Attributes:
        size: side in pixels of what the image encoder sees.
        frames_crop: smallest area, 0..1, of a random crop of the clip itself; None: no crop.
        frames_jitter: factor on the strength of its colour jitter; 0: none.
        compat: `released` augments every frame of a view alone.
    """

    size: int
    frames_crop: float | None = None
    frames_jitter: float = 0.0
    compat: Literal["released"] | None = None


@dataclass(frozen=True)
class LevelSettings:
    """One stream of training batches.

    Attributes:
        dataset: `type` and keys of a data set (`surgvlp.datasets`). Its `seed` is the run's unless given.
        loss: `type` and keys of a loss (`surgvlp.losses`).
        batch_size: samples of a step over all processes together.
        views: cropping and colours; how many views there are, the loss says.
        name: in logs.
        turn: when its turn comes, for runs with several levels.
    """

    dataset: dict[str, Any]
    loss: dict[str, Any]
    batch_size: int
    views: ViewsSettings
    name: str = "clip"
    turn: Turn = field(default_factory=Turn)

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise InputError(
                "contrastive losses have no negatives, hence no gradient, in a batch of 1",
                key="config.levels.batch_size",
            )


@dataclass(frozen=True)
class OptimizerSettings:
    """How weights move.

    Attributes:
        learning_rate: the highest, after the warm-up; half a cosine takes it to zero at the run's end.
        name: `adamw`, or `adam` as in the released code.
        weight_decay: on matrices and kernels; biases and norms have none.
        betas: of Adam.
        warmup_steps: steps of linear rise.
        clip_gradient_norm: scale longer gradients down to this length; None: never.
    """

    learning_rate: float
    name: Literal["adamw", "adam"] = "adamw"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_steps: int = 0
    clip_gradient_norm: float | None = None


@dataclass(frozen=True)
class ValidationSettings:
    """Splits to look at, never to train on.

    Attributes:
        datasets: for levels by name, a data set as the level has one; the level's loss and views go with it.
        every: how often.
    """

    datasets: dict[str, dict[str, Any]]
    every: Duration = field(default_factory=lambda: Duration(epochs=1))

    def __post_init__(self) -> None:
        if not self.datasets:
            raise InputError(
                "expected a data set for one level or more",
                key="config.validation.datasets",
                remedy="Write validation=None for a run without validation",
            )


@dataclass(frozen=True, kw_only=True)
class VideoTextSettings(RunSettings):
    """A whole run; further keys are those of `RunSettings`.

    Attributes:
        model_config: the published dictionary: `type`, `backbone_img`, `backbone_text`, `pretrained`.
        levels: what is trained on.
        optimizer: how weights move.
        validation: what is looked at meanwhile.
    """

    model_config: dict[str, Any]
    levels: list[LevelSettings]
    optimizer: OptimizerSettings
    validation: ValidationSettings | None = None

    def __post_init__(self) -> None:
        names = [level.name for level in self.levels]
        if not names or len(set(names)) < len(names):
            raise InputError(
                f"expected one or more levels of different names, got {names}", key="config.levels"
            )
        for name in self.validation.datasets if self.validation else ():
            if name not in names:
                raise config.unknown_key(name, names, "config.validation.datasets")
